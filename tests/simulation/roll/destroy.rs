//! Services that are to be no more.

mod left;
mod refused;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::roll::doctor::Known;
use kiln::roll::{Farewell, Leave, Left, Verdict, farewell, leave};
use kiln::run::{Clock as _, Leases as _, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::leave::{lived_in, tagged};
use super::replace::replaced;
use super::store::SharedJournal;
use super::trouble::is_told;
use super::{Bench, OWN_RULE, V1, V2, expect, holder};
use crate::simulation::cloud::Mishap;
use crate::simulation::mishap::is_read;

const DESTROY: Leave = Leave::Destroy {
    without_hooks: false,
};

impl Bench {
    pub async fn last_look(&self) -> Farewell {
        let journal = SharedJournal::default();
        let doctor = self.doctor(Known::default(), &journal);
        let due = self.store.due();
        farewell(DESTROY, &doctor, &due, &self.client)
            .await
            .unwrap()
    }

    /// As the command does, in a process of its own that has the lease.
    async fn destroy_if(&self, agreed: impl AsyncFnOnce(&Farewell) -> bool) -> Left {
        self.destroy_as(DESTROY, agreed).await
    }

    async fn destroy_as(&self, how: Leave, agreed: impl AsyncFnOnce(&Farewell) -> bool) -> Left {
        let run = self.next_run();
        let _lease = self.store.take("web", &holder(run, self.cloud.now()));
        let client = self.process(run).await;
        let journal = self.journals.begin(run);
        let doctor = self.doctor(Known::default(), &journal);
        Box::pin(leave(how, &doctor, &self.store, &client, agreed)).await
    }

    pub async fn destroy(&self) -> Left {
        self.destroy_if(async |_: &Farewell| true).await
    }

    #[track_caller]
    fn is_gone(&self, others: &BTreeSet<String>, about: &str) {
        assert_eq!(tagged(self), [""; 0], "{about}");
        assert_eq!(things(self), *others, "{about}");
        assert_eq!(self.store.due(), [], "{about}");
    }
}

/// Everything that somebody made.
fn things(bench: &Bench) -> BTreeSet<String> {
    let world = bench.cloud.world();
    let model = &world.model;
    let groups = model.view_groups().into_iter().map(|one| one.name);
    let targets = model.view_target_groups().into_iter().map(|one| one.name);
    let templates = model.view_templates().into_iter().map(|one| one.name);
    let alarms = model.view_alarms().into_iter().map(|one| one.name);
    let images = model.view_images().into_iter().map(|one| one.id);
    let listeners = model.view_listeners().into_iter();
    let rules = listeners.flat_map(|listener| listener.rules.into_iter().map(|rule| rule.arn));
    let all = groups.map(|name| format!("group {name}"));
    all.chain(targets.map(|name| format!("target group {name}")))
        .chain(templates.map(|name| format!("template {name}")))
        .chain(alarms.map(|name| format!("alarm {name}")))
        .chain(images)
        .chain(rules)
        .collect()
}

/// A service that has been rolled and led back, and all that there was without it.
async fn full() -> (Bench, BTreeSet<String>) {
    let before = Bench::with(OWN_RULE).await;
    let mut others = things(&before);
    // The one that its policies were set off by first, which somebody else made.
    others.insert("alarm load high".to_owned());
    (lived_in().await, others)
}

async fn calls_of(base: &Bench) -> Vec<String> {
    let bench = base.fork().await;
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let calls = bench.cloud.calls();
    assert!(calls.len() > 50, "{calls:?}");
    calls
}

/// Between two of them nothing changes, so that a kill leaves the same.
fn writes(calls: &[String]) -> Vec<usize> {
    let writes = (1..=calls.len()).filter(|at| !is_read(&calls[at - 1]));
    writes.collect()
}

/// The calls at which trouble is tried: every write, and of each question the first and the last.
fn telling(calls: &[String]) -> Vec<usize> {
    let tells = |at: &usize| {
        let call = &calls[at - 1];
        !is_read(call) || !calls[..at - 1].contains(call) || !calls[*at..].contains(call)
    };
    (1..=calls.len()).filter(tells).collect()
}

#[tokio::test(start_paused = true)]
async fn what_kiln_made_goes_in_order_and_nothing_else() {
    let (bench, others) = full().await;
    let shown = bench.last_look().await;
    insta::assert_snapshot!(shown.to_string());
    let busy = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&busy);
    bench.cloud.ahead("DeleteRule", move |world, _| {
        let targets = world.model.view_target_groups().into_iter();
        let targets = targets.flat_map(|one| one.targets);
        *seen.lock().unwrap() = Some(targets.count());
    });
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let what: Vec<String> = shown.partings.iter().map(ToString::to_string).collect();
    assert_eq!(done.done, what);
    assert_eq!(*busy.lock().unwrap(), Some(0), "requests are under way");
    bench.is_gone(&others, "destroyed");
    let forced = bench.cloud.said("DeleteAutoScalingGroup");
    assert!(
        forced.iter().all(|body| !body.contains("ForceDelete=true")),
        "{forced:?}"
    );
    let again = bench.destroy().await;
    assert_eq!(again.verdict, Verdict::NothingToDo, "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_under_way_end_first() {
    let bench = rolled_with_own_rule().await;
    let began = bench.cloud.now();
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let took = bench.cloud.now().duration_since(began);
    assert!(took.as_secs() >= 20, "the deregistration delay: {took}");
}

/// Machines that take their time, and a schedule that comes in the middle of it.
#[tokio::test(start_paused = true)]
async fn nothing_fills_a_group_again_that_goes() {
    let bench = rolled_with_own_rule().await;
    let hook = json!({ "AutoScalingGroupName": "web-v001", "LifecycleHookName": "farewell", "HeartbeatTimeout": 3600,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "DefaultResult": "CONTINUE" });
    bench.meanwhile(Api::AutoScaling, "PutLifecycleHook", &hook);
    let at = bench.cloud.now() + jiff::SignedDuration::from_mins(10);
    let action = json!({ "AutoScalingGroupName": "web-v001", "ScheduledActionName": "morning", "MinSize": 4, "MaxSize": 6,
        "DesiredCapacity": 4, "StartTime": at.to_string() });
    bench.meanwhile(Api::AutoScaling, "PutScheduledUpdateGroupAction", &action);
    let began = bench.cloud.now();
    let seen = async {
        bench.pass(1800).await;
        let group = bench.cloud.world().model.view_groups().remove(0);
        (group.desired, group.members.len())
    };
    let (done, seen) = tokio::join!(bench.destroy(), seen);
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(seen, (0, 3), "none has come to those that go");
    let took = bench.cloud.now().duration_since(began);
    assert!(took.as_secs() >= 3600, "the hook: {took}");
    assert_eq!(bench.groups(), []);
}

/// As a refusal says: users get another answer, and the listener knows nothing of the service any more.
fn lead_elsewhere(bench: &Bench) {
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    let sorry =
        json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": sorry });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    let given = json!({ "ResourceArns": [listener], "TagKeys": ["kiln:service"] });
    bench.meanwhile(Api::Elb, "RemoveTags", &given);
}

async fn rolled_with_own_rule() -> Bench {
    let bench = Bench::with(OWN_RULE).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with_by_the_same_command() {
    let (base, others) = full().await;
    let calls = calls_of(&base).await;
    for at in writes(&calls) {
        let about = format!("killed behind call {at}, {}", calls[at - 1]);
        let bench = killed(&base, at).await;
        bench.pass(10).await;
        goes_at_last(&bench, &others, &about).await;
    }
}

/// Kills it at a call.
async fn killed(base: &Bench, at: usize) -> Bench {
    let bench = base.fork().await;
    bench.cloud.plan(at, Mishap::KilledAfter);
    tokio::select! {
        biased;
        () = bench.cloud.killed() => {}
        done = bench.destroy() => panic!("{at}: {done:?}"),
    }
    bench.cloud.calm();
    bench
}

/// The same command does the rest.
async fn goes_at_last(bench: &Bench, others: &BTreeSet<String>, about: &str) {
    let done = bench.destroy().await;
    let good = matches!(done.verdict, Verdict::Done | Verdict::NothingToDo);
    assert!(good, "{about}: {done:?}");
    bench.is_gone(others, about);
}

/// Somebody rolls the service after all: it is refused, or there anew, and may go another time.
#[tokio::test(start_paused = true)]
async fn a_roll_of_what_is_half_gone_harms_nothing() {
    let (base, others) = full().await;
    let calls = calls_of(&base).await;
    for at in writes(&calls) {
        let bench = killed(&base, at).await;
        let about = format!("rolled behind call {at}, {}", calls[at - 1]);
        let rolled = bench.roll(V2).await;
        match rolled.verdict {
            Verdict::Done | Verdict::NothingToDo => {
                assert_eq!(bench.serving(), bench.all(V2), "{about}");
            }
            Verdict::Refused | Verdict::Failed => {}
            _ => panic!("{about}: {rolled:#?}"),
        }
        kiln::roll::clear_hold(&bench.client, "web").await.ok();
        goes_at_last(&bench, &others, &about).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_the_rest_for_the_next_time() {
    let base = Bench::with(OWN_RULE).await;
    let others = things(&base);
    for image in [V1, V2] {
        expect(&base.roll(image).await, Verdict::Done);
    }
    let calls = calls_of(&base).await;
    for mishap in [Mishap::Refused, Mishap::AnswersLost, Mishap::Down] {
        for at in telling(&calls) {
            let bench = base.fork().await;
            bench.cloud.plan(at, mishap);
            let about = format!("{mishap:?} at call {at}, {}", calls[at - 1]);
            let done = bench.destroy().await;
            bench.cloud.calm();
            assert!(is_told(&done), "{about}: {done:?}");
            goes_at_last(&bench, &others, &about).await;
        }
    }
}

/// What a read shows may be of half a minute ago.
#[tokio::test(start_paused = true)]
async fn a_stale_read_at_any_time_loses_nothing() {
    let (base, others) = full().await;
    let calls = calls_of(&base).await;
    for at in (1..=calls.len()).filter(|at| {
        let call = &calls[at - 1];
        let again = calls[..at - 1]
            .iter()
            .filter(|other| *other == call)
            .count();
        is_read(call) && (again % 4 == 1 || !calls[*at..].contains(call))
    }) {
        let bench = base.fork().await;
        bench.cloud.remember();
        let stale = Mishap::Stale(Duration::from_secs(30));
        bench.cloud.plan(at, stale);
        let about = format!("{stale:?} at call {at}, {}", calls[at - 1]);
        let done = bench.destroy().await;
        bench.cloud.calm();
        assert_eq!(done.verdict, Verdict::Done, "{about}: {done:?}");
        bench.is_gone(&others, &about);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_time_says_what_is_left() {
    let (base, others) = full().await;
    for second in (0..).step_by(5) {
        let bench = base.fork().await;
        let about = format!("stopped after {second} s");
        let stop = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
        };
        let (done, ()) = tokio::join!(bench.destroy(), stop);
        if done.verdict == Verdict::Done {
            assert!(second > 30, "{about}: {done:?}");
            break;
        }
        assert_eq!(done.verdict, Verdict::Stopped, "{about}: {done:?}");
        let last = done.left.last().unwrap();
        assert!(
            last.ends_with("`kiln destroy web` does the rest"),
            "{about}: {done:?}"
        );
        let bench = bench.fork().await;
        goes_at_last(&bench, &others, &about).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_draining_says_what_is_left() {
    let (mut bench, others) = full().await;
    let stop = bench.stop.clone();
    let stopped = async {
        while !bench
            .cloud
            .calls()
            .contains(&"UpdateAutoScalingGroup".to_owned())
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stop.request(Urgency::Ask);
    };
    let (done, ()) = tokio::join!(bench.destroy(), stopped);
    assert_eq!(done.verdict, Verdict::Stopped, "{done:?}");
    let last = done.left.last().unwrap();
    assert!(
        last.ends_with("`kiln destroy web` does the rest"),
        "{done:?}"
    );
    bench.stop_again();
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    bench.is_gone(&others, "stopped");
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_load_balancer_goes_too() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(tagged(&bench), [""; 0]);
    assert_eq!(bench.groups(), []);
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_has_the_lease() {
    let bench = rolled_with_own_rule().await;
    let watchman = bench.watched_back();
    bench.one_writer(&watchman);
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let found = watchman.finding();
    assert!(found.is_none_or(|found| !found.starts_with("I7")));
}
