//! What is refused before anything is touched: other people's rules and templates, target groups that are no pair, and an
//! account without room.

use std::time::Duration;

use kiln::roll::{Decision, Ended, Verdict};
use localcloud::model::{Cidr, Config, Service as Api};
use serde_json::json;

use super::canary;
use super::plain::{rolled_once, three};
use super::world::SERVICE;
use super::{BLUE_GREEN, Bench, DEFAULT_RULE, OWN_RULE, V1, V2, V3, account, expect, text};
use crate::simulation::cloud::Mishap;

/// Plans a roll of `V2`, which must be refused with these codes and touch nothing.
pub async fn refused(bench: &Bench, verdict: Verdict, codes: &[&str]) -> Ended {
    let before = bench.cloud.writes().len();
    let ended = bench.roll(V2).await;
    expect(&ended, verdict);
    let found: Vec<_> = ended.refused.iter().map(|one| one.finding.code).collect();
    assert_eq!(found, codes, "{:#?}", ended.refused);
    assert_eq!(bench.cloud.writes().len(), before);
    ended
}

/// The one refusal, which stands at a place of the file and says what to do.
pub async fn refused_input(bench: &Bench, code: &str) -> String {
    let ended = refused(bench, Verdict::Refused, &[code]).await;
    let finding = &ended.refused[0].finding;
    assert!(!finding.labels.is_empty(), "{code} has no place");
    finding.help.clone().unwrap()
}

/// With either a next group could not be taken back.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_protected_from_going_is_not_copied() {
    let bench = rolled_once().await;
    for (setting, value, what) in [
        (
            "DeletionProtection",
            json!("prevent-force-deletion"),
            "a deletion protection",
        ),
        (
            "NewInstancesProtectedFromScaleIn",
            json!(true),
            "a protection of new instances from scale-in",
        ),
    ] {
        let bench = bench.fork().await;
        let protect = json!({ "AutoScalingGroupName": "web-v001", (setting): value });
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &protect);
        let ended = refused(&bench, Verdict::Failed, &["roll::not_copied"]).await;
        let message = &ended.refused[0].finding.message;
        assert!(
            message.contains(&format!("group web-v001 has {what},")),
            "{message}"
        );
    }
    let none = json!({ "AutoScalingGroupName": "web-v001", "DeletionProtection": "none" });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &none);
    expect(&bench.roll(V2).await, Verdict::Done);
}

fn target_group(bench: &Bench, name: &str) -> String {
    let groups = bench.cloud.world().model.view_target_groups();
    let found = groups.into_iter().find(|group| group.name == name);
    found.unwrap().arn
}

fn make_target_group(bench: &Bench, name: &str, protocol: &str) -> String {
    let vpc = bench.cloud.world().model.view_vpc().to_owned();
    let given = json!({ "Name": name, "Protocol": protocol, "Port": 443, "VpcId": vpc });
    let made = bench.meanwhile(Api::Elb, "CreateTargetGroup", &given);
    text(&made, "TargetGroups.0.TargetGroupArn")
}

fn tag(bench: &Bench, arn: &str, service: &str) {
    let given =
        json!({ "ResourceArns": [arn], "Tags": [{ "Key": "kiln:service", "Value": service }] });
    bench.meanwhile(Api::Elb, "AddTags", &given);
}

