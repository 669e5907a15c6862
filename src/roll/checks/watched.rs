//! The checks `alarm`, `metric` and `compare`: what the cloud itself watches and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::alarms;
use super::super::error::Error;
use super::super::names;
use super::super::plan::Plan;
use super::Said;
use crate::cloud::{
    Alarm, AlarmState, Alarms, Behind, Dimensions, Kind, LooksAt, MetricQuery, Sight,
};
use crate::template::service::{Bound, CompareCheck, Compared, IfFewer, MetricCheck};

/// How deep composite alarms are followed; deeper than anybody nests them.
const DEEPEST: usize = 5;
/// The newest period with a value counts, of so many: metrics of load balancers come a minute or two late.
const PERIODS: i64 = 3;
/// How far back requests are compared.
const BACK: SignedDuration = SignedDuration::from_hours(1);
const NAMESPACE: &str = "AWS/ApplicationELB";

/// Of what an answer must be.
pub(super) struct About<'a> {
    pub plan: &'a Plan,
    /// What leads requests to the next group.
    pub behind: Option<Behind<'a>>,
    pub now: Timestamp,
}

impl About<'_> {
    fn sight(&self) -> Sight<'_> {
        Sight {
            group: &self.plan.next.group,
            behind: self.behind,
        }
    }
}

/// What cannot be asked now says nothing; what can never be asked is an error.
fn answered<T>(answer: crate::cloud::Result<T>) -> Result<Result<T, Said>, Error> {
    match answer {
        Err(error) if error.is_passing() || error.kind == Kind::Denied => {
            Ok(Err(Said::Unknown(error.to_string())))
        }
        answer => Ok(Ok(answer?)),
    }
}

/// Whether an alarm is OK, and may say so of the next group at all.
pub(super) async fn alarm(
    name: &str,
    about: &About<'_>,
    cloud: &impl Alarms,
) -> Result<Said, Error> {
    let all = match answered(with_children(name, cloud).await)? {
        Ok(all) => all,
        Err(said) => return Ok(said),
    };
    let Some(found) = all.get(name) else {
        return Ok(Said::Unknown(format!("there is no alarm {name}")));
    };
    let next = &about.plan.next.group;
    if !about.sight().is_covered_by(found, &all) {
        return Ok(Said::Unknown(format!(
            "alarm {name} does not look at group {next} or its target group"
        )));
    }
    Ok(match found.state {
        _ if alarms::is_passed_over(about.plan, found) => Said::Pass,
        AlarmState::Ok => Said::Pass,
        AlarmState::Alarm => Said::Fail(format!("alarm {name} is red: {}", found.reason)),
        AlarmState::Unknown => Said::Unknown(format!("alarm {name} has no data")),
    })
}

/// An alarm with those that it goes by, by their names.
async fn with_children(
    name: &str,
    cloud: &impl Alarms,
) -> crate::cloud::Result<BTreeMap<String, Alarm>> {
    let mut found: BTreeMap<String, Alarm> = BTreeMap::new();
    let mut wanted = BTreeSet::from([name.to_owned()]);
    for _ in 0..DEEPEST {
        if wanted.is_empty() {
            break;
        }
        let alarms = cloud.alarms(&wanted).await?;
        let children = alarms.iter().flat_map(|alarm| match &alarm.looks_at {
            LooksAt::Alarms(names) => names.clone(),
            LooksAt::Metrics(_) => Vec::new(),
        });
        let children: BTreeSet<String> = children.collect();
        found.extend(alarms.into_iter().map(|alarm| (alarm.name.clone(), alarm)));
        wanted = children
            .into_iter()
            .filter(|name| !found.contains_key(name))
            .collect();
    }
    Ok(found)
}

