//! Composite alarms.

use super::{
    alarms::{Kind, enter},
    put::common,
    rule::Rule,
};
use crate::model::{Fault, Tree, args::Args, state::State};

pub(super) const TAKES_PUT: &str = "AlarmName AlarmDescription AlarmRule ActionsEnabled OKActions AlarmActions InsufficientDataActions Tags";

/// The longest rule (`AlarmRule` in the API reference).
const LONGEST: usize = 10_240;
/// How many alarms a rule may name.
const CHILDREN: usize = 100;

pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (name, text) = (args.text("AlarmName")?, args.text("AlarmRule")?);
    let refused = |why: String| Fault::validation(format!("Could not parse the alarm rule: {why}"));
    if text.len() > LONGEST {
        return Err(refused("it is longer than 10240 characters".to_owned()));
    }
    let rule = Rule::read(text).map_err(refused)?;
    if rule.children().len() > CHILDREN {
        return Err(Fault::new(
            "LimitExceeded",
            "An alarm rule may name at most 100 alarms.",
        ));
    }
    check_children(state, name, &rule)?;
    let kind = Kind::Composite {
        text: text.to_owned(),
        rule,
    };
    let settings = common(args, kind)?;
    // They send messages, run functions and open incidents ("`PutCompositeAlarm`").
    let mut actions = settings.actions.values().flatten();
    if let Some(other) = actions.find(|action| action.contains(":scalingPolicy:")) {
        return Err(Fault::validation(format!(
            "Invalid alarm action {other}: a composite alarm cannot have Auto Scaling actions"
        )));
    }
    if let Some(there) = state.watch.alarms.get(name)
        && there.rule().is_none()
    {
        let why = format!("The alarm {name} is a metric alarm.");
        return Err(Fault::validation(why));
    }
    enter(state, name, settings);
    Ok(Tree::new())
}

fn check_children(state: &State, name: &str, rule: &Rule) -> Result<(), Fault> {
    let unknown = rule.children().into_iter();
    let unknown: Vec<&str> = unknown
        .filter(|child| !state.watch.alarms.contains_key(*child))
        .collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        let why = format!(
            "Could not save the composite alarm as alarms [{unknown}] in the alarm rule do not exist"
        );
        return Err(Fault::validation(why));
    }
    if leads_to(state, rule, name) {
        let why =
            format!("Could not save the composite alarm as it would create a cycle through {name}");
        return Err(Fault::validation(why));
    }
    Ok(())
}

/// Whether an alarm is among those that a rule names, at any depth. There is no cycle among those that are saved.
fn leads_to(state: &State, rule: &Rule, name: &str) -> bool {
    rule.children().into_iter().any(|child| {
        let below = state.watch.alarms.get(child).and_then(|alarm| alarm.rule());
        child == name || below.is_some_and(|below| leads_to(state, below, name))
    })
}
