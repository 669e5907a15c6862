//! Reading metrics: `GetMetricData` and `GetMetricStatistics`.

use super::{
    combination,
    metrics::{Key, Series, Statistic, floor, key},
    put::period,
    time, value,
};
use crate::model::{Fault, Params, Service, Tree, args::Args, state::State};
use jiff::{SignedDuration, Timestamp};

pub(super) const TAKES: &str = "MetricDataQueries StartTime EndTime NextToken ScanBy MaxDatapoints";
pub(super) const TAKES_STATISTICS: &str =
    "Namespace MetricName Dimensions StartTime EndTime Period Statistics ExtendedStatistics Unit";

/// Queries of one call.
const QUERIES: usize = 500;
/// Datapoints of one call (`GetMetricData` and `GetMetricStatistics`).
const DATAPOINTS: usize = 100_800;
const FEWER: usize = 1_440;
const QUERY: &str = "Id MetricStat Expression Label ReturnData Period AccountId";
const STAT: &str = "Metric Period Stat Unit";

pub(super) fn data(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let between = between(args)?;
    let queries = args.maps("MetricDataQueries")?;
    if queries.is_empty() {
        return Err(args.missing("MetricDataQueries"));
    }
    if queries.len() > QUERIES {
        return Err(Fault::validation(
            "The collection MetricDataQueries must not have a size greater than 500.",
        ));
    }
    check(&queries)?;
    if let Some(token) = args.maybe_text("NextToken")? {
        return Err(Fault::new(
            "InvalidNextToken",
            format!("The token {token} is not valid."),
        ));
    }
    let upwards = args.word("ScanBy", "TimestampDescending TimestampAscending")?
        == Some("TimestampAscending");
    let most = args.int_in("MaxDatapoints", 1..=100_800)?;
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(DATAPOINTS);
    let mut results = Vec::new();
    for query in &queries {
        if query.flag("ReturnData")? == Some(false) {
            continue;
        }
        results.push(result(state, query, between, upwards, most)?);
    }
    Ok(Tree::new()
        .put("MetricDataResults", results)
        .put("Messages", Vec::new()))
}

