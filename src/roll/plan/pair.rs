//! Two groups that exist for good, between which rolls alternate: what must be so, and how the idle one is taken. Everything
//! of them but sizes, launch template version and kiln's own tags is their owner's.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{NextTemplate, Refusal, carried, previous};
use crate::cloud::{
    Behaviour, Group, LaunchTemplateVersion, Protection, Size, StartsFrom, TargetGroupArn,
    TemplateChange, tag,
};
use crate::roll::facts::pair::{Pair, find, idle};
use crate::roll::facts::{Facts, Side};
use crate::roll::refusals;
use crate::source::{Diagnostic, Spanned};
use crate::template::service::Service;
use crate::undo::Taken;
use crate::undo::lease::lasting;

/// The idle group, which is to be the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Idle {
    /// What it follows, and gets back unless the roll goes through: in the words of its tag.
    #[serde(skip)]
    pub follows: Taken,
    /// What that is by its number.
    pub version: LaunchTemplateVersion,
    /// Processes that its owner has suspended.
    pub suspended: BTreeSet<String>,
    /// Where it does otherwise than the group that serves.
    pub differs: Vec<String>,
}

/// Every reason why the two groups are none that can be rolled.
pub(super) fn refuse(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) {
    let Some(names) = &service.groups.pair else {
        return;
    };
    let wanted = service.traffic.iter().flat_map(|one| &one.target_groups);
    for (side, name) in facts.sides.iter().zip(wanted) {
        if side.target_group.is_none() {
            refused.push(refusals::no_such("target group", name));
        }
    }
    let found = names
        .iter()
        .filter_map(|name| Some((name, find(&facts.groups, name)?)));
    for (name, group) in found {
        refuse_group(service, facts, (name, group), refused);
    }
    for side in &facts.sides {
        let strangers = side.groups.iter();
        let strangers =
            strangers.filter(|group| names.iter().all(|name| **name != group.name.as_str()));
        refused.extend(strangers.map(|group| stranger(names, side, group)));
    }
    refused.extend(from_nothing(service, names, facts));
    refused.extend(together(names, facts));
    refused.extend(nothing_serves(names, facts));
}

fn at(name: &Spanned<String>, text: String, help: String) -> Refusal {
    let finding = Diagnostic::error("roll::pair", text).at_value(name, "this group");
    Refusal::input(finding.help(help))
}

/// What is wrong with one group, whether it serves or not.
fn refuse_group(
    service: &Service,
    facts: &Facts,
    (name, group): (&Spanned<String>, &Group),
    refused: &mut Vec<Refusal>,
) {
    if group.deleting {
        let text = format!("group {name} is being deleted");
        refused.push(at(name, text, "name another, or make it anew".to_owned()));
    }
    let untag = |key: &str| {
        format!(
            "aws autoscaling delete-tags --tags ResourceId={name},ResourceType=auto-scaling-group,Key={key}"
        )
    };
    if let Some(other) = group
        .tag(tag::SERVICE)
        .filter(|other| *other != *service.name)
    {
        let text = format!("group {name} belongs to service {other}");
        let help = format!("or, when {other} is no more: {}", untag(tag::SERVICE));
        refused.push(at(
            name,
            text,
            format!("name a group of this service's own; {help}"),
        ));
    }
    if group.tag(tag::MADE_BY).is_some() {
        let text = format!("group {name} was made by a roll, and would be deleted after its time");
        let help = format!(
            "name one of its own, or make this one yours: {}",
            untag(tag::MADE_BY)
        );
        refused.push(at(name, text, help));
    }
    if let StartsFrom::Other(what) = &group.starts_from {
        refused.push(refusals::no_template(service, &group.name, what));
    }
    refused.extend(unfit(name, group));
    let sides = facts
        .sides
        .iter()
        .filter_map(|side| side.target_group.as_ref());
    let behind = sides.filter(|one| group.target_groups.contains(&one.arn));
    if behind.count() == 1 && group.target_groups.len() == 1 {
        return;
    }
    let text = match group.target_groups.as_slice() {
        [] => format!("group {name} registers its machines nowhere"),
        several => {
            let several: Vec<_> = several.iter().map(TargetGroupArn::name).collect();
            format!(
                "group {name} registers its machines in {}",
                several.join(", ")
            )
        }
    };
    let both: Vec<_> = facts.sides.iter().map(|side| side.name.as_str()).collect();
    let help = format!(
        "have it register in exactly one of {}, the other group in the other: aws autoscaling \
         attach-load-balancer-target-groups --auto-scaling-group-name {name} --target-group-arns …, and \
         detach-load-balancer-target-groups for any other",
        both.join(" and ")
    );
    refused.push(at(name, text, help));
}

