//! Two groups that exist for good, made by others: rolls alternate between them, and nothing of them is ever deleted.

mod gone;
mod kept;
mod others;
mod refused;
mod trouble;

use kiln::roll::{Decision, Verdict};
use localcloud::model::Service as Api;
use localcloud::model::view::GroupView;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::plain::{nothing_left, three};
use super::world::SERVICE;
use super::{BLUE_GREEN, Bench, DEFAULT_RULE, V1, V2, V3, account, expect, quick, soak, text};

pub const CANARY: &str = r#"{ "type": "canary", "steps": [
    { "weight": 10, "hold": "20s" }, { "weight": 100, "hold": "10s" } ] }"#;

/// A service file in which the groups are a pair, which sets nothing.
pub fn paired(service: &str) -> String {
    let (start, end) = (
        service.find("  \"groups\"").unwrap(),
        service.find("  \"traffic\"").unwrap(),
    );
    let groups = r#"  "groups": { "mode": "pair", "names": ["web-blue", "web-green"] },"#;
    format!("{}{groups}\n{}", &service[..start], &service[end..])
}

/// The service file of a pair.
fn file(strategy: &str) -> String {
    let text = paired(SERVICE);
    text.replace("RULE", DEFAULT_RULE)
        .replace("STRATEGY", strategy)
}

fn arn(bench: &Bench, name: &str) -> String {
    let all = bench.cloud.world().model.view_target_groups();
    all.into_iter().find(|one| one.name == name).unwrap().arn
}

fn scaling(bench: &Bench, action: &str, given: &serde_json::Value) {
    bench.meanwhile(Api::AutoScaling, action, given);
}

fn make_target_group(bench: &Bench, name: &str) -> String {
    let vpc = bench.cloud.world().model.view_vpc().to_owned();
    let given = json!({ "Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2 });
    let made = bench.meanwhile(Api::Elb, "CreateTargetGroup", &given);
    let arn = text(&made, "TargetGroups.0.TargetGroupArn");
    let drains = json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "20" }]);
    let given = json!({ "TargetGroupArn": arn, "Attributes": drains });
    bench.meanwhile(Api::Elb, "ModifyTargetGroupAttributes", &given);
    arn
}

pub fn make_template(bench: &Bench, name: &str, image: &str, kind: &str) {
    let groups = bench.cloud.world().model.view_security_groups();
    let group = groups.into_iter().find(|one| one.name == "web").unwrap().id;
    let data = json!({ "ImageId": image, "InstanceType": kind, "SecurityGroupId": [group], "UserData": "dmVyc2lvbg==" });
    let given = json!({ "LaunchTemplateName": name, "LaunchTemplateData": data });
    bench.meanwhile(Api::Ec2, "CreateLaunchTemplate", &given);
}

pub fn make_group(
    bench: &Bench,
    name: &str,
    (template, version): (&str, &str),
    count: u32,
    target_group: &str,
) {
    let mut subnets = bench.cloud.world().model.view_subnets();
    subnets.sort_by(|one, other| one.zone.cmp(&other.zone));
    let subnets: Vec<String> = subnets.into_iter().map(|subnet| subnet.id).collect();
    let given = json!({ "AutoScalingGroupName": name, "MinSize": count.min(2), "MaxSize": 6, "DesiredCapacity": count,
        "LaunchTemplate": { "LaunchTemplateName": template, "Version": version },
        "VPCZoneIdentifier": subnets.join(","), "TargetGroupARNs": [target_group],
        "HealthCheckType": "ELB", "HealthCheckGracePeriod": 90,
        "Tags": [{ "Key": "owner", "Value": "infra", "PropagateAtLaunch": true }] });
    scaling(bench, "CreateAutoScalingGroup", &given);
}