#[tokio::test(start_paused = true)]
async fn two_target_groups_of_different_protocols_are_no_pair() {
    let bench = Bench::new().await;
    make_target_group(&bench, "web-a", "HTTPS");
    let help = refused_input(&bench, "roll::protocols").await;
    assert!(help.contains("write the protocol"), "{help}");
    make_target_group(&bench, "web-b", "HTTP");
    let help = refused_input(&bench, "roll::protocols").await;
    assert!(help.contains("of one protocol"), "{help}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_another_service_is_not_taken_over() {
    let bench = Bench::with(DEFAULT_RULE).await;
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    tag(&bench, &listener, "shop");
    let help = refused_input(&bench, "roll::rule_of_another").await;
    assert!(help.contains("remove-tags --resource-arns"), "{help}");
    let bench = Bench::with(OWN_RULE).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let rules = bench.cloud.world().model.view_listeners().remove(0).rules;
    let own = rules.iter().find(|rule| {
        rule.priority.is_some() && !rule.tags.contains_key("kiln:rule") && rule.tags.len() > 1
    });
    tag(&bench, &own.unwrap().arn, "shop");
    refused_input(&bench, "roll::rule_of_another").await;
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn another_group_that_would_start_the_new_image_by_itself_is_named() {
    let bench = rolled_once().await;
    let groups = bench.cloud.world().model.view_groups();
    let (template, _) = groups[0].template.clone().unwrap();
    let subnet = bench.cloud.world().model.view_subnets()[0].id.clone();
    let given = json!({ "AutoScalingGroupName": "batch", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnet,
        "LaunchTemplate": { "LaunchTemplateId": template, "Version": "$Latest" } });
    bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &given);
    let ended = refused(&bench, Verdict::Refused, &["roll::shared_template"]).await;
    let message = &ended.refused[0].finding.message;
    assert!(message.contains("group batch follows $Latest"), "{message}");
    // By a single type of its mix.
    let of = |version: &str| json!({ "LaunchTemplateId": template, "Version": version });
    let mix = json!({ "LaunchTemplate": { "LaunchTemplateSpecification": of("1"),
        "Overrides": [{ "InstanceType": "t3.micro" },
            { "InstanceType": "t3.small", "LaunchTemplateSpecification": of("$Latest") }] } });
    let given = json!({ "AutoScalingGroupName": "batch", "MixedInstancesPolicy": mix });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    let ended = refused(&bench, Verdict::Refused, &["roll::shared_template"]).await;
    let message = &ended.refused[0].finding.message;
    assert!(message.contains("group batch follows $Latest"), "{message}");
}

/// Row 39 of docs/complaints.md.
#[tokio::test(start_paused = true)]
async fn shares_among_sticky_target_groups_are_refused_in_the_plan() {
    let bench = canary::base().await;
    let arn = target_group(&bench, "web-b");
    let sticky = json!({ "TargetGroupArn": arn, "Attributes": [
        { "Key": "stickiness.enabled", "Value": "true" }, { "Key": "stickiness.type", "Value": "lb_cookie" } ] });
    bench.meanwhile(Api::Elb, "ModifyTargetGroupAttributes", &sticky);
    let help = refused_input(&bench, "roll::stickiness").await;
    assert!(help.contains("TargetGroupStickinessConfig"), "{help}");
    let mut bench = bench;
    bench.service.strategy = kiln::template::service::Strategy::BlueGreen;
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// Row 24: machines in slow start are waited for, and what served before is kept until they carry their share.
#[tokio::test(start_paused = true)]
async fn machines_in_slow_start_are_given_their_time() {
    let mut bench = rolled_once().await;
    bench.service.keep.place = None;
    bench.service.keep.previous = Duration::from_mins(1);
    let arn = target_group(&bench, "web-b");
    let slow = json!({ "TargetGroupArn": arn, "Attributes": [
        { "Key": "slow_start.duration_seconds", "Value": "300" } ] });
    bench.meanwhile(Api::Elb, "ModifyTargetGroupAttributes", &slow);
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    assert_eq!(plan.keep, Duration::from_mins(5));
    let whole = async {
        let (mut whole, mut swapped) = (None, None);
        while swapped.is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = tokio::time::Instant::now();
            let groups = bench.cloud.world().model.view_target_groups();
            let next = groups.into_iter().find(|group| group.name == "web-b");
            let targets = next.unwrap().targets;
            let healthy = targets.iter().filter(|target| target.state == "healthy");
            if healthy.count() == 3 {
                whole.get_or_insert(now);
            }
            swapped = bench.serving().contains_key(V2).then_some(now);
        }
        swapped.unwrap() - whole.unwrap()
    };
    let (ended, waited) = tokio::join!(bench.roll(V2), whole);
    expect(&ended, Verdict::Done);
    assert!(waited >= Duration::from_mins(5), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_without_room_for_its_rules_is_told_of() {
    let bench = rolled_once().await;
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    let serving = target_group(&bench, "web-a");
    let fixed =
        json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }]);
    let rule = |number: u32| {
        let host = format!("{number}.example");
        json!({ "ListenerArn": listener, "Priority": 1000 + number, "Actions": fixed,
            "Conditions": [{ "Field": "host-header", "Values": [host] }] })
    };
    for number in 0..98 {
        bench.meanwhile(Api::Elb, "CreateRule", &rule(number));
    }
    expect(&bench.plan(V2).await, Verdict::Done);
    bench.meanwhile(Api::Elb, "CreateRule", &rule(98));
    let ended = refused(&bench, Verdict::Failed, &["roll::quota"]).await;
    let message = &ended.refused[0].finding.message;
    assert_eq!(
        message,
        "99 rules of load balancer public, 100 at the most, and this roll adds 2"
    );
    assert_eq!(target_group(&bench, "web-a"), serving);
}

