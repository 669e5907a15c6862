//! Checks that go by `CloudWatch`: alarms, metrics, and next against previous.

mod dead;

use std::time::Duration;

use kiln::roll::{Decision, Ended, Verdict};
use kiln::run::{Clock as _, Silent};
use kiln::template::service::{Check, CheckKind, CompareCheck, Compared, IfFewer};
use localcloud::model::{Fact, Service as Api};
use serde_json::json;

use super::addressed::Warnings;
use super::plain::{nothing_left, rolled_once, three};
use super::trouble::{killed_in, stopped_everywhere, trouble_everywhere};
use super::{Bench, V1, V2, canary, expect};
use crate::simulation::cloud::Mishap;

fn check(kind: CheckKind) -> Check {
    Check {
        kind,
        times: 2,
        timeout: Duration::from_mins(3),
        place: None,
    }
}

fn alarm(bench: &Bench, name: &str) -> Check {
    let name = kiln::source::Spanned {
        value: name.to_owned(),
        place: bench.service.name.place,
    };
    check(CheckKind::Alarm(name))
}

/// An alarm on errors of the whole service, OK.
fn put(bench: &Bench, name: &str, dimensions: &serde_json::Value) {
    let given = json!({"AlarmName": name, "Namespace": "web", "MetricName": "errors", "Statistic": "Sum", "Period": "60",
        "EvaluationPeriods": "1", "Threshold": "5", "ComparisonOperator": "GreaterThanThreshold", "Dimensions": dimensions});
    bench.meanwhile(Api::CloudWatch, "PutMetricAlarm", &given);
    set(bench, name, "OK");
}

fn set(bench: &Bench, name: &str, state: &str) {
    let given = json!({"AlarmName": name, "StateValue": state, "StateReason": "too many"});
    bench.meanwhile(Api::CloudWatch, "SetAlarmState", &given);
}

/// `V1` serves; a roll watches the alarm.
async fn watching() -> Bench {
    watched_by(rolled_once().await)
}

fn watched_by(mut bench: Bench) -> Bench {
    put(&bench, "web-5xx", &json!([]));
    bench.service.checks.watch = vec![alarm(&bench, "web-5xx")];
    bench
}

fn codes(ended: &Ended) -> Vec<&str> {
    ended
        .refused
        .iter()
        .map(|refusal| refusal.finding.code)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_not_there_is_refused_before_anything_is_touched() {
    let mut bench = watching().await;
    let missing = alarm(&bench, "web-5x");
    bench.service.checks.after.push(missing);
    let before = bench.cloud.writes();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Refused);
    assert_eq!(codes(&ended), ["roll::no_alarm"]);
    let help = ended.refused[0].finding.help.clone();
    assert_eq!(help.as_deref(), Some("did you mean `web-5xx`?"));
    assert_eq!(bench.cloud.writes(), before);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_red_before_the_roll_refuses_it_unless_forced() {
    let bench = watching().await;
    set(&bench, "web-5xx", "ALARM");
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(codes(&ended), ["roll::alarm_is_red"]);
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "red before");
    let warnings = Warnings::default();
    let ended = bench.roll_by(V2, Some("a test pages"), &warnings).await;
    expect(&ended, Verdict::Done);
    let said = warnings.said();
    let why = "by force (a test pages): alarm web-5xx is red before the roll: too many";
    assert_eq!(said, [why]);
    let Some(Decision::Roll(plan)) = &ended.decision else {
        panic!("it has rolled: {ended:#?}");
    };
    assert!(
        plan.to_string().contains(&format!("  note: {why}")),
        "{plan}"
    );
}

