//! The account that a seed begins with: networks, a load balancer, and for most of them a service that others made.

use kiln::roll::Verdict;
use kiln::template::service::Service;
use localcloud::model::{Config, Service as Api, SourceImage};
use localcloud::physics::{Behaviour, Spread, World};
use serde_json::json;

use super::alarmed;
use super::around;
use super::drawn::{Around, Drawn, Mode, Start, Strategy};
use super::front::{self, Front};
use crate::language::Case;
use crate::simulation::roll::{Bench, DATA, Journals, MemoryStore, V1, V2, account, call, text};

/// The image of the last roll of a life, which is always sound.
pub const LAST: &str = "ami-0000000000000004";
/// The group that others have made.
pub const BY_HAND: &str = "web-by-hand";
/// The other one of a pair.
pub const BESIDE: &str = "web-beside";

/// Opens the account. The service serves, unless it is still to be made.
pub async fn open(drawn: &Drawn) -> Bench {
    let mut images = account().images;
    let sound = SourceImage {
        id: LAST.to_owned(),
        name: "web-4".to_owned(),
        ..images[0].clone()
    };
    images.push(sound);
    let config = Config {
        images,
        // A load balancer needs two, whatever the service has.
        zones: drawn.zones.max(2),
        seed: drawn.seed,
        ..account()
    };
    let mut world = World::new(config);
    world.physics.set_usual(Behaviour {
        boot: Spread::seconds(4, 15),
        start: Spread::seconds(2, 8),
        ..Behaviour::default()
    });
    let (mut subnets, group) = drawn.front.seed(&mut world, drawn);
    subnets.truncate(drawn.zones);
    let file = drawn.service(&subnets, &group);
    if let Start::Foreign { follows } = drawn.start {
        foreign(&mut world, drawn, follows, &subnets, &group);
    }
    if drawn.around == Around::Alarmed {
        alarmed::put(&mut world);
    }
    let bench = Bench::on(
        world,
        service(&file),
        MemoryStore::default(),
        Journals::default(),
    )
    .await;
    let rolls: &[&str] = match drawn.start {
        Start::Foreign { .. } | Start::Empty => &[],
        Start::Rolled => &[V1],
        Start::Kept => &[V2, V1],
    };
    for image in rolls {
        let ended = bench.roll(image).await;
        assert_eq!(ended.verdict, Verdict::Done, "{drawn}: {ended:#?}");
    }
    if drawn.front == Front::Records && !rolls.is_empty() {
        // Clients go by the first answer no more, which leads to no machine.
        bench.pass(180).await;
        drop(bench.cloud.world());
    }
    drawn.proof.lead(&mut bench.cloud.world());
    if let Some(pool) = drawn.pool {
        pool.put(&bench);
    }
    if drawn.around == Around::Tracked {
        around::track(&bench);
    }
    if drawn.strategy == Strategy::ReplaceRoot {
        hold_data(&bench).await;
    }
    bench
}

/// The machine, where there is one yet, has a volume that outlives it.
async fn hold_data(bench: &Bench) {
    let instances = bench.cloud.world().model.view_instances();
    let Some(machine) = instances.into_iter().find(|one| one.state == "running") else {
        return;
    };
    let named = json!([{ "ResourceType": "volume", "Tag": [{ "Key": DATA, "Value": "web" }] }]);
    let given = json!({ "AvailabilityZone": machine.zone, "Size": 5, "TagSpecification": named });
    let made = bench.meanwhile(Api::Ec2, "CreateVolume", &given);
    bench.pass(60).await;
    let given = json!({ "VolumeId": text(&made, "volumeId"), "InstanceId": machine.id, "Device": "/dev/sdf" });
    bench.meanwhile(Api::Ec2, "AttachVolume", &given);
    bench.pass(60).await;
}

fn service(file: &str) -> Service {
    let read = Case::new().file("web.json", file).service();
    read.unwrap_or_else(|findings| panic!("{findings:?} in {file}"))
        .0
}

/// A service as other tools make one: a template, a target group, a group that is healthy behind it.
fn foreign(world: &mut World, drawn: &Drawn, follows: &str, subnets: &[String], group: &str) {
    let now = world.now();
    let data = json!({ "ImageId": V1, "InstanceType": "t3.small", "SecurityGroupId": [group] });
    let template = json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data });
    call(world, now, Api::Ec2, "CreateLaunchTemplate", &template);
    let mut asked = json!({
        "AutoScalingGroupName": BY_HAND,
        "LaunchTemplate": { "LaunchTemplateName": "web", "Version": follows },
        "MinSize": drawn.min, "MaxSize": drawn.max, "DesiredCapacity": drawn.machines,
        "VPCZoneIdentifier": subnets.join(","), "HealthCheckGracePeriod": 90,
    });
    if let Some(mixed) = drawn.mixed {
        mixed.instead(&mut asked);
    }
    if drawn.strategy.is_led() {
        asked["TargetGroupARNs"] = json!([drawn.front.led(world, drawn)]);
        asked["HealthCheckType"] = json!("ELB");
    } else {
        let named = json!({ "Key": "kiln:service", "Value": "web", "PropagateAtLaunch": false });
        asked["Tags"] = json!([named]);
    }
    let make = "CreateAutoScalingGroup";
    call(world, now, Api::AutoScaling, make, &asked);
    if drawn.mode == Mode::Pair {
        asked["AutoScalingGroupName"] = json!(BESIDE);
        asked["TargetGroupARNs"] = json!([front::beside(world, drawn)]);
        for size in ["MinSize", "DesiredCapacity"] {
            asked[size] = json!(0);
        }
        call(world, now, Api::AutoScaling, make, &asked);
    }
    let then = now + jiff::SignedDuration::from_secs(300);
    world.advance_to(then);
    if drawn.stepped {
        step(world, then);
    }
    if let Some(seconds) = drawn.schedule {
        let at = then + jiff::SignedDuration::from_secs(i64::from(seconds));
        let schedule = json!({
            "AutoScalingGroupName": BY_HAND, "ScheduledActionName": "morning", "StartTime": at.to_string(),
            "DesiredCapacity": drawn.max,
        });
        call(
            world,
            then,
            Api::AutoScaling,
            "PutScheduledUpdateGroupAction",
            &schedule,
        );
    }
}

/// Step policies that alarms set off, which know of no data: that they are there is what a roll has to do with.
fn step(world: &mut World, now: jiff::Timestamp) {
    for (name, by, bound) in [
        ("out", 1, "MetricIntervalLowerBound"),
        ("in", -1, "MetricIntervalUpperBound"),
    ] {
        let policy = json!({
            "AutoScalingGroupName": BY_HAND, "PolicyName": name, "PolicyType": "StepScaling",
            "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{ bound: "0", "ScalingAdjustment": by }],
        });
        let put = call(world, now, Api::AutoScaling, "PutScalingPolicy", &policy);
        let page = "arn:aws:sns:eu-central-1:012345678901:page";
        let alarm = json!({
            "AlarmName": format!("load {name}"), "Namespace": "web", "MetricName": "load", "Statistic": "Average",
            "Dimensions": [{ "Name": "AutoScalingGroupName", "Value": BY_HAND }], "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 80, "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [text(&put, "PolicyARN"), page],
        });
        call(world, now, Api::CloudWatch, "PutMetricAlarm", &alarm);
    }
}