#[tokio::test(start_paused = true)]
async fn quotas_of_target_groups_and_groups_are_heeded() {
    let bench = rolled_once().await;
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    for number in 0..99 {
        let arn = make_target_group(&bench, &format!("other-{number}"), "HTTP");
        let given = json!({ "ListenerArn": listener, "Priority": 1000 + number / 5,
            "Conditions": [{ "Field": "host-header", "Values": [format!("{number}.example")] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": arn }] });
        // Five a rule: rules have a quota of their own.
        if number % 5 == 0 {
            bench.meanwhile(Api::Elb, "CreateRule", &given);
            continue;
        }
        let rules = bench.cloud.world().model.view_listeners().remove(0).rules;
        let rule = rules
            .iter()
            .find(|rule| rule.priority == Some(1000 + number / 5));
        let rule = rule.unwrap();
        let shares = rule
            .forwards
            .iter()
            .map(|(arn, _)| arn.clone())
            .chain([arn]);
        let shares: Vec<_> = shares
            .map(|arn| json!({ "TargetGroupArn": arn, "Weight": 1 }))
            .collect();
        let actions = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": shares } }]);
        let given = json!({ "RuleArn": rule.arn, "Actions": actions });
        bench.meanwhile(Api::Elb, "ModifyRule", &given);
    }
    let subnet = bench.cloud.world().model.view_subnets()[0].id.clone();
    let (template, version) = bench.cloud.world().model.view_groups()[0]
        .template
        .clone()
        .unwrap();
    for number in 0..499 {
        let given = json!({ "AutoScalingGroupName": format!("other-{number}"), "MinSize": 0, "MaxSize": 1,
            "LaunchTemplate": { "LaunchTemplateId": template, "Version": version },
            "VPCZoneIdentifier": subnet });
        bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &given);
    }
    let ended = refused(&bench, Verdict::Failed, &["roll::quota", "roll::quota"]).await;
    let said: Vec<_> = ended
        .refused
        .iter()
        .map(|one| one.finding.message.as_str())
        .collect();
    assert!(
        said[0].starts_with("100 target groups of load balancer public, 100 at the most"),
        "{said:?}"
    );
    assert_eq!(
        said[1],
        "500 Auto Scaling groups, 500 at the most, and this roll adds 1"
    );
}

/// A right that is lacking keeps nobody from rolling, and the plan says what it does not know.
#[tokio::test(start_paused = true)]
async fn quotas_that_may_not_be_asked_are_a_note() {
    let bench = rolled_once().await;
    bench.cloud.deny("DescribeAccountLimits");
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let shown = plan.to_string();
    assert_eq!(shown.matches("note: the quotas of").count(), 2, "{shown}");
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// Nor does a call that is not answered.
#[tokio::test(start_paused = true)]
async fn quotas_that_nobody_answers_for_are_a_note() {
    let base = rolled_once().await;
    let counted = base.fork().await;
    expect(&counted.plan(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let at = calls.iter().position(|one| one == "DescribeAccountLimits");
    let bench = base.fork().await;
    bench.cloud.plan(at.unwrap() + 1, Mishap::Down);
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let shown = plan.to_string();
    assert_eq!(shown.matches("note: the quotas of").count(), 1, "{shown}");
}

/// What goes first leaves its room: rules and addresses are short of two groups and the next, roll after roll.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_makes_way_leaves_its_room() {
    let tiny = Config {
        vpc: Cidr::new([172, 31, 0, 0].into(), 24),
        ..account()
    };
    let text = SERVICE
        .replace("RULE", DEFAULT_RULE)
        .replace("STRATEGY", BLUE_GREEN);
    let bench = Bench::in_account(tiny, &text).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let sizes = json!({ "AutoScalingGroupName": "web-v001", "MaxSize": 20, "DesiredCapacity": 15 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
    bench.pass(60).await;
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    let fixed =
        json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }]);
    for number in 0..98 {
        let host = format!("{number}.example");
        let rule = json!({ "ListenerArn": listener, "Priority": 1000 + number, "Actions": fixed,
            "Conditions": [{ "Field": "host-header", "Values": [host] }] });
        bench.meanwhile(Api::Elb, "CreateRule", &rule);
    }
    for image in [V2, V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
        assert_eq!(bench.serving(), [(image.to_owned(), 15)].into());
    }
    // What is due goes first too.
    bench.pass(3700).await;
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// The subnets of the group that serves are looked at too, not only those that the file names.
#[tokio::test(start_paused = true)]
async fn the_subnets_must_hold_the_next_group_beside_the_one_that_serves() {
    let bench = rolled_once().await;
    let sizes =
        json!({ "AutoScalingGroupName": "web-v001", "MaxSize": 20000, "DesiredCapacity": 20000 });
    bench.meanwhile(
        Api::AutoScaling,
        "SuspendProcesses",
        &json!({
        "AutoScalingGroupName": "web-v001", "ScalingProcesses": ["HealthCheck"] }),
    );
    bench
        .cloud
        .world()
        .model
        .inject(
            localcloud::model::FaultPlan::default().scarce(localcloud::model::Scarcity {
                times: 100_000,
                ..localcloud::model::Scarcity::default()
            }),
        );
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
    let ended = bench.plan(V2).await;
    let codes: Vec<_> = ended.refused.iter().map(|one| one.finding.code).collect();
    assert!(codes.contains(&"roll::subnet"), "{codes:?}");
    let message = &ended.refused[0].finding.message;
    assert!(
        message.contains("free addresses, and 6667 machines more"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_the_roll_will_take() {
    let bench = rolled_once().await;
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let outlook = &plan.outlook;
    let seen = outlook.seen.unwrap().as_secs();
    assert!(
        (10..60).contains(&seen),
        "as the first roll has seen it: {seen}"
    );
    assert_eq!(
        outlook.least,
        Duration::from_secs(2 * seen + 30),
        "two starts and the soak"
    );
    assert_eq!(outlook.beside, outlook.least + Duration::from_hours(1));
    let began = tokio::time::Instant::now();
    expect(&bench.roll(V2).await, Verdict::Done);
    let took = began.elapsed();
    assert!(
        took >= outlook.least && took <= outlook.longest,
        "{took:?} {outlook:?}"
    );
}