/// Whether the newest value of a metric is where it must be.
pub(super) async fn metric(
    check: &MetricCheck,
    about: &About<'_>,
    cloud: &impl Alarms,
) -> Result<Said, Error> {
    let (plan, sight) = (about.plan, about.sight());
    let mut data = names::data(
        &plan.image_facts,
        &plan.service,
        &plan.region,
        plan.run,
        &plan.next.group,
    );
    if let Some(behind) = &sight.behind {
        data = data
            .with("target_group", behind.target_group_dimension())
            .with("load_balancer", behind.load_balancer_dimension());
    }
    let mut dimensions = Dimensions::new();
    for (name, value) in &check.dimensions {
        let value = value
            .render(&data)
            .map_err(|finding| Error::Rendered(Box::new(finding)))?;
        dimensions.insert(name.clone(), value);
    }
    let period = seconds(check.period);
    let query = MetricQuery {
        namespace: check.namespace.clone(),
        name: check.name.clone(),
        dimensions,
        statistic: check.statistic.clone(),
        period: u32::try_from(period).unwrap_or(u32::MAX),
    };
    // The period that runs has not seen all of itself.
    let end = floor(about.now, period);
    let from = end - SignedDuration::from_secs(PERIODS * period);
    let values = match answered(cloud.metrics(&[query], from, end).await)? {
        Ok(values) => values,
        Err(said) => return Ok(said),
    };
    let name = &check.name;
    let Some(value) = values.first().and_then(|values| values.last()) else {
        return Ok(Said::Unknown(format!("metric {name} has no data")));
    };
    let (holds, wanted) = match check.bound {
        Bound::Below(bound) => (*value < bound, format!("below {bound}")),
        Bound::Above(bound) => (*value > bound, format!("above {bound}")),
    };
    let statistic = &check.statistic;
    Ok(if holds {
        Said::Pass
    } else {
        Said::Fail(format!("{statistic} of {name} is {value}, not {wanted}"))
    })
}

fn seconds(period: Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX).max(60)
}

pub(in crate::roll) fn floor(at: Timestamp, period: i64) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(period)).unwrap_or(at)
}

/// What a load balancer counted of one target group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    requests: f64,
    errors: f64,
    seconds: f64,
    timed: f64,
}

/// Whether the next group does not much worse than the previous one.
pub(super) async fn compare(
    check: &CompareCheck,
    about: &About<'_>,
    cloud: &impl Alarms,
) -> Result<Said, Error> {
    let plan = about.plan;
    let Some((behind, traffic)) = about.behind.zip(plan.traffic.as_ref()) else {
        let text = "there is no load balancer that counts requests".to_owned();
        return Ok(Said::Unknown(text));
    };
    let end = floor(about.now, 60);
    let began = floor(plan.run.began(), 60).max(end - BACK);
    // What was before this roll in the same target group is another group's.
    let next = count(&behind, (began, end), cloud).await;
    let next = match answered(next)? {
        Ok(counted) => counted,
        Err(said) => return Ok(said),
    };
    let mut before = Counted::default();
    if let Some(previous) = &traffic.previous {
        let behind = Behind {
            target_group: previous,
            load_balancer: &traffic.previous_balancer,
        };
        let counted = count(&behind, (end - BACK, end), cloud).await;
        before = match answered(counted)? {
            Ok(counted) => counted,
            Err(said) => return Ok(said),
        };
    }
    Ok(judge(check, next, before))
}

async fn count(
    behind: &Behind<'_>,
    (from, to): (Timestamp, Timestamp),
    cloud: &impl Alarms,
) -> crate::cloud::Result<Counted> {
    if from >= to {
        return Ok(Counted::default());
    }
    let query = |name: &str, statistic: &str| MetricQuery {
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        dimensions: behind.of_target_group(),
        statistic: statistic.to_owned(),
        period: 60,
    };
    let queries = [
        query("RequestCount", "Sum"),
        query("HTTPCode_Target_5XX_Count", "Sum"),
        query("TargetResponseTime", "Sum"),
        query("TargetResponseTime", "SampleCount"),
        // Answered by the load balancer itself, in no other number of the target group.
        query("TargetConnectionErrorCount", "Sum"),
    ];
    let values = cloud.metrics(&queries, from, to).await?;
    let sum = |index: usize| {
        values
            .get(index)
            .map_or(0.0, |values: &Vec<f64>| values.iter().sum())
    };
    Ok(Counted {
        requests: sum(0),
        errors: sum(1) + sum(4),
        seconds: sum(2),
        timed: sum(3),
    })
}

