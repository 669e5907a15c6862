//! The strategy `rolling`: machines of the group that serves are replaced, each new one in service before an old one goes.

use kiln::roll::{Decision, Verdict, status};
use kiln::source::Spanned;
use kiln::template::service::Protocol;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::plain::{nothing_left, three};
use super::trouble::{about, killed, killed_back, points, stopped_everywhere, trouble_everywhere};
use super::{Bench, DEFAULT_RULE, V1, V2, V3, expect, quick, soak};
use crate::simulation::cloud::Mishap;
use kiln::run::Clock as _;

const ROLLING: &str = r#"{ "type": "rolling" }"#;

/// A service that runs `V1`, whose machines later rolls replace.
pub async fn rolling() -> Bench {
    let bench = Bench::by(DEFAULT_RULE, ROLLING).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

pub fn one_live() -> [(String, i64, String); 1] {
    [("web-v001".to_owned(), 3, "live".to_owned())]
}

pub fn tag(bench: &Bench, key: &str) -> Option<String> {
    let groups = bench.cloud.world().model.view_groups();
    groups[0].tags.get(key).cloned()
}

fn refreshes(bench: &Bench, from: usize) -> usize {
    let calls = bench.cloud.calls().split_off(from);
    calls
        .iter()
        .filter(|call| *call == "StartInstanceRefresh")
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_group_stays_and_its_machines_are_replaced_one_by_one() {
    let bench = rolling().await;
    let watchman = bench.watched();
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    insta::assert_snapshot!(plan.to_string());
    let calls = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("rolling");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(bench.groups(), one_live());
    assert_eq!(refreshes(&bench, calls), 1);
    assert_eq!(tag(&bench, "kiln:image").as_deref(), Some(V2));
    assert_eq!(tag(&bench, "kiln:lease:refresh"), None);
    nothing_left(&bench, "rolling");
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn a_broken_image_costs_no_machine_that_serves() {
    let bench = rolling().await;
    let broken = Behaviour {
        console_tail: "web.service: failed to start".to_owned(),
        service: Answers::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    watchman.content("broken");
    let reason = ended.failure.as_ref().unwrap().cause.to_string();
    assert!(reason.contains("ResponseCodeMismatch"), "{reason}");
    assert!(reason.contains("web.service: failed to start"), "{reason}");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups(), one_live());
    nothing_left(&bench, "broken");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

/// Nobody watches: the warm-up outlasts what a sick machine needs to be found out.
#[tokio::test(start_paused = true)]
async fn a_refresh_to_a_broken_image_whose_run_died_replaces_nothing() {
    let base = rolling().await;
    let broken = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    base.cloud.world().physics.set_behaviour(V2, broken);
    let at = start_of(&base).await;
    let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    let watchman = bench.watched();
    bench.pass(3 * 3600).await;
    watchman.content("a dead run's refresh");
    assert_eq!(bench.serving(), three(V1));
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "a dead run's refresh");
}

/// The call that starts the refresh, counted from one.
pub async fn start_of(base: &Bench) -> usize {
    let bench = base.fork().await;
    let before = bench.cloud.calls().len();
    bench.cloud.world().physics.set_behaviour(V2, quick());
    expect(&bench.roll(V2).await, Verdict::Done);
    let calls = bench.cloud.calls();
    let start = calls.iter().position(|call| call == "StartInstanceRefresh");
    start.unwrap() + 1 - before
}

#[tokio::test(start_paused = true)]
async fn an_image_that_dies_after_the_refresh_is_taken_back_by_another() {
    let mut bench = rolling().await;
    bench.service.checks.after = vec![soak(10)];
    let dies = Behaviour {
        service: Answers::DiesAfter(jiff::SignedDuration::from_secs(700)),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, dies);
    let calls = bench.cloud.calls().len();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    assert_eq!(refreshes(&bench, calls), 2, "there and back");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "dies after the refresh");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_followed_latest_gets_the_number() {
    let bench = rolling().await;
    let follow = json!({"AutoScalingGroupName": "web-v001",
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &follow);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("latest");
    let version = bench.cloud.world().model.view_groups()[0].template.clone();
    assert_eq!(version.unwrap().1, "2");
    assert_eq!(tag(&bench, "kiln:lease:version"), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_cannot_do_is_refused_with_a_reason() {
    let mut bench = rolling().await;
    let group = "web-v001";
    bench.service.set.health_check_grace_period = Some(std::time::Duration::from_secs(91));
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Refused);
    assert_eq!(ended.refused[0].finding.code, "roll::in_place");
    bench.service.set.health_check_grace_period = None;
    let ec2 = json!({"AutoScalingGroupName": group, "HealthCheckType": "EC2"});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &ec2);
    let halt = json!({"AutoScalingGroupName": group, "ScalingProcesses": ["InstanceRefresh"]});
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &halt);
    let protected = bench.cloud.world().model.view_groups()[0].members[0]
        .instance
        .clone();
    let protect = json!({"AutoScalingGroupName": group, "InstanceIds": [protected], "ProtectedFromScaleIn": true});
    bench.meanwhile(Api::AutoScaling, "SetInstanceProtection", &protect);
    bench.meanwhile(
        Api::AutoScaling,
        "StartInstanceRefresh",
        &json!({"AutoScalingGroupName": group}),
    );
    let calls = bench.cloud.calls().len();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    let codes: Vec<_> = ended.refused.iter().map(|one| one.finding.code).collect();
    assert_eq!(
        codes,
        ["health_check", "suspended", "protected", "refreshing"]
            .map(|code| format!("roll::{code}"))
    );
    let calls = bench.cloud.calls().split_off(calls);
    assert_eq!(
        calls.iter().find(|call| !call.starts_with("Describe")),
        None
    );
}

/// The protocol of a target group that is never made is nobody's affair.
#[tokio::test(start_paused = true)]
async fn a_second_target_group_that_is_not_there_is_not_missed() {
    let mut bench = rolling().await;
    let groups = bench.cloud.world().model.view_target_groups();
    let idle = groups.iter().find(|group| group.name == "web-b").unwrap();
    let idle = json!({ "TargetGroupArn": idle.arn });
    bench.meanwhile(Api::Elb, "DeleteTargetGroup", &idle);
    let traffic = bench.service.traffic.as_mut().unwrap();
    traffic.target.protocol = Some(Spanned::unplaced(Protocol::Https));
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_somebody_else_in_the_middle_is_left_alone() {
    let bench = rolling().await;
    let at = start_of(&bench).await;
    let bench = killed(&bench, at, Mishap::KilledBefore).await.unwrap();
    let other = json!({"AutoScalingGroupName": "web-v001"});
    bench.meanwhile(Api::AutoScaling, "StartInstanceRefresh", &other);
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(tag(&bench, "kiln:lease:refresh"), None);
    let calls = bench.cloud.calls();
    assert!(!calls.iter().any(|call| call == "RollbackInstanceRefresh"));
    bench.pass(3600).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "somebody else's refresh");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    trouble_everywhere(&rolling().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_happens_and_is_never_answered_leaves_nothing() {
    trouble_everywhere(&rolling().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_time_gives_everything_back() {
    stopped_everywhere(&rolling().await, 60, 11).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_refresh_back() {
    let base = rolling().await;
    for at in points(&base).await.into_iter().step_by(2) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched();
        bench.pass(120).await;
        expect(&bench.roll(V3).await, Verdict::Done);
        watchman.content(&about);
        assert_eq!(bench.serving(), three(V3), "{about}");
        nothing_left(&bench, &about);
    }
}

/// A service whose machines a roll has replaced by ones of `V2`.
async fn replaced() -> Bench {
    let bench = rolling().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench
}

fn back(bench: &Bench, about: &str) {
    assert_eq!(bench.serving(), three(V1), "{about}");
    assert_eq!(bench.groups(), one_live(), "{about}");
    assert_eq!(tag(bench, "kiln:image").as_deref(), Some(V1), "{about}");
    assert_eq!(tag(bench, "kiln:rolled"), None, "{about}");
    let images = bench.cloud.world().model.view_images();
    let good = images.iter().find(|image| image.id == V1).unwrap();
    let barred = good.tags.get("kiln:quarantine:web");
    assert_eq!(barred, None, "{about}: the good image");
    nothing_left(bench, about);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_another_refresh_and_bars_the_image() {
    let bench = replaced().await;
    let stand = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stand.rollback_refreshes_to, Some(1));
    assert_eq!(stand.rollback_not_ready, [""; 0]);
    assert!(
        stand
            .to_string()
            .contains("ready by a refresh to launch template version 1")
    );
    let watchman = bench.watched_back();
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    watchman.content("rollback");
    back(&bench, "rollback");
    let stand = status(&bench.client, "web", bench.cloud.now()).await;
    assert_eq!(stand.unwrap().drift, [""; 0]);
    expect(&bench.roll(V3).await, Verdict::Frozen);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    let ended = bench.roll(V2).await;
    assert_eq!(ended.refused[0].finding.code, "roll::quarantined");
    let again = bench.rollback().await;
    assert_eq!(again.verdict, Verdict::Failed, "{again:?}");
}

/// As behind a scale-out, or while zones are evened out. Found by seed 1069.
#[tokio::test(start_paused = true)]
async fn a_machine_that_has_only_just_come_makes_up_for_none_that_serves() {
    let bench = replaced().await;
    let scaling = |action: &str, more: serde_json::Value| {
        let mut given = json!({ "AutoScalingGroupName": "web-v001" });
        for (key, value) in more.as_object().unwrap() {
            given[key] = value.clone();
        }
        bench.meanwhile(Api::AutoScaling, action, &given);
    };
    let members = || {
        let group = bench.cloud.world().model.view_groups().remove(0);
        let there = group.members.into_iter();
        there.filter(|one| one.state == "InService").count()
    };
    let ends = json!({ "ScalingProcesses": ["Terminate"] });
    scaling("SuspendProcesses", ends.clone());
    scaling("SetDesiredCapacity", json!({ "DesiredCapacity": 4 }));
    while members() < 4 {
        bench.pass(1).await;
    }
    scaling("SetDesiredCapacity", json!({ "DesiredCapacity": 3 }));
    scaling("ResumeProcesses", ends);
    assert_eq!(bench.serving(), three(V2), "the fourth is not healthy yet");
    let watchman = bench.watched_back();
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    watchman.content("a rollback right behind a scale-out");
    back(&bench, "one more for a moment");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_stopped_or_killed_is_finished_by_the_next() {
    let base = replaced().await;
    killed_back(&base, async |bench, about| {
        let watchman = bench.watched_back();
        let again = bench.rollback().await;
        let is_over = tag(bench, "kiln:rolled").is_none();
        assert!(
            again.verdict == Verdict::Done || is_over,
            "{about}: {again:?}"
        );
        watchman.content(about);
        back(bench, about);
    })
    .await;
    let bench = base.fork().await;
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_secs(100)).await;
        bench.stop.request(kiln::run::Urgency::Ask);
    };
    let (ended, ()) = tokio::join!(bench.rollback(), stop);
    assert_eq!(ended.verdict, Verdict::Stopped, "{ended:?}");
    bench.pass(1800).await;
    let bench = bench.fork().await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    back(&bench, "stopped");
}