/// What others have made: `web-blue` serves an image, `web-green` is empty. Each starts from a version of a template.
async fn made_by_others(strategy: &str, image: &str, of: [(&str, &str); 2]) -> Bench {
    let bench = Bench::in_account(account(), &file(strategy)).await;
    let (one, other) = (
        make_target_group(&bench, "web-a"),
        make_target_group(&bench, "web-b"),
    );
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    let lead = json!([{ "Type": "forward", "TargetGroupArn": one }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": lead });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    make_template(&bench, of[0].0, image, "t3.small");
    if of[1].0 != of[0].0 {
        make_template(&bench, of[1].0, V3, "t3.micro");
    }
    make_group(&bench, "web-blue", of[0], 3, &one);
    make_group(&bench, "web-green", of[1], 0, &other);
    bench.pass(90).await;
    assert_eq!(bench.serving(), three(image));
    bench
}

const NUMBER: [(&str, &str); 2] = [("web", "1"), ("web", "1")];
const LATEST: [(&str, &str); 2] = [("web", "$Latest"), ("web", "$Latest")];
const OWN: [(&str, &str); 2] = [("blue", "1"), ("green", "$Latest")];

/// `V1` serves, and no roll has been there.
pub async fn untouched() -> Bench {
    made_by_others(BLUE_GREEN, V1, NUMBER).await
}

/// The same, and both groups follow the newest version.
pub async fn on_latest() -> Bench {
    made_by_others(BLUE_GREEN, V1, LATEST).await
}

/// `V1` serves from `web-green`, and `web-blue` is kept.
async fn rolled_once() -> Bench {
    let bench = made_by_others(BLUE_GREEN, V3, NUMBER).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

fn group(bench: &Bench, name: &str) -> GroupView {
    let groups = bench.cloud.world().model.view_groups();
    groups.into_iter().find(|group| group.name == name).unwrap()
}

/// All of a group that its owner cares for.
fn owners(bench: &Bench, name: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    let group = group(bench, name);
    let tags: Vec<_> = group
        .tags
        .into_iter()
        .filter(|(key, _)| !key.starts_with("kiln:"))
        .collect();
    (
        group.min,
        group.max,
        group.desired,
        group.template,
        group.suspended,
        group.target_groups,
        tags,
    )
}

/// No group was made, and none deleted.
fn stay(bench: &Bench, about: &str) {
    let calls = bench.cloud.calls();
    let wrong = ["CreateAutoScalingGroup", "DeleteAutoScalingGroup"];
    assert!(
        !calls.iter().any(|call| wrong.contains(&call.as_str())),
        "{about}: {calls:?}"
    );
    let names: Vec<_> = bench.groups().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["web-blue", "web-green"], "{about}");
}

#[tokio::test(start_paused = true)]
async fn rolls_go_from_one_group_to_the_other_and_back() {
    for of in [NUMBER, LATEST, OWN] {
        let bench = made_by_others(BLUE_GREEN, V1, of).await;
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content("to the second");
        assert_eq!(bench.serving(), three(V2));
        let green = group(&bench, "web-green");
        assert_eq!((green.min, green.max, green.desired), (2, 6, 3));
        assert_eq!(green.tags.get("kiln:made-by"), None);
        nothing_left(&bench, "to the second");
        expect(&bench.roll(V2).await, Verdict::NothingToDo);
        bench.pass(3700).await;
        watchman.forward(&bench.cloud.world().model);
        expect(&bench.roll(V3).await, Verdict::Done);
        watchman.content("and back");
        assert_eq!(bench.serving(), three(V3));
        let blue = group(&bench, "web-blue");
        assert_eq!((blue.min, blue.max, blue.desired), (2, 6, 3));
        nothing_left(&bench, "and back");
        bench.pass(3700).await;
        expect(&bench.roll(V3).await, Verdict::NothingToDo);
        let green = group(&bench, "web-green");
        assert_eq!((green.min, green.max, green.desired), (0, 6, 0), "emptied");
        assert!(green.members.is_empty());
        nothing_left(&bench, "retired");
        stay(&bench, "back and forth");
    }
}

#[tokio::test(start_paused = true)]
async fn what_serves_goes_along_into_the_other_groups_template() {
    let bench = made_by_others(BLUE_GREEN, V1, OWN).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let kinds: Vec<_> = {
        let world = bench.cloud.world();
        let members = group_members(&world.model.view_groups(), "web-green");
        let instances = world.model.view_instances().into_iter();
        instances
            .filter(|one| members.contains(&one.id))
            .map(|one| one.instance_type)
            .collect()
    };
    assert_eq!(kinds, ["t3.small"; 3]);
}

fn group_members(groups: &[GroupView], name: &str) -> Vec<String> {
    let group = groups.iter().find(|group| group.name == name).unwrap();
    group
        .members
        .iter()
        .map(|member| member.instance.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_roll_gives_the_idle_group_back_as_it_was() {
    for (of, after) in [
        (NUMBER, false),
        (LATEST, false),
        (OWN, false),
        (NUMBER, true),
        (LATEST, true),
    ] {
        let mut bench = made_by_others(BLUE_GREEN, V1, of).await;
        let before = owners(&bench, "web-green");
        let blue = owners(&bench, "web-blue");
        if after {
            bench.service.checks.after = vec![soak(5)];
            let trouble = async {
                while bench.serving() != three(V2) {
                    bench.pass(1).await;
                }
                let groups = bench.cloud.world().model.view_groups();
                for id in group_members(&groups, "web-green") {
                    bench.meanwhile(
                        Api::Ec2,
                        "TerminateInstances",
                        &json!({ "InstanceId": [id] }),
                    );
                }
            };
            let (ended, ()) = tokio::join!(bench.roll(V2), trouble);
            expect(&ended, Verdict::Rejected);
        } else {
            let broken = Behaviour {
                service: Answers::Absent,
                ..quick()
            };
            bench.cloud.world().physics.set_behaviour(V2, broken);
            let watchman = bench.watched();
            expect(&bench.roll(V2).await, Verdict::Rejected);
            watchman.content("a broken image");
        }
        let about = format!("{of:?}, after the swap: {after}");
        assert_eq!(bench.serving(), three(V1), "{about}");
        assert_eq!(owners(&bench, "web-green"), before, "{about}");
        assert_eq!(owners(&bench, "web-blue"), blue, "{about}");
        let tags = group(&bench, "web-green").tags;
        let ours: Vec<_> = tags.keys().filter(|key| key.starts_with("kiln:")).collect();
        assert_eq!(ours, ["kiln:service"], "{about}");
        nothing_left(&bench, &about);
        stay(&bench, &about);
        expect(&bench.roll(V3).await, Verdict::Done);
        assert_eq!(bench.serving(), three(V3), "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_plan_says_what_is_taken_and_where_the_groups_differ() {
    let bench = made_by_others(BLUE_GREEN, V1, LATEST).await;
    let hook = json!({ "AutoScalingGroupName": "web-blue", "LifecycleHookName": "drain",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING" });
    scaling(&bench, "PutLifecycleHook", &hook);
    let max = json!({ "AutoScalingGroupName": "web-green", "MaxSize": 4 });
    scaling(&bench, "UpdateAutoScalingGroup", &max);
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let text = plan.to_string();
    for part in [
        "~ group web-blue: launch template version $Latest -> 1 (pinned)",
        "~ group web-green: 3 machines (min 2, max 4) in target group web-b",
        "    it follows $Latest, version 1, now\n    everything else as it is",
        "    note: lifecycle hooks at the end: 1 of web-blue, 0 of web-green",
        "    note: maximum: 6 of web-blue, 4 of web-green",
        "- group web-blue: kept whole for 3600 s, then emptied",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(!text.contains("grace period"), "{text}");
}

/// The owner's hook is on one group alone: nothing of the other is copied.
#[tokio::test(start_paused = true)]
async fn nothing_is_copied_from_one_group_to_the_other() {
    let bench = untouched().await;
    let action = json!({ "AutoScalingGroupName": "web-blue", "ScheduledActionName": "night", "Recurrence": "0 1 * * *",
        "DesiredCapacity": 3 });
    scaling(&bench, "PutScheduledUpdateGroupAction", &action);
    expect(&bench.roll(V2).await, Verdict::Done);
    let wrong = [
        "PutScheduledUpdateGroupAction",
        "PutScalingPolicy",
        "PutLifecycleHook",
        "PutMetricAlarm",
    ];
    let calls = bench.cloud.calls();
    let found: Vec<_> = calls
        .iter()
        .filter(|call| wrong.contains(&call.as_str()))
        .collect();
    assert_eq!(found, [""; 0]);
}
