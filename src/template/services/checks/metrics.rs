//! The checks `metric` and `compare`.

use super::super::super::options::{Key, Options, on};
use super::super::super::service::{
    Bound, CompareCheck, Compared, IfFewer, MetricCheck, ROLL_DATA,
};
use crate::source::{Diagnostic, Spanned};
use std::time::Duration;

const METRIC: &[Key] = &[
    on("namespace"),
    on("name"),
    on("dimensions"),
    on("statistic"),
    on("period"),
    on("below"),
    on("above"),
];
const STATISTICS: [(&str, &str); 5] = [
    ("Average", "Average"),
    ("Sum", "Sum"),
    ("Minimum", "Minimum"),
    ("Maximum", "Maximum"),
    ("SampleCount", "SampleCount"),
];
const COMPARED: [(&str, Compared); 2] = [
    ("5xx_rate", Compared::Errors),
    ("latency", Compared::Latency),
];
const IF_FEWER: [(&str, IfFewer); 3] = [
    ("pass", IfFewer::Pass),
    ("fail", IfFewer::Fail),
    ("unknown", IfFewer::Unknown),
];

/// What is asked of a metric without a word on it; also the shortest that load balancers report.
const PERIOD: Duration = Duration::from_mins(1);
/// Of a comparison: below it one error more or less is a large share.
const MIN_REQUESTS: u64 = 100;

pub(super) fn metric(check: &Options<'_>) -> Option<MetricCheck> {
    let metric = check.object("metric", "`metric`", METRIC)?;
    let namespace = metric.need_text("namespace", "for instance \"AWS/ApplicationELB\"");
    let name = metric.need_text("name", "for instance \"HTTPCode_Target_5XX_Count\"");
    let data: Vec<&str> = ROLL_DATA
        .iter()
        .copied()
        .chain(["target_group", "load_balancer"])
        .collect();
    let dimensions = metric.texts("dimensions", &data);
    let dimensions = dimensions
        .into_iter()
        .map(|(name, value)| (name.value, value));
    let (statistic, period, bound) = (statistic(&metric), period(&metric), bound(&metric));
    Some(MetricCheck {
        namespace: namespace?.value,
        name: name?.value,
        dimensions: dimensions.collect(),
        statistic: statistic?,
        period: period?,
        bound: bound?,
    })
}

fn statistic(metric: &Options<'_>) -> Option<String> {
    let text = metric.need_text("statistic", "for instance \"Sum\" or \"p99\"")?;
    let percent = text
        .value
        .strip_prefix('p')
        .and_then(|digits| digits.parse::<f64>().ok());
    if percent.is_some_and(|percent| (0.0..=100.0).contains(&percent)) {
        return Some(text.value);
    }
    metric
        .choice("statistic", &STATISTICS)
        .map(ToOwned::to_owned)
}

fn period(metric: &Options<'_>) -> Option<Duration> {
    let Some(period) = metric.duration("period") else {
        return (!metric.has("period")).then_some(PERIOD);
    };
    let seconds = period.value.as_secs();
    let whole = seconds > 0 && seconds.is_multiple_of(60) && period.value.subsec_nanos() == 0;
    if !whole || period.value > Duration::from_hours(24) {
        wrong(
            metric,
            &period,
            "a period is whole minutes, up to a day",
            "write \"1m\" or \"5m\"",
        );
        return None;
    }
    Some(period.value)
}

/// Where a value must be.
pub(super) fn bound(metric: &Options<'_>) -> Option<Bound> {
    metric.exclusive("below", "above");
    if metric.has("below") {
        return decimal(metric, "below").map(|number| Bound::Below(number.value));
    }
    if metric.has("above") {
        return decimal(metric, "above").map(|number| Bound::Above(number.value));
    }
    metric.missing_all(
        &["below", "above"],
        "say where the value must be: \"below\": 5",
    );
    None
}

/// A number that need not be whole.
fn decimal(options: &Options<'_>, name: &str) -> Option<Spanned<f64>> {
    let text = options.text(name)?;
    let number = text
        .value
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite());
    if number.is_none() {
        wrong(
            options,
            &text,
            &format!("`{name}` is a number"),
            "write digits, as 0.5",
        );
    }
    number.map(|value| Spanned {
        value,
        place: text.place,
    })
}

fn wrong<T>(options: &Options<'_>, at: &Spanned<T>, text: &str, help: &str) {
    let finding = Diagnostic::error("template::wrong_value", text);
    options.report(finding.at_value(at, "this").help(help));
}

pub(super) fn compare(check: &Options<'_>) -> Option<CompareCheck> {
    let compare = check.choice("compare", &COMPARED);
    let max_ratio = if check.has("max_ratio") {
        decimal(check, "max_ratio")
    } else {
        check.missing(
            "max_ratio",
            "how many times as much is borne: \"max_ratio\": 2",
        );
        None
    };
    if let Some(ratio) = &max_ratio
        && ratio.value <= 0.0
    {
        wrong(
            check,
            ratio,
            "`max_ratio` must be more than 0",
            "2 bears twice as much",
        );
    }
    let min_requests = check.number("min_requests");
    Some(CompareCheck {
        compare: compare?,
        max_ratio: max_ratio?.value,
        min_requests: min_requests.map_or(MIN_REQUESTS, |number: Spanned<u64>| number.value),
        if_fewer: check
            .choice("if_fewer", &IF_FEWER)
            .unwrap_or(IfFewer::Unknown),
    })
}