/// What can neither be proven before traffic nor given back.
fn unfit(name: &Spanned<String>, group: &Group) -> Vec<Refusal> {
    let is_template = matches!(group.starts_from, StartsFrom::Template { .. });
    let pool = group.pool.as_ref().map(|_| "a warm pool".to_owned());
    let lost = group.not_copied.iter().cloned().chain(pool);
    let lost = lost.filter(|_| is_template);
    let refuse = |what: String| {
        let text = format!("group {name} has {what}, which a roll can neither prove nor give back");
        at(name, text, "take it off both groups".to_owned())
    };
    let mut all: Vec<_> = lost.map(refuse).collect();
    if group.protections.contains(&Protection::NewInstances) {
        let text = format!(
            "group {name} protects its new machines from scale-in, and could not be emptied"
        );
        let help = format!(
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} \
             --no-new-instances-protected-from-scale-in"
        );
        all.push(at(name, text, help));
    }
    all
}

/// Groups whose launch template version is gone: there is nothing that the next one could be made from.
fn from_nothing(service: &Service, names: &[Spanned<String>; 2], facts: &Facts) -> Vec<Refusal> {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    let (Some(live), Some(idle)) = (live, idle(service, facts)) else {
        return Vec::new();
    };
    let is_lost = |group: &Group| {
        let lost = [
            (live, facts.template.is_none()),
            (idle, facts.pair.is_none()),
        ];
        lost.iter()
            .any(|(one, is_lost)| *is_lost && one.name == group.name)
    };
    let refuse = |name: &Spanned<String>| {
        let group = find(&facts.groups, name).filter(|group| is_lost(group))?;
        let StartsFrom::Template { id, version } = &group.starts_from else {
            return None;
        };
        let text = format!(
            "group {name} follows version {version} of launch template {id}, which is gone"
        );
        let help = format!(
            "have it follow one that is there: aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} \
             --launch-template LaunchTemplateId={id},Version=…"
        );
        Some(at(name, text, help))
    };
    names.iter().filter_map(refuse).collect()
}

/// Another group behind one of the target groups.
fn stranger(names: &[Spanned<String>; 2], side: &Side, group: &Group) -> Refusal {
    let [first, second] = names;
    let (name, target_group) = (&group.name, &side.name);
    let text = format!(
        "group {name} is behind target group {target_group} and none of the pair {first} and {second}"
    );
    let arn = side
        .target_group
        .as_ref()
        .map_or("…", |one| one.arn.as_str());
    let help = format!(
        "name it, or take it out: aws autoscaling detach-load-balancer-target-groups --auto-scaling-group-name {name} \
         --target-group-arns {arn}"
    );
    at(first, text, help)
}

/// Both behind one target group: the swap would move nothing.
fn together(names: &[Spanned<String>; 2], facts: &Facts) -> Option<Refusal> {
    let in_it = |side: &&Side, name: &Spanned<String>| {
        side.groups
            .iter()
            .any(|group| group.name.as_str() == **name)
    };
    let [first, second] = names;
    let side = facts
        .sides
        .iter()
        .find(|side| in_it(side, first) && in_it(side, second))?;
    let text = format!(
        "groups {first} and {second} are both behind target group {}",
        side.name
    );
    let help = "put each behind one of its own: traffic goes from one target group to the other";
    Some(at(second, text, help.to_owned()))
}

/// One of the two must serve: there is nothing else to make the other one like.
fn nothing_serves(names: &[Spanned<String>; 2], facts: &Facts) -> Option<Refusal> {
    let leads = facts.production().any(|one| {
        crate::undo::serving::forwards(one.actions())
            .next()
            .is_some()
    });
    // Where it leads elsewhere, that is refused already.
    if leads || facts.serving().is_some() {
        return None;
    }
    let text = "the production rule leads to neither group of the pair";
    let finding = Diagnostic::error("roll::pair", text).at_value(&names[0], "of this pair");
    Some(Refusal::input(finding.help(
        "lead it to the target group of the one that is to serve, and give that group its machines",
    )))
}

