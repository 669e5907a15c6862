//! Showing alarms and taking them away.

use super::alarms::{ACTIONS, Alarm, Kind, STATES, not_found};
use crate::model::{Fault, Tree, args::Args, paging::Paging, state::State};

pub(super) const TAKES_DESCRIBE: &str = "AlarmNames AlarmNamePrefix AlarmTypes ChildrenOfAlarmName ParentsOfAlarmName \
    StateValue ActionPrefix MaxRecords NextToken";

/// Pages of alarms (`DescribeAlarms`).
const PAGES: Paging = Paging {
    size: "MaxRecords",
    token: "NextToken",
    range: (1, 100),
    usual: 50,
};
/// Names of one call.
const NAMES: usize = 100;
const TYPES: [&str; 3] = ["MetricAlarm", "CompositeAlarm", "LogAlarm"];

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let names = args.texts("AlarmNames")?;
    if names.len() > NAMES {
        return Err(Fault::validation(
            "The collection AlarmNames must not have a size greater than 100.",
        ));
    }
    let prefix = args.maybe_text("AlarmNamePrefix")?;
    if prefix.is_some() && !names.is_empty() {
        return Err(super::combination(
            "AlarmNames and AlarmNamePrefix cannot be specified together.",
        ));
    }
    let types = types(args)?;
    let in_state = args.word("StateValue", STATES)?;
    let action = args.maybe_text("ActionPrefix")?;
    let related = related(state, args)?;
    let wanted = |name: &str, alarm: &Alarm| {
        (names.is_empty() || names.contains(&name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && types.contains(&kind(alarm))
            && in_state.is_none_or(|wanted| wanted == alarm.state)
            && action.is_none_or(|action| {
                let mut actions = alarm.settings.actions.values().flatten();
                actions.any(|arn| arn.starts_with(action))
            })
            && related
                .as_ref()
                .is_none_or(|related| related.iter().any(|one| one == name))
    };
    let alarms = state.watch.alarms.iter();
    let found = alarms
        .filter(|(name, alarm)| wanted(name, alarm))
        .map(|(name, alarm)| (name.clone(), (kind(alarm), tree(name, alarm))));
    let (shown, token) = page.cut(found.collect());
    let of = |wanted: &str| -> Vec<Tree> {
        let of_kind = shown.iter().filter(|(kind, _)| *kind == wanted);
        of_kind.map(|(_, tree)| tree.clone()).collect()
    };
    Ok(Tree::new()
        .put("CompositeAlarms", of("CompositeAlarm"))
        .put("MetricAlarms", of("MetricAlarm"))
        .put_some("NextToken", token))
}

/// The types asked for: metric alarms alone when nothing is said.
fn types(args: &Args<'_>) -> Result<Vec<&'static str>, Fault> {
    let given = args.texts("AlarmTypes")?;
    if given.is_empty() {
        return Ok(vec!["MetricAlarm"]);
    }
    let known = |text: &str| TYPES.into_iter().find(|one| *one == text);
    let read = |text| {
        known(text).ok_or_else(|| args.invalid("AlarmTypes", text, "It is no type of alarms."))
    };
    given.into_iter().map(read).collect()
}

/// The children of a composite alarm, or the alarms that name one.
fn related(state: &State, args: &Args<'_>) -> Result<Option<Vec<String>>, Fault> {
    if let Some(of) = args.maybe_text("ChildrenOfAlarmName")? {
        let rule = state.watch.alarms.get(of).and_then(Alarm::rule);
        let children = rule.map(super::rule::Rule::children).unwrap_or_default();
        return Ok(Some(children.into_iter().map(String::from).collect()));
    }
    let Some(of) = args.maybe_text("ParentsOfAlarmName")? else {
        return Ok(None);
    };
    let alarms = state.watch.alarms.iter();
    let parents = alarms.filter(|(_, alarm)| alarm.rule().is_some_and(|rule| rule.names(of)));
    Ok(Some(parents.map(|(name, _)| name.clone()).collect()))
}

fn kind(alarm: &Alarm) -> &'static str {
    match alarm.settings.kind {
        Kind::Metric(_) => "MetricAlarm",
        Kind::Composite { .. } => "CompositeAlarm",
    }
}

fn tree(name: &str, alarm: &Alarm) -> Tree {
    let settings = &alarm.settings;
    let mut tree = Tree::new()
        .put("AlarmName", name)
        .put("AlarmArn", &alarm.arn)
        .put_some("AlarmDescription", settings.description.as_ref())
        .put(
            "AlarmConfigurationUpdatedTimestamp",
            Tree::Time(alarm.configured),
        )
        .put("ActionsEnabled", settings.enabled);
    for (field, state) in ACTIONS {
        let listed = settings.actions.get(state).into_iter().flatten();
        tree = tree.put(field, listed.map(Tree::from).collect::<Vec<_>>());
    }
    let tree = tree
        .put("StateValue", alarm.state)
        .put("StateReason", &alarm.reason)
        .put("StateUpdatedTimestamp", Tree::Time(alarm.updated))
        .put("StateTransitionedTimestamp", Tree::Time(alarm.since));
    match &settings.kind {
        Kind::Metric(threshold) => threshold.put_on(tree),
        Kind::Composite { text, .. } => tree.put("AlarmRule", text),
    }
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("AlarmNames")?;
    if names.is_empty() {
        return Err(args.missing("AlarmNames"));
    }
    if names.len() > NAMES {
        return Err(Fault::validation(
            "The collection AlarmNames must not have a size greater than 100.",
        ));
    }
    for name in names {
        let gone = state.watch.alarms.remove(name);
        gone.ok_or_else(not_found)?;
    }
    Ok(Tree::new())
}

pub(super) fn tags(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let tags = tagged(state, args)?.settings.tags.iter();
    let tags = tags.map(|(key, value)| Tree::new().put("Key", key).put("Value", value));
    Ok(Tree::new().put("Tags", tags.collect::<Vec<_>>()))
}

/// Keys that are not there are no matter.
pub(super) fn untag(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if !args.has("TagKeys") {
        return Err(args.missing("TagKeys"));
    }
    let keys = args.texts("TagKeys")?;
    let alarm = tagged(state, args)?;
    for key in keys {
        alarm.settings.tags.remove(key);
    }
    Ok(Tree::new())
}

/// The alarm whose tags are meant.
fn tagged<'a>(state: &'a mut State, args: &Args<'_>) -> Result<&'a mut Alarm, Fault> {
    let arn = args.text("ResourceARN")?;
    let mut alarms = state.watch.alarms.values_mut();
    alarms.find(|alarm| alarm.arn == arn).ok_or_else(|| {
        Fault::new("ResourceNotFoundException", format!("{arn} does not exist")).with_status(404)
    })
}
