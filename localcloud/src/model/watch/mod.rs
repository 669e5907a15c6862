//! `CloudWatch`: metrics that are put or seen, and alarms on them.
//!
//! An alarm is judged when a period ends that may change it, never by the passing of time alone: without data there is
//! nothing to judge. What `SetAlarmState` sets stays until data comes that speaks against it (AWS judges within a minute
//! and would set an alarm without data back). An alarm whose metrics are an expression is kept and shown; its state is
//! what is set.

mod alarms;
mod composite;
mod judging;
mod lists;
mod metrics;
mod put;
mod queries;
mod rule;
mod sight;
mod threshold;
mod tracking;

#[cfg(test)]
mod tests;

pub(super) use alarms::Watch;
pub(super) use sight::observe;
pub(super) use tracking::{Tracking, disown, forget, naming, track};

use super::{Fault, Service, actions::Action, args::Args, scaling, state::State};
use jiff::Timestamp;

pub(super) const ALARMS: &[Action] = &[
    action("DeleteAlarms", "AlarmNames", lists::delete),
    action("DescribeAlarms", lists::TAKES_DESCRIBE, lists::describe),
    action("ListTagsForResource", "ResourceARN", lists::tags),
    action("PutCompositeAlarm", composite::TAKES_PUT, composite::put),
    action("PutMetricAlarm", put::TAKES, put::put),
    action(
        "SetAlarmState",
        "AlarmName StateValue StateReason StateReasonData",
        alarms::set_state,
    ),
    action("UntagResource", "ResourceARN TagKeys", lists::untag),
];

pub(super) const METRICS: &[Action] = &[
    action("GetMetricData", queries::TAKES, queries::data),
    action(
        "GetMetricStatistics",
        queries::TAKES_STATISTICS,
        queries::statistics,
    ),
    action("PutMetricData", "Namespace MetricData", metrics::put),
];

const fn action(name: &'static str, takes: &'static str, run: super::actions::Handler) -> Action {
    Action::new(Service::CloudWatch, name, takes, run)
}

/// What time alone brings to alarms.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A period has ended.
    Judge { alarm: String },
    /// An alarm that has been in its state since then carries out the actions of that state.
    Act { alarm: String, since: Timestamp },
}

/// Lets something happen that came due.
pub(super) fn due(state: &mut State, due: &Due) {
    match due {
        Due::Judge { alarm } => judging::judge(state, alarm),
        Due::Act { alarm, since } => alarms::act(state, alarm, *since),
    }
}

/// The refusal for values that do not go together.
fn combination(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterCombination", message)
}

fn value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValue", message)
}

/// A number that need not be whole.
fn real(args: &Args<'_>, name: &str) -> Result<Option<f64>, Fault> {
    let Some(text) = args.maybe_text(name)? else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| args.invalid(name, text, "A number is expected."))
}

/// A time as the Query protocol writes it, or in seconds since 1970 as the others do.
fn time(args: &Args<'_>, name: &str) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = args.maybe_text(name)? else {
        return Ok(None);
    };
    let seconds = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
        Timestamp::UNIX_EPOCH.checked_add(duration).ok()
    };
    let time = text.parse().ok().or_else(|| seconds(text));
    time.map(Some)
        .ok_or_else(|| args.invalid(name, text, "A time is expected."))
}

/// Runs the scaling policy that an action of an alarm names.
fn set_off(state: &mut State, policy: &str, alarm: &str, beyond: Option<f64>) {
    scaling::set_off(state, policy, alarm, beyond);
}
