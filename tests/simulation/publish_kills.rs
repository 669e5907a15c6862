//! kill -9 at every call of a bake with copies, and of one that takes a name over; then a sweep by its journal.

use kiln::cloud::tag;
use kiln::run::{Clock as _, Events, Holder, Journal, Silent, Stop};
use kiln::store::Store;
use kiln::sweep::{Sweeping, sweep_journals};
use kiln::undo::Undo;

use super::bench::{Bench, run_id};
use super::cloud::Mishap;
use super::publish::{REGIONS, WIDE, bench, images, named, rest, taken};

/// Kills a bake at every call, before it and after it, and sweeps by its journal.
async fn kills(make: impl AsyncFn() -> Bench, check: impl AsyncFn(&Bench, &str)) {
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let bench = make().await;
            bench.cloud.plan(at, kill);
            let dead = {
                let journal = store.begin(run_id(), &bench.cloud).unwrap();
                let journal: &dyn Journal<Undo> = &journal;
                tokio::select! {
                    biased;
                    () = bench.cloud.killed() => true,
                    _ = bench.bake(journal, &Silent) => false,
                }
            };
            bench.cloud.calm();
            if !dead {
                assert!(at > 30, "a bake takes more calls than {at}");
                break;
            }
            let about = format!("{kill:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            let on = Sweeping {
                store: &store,
                clock: &bench.cloud,
                events: &Silent as &dyn Events,
                stop: Stop::default(),
                holder: Holder {
                    run: run_id(),
                    host: "agent".to_owned(),
                    process: 1,
                    since: bench.cloud.now(),
                },
            };
            let swept = sweep_journals(&on, async |_| Ok(bench.cloud.client().await)).await;
            assert!(
                swept.as_ref().is_ok_and(kiln::sweep::Swept::is_clean),
                "{about}: {swept:?}"
            );
            check(&bench, &about).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_takes_the_copies_too_or_finishes_them() {
    kills(
        async || bench(WIDE).await,
        async |bench, about| {
            let rest = rest(&bench.cloud).await;
            let mut ready = Vec::new();
            for region in REGIONS {
                ready.extend(images(&bench.cloud, region).await.into_iter().map(|image| {
                    assert!(image.tags.contains_key(tag::READY), "{about}: {image:?}");
                    image
                }));
            }
            let snapshots = ready
                .iter()
                .map(|image| image.snapshots().len())
                .sum::<usize>();
            assert_eq!(rest.len(), ready.len() + snapshots, "{about}: {rest:?}");
            assert!([0, 3].contains(&ready.len()), "{about}: {rest:?}");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_of_a_takeover_a_sweep_leaves_one_image_under_the_name() {
    kills(
        async || taken().await,
        async |bench, about| {
            rest(&bench.cloud).await;
            named(bench, about).await;
        },
    )
    .await;
}
