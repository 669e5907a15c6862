//! Services that kiln is to have nothing more to do with.

use std::collections::BTreeMap;

use kiln::roll::doctor::Known;
use kiln::roll::{Farewell, Left, Verdict, confirmed, farewell, leave};
use localcloud::model::Service as Api;
use serde_json::json;

use super::low_alarm::track;
use super::plain::rolled_once;
use super::policies::step;
use super::replace::replaced;
use super::store::SharedJournal;
use super::trouble::killed;
use super::{Bench, OWN_RULE, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

impl Bench {
    async fn farewell(&self) -> Farewell {
        let journal = SharedJournal::default();
        let doctor = self.doctor(Known::default(), &journal);
        farewell(&doctor, &self.client).await.unwrap()
    }

    /// As the command does, once somebody has said yes.
    async fn leave(&self) -> Left {
        let found = self.farewell().await;
        assert_eq!(found.refused, [""; 0]);
        let journal = self.journals.begin(self.next_run());
        let doctor = self.doctor(Known::default(), &journal);
        leave(&found, &doctor, Some(&self.store), &self.client).await
    }
}

/// Every thing that carries a tag of kiln's, but for what says of an image that it was baked.
fn tagged(bench: &Bench) -> Vec<String> {
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
fn machines(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let groups = bench.cloud.world().model.view_groups().into_iter();
    let of = groups.map(|group| {
        let members = group.members.into_iter();
        (group.name, members.map(|one| one.instance).collect())
    });
    of.collect()
}

/// A service with a rule of its own, policies with alarms, an image that was rolled back, and a group that is kept.
async fn lived_in() -> Bench {
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

/// Leaves with a kill at every write, and once more; each world as it is then.
async fn killed_everywhere(base: &Bench) -> Vec<(Bench, String)> {
    let counted = base.fork().await;
    let done = counted.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let calls = counted.cloud.calls();
    let writes = (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe"));
    let mut worlds = Vec::new();
    for at in writes.filter(|at| !calls[at - 1].starts_with("List")) {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            done = bench.leave() => panic!("{at}: {done:?}"),
        }
        bench.cloud.calm();
        bench.pass(10).await;
        let about = format!("killed behind call {at}, {}", calls[at - 1]);
        let done = bench.leave().await;
        let good = matches!(done.verdict, Verdict::Done | Verdict::NothingToDo);
        assert!(good, "{about}: {done:?}");
        worlds.push((bench, about));
    }
    assert!(worlds.len() > 5, "{calls:?}");
    worlds
}

#[tokio::test(start_paused = true)]
async fn a_released_service_runs_on_and_nothing_of_kilns_is_left() {
    let base = lived_in().await;
    let before = machines(&base);
    let bench = base.fork().await;
    let watchman = bench.watched_back();
    let shown = bench.farewell().await.to_string();
    for line in [
        "delete the watch or probe rule",
        "give back: held minimum of group web-v001",
        "take off group web-v002: ",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    watchman.content("release");
    let mut worlds = killed_everywhere(&base).await;
    worlds.push((bench, "release".to_owned()));
    for (bench, about) in worlds {
        assert_eq!(tagged(&bench), [""; 0], "{about}");
        assert_eq!(machines(&bench), before, "{about}");
        assert_eq!(bench.store.due(), [], "{about}");
        let again = bench.leave().await;
        assert_eq!(again.verdict, Verdict::NothingToDo, "{about}: {again:?}");
        bench.pass(4000).await;
        assert_eq!(machines(&bench), before, "{about}");
        let serving = bench.cloud.world().model.view_listeners();
        assert_eq!(
            serving[0].rules.len(),
            2,
            "{about}: its own, and the default one"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_load_balancer_is_left_too() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let before = machines(&bench);
    let shown = bench.farewell().await.to_string();
    assert!(
        shown.contains(
            "group web-v001 stays empty; it had a minimum of 2, 3 machines and a maximum of 6"
        ),
        "{shown}"
    );
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(tagged(&bench), [""; 0]);
    assert_eq!(machines(&bench), before);
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
    assert!(found.refused[0].ends_with("wait for its run or its end"));
    bench.pass(25 * 3600).await;
    let found = bench.farewell().await;
    assert!(found.refused[0].ends_with("`kiln doctor web` first"));
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_itself_is_waited_for_and_no_doctor_is_asked() {
    let bench = rolled_once().await;
    track(&bench).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let refused = bench.farewell().await.refused;
    assert_eq!(refused.len(), 1, "{refused:?}");
    for part in [
        "until its low alarm has been OK",
        ", until 2",
        "`kiln roll --finish web`",
    ] {
        assert!(refused[0].contains(part), "{part}: {refused:?}");
    }
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
    let bench = lived_in().await;
    let journal = SharedJournal::default();
    let doctor = bench.doctor(Known::default(), &journal);
    let shown = bench.farewell().await;
    confirmed(&shown, &doctor, &bench.client).await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    let error = confirmed(&shown, &doctor, &bench.client).await.unwrap_err();
    assert!(error.to_string().contains("look again"), "{error}");
}

/// A call that is refused leaves the rest to be found again.
#[tokio::test(start_paused = true)]
async fn what_would_not_go_is_left_for_the_next_time() {
    let denied = lived_in().await;
    denied.cloud.deny("UntagResource");
    let done = denied.leave().await;
    assert_eq!(done.verdict, Verdict::CleanUpDue, "{done:?}");
    let bench = denied.fork().await;
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(tagged(&bench), [""; 0]);
}
