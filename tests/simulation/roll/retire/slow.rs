//! Groups whose machines take long to go: by their target group's deregistration delay, and by their lifecycle hooks.

use std::sync::Mutex;
use std::time::Duration;

use kiln::roll::Verdict;
use kiln::run::{Event, Events, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::world::SERVICE;
use super::super::{BLUE_GREEN, Bench, DEFAULT_RULE, V1, V2, V3, account, expect};
use super::waiting;

/// The notes of a run.
#[derive(Default)]
pub struct Notes(pub Mutex<Vec<String>>);

impl Events for Notes {
    fn emit(&self, event: Event) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text);
        }
    }
}

/// `V1` is kept, `V2` serves. Requests have half an hour to end, and a hook may hold a machine for an hour more.
async fn slow() -> Bench {
    let text = SERVICE
        .replace("RULE", DEFAULT_RULE)
        .replace("STRATEGY", BLUE_GREEN)
        .replace(
            r#""deregistration_delay": "20s""#,
            r#""deregistration_delay": "30m""#,
        );
    let bench = Bench::in_account(account(), &text).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let hook = json!({ "AutoScalingGroupName": "web-v001", "LifecycleHookName": "farewell", "HeartbeatTimeout": 3600,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "DefaultResult": "CONTINUE" });
    bench.meanwhile(Api::AutoScaling, "PutLifecycleHook", &hook);
    expect(&bench.roll(V2).await, Verdict::Done);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_group_has_as_long_to_go_as_its_own_numbers_say() {
    let bench = slow().await;
    let (notes, watchman) = (Notes::default(), bench.watched());
    expect(&bench.roll_with(V3, &notes).await, Verdict::Done);
    watchman.content("a slow farewell");
    assert_eq!(bench.serving(), three(V3));
    let said = notes.0.lock().unwrap().join("\n");
    let how =
        "group web-v001 still has 3 machines: requests have 1800 s to end, lifecycle hooks 3600 s";
    assert!(said.matches(how).count() > 5, "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_and_the_next_run_goes_on_with_it() {
    for finish in [false, true] {
        let mut bench = slow().await;
        bench.pass(if finish { 4000 } else { 1 }).await;
        let stop = async {
            tokio::time::sleep(Duration::from_mins(12)).await;
            bench.stop.request(Urgency::Ask);
        };
        if finish {
            let (client, store) = (&bench.client, &bench.store);
            let now = kiln::run::Clock::now(&bench.cloud);
            let sweep = super::super::world::holder(bench.next_run(), now);
            let (wait, by) = (waiting(&bench), (now, kiln::roll::NAMELESS));
            let work = kiln::roll::work_off_alone("web", &sweep, by, client, store, &wait);
            let (done, ()) = tokio::join!(work, stop);
            let done = done.ok().unwrap().unwrap();
            let reason = &done.left[0].reason;
            assert!(reason.contains("`kiln roll --finish`"), "{reason}");
        } else {
            let (ended, ()) = tokio::join!(bench.roll(V3), stop);
            expect(&ended, Verdict::Stopped);
        }
        assert_eq!(bench.serving(), three(V2));
        bench.stop_again();
        expect(&bench.roll(V3).await, Verdict::Done);
        assert_eq!(bench.serving(), three(V3));
        nothing_left(&bench, "a stop while a group goes");
    }
}

/// Whoever finishes has begun with the old group when a roll comes: it is not turned away for as long as machines take to end.
#[tokio::test(start_paused = true)]
async fn nobody_has_the_lease_while_machines_end() {
    let bench = slow().await;
    bench.pass(4000).await;
    let watchman = bench.watched();
    let (client, store) = (&bench.client, &bench.store);
    let now = kiln::run::Clock::now(&bench.cloud);
    let sweep = super::super::world::holder(bench.next_run(), now);
    let (wait, by) = (waiting(&bench), (now, kiln::roll::NAMELESS));
    let work = kiln::roll::work_off_alone("web", &sweep, by, client, store, &wait);
    let roll = async {
        tokio::time::sleep(Duration::from_mins(12)).await;
        bench.roll(V3).await
    };
    let (done, ended) = tokio::join!(work, roll);
    expect(&ended, Verdict::Done);
    watchman.content("a roll while a group goes");
    assert_eq!(bench.serving(), three(V3));
    // The roll needed its target group, and has it deleted; or this one had, in a moment in which nobody rolled.
    let done = done.ok().unwrap().unwrap();
    let reasons: Vec<_> = done.left.iter().map(|left| left.reason.as_str()).collect();
    assert!(
        reasons.iter().all(|reason| reason.contains("have ended")),
        "{reasons:?}"
    );
    bench.pass(5).await;
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    assert!(!bench.groups().iter().any(|(name, ..)| name == "web-v001"));
    nothing_left(&bench, "a roll while a group goes");
}

/// A roll that needs nothing of what goes does not wait for it.
#[tokio::test(start_paused = true)]
async fn a_roll_in_place_does_not_wait_for_a_group_that_goes() {
    let mut bench = slow().await;
    bench.pass(4000).await;
    bench.service.strategy = rolling_strategy();
    let began = kiln::run::Clock::now(&bench.cloud);
    let notes = Notes::default();
    expect(&bench.roll_with(V3, &notes).await, Verdict::Done);
    let took = kiln::run::Clock::now(&bench.cloud).duration_since(began);
    assert!(took < jiff::SignedDuration::from_mins(30), "{took:?}");
    let said = notes.0.lock().unwrap().join("\n");
    assert!(said.contains("machines of group web-v001 end"), "{said}");
    bench.pass(6000).await;
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    assert!(!bench.groups().iter().any(|(name, ..)| name == "web-v001"));
}

fn rolling_strategy() -> kiln::template::service::Strategy {
    kiln::template::service::Strategy::Rolling(kiln::template::service::Rolling {
        most: 200,
        checkpoints: Vec::new(),
        checkpoint_delay: Duration::ZERO,
    })
}
