//! Defects that forget a call, make it otherwise, or make one too many.

use localcloud::model::Service as Api;
use localcloud::model::view::GroupView;
use localcloud::wire::HttpResponse;
use serde_json::json;

use crate::simulation::habit::Call;
use crate::simulation::roll::{Bench, production};

const PROCESSES: &str = "kiln%3Alease%3Aprocesses";
const EXPIRES: &str = "kiln%3Aexpires";

/// Has some calls carried out by `habit`.
fn of(bench: &Bench, is: fn(&Call<'_>) -> bool, habit: fn(Call<'_>) -> HttpResponse) {
    bench.cloud.accustom(Box::new(
        move |call| {
            if is(&call) { habit(call) } else { call.go() }
        },
    ));
}

/// Has some calls answered, and not carried out.
fn forget(bench: &Bench, is: fn(&Call<'_>) -> bool) {
    bench.cloud.accustom(Box::new(
        move |call| {
            if is(&call) { call.forget() } else { call.go() }
        },
    ));
}

pub fn untagged_suspension(bench: &Bench) {
    let is = |call: &Call<'_>| call.action == "CreateOrUpdateTags" && call.names(PROCESSES);
    forget(bench, is);
}

pub fn machine_replaced(bench: &Bench) {
    let is = |call: &Call<'_>| {
        call.action == "CreateReplaceRootVolumeTask" && !call.names("DryRun=true")
    };
    of(bench, is, |mut call| {
        let id = call.says("InstanceId");
        let answer = call.world.answer(&call.request, call.now);
        call.also(
            Api::Ec2,
            "TerminateInstances",
            &json!({ "InstanceId": [id] }),
        );
        answer
    });
}

pub fn never_resumed(bench: &Bench) {
    forget(bench, |call| call.action == "ResumeProcesses");
}

pub fn rule_stays(bench: &Bench) {
    forget(bench, |call| call.action == "DeleteRule");
}

pub fn expiry_stays(bench: &Bench) {
    let is = |call: &Call<'_>| call.action == "DeleteTags" && call.names(EXPIRES);
    forget(bench, is);
}

/// Whether it makes the minimum of its group smaller, and is not there to empty it.
fn lowers(call: &Call<'_>) -> bool {
    let min = || call.says("MinSize")?.parse::<i64>().ok();
    let was = || Some(call.group()?.min);
    let emptied = call.says("DesiredCapacity").is_some_and(|to| to == "0");
    call.action == "UpdateAutoScalingGroup"
        && !emptied
        && min().zip(was()).is_some_and(|(to, was)| to < was)
}

pub fn minimum_stays(bench: &Bench) {
    forget(bench, lowers);
}

pub fn minimum_is_lost(bench: &Bench) {
    of(bench, lowers, |call| {
        let min = format!("MinSize={}", call.says("MinSize").unwrap_or_default());
        call.reword(|body| body.replace(&min, "MinSize=0"))
    });
}

const VERSION: &str = "LaunchTemplate.Version";

pub fn stays_pinned(bench: &Bench) {
    let is = |call: &Call<'_>| {
        let version = call.says(VERSION).unwrap_or_default();
        call.action == "UpdateAutoScalingGroup" && version.starts_with("%24")
    };
    forget(bench, is);
}

