//! Tags of load balancers, target groups, listeners and rules.

use super::stored::Elb;
use crate::model::{Fault, Tree, args::Args, state::State, tags};

/// Checks the ARNs of a call: at most 20, and each of something that exists.
fn resources<'a>(elb: &Elb, args: &Args<'a>) -> Result<Vec<&'a str>, Fault> {
    let resources = args.texts("ResourceArns")?;
    if resources.is_empty() {
        return Err(args.missing("ResourceArns"));
    }
    if resources.len() > 20 {
        return Err(Fault::validation(
            "Cannot have more than 20 resources described",
        ));
    }
    for arn in &resources {
        check_exists(elb, arn)?;
    }
    Ok(resources)
}

fn check_exists(elb: &Elb, arn: &str) -> Result<(), Fault> {
    let (known, fault) = if arn.contains(":loadbalancer/") {
        (
            elb.balancers.contains_key(arn),
            super::balancers::not_found(arn),
        )
    } else if arn.contains(":targetgroup/") {
        (elb.groups.contains_key(arn), super::groups::not_found(arn))
    } else if arn.contains(":listener/") {
        (
            elb.listeners.contains_key(arn),
            super::listeners::not_found(arn),
        )
    } else if arn.contains(":listener-rule/") {
        (elb.rules.contains_key(arn), super::rules::not_found(arn))
    } else {
        (
            false,
            Fault::validation(format!("'{arn}' is not a valid resource ARN")),
        )
    };
    if known { Ok(()) } else { Err(fault) }
}

pub(super) fn add(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let resources = resources(&state.elb, args)?;
    let added = tags::read(args, "Tags")?;
    for arn in resources {
        tags::merge(
            state.elb.tags.entry(arn.to_owned()).or_default(),
            &added,
            args.service,
        )?;
    }
    Ok(Tree::new())
}

pub(super) fn remove(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let resources = resources(&state.elb, args)?;
    let keys = args.texts("TagKeys")?;
    for arn in resources {
        if let Some(tags) = state.elb.tags.get_mut(arn) {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }
    Ok(Tree::new())
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let describe = |arn: &str| {
        let tags = state.elb.tags.get(arn).into_iter().flatten();
        let tags: Vec<Tree> = tags
            .map(|(key, value)| Tree::new().put("Key", key).put("Value", value))
            .collect();
        Tree::new().put("ResourceArn", arn).put("Tags", tags)
    };
    let shown: Vec<Tree> = resources(&state.elb, args)?
        .into_iter()
        .map(describe)
        .collect();
    Ok(Tree::new().put("TagDescriptions", shown))
}
