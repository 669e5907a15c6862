//! What a failed bake leaves when it is told to, and how that goes away.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use jiff::SignedDuration;
use kiln::bake::{Attending, Reached, Verdict, World, attend, verdict};
use kiln::cloud::{Filter, Home, Instances};
use kiln::run::{Answer, Clock as _, Failure, Holder, Operator, Silent, Stop};
use kiln::store::{Claim, Store};
use kiln::sweep::{Sweeping, sweep_journals, sweep_run, sweep_tags};

use super::bench::{Bench, remains, run_id};
use super::machines::Trouble;

/// Gives the same answers in turn, the last for good, and notes what it was asked.
struct Says<'a> {
    answers: &'a [Answer],
    asked: RefCell<Vec<&'static str>>,
    steps: Cell<usize>,
}

impl Operator for Says<'_> {
    fn before(&self, _: &'static str) -> LocalBoxFuture<'_, ()> {
        self.steps.set(self.steps.get() + 1);
        std::future::ready(()).boxed_local()
    }

    fn failed<'f>(&'f self, failure: &'f Failure) -> LocalBoxFuture<'f, Answer> {
        let mut asked = self.asked.borrow_mut();
        let turn = asked.len().min(self.answers.len() - 1);
        asked.push(failure.step);
        std::future::ready(self.answers[turn]).boxed_local()
    }
}

struct Ended {
    bench: Bench,
    folder: tempfile::TempDir,
    asked: Vec<&'static str>,
    reached: Vec<Reached>,
    kept: Vec<String>,
    verdict: Verdict,
}

/// A bake whose `at`-th command fails.
async fn fails(at: usize, answers: &[Answer]) -> Ended {
    let bench = Bench::new(Some((at, Trouble::Fails))).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let plan = bench.plan().await.unwrap();
    let operator = Says {
        answers,
        asked: RefCell::default(),
        steps: Cell::default(),
    };
    let reached = RefCell::new(Vec::new());
    let outcome = {
        let journal = store.begin(run_id(), &bench.cloud).unwrap();
        let on = World {
            cloud: &bench.client,
            tools: &bench.tools,
            clock: &bench.cloud,
        };
        let attending = Attending {
            operator: &operator,
            reached: &|way| reached.borrow_mut().push(way.clone()),
            adopt: None,
            keep_for: SignedDuration::from_hours(2),
        };
        let setup = bench.setup(&journal, &Silent);
        attend(&plan, &Home::default(), &on, setup, attending).await
    };
    assert!(operator.steps.get() > 5);
    Ended {
        asked: operator.asked.into_inner(),
        reached: reached.into_inner(),
        kept: outcome.kept.iter().map(ToString::to_string).collect(),
        verdict: verdict(&outcome),
        bench,
        folder,
    }
}

fn sweeping<'a>(bench: &'a Bench, store: &'a Store) -> Sweeping<'a> {
    Sweeping {
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
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_can_be_reached_has_an_expiry_and_goes_by_its_run_or_after_its_time() {
    for late in [false, true] {
        let ended = fails(2, &[Answer::Keep]).await;
        assert_eq!(ended.asked, ["provision"]);
        assert_eq!(ended.verdict, Verdict::CleanUpDue);
        assert_eq!(ended.kept.len(), 4, "{:?}", ended.kept);
        let [way] = &ended.reached[..] else {
            panic!("one machine")
        };
        assert_eq!((way.user.as_str(), way.port), ("admin", 22));
        let key = way.private_key.as_ref().unwrap();
        assert!(key.reveal().contains("PRIVATE KEY") && !format!("{way:?}").contains("PRIVATE"));
        let bench = &ended.bench;
        let seer = bench.cloud.observer().await;
        let running = [Filter::new("instance-state-name", "running")];
        let machine = seer.find_instances(&running).await.unwrap().remove(0);
        assert_eq!(machine.id, way.instance);
        let store = Store::at(ended.folder.path());
        let connect = async |_: &Home| Ok(bench.cloud.client().await);
        tokio::time::sleep(Duration::from_hours(1)).await;
        let swept = sweep_journals(&sweeping(bench, &store), connect)
            .await
            .unwrap();
        assert!(swept.removed.is_empty(), "{swept:?}");
        assert!(
            swept.kept[0].contains("kiln sweep --run"),
            "{:?}",
            swept.kept
        );
        assert!(remains(&bench.cloud).await.len() >= 4);
        if late {
            tokio::time::sleep(Duration::from_hours(2)).await;
            let now = bench.cloud.now();
            let swept = sweep_tags(&seer, now, &[], &Silent, Stop::default())
                .await
                .unwrap();
            assert!(
                swept
                    .removed
                    .iter()
                    .any(|text| text.starts_with("instance")),
                "{swept:?}"
            );
            let swept = sweep_journals(&sweeping(bench, &store), connect)
                .await
                .unwrap();
            assert!(swept.is_clean(), "{swept:?}");
        } else {
            let claims = store.claim(&bench.cloud).unwrap().pop();
            let Some(Claim::Dead(dead)) = claims else {
                panic!("its run is dead")
            };
            let swept = sweep_run(*dead, &sweeping(bench, &store), &connect).await;
            assert_eq!(swept.removed.len(), 4, "{swept:?}");
        }
        assert_eq!(bench.remains().await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_may_be_tried_again_and_then_all_is_well() {
    // The trouble is over when the command is given a second time.
    let ended = fails(2, &[Answer::Retry]).await;
    assert_eq!(ended.asked, ["provision"]);
    assert_eq!(ended.verdict, Verdict::Done);
    assert!(ended.kept.is_empty());
}

#[tokio::test(start_paused = true)]
async fn abort_leaves_all_and_clean_up_nothing() {
    let ended = fails(2, &[Answer::Abort]).await;
    assert_eq!(ended.verdict, Verdict::CleanUpDue);
    assert_eq!(ended.kept.len(), 4);
    let ended = fails(2, &[Answer::CleanUp]).await;
    assert_eq!(ended.verdict, Verdict::Failed);
    assert_eq!(ended.bench.remains().await, [""; 0]);
}
