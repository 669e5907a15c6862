//! `PutMetricAlarm`, and what it shares with `PutCompositeAlarm`.

use super::{
    alarms::{ACTIONS, Kind, Settings, enter},
    combination,
    metrics::{Statistic, key},
    queries, real,
    threshold::Threshold,
    value,
};
use crate::model::{Fault, Tree, args::Args, state::State};
use std::collections::BTreeMap;

pub(super) const TAKES: &str = "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions \
    MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold \
    ComparisonOperator TreatMissingData Metrics Tags";

const COMPARISONS: &str = "GreaterThanOrEqualToThreshold GreaterThanThreshold LessThanThreshold LessThanOrEqualToThreshold";
const MISSING: &str = "breaching notBreaching ignore missing";

pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("AlarmName")?;
    let threshold = threshold(args)?;
    let settings = common(args, Kind::Metric(Box::new(threshold)))?;
    if let Some(there) = state.watch.alarms.get(name)
        && there.rule().is_some()
    {
        return Err(Fault::validation(format!(
            "The alarm {name} is a composite alarm."
        )));
    }
    enter(state, name, settings);
    Ok(Tree::new())
}

fn threshold(args: &Args<'_>) -> Result<Threshold, Fault> {
    let periods = args.int_in("EvaluationPeriods", 1..=i64::from(i32::MAX))?;
    let periods = periods.ok_or_else(|| args.missing("EvaluationPeriods"))?;
    let datapoints = args.int_in("DatapointsToAlarm", 1..=periods)?;
    let comparison = args.word("ComparisonOperator", COMPARISONS)?;
    let comparison = comparison.ok_or_else(|| args.missing("ComparisonOperator"))?;
    let bound = real(args, "Threshold")?.ok_or_else(|| args.missing("Threshold"))?;
    let missing = args.word("TreatMissingData", MISSING)?.map(Into::into);
    let whole = Threshold {
        metric: None,
        queries: Vec::new(),
        statistic: None,
        statistic_text: String::new(),
        unit: args.maybe_text("Unit")?.map(Into::into),
        period: 60,
        periods,
        datapoints,
        bound,
        comparison: comparison.to_owned(),
        missing,
    };
    if args.has("Metrics") {
        if let Some(with) = [
            "MetricName",
            "Namespace",
            "Statistic",
            "ExtendedStatistic",
            "Dimensions",
            "Period",
            "Unit",
        ]
        .iter()
        .find(|name| args.has(name))
        {
            return Err(combination(format!(
                "Metrics must not be specified with {with}."
            )));
        }
        queries::check(&args.maps("Metrics")?)?;
        return Ok(Threshold {
            queries: args.list("Metrics")?.to_vec(),
            ..whole
        });
    }
    let statistic = match (
        args.maybe_text("Statistic")?,
        args.maybe_text("ExtendedStatistic")?,
    ) {
        (Some(plain), None) => plain,
        (None, Some(extended)) => extended,
        _ => {
            return Err(combination(
                "Exactly one of Statistic and ExtendedStatistic must be specified.",
            ));
        }
    };
    let known = Statistic::read(statistic);
    let known = known.ok_or_else(|| {
        value(format!(
            "The value {statistic} for parameter Statistic is not supported."
        ))
    })?;
    let metric = key(args, args.text("Namespace")?)?;
    Ok(Threshold {
        metric: Some(metric),
        statistic: Some(known),
        statistic_text: statistic.to_owned(),
        period: period(args)?,
        ..whole
    })
}

/// Seconds: 10, 20, 30 or whole minutes.
pub(super) fn period(args: &Args<'_>) -> Result<i64, Fault> {
    let period = args.int("Period")?.ok_or_else(|| args.missing("Period"))?;
    if matches!(period, 10 | 20 | 30) || (period > 0 && period % 60 == 0 && period <= 604_800) {
        return Ok(period);
    }
    Err(value(format!(
        "The value {period} for parameter Period is invalid: it must be 10, 20, 30 or a multiple of 60."
    )))
}

/// What both kinds of alarms have.
pub(super) fn common(args: &Args<'_>, kind: Kind) -> Result<Settings, Fault> {
    let mut actions = BTreeMap::new();
    for (name, state) in ACTIONS {
        let listed = args.texts(name)?;
        if listed.len() > 5 {
            return Err(value(format!(
                "The collection {name} must not have a size greater than 5."
            )));
        }
        actions.insert(state, listed.into_iter().map(String::from).collect());
    }
    let mut tags = BTreeMap::new();
    for tag in args.maps("Tags")? {
        tag.only("Key Value")?;
        let text = tag.maybe_text("Value")?.unwrap_or_default();
        tags.insert(tag.text("Key")?.to_owned(), text.to_owned());
    }
    Ok(Settings {
        description: args.maybe_text("AlarmDescription")?.map(Into::into),
        enabled: args.flag("ActionsEnabled")?.unwrap_or(true),
        actions,
        tags,
        kind,
    })
}
