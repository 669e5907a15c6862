//! Random calls, crashes and refusals from a seed, then calm: what must hold all the while, and what must come back.

use super::{Behaviour, Service, fixture::Cloud};
use crate::model::{At, Fault, FaultPlan, Model, Service as Aws, Trouble};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Storm {
    cloud: Cloud,
    rng: ChaCha12Rng,
    groups: [String; 2],
    listener: String,
}

fn storm(seed: u64) -> Storm {
    let mut cloud = Cloud::seeded(seed);
    let balancer = cloud.balancer("front");
    let groups = [cloud.target_group("web-a"), cloud.target_group("web-b")];
    let listener = cloud.listener(&balancer, 80, &groups[0]);
    for (name, group) in ["one", "two"].iter().zip(&groups) {
        let more = json!({"TargetGroupARNs": [group], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 120});
        cloud.group(name, [0, 2, 6], more);
    }
    cloud.world.watch(|model, _| holds_always(model));
    Storm {
        cloud,
        rng: ChaCha12Rng::seed_from_u64(seed),
        groups,
        listener,
    }
}

/// No instance of a group is lost, none is in two groups, and no request is routed to what is not a running target.
fn holds_always(model: &Model) {
    let instances = model.view_instances();
    let groups = model.view_groups();
    let members: Vec<&str> = groups
        .iter()
        .flat_map(|group| &group.members)
        .map(|member| member.instance.as_str())
        .collect();
    let unique: BTreeSet<&str> = members.iter().copied().collect();
    assert_eq!(unique.len(), members.len(), "an instance is in two groups");
    for instance in instances
        .iter()
        .filter(|instance| !matches!(instance.state, "terminated" | "shutting-down"))
    {
        assert!(
            unique.contains(instance.id.as_str()),
            "{} runs and is in no group",
            instance.id
        );
    }
    for rule in model
        .view_listeners()
        .iter()
        .flat_map(|listener| &listener.rules)
    {
        for id in rule.reach.iter().flat_map(|reach| &reach.targets) {
            let state = instances
                .iter()
                .find(|instance| instance.id == *id)
                .map(|instance| instance.state);
            assert_eq!(state, Some("running"), "requests are routed to {id}");
        }
    }
}

impl Storm {
    fn draw(&mut self, below: u32) -> u32 {
        self.rng.next_u32() % below
    }

    /// Anything may be refused; nothing may break.
    fn try_call(&mut self, service: Aws, action: &str, given: &Value) {
        drop(self.cloud.call(service, action, given));
    }

    fn step(&mut self) {
        let name = ["one", "two"][self.draw(2) as usize];
        let arn = self.groups[self.draw(2) as usize].clone();
        let running: Vec<String> = self
            .cloud
            .model()
            .view_instances()
            .into_iter()
            .map(|instance| instance.id)
            .collect();
        let pick = self.draw(u32::try_from(running.len()).unwrap().max(1)) as usize;
        let one = running.get(pick).cloned().unwrap_or_default();
        let named = json!({"AutoScalingGroupName": name});
        let with = |more: Value| {
            let mut given = named.clone();
            given
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            given
        };
        let process = [
            "Launch",
            "Terminate",
            "HealthCheck",
            "AddToLoadBalancer",
            "AZRebalance",
        ][self.draw(5) as usize];
        let (size, weight) = (self.draw(7), self.draw(1001));
        match self.draw(13) {
            0 => self.try_call(Aws::AutoScaling, "SetDesiredCapacity", &with(json!({"DesiredCapacity": size}))),
            1 => self.try_call(Aws::Ec2, "TerminateInstances", &json!({"InstanceId": [one]})),
            2 => self.try_call(Aws::Ec2, "StopInstances", &json!({"InstanceId": [one]})),
            3 => self.try_call(Aws::AutoScaling, "SuspendProcesses", &with(json!({"ScalingProcesses": [process]}))),
            4 => self.try_call(Aws::AutoScaling, "ResumeProcesses", &named),
            5 => self.try_call(Aws::AutoScaling, "DetachLoadBalancerTargetGroups", &with(json!({"TargetGroupARNs": [arn]}))),
            6 => self.try_call(Aws::AutoScaling, "AttachLoadBalancerTargetGroups", &with(json!({"TargetGroupARNs": [arn]}))),
            7 => self.try_call(Aws::Elb, "DeregisterTargets", &json!({"TargetGroupArn": arn, "Targets": [{"Id": one}]})),
            8 => self.swap(weight),
            9 => self.try_call(Aws::AutoScaling, "SetInstanceHealth", &json!({"InstanceId": one, "HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": false})),
            10 => self.try_call(Aws::AutoScaling, "TerminateInstanceInAutoScalingGroup", &json!({"InstanceId": one, "ShouldDecrementDesiredCapacity": size > 3})),
            11 => self.break_something(&one),
            _ => {
                let now = self.cloud.world.now();
                self.cloud.world.physics.crash(&one, now);
            }
        }
        let pause = self.draw(90);
        self.cloud.pass(pause.into());
    }

