//! kill -9 at every call of a bake, before it and after it; then a sweep, with its own journal and without.

use std::time::Duration;

use super::bench::{Bench, remains};
use super::ordeal::{Dead, kills};

/// A bake of the usual template takes more calls; later ones find its image made.
const CALLS: usize = 15;

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_finds_all_of_it() {
    let check = async |dead: Dead| {
        let swept = dead.by_journal().await;
        tokio::time::sleep(Duration::from_hours(1)).await;
        let remains = remains(&dead.bench.cloud).await;
        // A run that died after its image was marked as ready has finished it.
        if swept.kept.is_empty() {
            let done = remains.iter().any(|id| id.starts_with("ami-"));
            let about = &dead.about;
            assert!(
                remains.is_empty() || done && dead.at > CALLS,
                "{about}: {remains:?} {swept:?}"
            );
        }
        let again = dead.by_journal().await;
        assert!(
            again.removed.is_empty(),
            "{}: nothing is due twice",
            dead.about
        );
    };
    kills(async || Bench::new(None).await, CALLS, check).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_journal_a_sweep_by_tag_waits_for_the_expiry() {
    let check = async |dead: Dead| {
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(dead.by_tags().await.removed, [""; 0], "too early");
        tokio::time::sleep(Duration::from_hours(25)).await;
        drop(dead.by_tags().await);
        tokio::time::sleep(Duration::from_hours(1)).await;
        let after = remains(&dead.bench.cloud).await;
        let done = after.iter().any(|id| id.starts_with("ami-"));
        let about = &dead.about;
        assert!(
            after.is_empty() || done && dead.at > CALLS,
            "{about}: {after:?}"
        );
    };
    kills(async || Bench::new(None).await, CALLS, check).await;
}
