//! What keeps a pair from being rolled: all of it at once, each at its place, and nothing touched.

use kiln::roll::{Ended, Verdict};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::refused::refused;
use super::super::{BLUE_GREEN, Bench, V1, V2, expect};
use super::{NUMBER, arn, made_by_others, make_group, scaling, untouched};

/// The help of each refusal, all of which stand at a place of the file.
pub fn helps(ended: &Ended) -> Vec<String> {
    let each = ended.refused.iter().map(|one| {
        assert!(
            !one.finding.labels.is_empty(),
            "{:?} has no place",
            one.finding
        );
        one.finding.help.clone().unwrap()
    });
    each.collect()
}

fn tag(bench: &Bench, group: &str, key: &str, value: &str) {
    let tags = json!([{ "ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key, "Value": value,
        "PropagateAtLaunch": false }]);
    scaling(bench, "CreateOrUpdateTags", &json!({ "Tags": tags }));
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_not_there_are_named_with_the_nearest() {
    let mut bench = untouched().await;
    let names = bench.service.groups.pair.as_mut().unwrap();
    "web-grren".clone_into(&mut names[1].value);
    let ended = refused(&bench, Verdict::Refused, &["roll::no_group"]).await;
    assert_eq!(helps(&ended), ["did you mean `web-green`?"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_somebody_elses_or_a_rolls_own_is_none_of_a_pair() {
    let bench = untouched().await;
    tag(&bench, "web-green", "kiln:service", "shop");
    tag(&bench, "web-blue", "kiln:made-by", "0.1");
    let ended = refused(&bench, Verdict::Refused, &["roll::pair"; 2]).await;
    for (help, key) in helps(&ended).iter().zip(["kiln:made-by", "kiln:service"]) {
        assert!(
            help.contains("aws autoscaling delete-tags") && help.contains(key),
            "{help}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_could_not_be_emptied_is_none_of_a_pair() {
    let bench = untouched().await;
    let protect =
        json!({ "AutoScalingGroupName": "web-green", "NewInstancesProtectedFromScaleIn": true });
    scaling(&bench, "UpdateAutoScalingGroup", &protect);
    let ended = refused(&bench, Verdict::Refused, &["roll::pair"]).await;
    let help = helps(&ended).remove(0);
    assert!(
        help.ends_with("web-green --no-new-instances-protected-from-scale-in"),
        "{help}"
    );
}

/// It is never deleted, so that it may be protected from that.
#[tokio::test(start_paused = true)]
async fn a_group_of_a_pair_may_be_protected_from_deletion() {
    let bench = untouched().await;
    for group in ["web-blue", "web-green"] {
        let protect =
            json!({ "AutoScalingGroupName": group, "DeletionProtection": "prevent-all-deletion" });
        scaling(&bench, "UpdateAutoScalingGroup", &protect);
    }
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// The local cloud has none of these: they are read into what it says of the idle group.
#[tokio::test(start_paused = true)]
async fn what_brings_machines_in_unproven_is_none_of_a_pair() {
    const NAME: &str = "<AutoScalingGroupName>web-green</AutoScalingGroupName>";
    const POOL: &str = "<WarmPoolConfiguration><MinSize>1</MinSize></WarmPoolConfiguration>";
    const CLASSIC: &str = "<LoadBalancerNames><member>old</member></LoadBalancerNames>";
    for (is, seen, what) in [
        ("", POOL, "a warm pool"),
        (
            "<LoadBalancerNames></LoadBalancerNames>",
            CLASSIC,
            "a classic load balancer",
        ),
        (
            "<Type>elbv2</Type>",
            "<Type>vpc-lattice</Type>",
            "a traffic source of type vpc-lattice",
        ),
    ] {
        let bench = untouched().await;
        bench.cloud.accustom(Box::new(move |call| {
            if call.action != "DescribeAutoScalingGroups" {
                return call.go();
            }
            call.misread(|answer| match answer.split_once(NAME) {
                Some((before, of)) => format!("{before}{NAME}{}", of.replacen(is, seen, 1)),
                None => answer,
            })
        }));
        let ended = refused(&bench, Verdict::Refused, &["roll::pair"]).await;
        let text = &ended.refused[0].finding.message;
        assert!(text.contains("web-green") && text.contains(what), "{text}");
        assert_eq!(helps(&ended), ["take it off both groups"]);
    }
}

#[tokio::test(start_paused = true)]
async fn each_group_is_behind_one_target_group_and_nobody_else_is() {
    let bench = untouched().await;
    let (one, other) = (arn(&bench, "web-a"), arn(&bench, "web-b"));
    let given = json!({ "AutoScalingGroupName": "web-green", "TargetGroupARNs": [other] });
    scaling(&bench, "DetachLoadBalancerTargetGroups", &given);
    bench.pass(60).await;
    let ended = refused(&bench, Verdict::Refused, &["roll::pair"]).await;
    let help = helps(&ended).remove(0);
    assert!(
        help.contains("attach-load-balancer-target-groups --auto-scaling-group-name web-green"),
        "{help}"
    );
    let given = json!({ "AutoScalingGroupName": "web-green", "TargetGroupARNs": [one] });
    scaling(&bench, "AttachLoadBalancerTargetGroups", &given);
    make_group(&bench, "stranger", NUMBER[0], 0, &other);
    bench.pass(60).await;
    let ended = refused(&bench, Verdict::Refused, &["roll::pair"; 2]).await;
    let texts: Vec<_> = ended
        .refused
        .iter()
        .map(|one| one.finding.message.clone())
        .collect();
    assert!(
        texts[0].contains("group stranger is behind target group web-b"),
        "{texts:?}"
    );
    assert!(
        texts[1].contains("are both behind target group web-a"),
        "{texts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_of_the_two_must_serve() {
    let bench = untouched().await;
    let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
    let fixed =
        json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": fixed });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    let ended = refused(&bench, Verdict::Refused, &["roll::pair"]).await;
    assert!(helps(&ended)[0].contains("lead it to the target group"));
}

#[tokio::test(start_paused = true)]
async fn the_idle_group_must_be_empty_able_and_large_enough() {
    let bench = made_by_others(BLUE_GREEN, V1, NUMBER).await;
    let small = json!({ "AutoScalingGroupName": "web-green", "MaxSize": 2 });
    scaling(&bench, "UpdateAutoScalingGroup", &small);
    let stopped = json!({ "AutoScalingGroupName": "web-green", "ScalingProcesses": ["Launch"] });
    scaling(&bench, "SuspendProcesses", &stopped);
    let ended = refused(
        &bench,
        Verdict::Failed,
        &["roll::suspended", "roll::maximum"],
    )
    .await;
    let help = ended.refused[1].finding.help.clone().unwrap();
    assert!(
        help.ends_with("--auto-scaling-group-name web-green --max-size 6"),
        "{help}"
    );
    scaling(&bench, "ResumeProcesses", &stopped);
    let filled = json!({ "AutoScalingGroupName": "web-green", "MaxSize": 6, "DesiredCapacity": 1 });
    scaling(&bench, "UpdateAutoScalingGroup", &filled);
    bench.pass(60).await;
    let ended = refused(&bench, Verdict::Failed, &["roll::occupied"]).await;
    assert!(ended.refused[0].finding.help.is_some());
}
