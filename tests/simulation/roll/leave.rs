//! Services that kiln is to have nothing more to do with.

use std::collections::BTreeMap;

use kiln::roll::doctor::Known;
use kiln::roll::{Farewell, Leave, Left, Verdict, farewell, leave};
use kiln::run::{Clock as _, Leases as _, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::low_alarm::{set, taken_over};
use super::pair::{on_latest, untouched};
use super::plain::{rolled_once, three};
use super::policies::step;
use super::replace::replaced;
use super::rolling::rolling;
use super::store::SharedJournal;
use super::trouble::{is_told, killed};
use super::{Bench, OWN_RULE, V1, V2, V3, expect, holder};
use crate::simulation::cloud::Mishap;

impl Bench {
    pub async fn farewell(&self) -> Farewell {
        let journal = SharedJournal::default();
        let doctor = self.doctor(Known::default(), &journal);
        let due = self.store.due();
        farewell(Leave::Release, &doctor, &due, &self.client)
            .await
            .unwrap()
    }

    /// As the command does, in a process of its own that has the lease.
    async fn leave_if(&self, agreed: impl AsyncFnOnce(&Farewell) -> bool) -> Left {
        let run = self.next_run();
        let _lease = self.store.take("web", &holder(run, self.cloud.now()));
        let client = self.process(run).await;
        let journal = self.journals.begin(run);
        let doctor = self.doctor(Known::default(), &journal);
        leave(Leave::Release, &doctor, &self.store, &client, agreed).await
    }

    /// Somebody says yes.
    pub async fn leave(&self) -> Left {
        self.leave_if(async |_: &Farewell| true).await
    }

    #[track_caller]
    fn is_left_as(&self, machines_before: &Machines, about: &str) {
        assert_eq!(tagged(self), [""; 0], "{about}");
        let groups = self.cloud.world().model.view_groups().into_iter();
        let held: Vec<_> = groups.filter(|group| group.min > 2).collect();
        assert_eq!(held.len(), 0, "{about}: {held:?}");
        assert_eq!(machines(self), *machines_before, "{about}");
        assert_eq!(self.store.due(), [], "{about}");
    }
}

type Machines = BTreeMap<String, Vec<String>>;

/// Every thing that carries a tag of kiln's, but for what says of an image that it was baked.
pub fn tagged(bench: &Bench) -> Vec<String> {
    let world = bench.cloud.world();
    let model = &world.model;
    let mut found = Vec::new();
    let mut look = |name: String, tags: &BTreeMap<String, String>| {
        let kilns = tags.keys().filter(|key| key.starts_with("kiln:"));
        found.extend(kilns.map(|key| format!("{key} of {name}")));
    };
    for group in model.view_groups() {
        look(group.name, &group.tags);
    }
    for group in model.view_target_groups() {
        look(group.name, &group.tags);
    }
    for listener in model.view_listeners() {
        for rule in listener.rules {
            look(rule.arn, &rule.tags);
        }
        look(listener.arn, &listener.tags);
    }
    for template in model.view_templates() {
        look(template.name, &template.tags);
    }
    for alarm in model.view_alarms() {
        look(alarm.name, &alarm.tags);
    }
    for image in model.view_images() {
        look(image.id, &image.tags);
    }
    found
}

/// The machines of every group.
fn machines(bench: &Bench) -> Machines {
    let groups = bench.cloud.world().model.view_groups().into_iter();
    let of = groups.map(|group| {
        let members = group.members.into_iter();
        (group.name, members.map(|one| one.instance).collect())
    });
    of.collect()
}

/// A service with a rule of its own, policies with alarms, an image that was rolled back, and a group that is kept.
pub async fn lived_in() -> Bench {
    let bench = Bench::with(OWN_RULE).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    step(&bench).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(300).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    bench
}

/// The calls of leaving.
async fn calls_of(base: &Bench) -> Vec<String> {
    let bench = base.fork().await;
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let calls = bench.cloud.calls();
    assert!(calls.len() > 20, "{calls:?}");
    calls
}

#[tokio::test(start_paused = true)]
async fn a_released_service_runs_on_and_nothing_of_kilns_is_left() {
    let bench = lived_in().await;
    let before = machines(&bench);
    let watchman = bench.watched_back();
    bench.one_writer(&watchman);
    let shown = bench.farewell().await;
    insta::assert_snapshot!(shown.to_string());
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    watchman.content("release");
    let what: Vec<String> = shown.partings.iter().map(ToString::to_string).collect();
    assert_eq!(done.done, what);
    bench.is_left_as(&before, "release");
    let again = bench.leave().await;
    assert_eq!(again.verdict, Verdict::NothingToDo, "{again:?}");
    bench.pass(4000).await;
    bench.is_left_as(&before, "later");
    let serving = bench.cloud.world().model.view_listeners();
    assert_eq!(serving[0].rules.len(), 2, "its own, and the default one");
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with_by_the_same_command() {
    let base = lived_in().await;
    let before = machines(&base);
    for (at, call) in calls_of(&base).await.iter().enumerate() {
        let bench = base.fork().await;
        let watchman = bench.watched_back();
        let about = format!("killed behind call {}, {call}", at + 1);
        bench.cloud.plan(at + 1, Mishap::KilledAfter);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            done = bench.leave() => panic!("{about}: {done:?}"),
        }
        bench.cloud.calm();
        bench.pass(10).await;
        let done = bench.leave().await;
        let good = matches!(done.verdict, Verdict::Done | Verdict::NothingToDo);
        assert!(good, "{about}: {done:?}");
        watchman.content(&about);
        bench.is_left_as(&before, &about);
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_the_rest_for_the_next_time() {
    let base = lived_in().await;
    let before = machines(&base);
    let calls = calls_of(&base).await;
    for mishap in [Mishap::Refused, Mishap::AnswersLost, Mishap::Down] {
        for (at, call) in calls.iter().enumerate() {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at + 1, mishap);
            let about = format!("{mishap:?} at call {}, {call}", at + 1);
            let done = bench.leave().await;
            bench.cloud.calm();
            assert!(is_told(&done), "{about}: {done:?}");
            assert_eq!(machines(&bench), before, "{about}");
            let again = bench.leave().await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}: {again:?}");
            watchman.content(&about);
            bench.is_left_as(&before, &about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_it_behind_what_it_does_and_says_what_is_left() {
    let bench = lived_in().await;
    let before = machines(&bench);
    let stop = bench.stop.clone();
    bench.cloud.guard(move |call| {
        if call.action == "DeleteRule" {
            stop.request(Urgency::Ask);
        }
    });
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Stopped, "{done:?}");
    assert_eq!(done.done.len(), 1, "{done:?}");
    assert!(
        done.left[0].ends_with("`kiln release web` does the rest"),
        "{done:?}"
    );
    let bench = bench.fork().await;
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    bench.is_left_as(&before, "stopped");
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_load_balancer_is_left_too() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let before = machines(&bench);
    let shown = bench.farewell().await.to_string();
    let sizes =
        "group web-v001 stays empty; it had a minimum of 2, 3 machines and a maximum of 6, and";
    assert!(shown.contains(sizes), "{shown}");
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    bench.is_left_as(&before, "replaced");
}

#[tokio::test(start_paused = true)]
async fn groups_of_others_lose_what_kiln_noted_on_them_and_keep_the_rest() {
    for bench in [untouched().await, on_latest().await] {
        expect(&bench.roll(V2).await, Verdict::Done);
        let before = machines(&bench);
        let done = bench.leave().await;
        assert_eq!(done.verdict, Verdict::Done, "{done:?}");
        bench.is_left_as(&before, "a pair");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pinned_group_keeps_its_number_and_what_it_followed_is_told() {
    let bench = on_latest().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let shown = bench.farewell().await.to_string();
    let pinned = "group web-blue stays with the launch template version that it has; it followed $Latest before";
    assert!(shown.contains(pinned), "{shown}");
    let templates = |bench: &Bench| {
        let groups = bench.cloud.world().model.view_groups().into_iter();
        let of = groups.map(|group| format!("{:?}", group.template));
        of.collect::<Vec<_>>()
    };
    let before = templates(&bench);
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(templates(&bench), before);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_machines_were_replaced_in_place_is_left_too() {
    let bench = rolling().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let before = machines(&bench);
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    bench.is_left_as(&before, "rolling");
    // It is rolled again like any that kiln never touched.
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn a_half_made_roll_keeps_it_off() {
    let base = rolled_once().await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let made = calls
        .iter()
        .rposition(|call| call == "CreateAutoScalingGroup");
    let bench = killed(&base, made.unwrap() + 1, Mishap::KilledAfter).await;
    let bench = bench.unwrap();
    let found = bench.farewell().await;
    assert!(
        found.refused[0].contains("half-made roll of group web-v002"),
        "{:?}",
        found.refused
    );
    let ends = "wait for its run or its end; where that run is over, `kiln doctor web --run 0";
    assert!(found.refused[0].contains(ends), "{:?}", found.refused);
    let before = bench.groups();
    let done = bench.leave().await;
    assert_eq!(
        (done.verdict, &done.left),
        (Verdict::Failed, &found.refused)
    );
    assert_eq!(bench.groups(), before);
    bench.pass(25 * 3600).await;
    let found = bench.farewell().await;
    assert!(found.refused[0].ends_with("`kiln doctor web` first"));
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_itself_is_waited_for_and_no_doctor_is_asked() {
    let bench = taken_over().await;
    let refused = bench.farewell().await.refused;
    assert_eq!(refused.len(), 1, "{refused:?}");
    for part in [
        "until its low alarm has been OK",
        ", until 2",
        "`kiln roll --finish web`",
    ] {
        assert!(refused[0].contains(part), "{part}: {refused:?}");
    }
    // As it says: once the alarm is OK, whoever works off what is due makes way.
    set(&bench, "web-v002", "OK");
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
}

fn state(bench: &Bench, group: &str, state: &str) {
    let tag = json!({"Tags": [{"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": "kiln:state",
        "Value": state, "PropagateAtLaunch": false}]});
    bench.meanwhile(Api::AutoScaling, "CreateOrUpdateTags", &tag);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_kilns_that_is_half_taken_away_keeps_it_off_and_a_spent_one_of_others_does_not()
{
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    state(&bench, "web-v001", "retiring");
    let wanted = "group web-v001 is half taken away: `kiln roll --finish web` first";
    assert_eq!(bench.farewell().await.refused, [wanted]);
    let tag = json!({"Tags": [{"ResourceId": "web-v001", "ResourceType": "auto-scaling-group", "Key": "kiln:made-by"}]});
    bench.meanwhile(Api::AutoScaling, "DeleteTags", &tag);
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(tagged(&bench), [""; 0]);
}

/// Groups and templates of others' propagate what they carry.
#[tokio::test(start_paused = true)]
async fn a_machine_that_carries_the_name_is_left_as_it_is() {
    let bench = rolled_once().await;
    let machine = machines(&bench)["web-v001"][0].clone();
    let tag = json!({"ResourceId": [machine], "Tag": [{"Key": "kiln:service", "Value": "web"}]});
    bench.meanwhile(Api::Ec2, "CreateTags", &tag);
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::NothingToDo, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_changed_since_it_was_shown_stops_it() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let writes = bench.cloud.writes().len();
    let meanwhile = async |_: &Farewell| {
        state(&bench, "web-v001", "retiring");
        true
    };
    let done = bench.leave_if(meanwhile).await;
    assert_eq!(done.verdict, Verdict::Failed, "{done:?}");
    assert!(done.left[0].ends_with("look again"), "{done:?}");
    assert_eq!(bench.cloud.writes().len(), writes);
    // Machines that come and go by themselves are no change.
    state(&bench, "web-v001", "kept");
    let meanwhile = async |_: &Farewell| {
        let more = json!({"AutoScalingGroupName": "web-v002", "DesiredCapacity": 4});
        bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &more);
        true
    };
    let done = bench.leave_if(meanwhile).await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_no_touches_nothing() {
    let bench = rolled_once().await;
    let (writes, due) = (bench.cloud.writes().len(), bench.store.due());
    let done = bench.leave_if(async |_: &Farewell| false).await;
    assert_eq!(done.verdict, Verdict::Stopped, "{done:?}");
    assert_eq!(bench.cloud.writes().len(), writes);
    assert_eq!(bench.store.due(), due);
}
