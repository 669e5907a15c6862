//! A spot bake with a role of its own that ends up buying its machine: a failure at every call, a stop at every second, a
//! kill at every call. Nothing is left, in IAM neither.

use std::time::Duration;

use kiln::bake::{Verdict, verdict};
use kiln::run::{Clock as _, Holder, MemoryJournal, Silent, Stop, Urgency, due, settle};
use kiln::store::Store;
use kiln::sweep::{Sweeping, sweep_journals, sweep_tags};
use kiln::undo::Unwinder;

use super::bench::{Bench, remains, run_id};
use super::cloud::Mishap;
use super::launch::{TEMPLATE, late, scarce};

async fn bench() -> Bench {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    scarce(&bench, 2);
    bench
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing_or_the_image() {
    let plain = bench().await;
    let outcome = plain.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let count = plain.cloud.calls().len();
    for mishap in [Mishap::Refused, Mishap::AnswerLost, Mishap::AnswersLost] {
        for at in 1..=count {
            let bench = bench().await;
            bench.cloud.plan(at, mishap);
            let journal = MemoryJournal::default();
            let outcome = bench.bake(&journal, &Silent).await;
            let about = format!("{mishap:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            if let Some(outcome) = &outcome
                && !outcome.left.is_empty()
            {
                assert_eq!(mishap, Mishap::Refused, "{about}: {:?}", outcome.left);
                let setup = bench.setup(&journal, &Silent);
                let due = due(journal.entries());
                let left = settle(due, &Unwinder::new(&bench.client), &setup).await;
                assert!(left.is_empty(), "{about}: {left:?}");
            }
            let done = outcome.is_some_and(|outcome| outcome.result.is_ok());
            let remains = bench.remains().await;
            let image = remains.iter().any(|id| id.starts_with("ami-"));
            assert_eq!(!remains.is_empty(), done, "{about}: {remains:?}");
            assert_eq!(image, done, "{about}: {remains:?}");
            assert!(
                !remains.iter().any(|id| id.contains("kiln")),
                "{about}: {remains:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_leaves_nothing_or_the_image() {
    for second in 0.. {
        let bench = bench().await;
        let ask = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
            std::future::pending::<()>().await;
        };
        let journal = MemoryJournal::default();
        let outcome = tokio::select! {
            outcome = bench.bake(&journal, &Silent) => outcome.unwrap(),
            () = ask => unreachable!(),
        };
        assert!(
            outcome.left.is_empty(),
            "second {second}: {:?}",
            outcome.left
        );
        let remains = bench.remains().await;
        if verdict(&outcome) == Verdict::Done {
            assert_eq!(remains.len(), 2, "image and snapshot: {remains:?}");
            assert!(second > 20, "it takes a while");
            return;
        }
        assert_eq!(remains, [""; 0], "second {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_finds_all_of_it_with_the_journal_and_without() {
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let bench = bench().await;
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
            if !dead {
                assert!(at > 25, "such a bake takes more calls than {at}");
                break;
            }
            let about = format!("{kill:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            if at % 2 == 0 {
                by_journal(&store, &bench, &about).await;
            } else {
                tokio::time::sleep(Duration::from_hours(26)).await;
                let now = bench.cloud.now();
                let seer = bench.cloud.observer().await;
                remains(&bench.cloud).await;
                let swept = sweep_tags(&seer, now, &[], &Silent, Stop::default()).await;
                assert!(swept.unwrap().left.is_empty(), "{about}");
            }
            tokio::time::sleep(Duration::from_hours(2)).await;
            let remains = remains(&bench.cloud).await;
            assert!(
                !remains.iter().any(|id| id.contains("kiln")),
                "{about}: {remains:?}"
            );
            let image = remains.iter().any(|id| id.starts_with("ami-"));
            assert!(
                remains.is_empty() || image && at > 20,
                "{about}: {remains:?}"
            );
        }
    }
}

async fn by_journal(store: &Store, bench: &Bench, about: &str) {
    let on = Sweeping {
        store,
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
    assert!(swept.is_clean(), "{about}: {swept:?}");
}