/// The idle group of a plan, with every reason why it cannot take over from `previous`; nothing where there is no pair.
pub(super) fn of(
    service: &Service,
    facts: &Facts,
    previous: Option<&Group>,
    refused: &mut Vec<Refusal>,
) -> Option<Idle> {
    let group = idle(service, facts)?;
    let pair = facts.pair.as_ref()?;
    refused.extend(previous::stopped(facts, group));
    if let Some(live) = previous {
        refused.extend(too_small(group, live));
    }
    Some(Idle {
        follows: pair.follows.clone(),
        version: pair.follows.number,
        suspended: lasting(group),
        differs: differs(facts, pair, previous, group),
    })
}

/// The group must have room for what serves; its maximum is its owner's.
fn too_small(group: &Group, live: &Group) -> Option<Refusal> {
    let (most, need, name) = (group.size.max, live.size.desired, &group.name);
    if most >= need {
        return None;
    }
    let text = format!(
        "group {name} may have {most} machines, and {} has {need}",
        live.name
    );
    let finding = Diagnostic::error("roll::maximum", text);
    let max = live.size.max;
    Some(Refusal::account(finding.help(format!(
        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --max-size {max}"
    ))))
}

/// In words, what the one group has and the other has not.
fn differs(facts: &Facts, pair: &Pair, previous: Option<&Group>, group: &Group) -> Vec<String> {
    let Some(live) = previous else {
        return Vec::new();
    };
    let [mut there, mut here] = pair.behaviour.clone();
    let alarms = "alarms of policies";
    there.insert(alarms.to_owned(), facts.alarms_of(live).len());
    here.insert(alarms.to_owned(), facts.alarms_of(group).len());
    let count = |of: &Behaviour, kind: &str| of.get(kind).copied().unwrap_or_default();
    let kinds: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let mut differs: Vec<String> = kinds
        .into_iter()
        .map(|kind| (kind, count(&there, kind), count(&here, kind)))
        .filter(|(_, there, here)| there != here)
        .map(|(kind, there, here)| {
            format!("{kind}: {there} of {}, {here} of {}", live.name, group.name)
        })
        .collect();
    let mut compare = |what: &str, there: String, here: String| {
        if there != here {
            differs.push(format!(
                "{what}: {there} of {}, {here} of {}",
                live.name, group.name
            ));
        }
    };
    let seconds = |group: &Group| format!("{} s", group.grace.as_secs());
    compare(
        "maximum",
        live.size.max.to_string(),
        group.size.max.to_string(),
    );
    compare("grace period", seconds(live), seconds(group));
    let words = |all: &BTreeSet<String>| match all.len() {
        0 => "none".to_owned(),
        _ => all.iter().cloned().collect::<Vec<_>>().join(" "),
    };
    let suspended = |group: &Group| words(&lasting(group));
    compare("suspended processes", suspended(live), suspended(group));
    let types = |group: &Group| {
        let mixed = group.mixed.as_ref();
        mixed.map_or_else(
            || "the launch template's own".to_owned(),
            ToString::to_string,
        )
    };
    compare("instance types", types(live), types(group));
    let subnets = |group: &Group| words(&group.subnets.iter().map(ToString::to_string).collect());
    compare("subnets", subnets(live), subnets(group));
    differs
}

/// Sizes of the next group once it serves: those of the one before, and of a pair its own maximum.
pub(super) fn size(service: &Service, facts: &Facts, before: Size) -> Size {
    let max = idle(service, facts).map_or(before.max, |group| group.size.max);
    Size { max, ..before }
}

/// The version is made in the idle group's own launch template. Where that is not the one of the group that serves, what kiln
/// knows of the latter goes along.
pub(super) fn template(
    service: &Service,
    facts: &Facts,
    change: TemplateChange,
    refused: &mut Vec<Refusal>,
) -> Option<(NextTemplate, TemplateChange)> {
    let (pair, live) = (facts.pair.as_ref()?, facts.template.as_ref()?);
    let own = &pair.template;
    let shared = own.template.id == live.template.id;
    let from = if shared { live } else { own };
    let next = NextTemplate::Version {
        id: own.template.id.clone(),
        name: own.template.name.clone(),
        source: from.source.number,
    };
    let change = if shared {
        change
    } else {
        carried::over(service, (live, own), change, refused)
    };
    Some((next, change))
}
