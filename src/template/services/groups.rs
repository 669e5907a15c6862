//! `groups`: how groups are made, or which two there are for good.

use super::super::options::{Key, Options, on};
use super::super::service::{Groups, Initial, Strategy};
use crate::source::{Diagnostic, Place, Spanned};

const GROUPS: &[Key] = &[on("mode"), on("template"), on("initial"), on("names")];
const INITIAL: &[Key] = &[on("min"), on("max"), on("desired"), on("subnets")];
/// What `set` says of a group rather than of its machines.
const OF_GROUP: [&str; 4] = [
    "subnets",
    "tags",
    "health_check_grace_period",
    "default_instance_warmup",
];
/// Of a name (`CreateAutoScalingGroup`).
const LONGEST_NAME: usize = 255;

pub(super) fn read(
    root: &Options<'_>,
    service: Option<&Spanned<String>>,
    strategy: &Strategy,
    set: Option<&Options<'_>>,
) -> Option<Groups> {
    if !root.has("groups") {
        root.missing(
            "groups",
            "say how groups are made: \"groups\": { \"mode\": \"new\", \"initial\": { … } }",
        );
        return None;
    }
    let groups = root.object("groups", "`groups`", GROUPS)?;
    let modes = [("new", false), ("pair", true)];
    let is_pair = groups.choice("mode", &modes).unwrap_or_default();
    let place = Place::at(groups.json.span.first_byte());
    if is_pair {
        refuse_with_pair(root, &groups, strategy, set);
        return Some(Groups {
            pair: Some(names(&groups)?),
            template: service.cloned()?,
            initial: None,
            place,
        });
    }
    if let Some(names) = groups.get("names") {
        groups.report(
            Diagnostic::error(
                "template::wrong_value",
                "`names` belongs to the mode `pair`; with `new` each roll makes a group and names it",
            )
            .at(names.span, "of no use here")
            .help("write \"mode\": \"pair\", or leave `names` out"),
        );
    }
    let initial = groups.object("initial", "`groups.initial`", INITIAL);
    let initial = match initial {
        Some(initial) => Some(initial_sizes(&initial)?),
        None => None,
    };
    let template = groups.text("template").or_else(|| service.cloned());
    Some(Groups {
        pair: None,
        template: template?,
        initial,
        place,
    })
}

/// The two names of a pair.
fn names(groups: &Options<'_>) -> Option<[Spanned<String>; 2]> {
    let help = "name two groups: \"names\": [\"web-blue\", \"web-green\"]";
    let Some(json) = groups.get("names") else {
        groups.missing("names", help);
        return None;
    };
    let names = groups.ids("names");
    for name in names.iter().filter(|name| !is_name(name)) {
        let text = format!("`{name}` cannot name an Auto Scaling group");
        groups.report(
            Diagnostic::error("template::wrong_value", text)
                .at_value(name, "this name")
                .help(format!("1 to {LONGEST_NAME} characters, without a colon")),
        );
    }
    match <[Spanned<String>; 2]>::try_from(names) {
        Ok([one, other]) if one != other => Some([one, other]),
        _ => {
            let text = "`names` must be two different groups";
            groups.report(
                Diagnostic::error("template::wrong_value", text)
                    .at(json.span, "not two groups")
                    .help(help),
            );
            None
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(':')
}

/// Reports what a pair has no use for: its groups are their owner's, and stay as they are.
fn refuse_with_pair(
    root: &Options<'_>,
    groups: &Options<'_>,
    strategy: &Strategy,
    set: Option<&Options<'_>>,
) {
    let refuse = |of: &Options<'_>, name: &str, text: String, help: &str| {
        if let Some(json) = of.get(name) {
            let finding = Diagnostic::error("template::wrong_value", text);
            of.report(finding.at(json.span, "with a pair").help(help));
        }
    };
    let text = "`initial` is for the first group of all, and both groups of a pair are there";
    let help = "leave it out: the next group is made as large as the one that serves";
    refuse(groups, "initial", text.to_owned(), help);
    let text = "each group of a pair has its launch template already";
    refuse(groups, "template", text.to_owned(), "leave it out");
    for name in OF_GROUP {
        let text = format!("`set.{name}` is the groups' own, and a pair's groups stay as they are");
        let help = "change it where the groups are made";
        if let Some(set) = set {
            refuse(set, name, text, help);
        }
    }
    if matches!(strategy, Strategy::Rolling(_) | Strategy::Replace(_)) {
        let text = "a pair is rolled by `blue_green` or `canary`: traffic goes from one group to the other";
        let help = "write one of them, or \"mode\": \"new\"";
        refuse(root, "strategy", text.to_owned(), help);
    }
}

fn initial_sizes(initial: &Options<'_>) -> Option<Initial> {
    let size = |name: &str| {
        if !initial.has(name) {
            initial.missing(name, "the first group needs `min`, `max` and `desired`");
        }
        initial.number::<u32>(name)
    };
    let (min, max, desired) = (size("min"), size("max"), size("desired"));
    let subnets = initial.ids("subnets");
    if subnets.is_empty() && !initial.has("subnets") {
        initial.missing(
            "subnets",
            "the first group needs subnets, best one in each of several zones",
        );
    }
    let sizes = Initial {
        min: min?,
        max: max?,
        desired: desired?,
        subnets,
    };
    if sizes.min.value > sizes.desired.value || sizes.desired.value > sizes.max.value {
        initial.report(
            Diagnostic::error(
                "template::wrong_value",
                "`desired` must lie between `min` and `max`",
            )
            .at_value(&sizes.desired, "this size")
            .help(format!("min is {}, max is {}", sizes.min, sizes.max)),
        );
    }
    (!sizes.subnets.is_empty()).then_some(sizes)
}
