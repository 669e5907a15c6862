//! Others at work while a roll runs: a second writer, a scale-out, a group that follows `$Latest`.

mod pinned;

use jiff::SignedDuration;
use kiln::cloud::tag;
use kiln::roll::{Error, Verdict, status};
use kiln::run::{Clock as _, Unwind as _};
use kiln::undo::{Undo, Unwinder};
use localcloud::model::{Model, Service as Api};
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

use super::plain::{nothing_left, rolled_once, three};
use super::regrow::minimum;
use super::{Bench, OWN_RULE, V1, V2, V3, expect, production, quick, soak};

/// Rolls `V2`, and does something after so many seconds.
async fn roll_and(bench: &Bench, seconds: u64, other: impl FnOnce(&Bench)) -> kiln::roll::Ended {
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        other(bench);
    };
    tokio::join!(bench.roll(V2), meanwhile).0
}

fn listener(model: &Model) -> String {
    model.view_listeners()[0].arn.clone()
}

#[tokio::test(start_paused = true)]
async fn a_second_writer_of_the_listener_is_never_overwritten() {
    let bench = rolled_once().await;
    let ended = roll_and(&bench, 15, |bench| {
        let model = &bench.cloud.world().model.clone();
        let fixed =
            json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
        let change = json!({"ListenerArn": listener(model), "DefaultActions": fixed});
        bench.meanwhile(Api::Elb, "ModifyListener", &change);
    })
    .await;
    expect(&ended, Verdict::Traffic);
    let error = ended
        .failure
        .as_ref()
        .and_then(|failure| failure.error::<Error>());
    let Some(Error::TrafficChanged { mend, .. }) = error else {
        panic!("{ended:#?}");
    };
    for command in [
        "`aws elbv2 describe-listeners --listener-arns arn:",
        "`aws elbv2 modify-listener --listener-arn arn:",
        r#"--default-actions '[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:"#,
    ] {
        assert!(mend.contains(command), "{mend}");
    }
    assert_eq!(
        bench.serving(),
        BTreeMap::new(),
        "as the other writer wanted"
    );
    nothing_left(&bench, "second writer");
}

/// Somebody has led all of the traffic to the next target group while it was proven, and the roll has died with its journal: what served
/// is in no rule any more, so that nobody knows of its health.
async fn led_to_what_is_not_proven() -> Bench {
    let bench = rolled_once().await;
    let killed = async {
        bench.pass(25).await;
        let model = &bench.cloud.world().model.clone();
        let mut groups = model.view_groups().into_iter();
        let next = groups.find(|group| group.name == "web-v002").unwrap();
        let all = json!([{ "Type": "forward", "TargetGroupArn": next.target_groups[0] }]);
        let change = json!({ "ListenerArn": listener(model), "DefaultActions": all });
        bench.meanwhile(Api::Elb, "ModifyListener", &change);
    };
    tokio::select! {
        biased;
        () = killed => {}
        ended = bench.roll(V2) => panic!("{ended:#?}"),
    }
    bench.journals.lose();
    bench.pass(60).await;
    assert_eq!(bench.serving(), three(V2), "as its writer wanted");
    bench
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_leads_to_any_more_is_named_before_a_dead_roll_goes_back_to_it() {
    let bench = led_to_what_is_not_proven().await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "a dead roll that somebody had led all traffic to");
}

/// What served is sick: traffic stays, the rule is as its writer wanted, and the dead roll may be gone on with.
#[tokio::test(start_paused = true)]
async fn what_is_named_for_its_health_in_vain_is_named_no_more() {
    let bench = led_to_what_is_not_proven().await;
    let before = production(&bench.cloud.world().model);
    let sick = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V1, sick);
    expect(&bench.roll(V3).await, Verdict::Traffic);
    assert_eq!(production(&bench.cloud.world().model), before);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn traffic_that_is_led_elsewhere_during_the_soak_is_not_called_done() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(5)];
    let ended = roll_and(&bench, 240, |bench| {
        let model = &bench.cloud.world().model.clone();
        let fixed =
            json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
        let change = json!({"ListenerArn": listener(model), "DefaultActions": fixed});
        assert!(!bench.serving().is_empty(), "the swap was made");
        bench.meanwhile(Api::Elb, "ModifyListener", &change);
    })
    .await;
    expect(&ended, Verdict::Traffic);
    assert_eq!(
        bench.serving(),
        BTreeMap::new(),
        "as the other writer wanted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_looks_at_the_rule_that_it_made_after_the_soak_too() {
    let mut bench = Bench::with(OWN_RULE).await;
    bench.service.checks.after = vec![soak(5)];
    let ended = roll_and(&bench, 240, |bench| {
        let listeners = bench.cloud.world().model.view_listeners();
        let rules = listeners.iter().flat_map(|listener| &listener.rules);
        let ours =
            rules.filter(|rule| rule.priority.is_some() && !rule.tags.contains_key(tag::RULE));
        let [rule] = ours.collect::<Vec<_>>()[..] else {
            panic!("one production rule: {listeners:?}");
        };
        let fixed =
            json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
        let change = json!({"RuleArn": rule.arn, "Actions": fixed});
        bench.meanwhile(Api::Elb, "ModifyRule", &change);
    })
    .await;
    // The rule is this roll's own: with it goes what the other writer made of it, and all is as it was found.
    expect(&ended, Verdict::Failed);
    let error = ended
        .failure
        .as_ref()
        .and_then(|failure| failure.error::<Error>());
    assert!(
        matches!(error, Some(Error::TrafficChanged { .. })),
        "{ended:#?}"
    );
    assert_eq!(bench.groups(), []);
    nothing_left(&bench, "changed rule");
}