    fn swap(&mut self, weight: u32) {
        let [a, b] = self.groups.clone();
        let groups = json!([{"TargetGroupArn": a, "Weight": weight}, {"TargetGroupArn": b, "Weight": 1000 - weight.min(1000)}]);
        let action = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
        let listener = self.listener.clone();
        self.try_call(
            Aws::Elb,
            "ModifyListener",
            &json!({"ListenerArn": listener, "DefaultActions": action}),
        );
    }

    fn break_something(&mut self, one: &str) {
        match self.draw(3) {
            0 => self
                .cloud
                .world
                .physics
                .set_behaviour(one, Behaviour::with_service(Service::Absent)),
            1 => {
                let plan = FaultPlan::default().launches(
                    2,
                    &Fault::insufficient_capacity("t3.micro", "eu-central-1a"),
                );
                self.cloud.world.model.inject(plan);
            }
            _ => {
                let trouble =
                    Trouble::After(Fault::new("InternalFailure", "it happened all the same"));
                self.cloud
                    .world
                    .model
                    .inject(FaultPlan::default().call(At::Call(1), 1, trouble));
            }
        }
    }

    /// Everything is allowed and attached again, and nothing more goes wrong.
    fn calm(&mut self) {
        self.try_call(Aws::Sts, "GetCallerIdentity", &json!({}));
        for (name, group) in [("one", 0), ("two", 1)] {
            self.cloud
                .scaling("ResumeProcesses", json!({"AutoScalingGroupName": name}));
            let group = self.groups[group].clone();
            self.cloud.scaling(
                "AttachLoadBalancerTargetGroups",
                json!({"AutoScalingGroupName": name, "TargetGroupARNs": [group]}),
            );
            self.cloud.scaling(
                "SetDesiredCapacity",
                json!({"AutoScalingGroupName": name, "DesiredCapacity": 3}),
            );
        }
        self.swap(500);
        self.cloud.pass(1800);
    }
}

/// Both groups are whole, over both zones, and nothing is left of those that went.
fn is_whole_again(seed: u64, model: &Model) {
    for group in model.view_groups() {
        let states: Vec<&str> = group.members.iter().map(|member| member.state).collect();
        assert_eq!(states, ["InService"; 3], "seed {seed}: {group:#?}");
        let zones: BTreeSet<&str> = group
            .members
            .iter()
            .map(|member| member.zone.as_str())
            .collect();
        assert_eq!(zones.len(), 2, "seed {seed}: {group:#?}");
    }
    for group in model.view_target_groups() {
        assert!(
            group
                .targets
                .iter()
                .all(|target| target.state != "draining"),
            "seed {seed}: {group:#?}"
        );
    }
}

#[test]
fn after_every_storm_the_groups_are_whole_again() {
    for seed in 0..24 {
        let mut storm = storm(seed);
        for _ in 0..60 {
            storm.step();
        }
        storm.calm();
        is_whole_again(seed, storm.cloud.model());
    }
}