fn between(args: &Args<'_>) -> Result<(Timestamp, Timestamp), Fault> {
    let must = |name| time(args, name)?.ok_or_else(|| args.missing(name));
    let (start, end) = (must("StartTime")?, must("EndTime")?);
    if start >= end {
        return Err(value(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    Ok((start, end))
}

fn result(
    state: &State,
    query: &Args<'_>,
    between: (Timestamp, Timestamp),
    upwards: bool,
    most: usize,
) -> Result<Tree, Fault> {
    if query.has("Expression") {
        return Err(Fault::validation("Expressions are not part of this cloud."));
    }
    let stat = query
        .map("MetricStat")?
        .ok_or_else(|| query.missing("MetricStat"))?;
    let metric = stat.map("Metric")?.ok_or_else(|| stat.missing("Metric"))?;
    let key = key(&metric, metric.text("Namespace")?)?;
    let (statistic, period) = (statistic(stat.text("Stat")?)?, period(&stat)?);
    let mut points = points(state, &key, between, period, most);
    if !upwards {
        points.reverse();
    }
    let series = state.watch.metrics.get(&key);
    let found = points
        .into_iter()
        .filter_map(|at| Some((at, series?.in_period(at, period, statistic)?)));
    let (times, values): (Vec<Tree>, Vec<Tree>) = found
        .map(|(at, value)| (Tree::Time(at), Tree::from(value)))
        .unzip();
    let label = query.maybe_text("Label")?.unwrap_or(&key.name);
    Ok(Tree::new()
        .put("Id", query.text("Id")?)
        .put("Label", label)
        .put("Timestamps", times)
        .put("Values", values)
        .put("StatusCode", "Complete"))
}

/// The beginnings of the periods in a span of time, of a metric that is there.
fn points(
    state: &State,
    key: &Key,
    (start, end): (Timestamp, Timestamp),
    period: i64,
    most: usize,
) -> Vec<Timestamp> {
    if !state.watch.metrics.contains_key(key) {
        return Vec::new();
    }
    let step = SignedDuration::from_secs(period);
    let first = Some(floor(start, period));
    let all = std::iter::successors(first, |at| at.checked_add(step).ok());
    all.take_while(|at| *at < end).take(most).collect()
}

fn statistic(text: &str) -> Result<Statistic, Fault> {
    let unknown = || Fault::validation(format!("The statistic {text} is not supported."));
    Statistic::read(text).ok_or_else(unknown)
}

/// Refuses queries that are none.
pub(super) fn check(queries: &[Args<'_>]) -> Result<(), Fault> {
    for query in queries {
        query.only(QUERY)?;
        let id = query.text("Id")?;
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(value(format!(
                "The value {id} for parameter Id is not matching the pattern of an id."
            )));
        }
        if query.has("Expression") == query.has("MetricStat") {
            return Err(combination(
                "Exactly one of Expression and MetricStat must be specified.",
            ));
        }
        if let Some(stat) = query.map("MetricStat")? {
            stat.only(STAT)?;
            let metric = stat.map("Metric")?.ok_or_else(|| stat.missing("Metric"))?;
            metric.only("Namespace MetricName Dimensions")?;
            key(&metric, metric.text("Namespace")?)?;
            statistic(stat.text("Stat")?)?;
            period(&stat)?;
        }
    }
    Ok(())
}

/// Queries as they came, with the types that the API gives them.
pub(super) fn echo(queries: &[Params]) -> Vec<Tree> {
    let query = |params: &Params| {
        let args = Args::new(Service::CloudWatch, params);
        let text =
            |args: &Args<'_>, name: &str| args.maybe_text(name).ok().flatten().map(Tree::from);
        let stat = args.map("MetricStat").ok().flatten().map(|stat| {
            let metric = stat.map("Metric").ok().flatten();
            let metric =
                metric.and_then(|metric| key(&metric, metric.text("Namespace").ok()?).ok());
            let metric = metric.map(|key| {
                Tree::new()
                    .put("Namespace", &key.namespace)
                    .put("MetricName", &key.name)
                    .put("Dimensions", key.dimension_trees())
            });
            Tree::new()
                .put_some("Metric", metric)
                .put_some("Period", stat.int("Period").ok().flatten())
                .put_some("Stat", text(&stat, "Stat"))
                .put_some("Unit", text(&stat, "Unit"))
        });
        Tree::new()
            .put_some("Id", text(&args, "Id"))
            .put_some("MetricStat", stat)
            .put_some("Expression", text(&args, "Expression"))
            .put_some("Label", text(&args, "Label"))
            .put_some("ReturnData", args.flag("ReturnData").ok().flatten())
            .put_some("Period", args.int("Period").ok().flatten())
            .put_some("AccountId", text(&args, "AccountId"))
    };
    queries.iter().map(query).collect()
}

pub(super) fn statistics(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (between, period) = (between(args)?, period(args)?);
    let key = key(args, args.text("Namespace")?)?;
    let (plain, extended) = (args.texts("Statistics")?, args.texts("ExtendedStatistics")?);
    if plain.is_empty() == extended.is_empty() {
        return Err(combination(
            "Exactly one of Statistics and ExtendedStatistics must be specified.",
        ));
    }
    let wanted: Vec<(&str, Statistic)> = plain
        .iter()
        .map(|text| Ok((*text, statistic(text)?)))
        .collect::<Result<_, Fault>>()?;
    if !extended.is_empty() {
        return Err(Fault::validation(
            "Percentiles are answered by GetMetricData here.",
        ));
    }
    let points = points(state, &key, between, period, FEWER + 1);
    if points.len() > FEWER {
        return Err(combination("You have requested more than 1440 datapoints."));
    }
    let series = state.watch.metrics.get(&key);
    let point = |at: Timestamp| datapoint(series?, at, period, &wanted);
    let found: Vec<Tree> = points.into_iter().filter_map(point).collect();
    Ok(Tree::new().put("Label", &key.name).put("Datapoints", found))
}

fn datapoint(
    series: &Series,
    at: Timestamp,
    period: i64,
    wanted: &[(&str, Statistic)],
) -> Option<Tree> {
    let mut tree = Tree::new().put("Timestamp", Tree::Time(at));
    for (name, statistic) in wanted {
        let field = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
        let field = field.into_iter().find(|field| field == name)?;
        tree = tree.put(field, series.in_period(at, period, *statistic)?);
    }
    Some(tree.put("Unit", "None"))
}