#[tokio::test(start_paused = true)]
async fn what_scales_out_in_the_middle_is_followed() {
    let bench = rolled_once().await;
    for second in [1, 12, 25, 40] {
        let bench = bench.fork().await;
        let watchman = bench.watched();
        let ended = roll_and(&bench, second, |bench| {
            let sizes = json!({"AutoScalingGroupName": "web-v001", "DesiredCapacity": 5});
            bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
        })
        .await;
        expect(&ended, Verdict::Done);
        watchman.content("scale-out");
        assert_eq!(
            bench.serving(),
            BTreeMap::from([(V2.to_owned(), 5)]),
            "at {second} s"
        );
        nothing_left(&bench, "scale-out");
    }
}

#[tokio::test(start_paused = true)]
async fn replaying_the_journal_of_a_roll_that_went_through_changes_nothing() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let view = |bench: &Bench| {
        let world = bench.cloud.world();
        let model = &world.model;
        let groups: Vec<_> = model
            .view_groups()
            .into_iter()
            .map(|group| (group.name, group.desired, group.tags))
            .collect();
        format!(
            "{:?} {:?} {:?} {:?}",
            groups,
            model.view_listeners(),
            model.view_templates(),
            model.view_target_groups().len()
        )
    };
    let before = view(&bench);
    let unwinder = Unwinder::new(&bench.client);
    for undo in bench.journals.intents().into_iter().rev() {
        let Undo::Roll(_) = &undo else { continue };
        unwinder
            .undo(&undo)
            .await
            .unwrap_or_else(|error| panic!("{undo}: {error}"));
    }
    assert_eq!(view(&bench), before);
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_can_never_go_through_fails_fast_and_spares_the_image() {
    let mut bench = rolled_once().await;
    bench.service.set.instance_type.as_mut().unwrap().value = "t9.nonsense".to_owned();
    let watchman = bench.watched();
    let before = tokio::time::Instant::now();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    watchman.content("launch failure");
    assert!(
        before.elapsed() < Duration::from_mins(1),
        "{:?}",
        before.elapsed()
    );
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "launch failure");
}

/// The schedule of the previous group sets its sizes while the next one, whose schedule waits, serves already.
#[tokio::test(start_paused = true)]
async fn what_a_schedule_sets_behind_the_swap_is_taken_over() {
    let mut bench = rolled_once().await;
    bench.service.checks.after[0] = soak(10);
    let watchman = bench.watched();
    let schedule = async {
        while bench.serving() != three(V2) {
            bench.pass(1).await;
        }
        let soon = bench.cloud.now() + SignedDuration::from_mins(2);
        let soon = soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let given = json!({ "AutoScalingGroupName": "web-v001", "ScheduledActionName": "morning", "StartTime": soon,
            "MaxSize": 9, "DesiredCapacity": 5 });
        bench.meanwhile(Api::AutoScaling, "PutScheduledUpdateGroupAction", &given);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), schedule);
    expect(&ended, Verdict::Done);
    watchman.content("a schedule behind the swap");
    bench.pass(300).await;
    let groups = bench.cloud.world().model.view_groups();
    let next = groups.iter().find(|one| one.name == "web-v002").unwrap();
    assert_eq!((next.min, next.desired, next.max), (2, 5, 9));
    let shown = status(&bench.client, "web", bench.cloud.now()).await;
    assert_eq!(shown.unwrap().drift, [""; 0]);
    nothing_left(&bench, "a schedule behind the swap");
}

/// A schedule or a person raises the minimum of the group that serves, or of the one that did, while kiln holds it.
#[tokio::test(start_paused = true)]
async fn a_minimum_that_somebody_raises_while_it_is_held_stays() {
    for group in ["web-v001", "web-v002"] {
        let mut bench = rolled_once().await;
        bench.service.checks.after[0] = soak(10);
        let watchman = bench.watched();
        let person = async {
            while bench.serving() != three(V2) {
                bench.pass(1).await;
            }
            bench.pass(60).await;
            raise(&bench, group);
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), person);
        expect(&ended, Verdict::Done);
        watchman.content(group);
        assert_eq!(minimum(&bench, "web-v002"), (4, false), "{group}");
        nothing_left(&bench, group);
    }
}

/// The same of a kept group, to which a rollback goes.
#[tokio::test(start_paused = true)]
async fn a_minimum_of_a_kept_group_that_somebody_raises_is_its_own_after_a_rollback() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    raise(&bench, "web-v001");
    bench.pass(200).await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(minimum(&bench, "web-v001"), (4, false));
}

fn raise(bench: &Bench, group: &str) {
    let larger = json!({ "AutoScalingGroupName": group, "MinSize": 4 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &larger);
}