pub fn previous_renewed(bench: &Bench) {
    bench.cloud.accustom(Box::new(|mut call| {
        let answer = call.world.answer(&call.request, call.now);
        if call.action == "CreateLaunchTemplateVersion"
            && let Some(previous) = previous(&call)
            && let Some((id, _)) = previous.template
        {
            let template = json!({ "LaunchTemplateId": id, "Version": "$Latest" });
            let given =
                json!({ "AutoScalingGroupName": previous.name, "LaunchTemplate": template });
            call.also(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
        }
        answer
    }));
}

/// A write that moves traffic.
fn moves(call: &Call<'_>) -> bool {
    matches!(call.action, "ModifyListener" | "ModifyRule") && call.names("TargetGroupArn")
}

pub fn two_writes(bench: &Bench) {
    of(bench, moves, |mut call| {
        let nowhere =
            json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
        let rules = production(&call.world.model);
        match call.action {
            "ModifyListener" => {
                let listener = call.world.model.view_listeners()[0].arn.clone();
                let given = json!({ "ListenerArn": listener, "DefaultActions": nowhere });
                call.also(Api::Elb, "ModifyListener", &given);
            }
            _ => {
                for rule in rules.iter().filter(|rule| rule.priority.is_some()) {
                    let given = json!({ "RuleArn": rule.arn, "Actions": nowhere });
                    call.also(Api::Elb, "ModifyRule", &given);
                }
            }
        }
        call.go()
    });
}

pub fn shares_swapped(bench: &Bench) {
    of(bench, moves, |call| {
        call.reword(|body| {
            let weight = |field: &str| field.contains("Weight=");
            let fields: Vec<&str> = body.split('&').collect();
            let keys = fields.iter().filter(|field| weight(field));
            let keys: Vec<&str> = keys.filter_map(|field| field.split('=').next()).collect();
            let values = fields.iter().rev().filter(|field| weight(field));
            let mut values = values.filter_map(|field| field.split('=').nth(1));
            let swapped = fields.iter().map(|field| {
                let key = keys.iter().find(|key| field.starts_with(**key));
                key.and_then(|key| Some(format!("{key}={}", values.next()?)))
                    .unwrap_or_else(|| (*field).to_owned())
            });
            swapped.collect::<Vec<_>>().join("&")
        })
    });
}

/// The group that serves and is not the one that is being made.
fn previous(call: &Call<'_>) -> Option<GroupView> {
    let arns: Vec<String> = (production(&call.world.model).into_iter())
        .flat_map(|rule| rule.forwards)
        .map(|(arn, _)| arn)
        .collect();
    let groups = call.world.model.view_groups().into_iter();
    let mut groups = groups.filter(|group| {
        let serves = group.target_groups.iter().any(|arn| arns.contains(arn));
        let state = group.tags.get("kiln:state").map(String::as_str);
        serves && state != Some("next") && !group.deleting
    });
    groups.next()
}

/// Carries a move of traffic out, and then does something to the group that served.
fn after_the_move(bench: &Bench, then: fn(&mut Call<'_>, &GroupView)) {
    bench.cloud.accustom(Box::new(move |mut call| {
        let previous = previous(&call).filter(|_| moves(&call));
        let answer = call.world.answer(&call.request, call.now);
        if let Some(previous) = previous {
            then(&mut call, &previous);
        }
        answer
    }));
}

pub fn previous_emptied(bench: &Bench) {
    after_the_move(bench, |call, group| {
        let given =
            json!({ "AutoScalingGroupName": group.name, "MinSize": 0, "DesiredCapacity": 0 });
        call.also(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    });
}

pub fn previous_deleted(bench: &Bench) {
    after_the_move(bench, |call, group| {
        let given = json!({ "AutoScalingGroupName": group.name, "ForceDelete": true });
        call.also(Api::AutoScaling, "DeleteAutoScalingGroup", &given);
    });
}

pub fn previous_detached(bench: &Bench) {
    after_the_move(bench, |call, group| {
        let given =
            json!({ "AutoScalingGroupName": group.name, "TargetGroupARNs": group.target_groups });
        call.also(Api::AutoScaling, "DetachLoadBalancerTargetGroups", &given);
    });
}

pub fn both_suspended(bench: &Bench) {
    of(
        bench,
        |call| call.action == "SuspendProcesses",
        |mut call| {
            if let Some(previous) = previous(&call) {
                let given = json!({ "AutoScalingGroupName": previous.name, "ScalingProcesses": ["AZRebalance"] });
                call.also(Api::AutoScaling, "SuspendProcesses", &given);
            }
            call.go()
        },
    );
}

pub fn versions_too_many(bench: &Bench) {
    let is = |call: &Call<'_>| call.action == "DeleteLaunchTemplateVersions";
    of(bench, is, |mut call| {
        for template in call.world.model.view_templates() {
            let others = template.versions.keys().filter(|number| {
                let named = call.says("LaunchTemplateVersion.1");
                **number != template.default && named != Some(number.to_string())
            });
            let others: Vec<String> = others.map(ToString::to_string).collect();
            let given = json!({ "LaunchTemplateId": template.id, "LaunchTemplateVersion": others });
            if !others.is_empty() {
                call.also(Api::Ec2, "DeleteLaunchTemplateVersions", &given);
            }
        }
        call.go()
    });
}