fn judge(check: &CompareCheck, next: Counted, before: Counted) -> Said {
    let (ratio, min) = (check.max_ratio, check.min_requests);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of requests that a person writes"
    )]
    let few = next.requests.min(before.requests) < min as f64;
    if few {
        let text = format!(
            "{} requests to the next group and {} to the previous one, of {min} that a comparison needs",
            next.requests, before.requests
        );
        return match check.if_fewer {
            IfFewer::Pass => Said::Pass,
            IfFewer::Fail => Said::Fail(text),
            IfFewer::Unknown => Said::Unknown(text),
        };
    }
    let (what, now, then) = match check.compare {
        Compared::Errors => {
            // One error where there was none is no share of anything: nought counts as one.
            let then = before.errors.max(1.0) / before.requests;
            ("share of 5xx answers", next.errors / next.requests, then)
        }
        Compared::Latency if next.timed > 0.0 && before.timed > 0.0 => (
            "mean response time",
            next.seconds / next.timed,
            before.seconds / before.timed,
        ),
        Compared::Latency => return Said::Unknown("no response times were measured".to_owned()),
    };
    if now <= then * ratio {
        return Said::Pass;
    }
    Said::Fail(format!(
        "the {what} of the next group is {now:.4}, more than {ratio} times the {then:.4} of the previous one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(compare: Compared, if_fewer: IfFewer) -> CompareCheck {
        CompareCheck {
            compare,
            max_ratio: 2.0,
            min_requests: 500,
            if_fewer,
        }
    }

    fn counted(requests: f64, errors: f64, seconds: f64) -> Counted {
        Counted {
            requests,
            errors,
            seconds,
            timed: requests,
        }
    }

    #[test]
    fn shares_are_compared_and_not_counts() {
        let errors = check(Compared::Errors, IfFewer::Unknown);
        let said = |next, before| judge(&errors, next, before);
        let before = counted(10_000.0, 100.0, 0.0);
        assert_eq!(said(counted(500.0, 10.0, 0.0), before), Said::Pass);
        assert!(matches!(
            said(counted(500.0, 11.0, 0.0), before),
            Said::Fail(_)
        ));
        let none = counted(10_000.0, 0.0, 0.0);
        assert_eq!(said(counted(20_000.0, 4.0, 0.0), none), Said::Pass);
        assert!(matches!(
            said(counted(20_000.0, 5.0, 0.0), none),
            Said::Fail(_)
        ));
        let latency = check(Compared::Latency, IfFewer::Unknown);
        let before = counted(1000.0, 0.0, 100.0);
        assert_eq!(
            judge(&latency, counted(500.0, 0.0, 100.0), before),
            Said::Pass
        );
        assert!(matches!(
            judge(&latency, counted(500.0, 0.0, 101.0), before),
            Said::Fail(_)
        ));
        let untimed = Counted {
            timed: 0.0,
            ..before
        };
        assert!(matches!(judge(&latency, untimed, before), Said::Unknown(_)));
    }

    #[test]
    fn too_few_requests_are_what_the_file_says() {
        let few = counted(499.0, 0.0, 0.0);
        let many = counted(500.0, 0.0, 0.0);
        for (next, before) in [(few, many), (many, few)] {
            let said = |if_fewer| judge(&check(Compared::Errors, if_fewer), next, before);
            assert_eq!(said(IfFewer::Pass), Said::Pass);
            assert!(matches!(said(IfFewer::Fail), Said::Fail(_)));
            assert!(matches!(said(IfFewer::Unknown), Said::Unknown(_)));
        }
    }
}