/// What a roll goes over by force is what was there before it, and no more.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_passed_over_counts_again_once_it_was_ok() {
    let bench = watching().await;
    set(&bench, "web-5xx", "ALARM");
    bench.pass(60).await;
    let again = async {
        while !bench.serving().contains_key(V2) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        set(&bench, "web-5xx", "OK");
        bench.pass(2).await;
        set(&bench, "web-5xx", "ALARM");
    };
    let force = Some("a test pages");
    let (ended, ()) = tokio::join!(bench.roll_by(V2, force, &Silent), again);
    expect(&ended, Verdict::Rejected);
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "red again");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_turns_red_behind_the_swap_brings_all_traffic_back() {
    let bench = watching().await;
    let watchman = bench.watched();
    let red = async {
        while !bench.serving().contains_key(V2) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        set(&bench, "web-5xx", "ALARM");
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), red);
    expect(&ended, Verdict::Rejected);
    watchman.content("red alarm");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "red alarm");
}

/// It may be anybody's doing but the next version's, which has had no request.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_turns_red_before_traffic_moves_keeps_it_where_it_is() {
    for bench in [watching().await, watched_by(canary::base().await)] {
        let before = bench.cloud.writes().len();
        let watchman = bench.watched();
        let red = async {
            while bench.groups().len() < 2 {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            set(&bench, "web-5xx", "ALARM");
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), red);
        expect(&ended, Verdict::Failed);
        let why = ended.failure.as_ref().unwrap().cause.to_string();
        assert!(why.contains("before any traffic has moved"), "{why}");
        let writes = bench.cloud.writes().split_off(before);
        assert!(
            writes.iter().all(|call| !call.starts_with("Modify")),
            "{writes:?}"
        );
        watchman.content("red before the swap");
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "red before the swap");
    }
}

