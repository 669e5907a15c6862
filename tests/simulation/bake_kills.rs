//! kill -9 at every call of a bake, before it and after it; then a sweep, with its own journal and without.

use std::time::Duration;

use kiln::run::{Clock as _, Holder, Silent, Stop};
use kiln::store::Store;
use kiln::sweep::{Sweeping, sweep_journals, sweep_tags};

use super::bench::{Bench, remains, run_id};
use super::cloud::Mishap;

/// Bakes until the process is killed at call `at`; `None` when it ended before.
async fn killed(store: &Store, at: usize, kill: Mishap) -> Option<Bench> {
    let bench = Bench::new(None).await;
    bench.cloud.plan(at, kill);
    let dead = {
        let journal = store.begin(run_id(), &bench.cloud).unwrap();
        tokio::select! {
            biased;
            () = bench.cloud.killed() => true,
            _ = bench.bake(&journal, &Silent) => false,
        }
    };
    bench.cloud.calm();
    dead.then_some(bench)
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_finds_all_of_it() {
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let Some(bench) = killed(&store, at, kill).await else {
                assert!(at > 15, "a bake takes more calls than {at}");
                break;
            };
            let on = Sweeping {
                store: &store,
                clock: &bench.cloud,
                events: &Silent,
                stop: Stop::default(),
                holder: Holder {
                    run: run_id(),
                    host: "agent".to_owned(),
                    process: 1,
                    since: bench.cloud.now(),
                },
            };
            let swept = sweep_journals(&on, async |_| Ok(bench.cloud.client().await)).await;
            let swept = swept.unwrap();
            let about = format!("{kill:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            assert!(swept.is_clean(), "{about}: {swept:?}");
            tokio::time::sleep(Duration::from_hours(1)).await;
            let remains = remains(&bench.cloud).await;
            // A run that died after its image was marked as ready has finished it.
            if swept.kept.is_empty() {
                let done = remains.iter().any(|id| id.starts_with("ami-"));
                assert!(
                    remains.is_empty() || done && at > 15,
                    "{about}: {remains:?} {swept:?}"
                );
            }
            let again = sweep_journals(&on, async |_| Ok(bench.cloud.client().await)).await;
            assert!(
                again.unwrap().removed.is_empty(),
                "{about}: nothing is due twice"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_journal_a_sweep_by_tag_waits_for_the_expiry() {
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let Some(bench) = killed(&Store::at(folder.path()), at, kill).await else {
                break;
            };
            let client = bench.cloud.observer().await;
            let sweep = async || {
                // Fresh things show late.
                for _ in 0..3 {
                    client_sees(&client).await;
                }
                let now = bench.cloud.now();
                sweep_tags(&client, now, &[], &Silent, Stop::default())
                    .await
                    .unwrap()
            };
            tokio::time::sleep(Duration::from_hours(1)).await;
            let before = remains(&bench.cloud).await;
            assert_eq!(sweep().await.removed, [""; 0], "too early");
            tokio::time::sleep(Duration::from_hours(25)).await;
            let swept = sweep().await;
            assert!(swept.left.is_empty(), "{swept:?}");
            tokio::time::sleep(Duration::from_hours(1)).await;
            let after = remains(&bench.cloud).await;
            let about = format!("{kill:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            let done = after.iter().any(|id| id.starts_with("ami-"));
            assert!(
                after.is_empty() || done && at > 15,
                "{about}: {before:?} {after:?}"
            );
        }
    }
}

async fn client_sees(client: &kiln::aws::Aws) {
    use kiln::cloud::Tagging as _;
    client.tagged(&[kiln::cloud::tag::RUN]).await.unwrap();
}
