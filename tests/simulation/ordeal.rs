//! What a bake is put through, whatever it bakes: trouble at any call, a stop at any second, a kill at any call.

use std::time::Duration;

use kiln::bake::{Artifact, Verdict, verdict};
use kiln::run::{Clock as _, Holder, MemoryJournal, Outcome, Silent, Stop, Urgency, due, settle};
use kiln::store::Store;
use kiln::sweep::{Sweeping, Swept, sweep_journals, sweep_tags};
use kiln::undo::{Undo, Unwinder};

use super::bench::{Bench, remains, run_id};
use super::cloud::Mishap;

/// How a bake ended; nothing where nothing was planned.
pub type Ended<'a> = Option<&'a Outcome<Artifact, Undo>>;

/// Has each mishap happen to each call in turn. What could not be taken back is tried again, as the next run or a sweep does.
pub async fn trouble(
    make: impl AsyncFn() -> Bench,
    mishaps: &[Mishap],
    check: impl AsyncFn(&Bench, Ended<'_>, &str),
) {
    let calm = make().await;
    let outcome = calm.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    for mishap in mishaps.iter().copied() {
        for at in 1..=calm.cloud.calls().len() {
            let bench = make().await;
            bench.cloud.plan(at, mishap);
            let journal = MemoryJournal::default();
            let mut outcome = bench.bake(&journal, &Silent).await;
            let about = format!("{mishap:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            if mishap == Mishap::AnswerLost {
                let ended = outcome.as_ref().map(verdict);
                assert_eq!(ended, Some(Verdict::Done), "{about}: {outcome:?}");
            }
            bench.cloud.calm();
            if let Some(outcome) = outcome.as_mut() {
                again(&bench, &journal, outcome, &about).await;
            }
            check(&bench, outcome.as_ref(), &about).await;
        }
    }
}

async fn again(
    bench: &Bench,
    journal: &MemoryJournal<Undo>,
    outcome: &mut Outcome<Artifact, Undo>,
    about: &str,
) {
    if outcome.left.is_empty() {
        return;
    }
    let due = due(journal.entries());
    assert_eq!(due.len(), outcome.left.len(), "{about}: {:?}", outcome.left);
    let setup = bench.setup(journal, &Silent);
    outcome.left = settle(due, &Unwinder::new(&bench.client), &setup).await;
    assert_eq!(outcome.left, [], "{about}");
}

/// Asks for a stop at each second in turn, until a bake is done before.
pub async fn stops(make: impl AsyncFn() -> Bench, check: impl AsyncFn(&Bench, Ended<'_>, &str)) {
    for second in 0.. {
        let bench = make().await;
        let journal = MemoryJournal::default();
        let ask = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = bench.bake(&journal, &Silent) => outcome,
            () = ask => unreachable!(),
        };
        let about = format!("stop at second {second}");
        check(&bench, outcome.as_ref(), &about).await;
        let verdict = outcome.as_ref().map(verdict);
        if verdict == Some(Verdict::Done) {
            assert!(second > 20, "it takes a while");
            return;
        }
        assert_eq!(verdict, Some(Verdict::Stopped), "{about}: {outcome:?}");
        assert!(second < 2000, "a bake ends");
    }
}

/// A bake that was killed.
pub struct Dead {
    pub bench: Bench,
    pub store: Store,
    /// The call at which it died, counted from 1.
    pub at: usize,
    pub about: String,
    _folder: tempfile::TempDir,
}

/// Kills a bake at each call in turn, before it and after it, until one takes fewer calls; it takes more than `least`.
pub async fn kills(make: impl AsyncFn() -> Bench, least: usize, check: impl AsyncFn(Dead)) {
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let bench = make().await;
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
                assert!(at > least, "a bake takes more calls than {at}");
                break;
            }
            let about = format!("{kill:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
            check(Dead {
                bench,
                store,
                at,
                about,
                _folder: folder,
            })
            .await;
        }
    }
}

impl Dead {
    /// Sweeps by the journal.
    pub async fn by_journal(&self) -> Swept {
        let cloud = &self.bench.cloud;
        let on = Sweeping {
            store: &self.store,
            clock: cloud,
            events: &Silent,
            stop: Stop::default(),
            holder: Holder {
                run: run_id(),
                host: "agent".to_owned(),
                process: 1,
                since: cloud.now(),
            },
        };
        let swept = sweep_journals(&on, async |_| Ok(cloud.client().await)).await;
        let swept = swept.unwrap();
        assert!(swept.is_clean(), "{}: {swept:?}", self.about);
        swept
    }

    /// Sweeps by tags alone.
    pub async fn by_tags(&self) -> Swept {
        let cloud = &self.bench.cloud;
        let seer = cloud.observer().await;
        // Fresh things show late.
        remains(cloud).await;
        let swept = sweep_tags(&seer, cloud.now(), &[], &Silent, Stop::default()).await;
        let swept = swept.unwrap();
        assert!(swept.left.is_empty(), "{}: {swept:?}", self.about);
        swept
    }

    /// By journal after every second call, by tags after the others, once all has expired; then what is left.
    pub async fn swept(&self) -> Vec<String> {
        if self.at.is_multiple_of(2) {
            drop(self.by_journal().await);
        } else {
            tokio::time::sleep(Duration::from_hours(26)).await;
            drop(self.by_tags().await);
        }
        tokio::time::sleep(Duration::from_hours(2)).await;
        remains(&self.bench.cloud).await
    }
}