#[tokio::test(start_paused = true)]
async fn a_composite_alarm_is_as_good_as_a_metric_alarm() {
    let mut bench = watching().await;
    let rule = json!({"AlarmName": "web-bad", "AlarmRule": "ALARM(\"web-5xx\") AND NOT FALSE"});
    bench.meanwhile(Api::CloudWatch, "PutCompositeAlarm", &rule);
    bench.pass(5).await;
    bench.service.checks.watch = vec![alarm(&bench, "web-bad")];
    let fork = bench.fork().await;
    expect(&fork.roll(V2).await, Verdict::Done);
    set(&bench, "web-5xx", "ALARM");
    let ended = bench.roll(V2).await;
    assert_eq!(codes(&ended), ["roll::alarm_is_red"]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_without_data_or_of_another_group_is_unknown_and_no_pass() {
    let mut bench = watching().await;
    set(&bench, "web-5xx", "INSUFFICIENT_DATA");
    let other = json!([{"Name": "AutoScalingGroupName", "Value": "web-v001"}]);
    put(&bench, "other", &other);
    for name in ["web-5xx", "other"] {
        bench.service.checks.watch = Vec::new();
        bench.service.checks.after = vec![alarm(&bench, name)];
        let fork = bench.fork().await;
        let watchman = fork.watched();
        let ended = fork.roll(V2).await;
        expect(&ended, Verdict::Failed);
        let failure = format!("{:?}", ended.failure);
        assert!(failure.contains("CheckUnknown"), "{name}: {failure}");
        watchman.content(name);
        assert_eq!(fork.serving(), three(V1));
        nothing_left(&fork, name);
    }
}

/// Tells the load balancer's counts of the target group behind a group, once a minute.
async fn traffic(bench: &Bench, group: &str, failed: u64) {
    let arn = loop {
        let groups = bench.cloud.world().model.view_groups();
        let found = groups.into_iter().find(|one| one.name == group);
        if let Some(arn) = found.and_then(|group| group.target_groups.first().cloned()) {
            break arn;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    };
    loop {
        serve(bench, &arn, failed);
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
}

fn serve(bench: &Bench, arn: &str, failed: u64) {
    let served = Fact::Served {
        group: arn.to_owned(),
        requests: 1000,
        failed,
        mean_millis: 20,
    };
    let now = bench.cloud.now();
    let mut guard = bench.cloud.world();
    let world = &mut *guard;
    let effects = world.model.observe(served, now);
    world.physics.take(effects, now);
}

/// Rolls with a comparison, while so many of a thousand requests fail on the next group.
async fn compared(failed: u64, if_fewer: IfFewer, quiet: bool) -> (Bench, Ended) {
    let mut bench = rolled_once().await;
    let compare = CompareCheck {
        compare: Compared::Errors,
        max_ratio: 2.0,
        min_requests: 500,
        if_fewer,
    };
    bench.service.checks.after = vec![check(CheckKind::Compare(compare))];
    let watchman = bench.watched();
    let ended = if quiet {
        bench.roll(V2).await
    } else {
        tokio::select! {
            biased;
            ended = bench.roll(V2) => ended,
            () = traffic(&bench, "web-v001", 10) => unreachable!("it goes on"),
            () = traffic(&bench, "web-v002", failed) => unreachable!("it goes on"),
        }
    };
    watchman.content("comparison");
    (bench, ended)
}

#[tokio::test(start_paused = true)]
async fn next_is_compared_with_previous_by_what_the_load_balancer_counts() {
    let (bench, ended) = compared(20, IfFewer::Unknown, false).await;
    expect(&ended, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    let (bench, ended) = compared(21, IfFewer::Unknown, false).await;
    expect(&ended, Verdict::Rejected);
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "worse than before");
}

#[tokio::test(start_paused = true)]
async fn too_few_requests_are_what_the_service_file_says() {
    let (_, ended) = compared(0, IfFewer::Pass, true).await;
    expect(&ended, Verdict::Done);
    let (_, ended) = compared(0, IfFewer::Unknown, true).await;
    expect(&ended, Verdict::Failed);
    let (_, ended) = compared(0, IfFewer::Fail, true).await;
    expect(&ended, Verdict::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_metric_has_a_bound_and_no_data_is_no_pass() {
    for (value, verdict) in [
        (Some("4"), Verdict::Done),
        (Some("5"), Verdict::Rejected),
        (None, Verdict::Failed),
    ] {
        let mut bench = rolled_once().await;
        let metric = kiln::template::service::MetricCheck {
            namespace: "web".to_owned(),
            name: "errors".to_owned(),
            dimensions: vec![("Group".to_owned(), kiln::template::Late::fixed("web-v002"))],
            statistic: "Maximum".to_owned(),
            period: Duration::from_mins(1),
            bound: kiln::template::service::Bound::Below(5.0),
        };
        bench.service.checks.after = vec![check(CheckKind::Metric(Box::new(metric)))];
        let now = bench.cloud.now();
        let data: Vec<_> = (0..60)
            .map(|minute| {
                let at = now + jiff::SignedDuration::from_mins(minute);
                let dimensions = json!([{"Name": "Group", "Value": "web-v002"}]);
                json!({"MetricName": "errors", "Value": value.unwrap_or("0"), "Timestamp": at.to_string(), "Dimensions": dimensions})
            })
            .collect();
        if value.is_some() {
            let data = json!({"Namespace": "web", "MetricData": data});
            bench.meanwhile(Api::CloudWatch, "PutMetricData", &data);
        }
        expect(&bench.roll(V2).await, verdict);
    }
}

/// What `kiln status --watch` shows of it.
#[tokio::test(start_paused = true)]
async fn requests_of_the_newest_whole_minute_are_told_of_each_target_group() {
    let bench = rolled_once().await;
    let requests = async || {
        let now = bench.cloud.now();
        let all = kiln::roll::requests(&bench.client, "web", now).await;
        let all = all.unwrap().into_iter();
        let of = all.map(|(arn, count)| (arn.name().to_owned(), count));
        of.collect::<Vec<_>>()
    };
    assert_eq!(requests().await, []);
    let serving = bench.cloud.world().model.view_groups()[0].target_groups[0].clone();
    for _ in 0..2 {
        serve(&bench, &serving, 0);
        bench.pass(60).await;
    }
    assert_eq!(requests().await, [("web-a".to_owned(), 1000.0)]);
}

#[tokio::test(start_paused = true)]
async fn trouble_in_the_middle_of_a_watch_leaves_nothing() {
    let base = watching().await;
    trouble_everywhere(&base, Mishap::Refused).await;
    killed_in(&base, Mishap::KilledAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_watch_gives_everything_back() {
    stopped_everywhere(&watching().await, 60, 5).await;
}
