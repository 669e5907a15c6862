//! Listener rules: priorities that are unique on a listener, and the default rule that cannot be touched here. A listener
//! of a network load balancer has that one alone.

use super::{
    PAGES, actions, conditions, ground,
    kind::Kind,
    listeners,
    stored::{Elb, Rule},
};
use crate::model::{Fault, Tree, args::Args, state::State, tags};
use std::collections::{BTreeMap, BTreeSet};

/// Rules that a load balancer may have, default rules not counted (Quotas for your Application Load Balancers).
const RULES: usize = 100;

pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (listener, found) = listeners::named(&state.elb, args)?;
    let (kind, at) = (state.elb.kind_of(found), found.clone());
    let conditions = conditions::read(args)?;
    if kind == Kind::Network {
        // What rules of a network load balancer may look at is refused by name before.
        let message = "Conditions on hosts, paths and headers are not supported on load balancers of type 'network'";
        return Err(Fault::new("InvalidConfigurationRequest", message));
    }
    let action = actions::read(args, "Actions", kind)?;
    let tags = tags::read(args, "Tags")?;
    let priority = read_priority(args)?;
    if state
        .elb
        .rules_of(listener)
        .iter()
        .any(|(_, rule)| rule.priority == Some(priority))
    {
        return Err(in_use(priority));
    }
    let on_balancer = |rule: &&Rule| {
        state
            .elb
            .listeners
            .get(&rule.listener)
            .is_some_and(|other| other.balancer == at.balancer)
    };
    if state
        .elb
        .rules
        .values()
        .filter(|rule| rule.priority.is_some())
        .filter(on_balancer)
        .count()
        >= RULES
    {
        return Err(Fault::new(
            "TooManyRules",
            "The maximum number of rules on a load balancer has been reached",
        ));
    }
    actions::check(&state.elb, &at, &action)?;
    let id = state.ids.short();
    let arn = state.arn(
        "elasticloadbalancing",
        &format!(
            "listener-rule/{}/{id}",
            ground::after(listener, ":listener/")
        ),
    );
    let rule = Rule {
        listener: listener.to_owned(),
        priority: Some(priority),
        conditions,
        action,
    };
    let answer = tree(&arn, &rule);
    state.elb.rules.insert(arn.clone(), rule);
    state.elb.tags.insert(arn, tags);
    Ok(Tree::new().put("Rules", vec![answer]))
}

fn read_priority(args: &Args<'_>) -> Result<u32, Fault> {
    let priority = args
        .int_in("Priority", 1..=50_000)?
        .ok_or_else(|| args.missing("Priority"))?;
    Ok(u32::try_from(priority).unwrap_or_default())
}

fn in_use(priority: u32) -> Fault {
    Fault::new(
        "PriorityInUse",
        format!("Priority '{priority}' is currently in use"),
    )
}

pub(super) fn not_found(arn: &str) -> Fault {
    Fault::new("RuleNotFound", format!("Rule '{arn}' not found"))
}

fn named<'a>(elb: &Elb, args: &Args<'a>) -> Result<&'a str, Fault> {
    let arn = args.text("RuleArn")?;
    if !arn.contains(":listener-rule/") {
        return Err(Fault::validation(format!(
            "'{arn}' is not a valid listener rule ARN"
        )));
    }
    if elb.rules.contains_key(arn) {
        Ok(arn)
    } else {
        Err(not_found(arn))
    }
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let by_arn = args.texts("RuleArns")?;
    let elb = &state.elb;
    let listener = args
        .has("ListenerArn")
        .then(|| listeners::named(elb, args))
        .transpose()?;
    if by_arn.is_empty() == listener.is_none() {
        return Err(Fault::validation(
            "You must specify either listener rule ARNs or a listener ARN",
        ));
    }
    if let Some(arn) = by_arn.iter().find(|arn| !elb.rules.contains_key(**arn)) {
        return Err(not_found(arn));
    }
    let wanted = |arn: &String, rule: &Rule| match listener {
        Some((listener, _)) => rule.listener == listener,
        None => by_arn.contains(&arn.as_str()),
    };
    let entry = |(arn, rule): (&String, &Rule)| {
        let key = format!("{:010} {arn}", rule.priority.unwrap_or(u32::MAX));
        (key, tree(arn, rule))
    };
    let (shown, marker) = page.cut(
        elb.rules
            .iter()
            .filter(|(arn, rule)| wanted(arn, rule))
            .map(entry)
            .collect(),
    );
    Ok(Tree::new()
        .put("Rules", shown)
        .put_some("NextMarker", marker))
}

fn tree(arn: &str, rule: &Rule) -> Tree {
    let conditions: Vec<Tree> = rule
        .conditions
        .iter()
        .map(conditions::Condition::tree)
        .collect();
    Tree::new()
        .put("RuleArn", arn)
        .put(
            "Priority",
            rule.priority
                .map_or_else(|| "default".to_owned(), |priority| priority.to_string()),
        )
        .put("Conditions", conditions)
        .put("Actions", actions::tree(&rule.action))
        .put("IsDefault", rule.priority.is_none())
}

/// Replaces conditions and actions, each as a whole and only when named.
pub(super) fn modify(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let arn = named(&state.elb, args)?;
    let mut rule = state.elb.rules[arn].clone();
    if rule.priority.is_none() {
        return Err(Fault::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified"),
        ));
    }
    if args.has("Conditions") {
        rule.conditions = conditions::read(args)?;
    }
    if args.has("Actions") {
        rule.action = actions::read(args, "Actions", Kind::Application)?;
        let at = &state.elb.listeners[&rule.listener];
        actions::check(&state.elb, at, &rule.action)?;
    }
    let answer = tree(arn, &rule);
    state.elb.rules.insert(arn.to_owned(), rule);
    Ok(Tree::new().put("Rules", vec![answer]))
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let arn = named(&state.elb, args)?;
    if state.elb.rules[arn].priority.is_none() {
        return Err(Fault::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be deleted"),
        ));
    }
    state.elb.rules.remove(arn);
    state.elb.tags.remove(arn);
    Ok(Tree::new())
}

/// Changes many priorities at once, or none of them.
pub(super) fn set_priorities(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let mut wanted = BTreeMap::new();
    for entry in args.maps("RulePriorities")? {
        let arn = named(&state.elb, &entry)?;
        if state.elb.rules[arn].priority.is_none() {
            return Err(Fault::new(
                "OperationNotPermitted",
                format!("Default rule '{arn}' cannot be moved"),
            ));
        }
        if wanted
            .insert(arn.to_owned(), read_priority(&entry)?)
            .is_some()
        {
            return Err(Fault::validation(format!(
                "Rule '{arn}' is given two priorities"
            )));
        }
    }
    if wanted.is_empty() {
        return Err(args.missing("RulePriorities"));
    }
    check_unique(&state.elb, &wanted)?;
    let mut answer = Vec::new();
    for (arn, priority) in wanted {
        if let Some(rule) = state.elb.rules.get_mut(&arn) {
            rule.priority = Some(priority);
            answer.push(tree(&arn, rule));
        }
    }
    Ok(Tree::new().put("Rules", answer))
}

fn check_unique(elb: &Elb, wanted: &BTreeMap<String, u32>) -> Result<(), Fault> {
    let mut taken = BTreeSet::new();
    for (arn, rule) in &elb.rules {
        let Some(priority) = wanted.get(arn).copied().or(rule.priority) else {
            continue;
        };
        if !taken.insert((&rule.listener, priority)) {
            return Err(in_use(priority));
        }
    }
    Ok(())
}
