//! kill -9 at every call of a bake with copies, and of one that takes a name over; then a sweep by its journal.

use kiln::cloud::tag;

use super::ordeal::{Dead, kills};
use super::publish::{REGIONS, WIDE, bench, images, named, rest, taken};

/// Bakes that publish take more calls.
const CALLS: usize = 30;

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_takes_the_copies_too_or_finishes_them() {
    let check = async |dead: Dead| {
        drop(dead.by_journal().await);
        let (cloud, about) = (&dead.bench.cloud, &dead.about);
        let rest = rest(cloud).await;
        let mut ready = Vec::new();
        for region in REGIONS {
            ready.extend(images(cloud, region).await);
        }
        for image in &ready {
            assert!(image.tags.contains_key(tag::READY), "{about}: {image:?}");
        }
        let snapshots: usize = ready.iter().map(|image| image.snapshots().len()).sum();
        assert_eq!(rest.len(), ready.len() + snapshots, "{about}: {rest:?}");
        assert!([0, 3].contains(&ready.len()), "{about}: {rest:?}");
    };
    kills(async || bench(WIDE).await, CALLS, check).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_of_a_takeover_a_sweep_leaves_one_image_under_the_name() {
    let check = async |dead: Dead| {
        drop(dead.by_journal().await);
        rest(&dead.bench.cloud).await;
        named(&dead.bench, &dead.about).await;
    };
    kills(async || taken().await, CALLS, check).await;
}
