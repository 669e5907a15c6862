//! Faults as data, and resources that appear late.

use super::{Cloud, DEBIAN};
use jiff::SignedDuration;
use localcloud::model::{At, Fault, FaultPlan, Service, Trouble};

const RUN: &str = "InstanceType=t3.micro MinCount=1 MaxCount=1 ImageId=";

#[test]
fn the_kth_call_fails_before_or_after_its_effect() {
    let mut cloud = Cloud::new();
    let lost = Fault::new("InternalError", "lost").with_status(500);
    let plan = FaultPlan::default()
        .call(At::Call(2), 1, Trouble::Before(lost.clone()))
        .call(At::Call(3), 1, Trouble::After(lost));
    cloud.model.inject(plan);
    let run = format!("{RUN}{DEBIAN}");
    cloud.ok("DescribeRegions", "");
    cloud.refused("InternalError", "RunInstances", &run);
    assert_eq!(cloud.ask("RunInstances", &run).unwrap_err().status, 500);
    assert_eq!(
        cloud.asked().len(),
        1,
        "the third call did what it was asked"
    );
    assert_eq!(cloud.count("DescribeInstances", "", "reservationSet"), 1);
}

#[test]
fn an_action_is_throttled_as_often_as_said() {
    let mut cloud = Cloud::new();
    cloud
        .model
        .inject(FaultPlan::default().throttle(Service::Ec2, "DescribeVpcs", 2));
    cloud.ok("DescribeSubnets", "");
    for _ in 0..2 {
        cloud.refused("RequestLimitExceeded", "DescribeVpcs", "");
    }
    cloud.ok("DescribeVpcs", "");
}

/// "Request throttling for the Amazon EC2 API": five launches at once, then two a second, and other actions unharmed.
#[test]
fn request_limits_are_a_bucket_an_action() {
    let mut cloud = Cloud::new();
    cloud.model.inject(FaultPlan::default().request_limits());
    let run = format!("{RUN}{DEBIAN}");
    let at_once = |cloud: &mut Cloud| {
        // Asking takes a second in these tests.
        cloud.now -= SignedDuration::from_secs(1);
        cloud.ask("RunInstances", &run)
    };
    let first: Vec<_> = (0..7).map(|_| at_once(&mut cloud).is_ok()).collect();
    assert_eq!(first, [true, true, true, true, true, false, false]);
    cloud.ok("DescribeInstances", "MaxResults=5");
    let then: Vec<_> = (0..3).map(|_| at_once(&mut cloud)).collect();
    let refused = then[2].as_ref().unwrap_err();
    assert!(then[0].is_ok() && then[1].is_ok());
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("RequestLimitExceeded", 503)
    );
}

#[test]
fn launches_fail_with_the_reason_that_was_asked_for() {
    let mut cloud = Cloud::new();
    let short = Fault::new(
        "InsufficientInstanceCapacity",
        "We currently do not have sufficient capacity.",
    )
    .with_status(500);
    cloud.model.inject(FaultPlan::default().launches(1, &short));
    cloud.refused(
        "InsufficientInstanceCapacity",
        "RunInstances",
        &format!("{RUN}{DEBIAN}"),
    );
    cloud.ok("RunInstances", &format!("{RUN}{DEBIAN}"));
}

#[test]
fn a_call_that_is_refused_half_way_leaves_nothing() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    cloud.refused(
        "InvalidParameterValue",
        "CreateImage",
        &format!("InstanceId={id} Name=one Description.1=x"),
    );
    assert_eq!(cloud.count("DescribeSnapshots", "", "snapshotSet"), 0);
    cloud.ok("CreateImage", &format!("InstanceId={id} Name=one"));
}

#[test]
fn fresh_resources_appear_a_few_polls_late_and_the_seed_says_how_many() {
    let polls = |seed| {
        let mut cloud = Cloud::with(|config| (config.late_polls, config.seed) = (5, seed));
        let id = cloud.launch("");
        let look = format!("InstanceId.1={id}");
        (0..9)
            .take_while(|_| cloud.ask("DescribeInstances", &look).is_err())
            .count()
    };
    let late: Vec<usize> = (0..12).map(polls).collect();
    assert!(
        late.iter().all(|polls| *polls <= 5) && late.iter().any(|polls| *polls > 0),
        "{late:?}"
    );
    assert_eq!(late, (0..12).map(polls).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_and_calls_give_the_same_cloud() {
    let story = || {
        let mut cloud = Cloud::with(|config| config.seed = 9);
        let id = cloud.running("");
        cloud.ok("CreateImage", &format!("InstanceId={id} Name=one"));
        (
            cloud.ok("DescribeInstances", ""),
            cloud.ok("DescribeImages", ""),
            cloud.asked(),
        )
    };
    assert_eq!(story(), story());
}
