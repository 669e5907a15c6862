//! `capacity`: whether a roll waits where no machine can be had, ends, or takes another type.

use super::super::options::{Key, Options, on};
use super::super::service::{Capacity, Strategy, WhenShort};
use crate::source::{Diagnostic, Spanned};
use std::time::Duration;

const CAPACITY: &[Key] = &[on("when_short"), on("timeout"), on("instance_types")];
/// Of a mixed instances policy (`LaunchTemplate` of the API of Auto Scaling).
const MOST_TYPES: usize = 40;

pub(super) fn read(
    root: &Options<'_>,
    strategy: &Strategy,
    is_pair: bool,
    set: Option<&Options<'_>>,
) -> Option<Capacity> {
    let options = root.object("capacity", "`capacity`", CAPACITY)?;
    if strategy.is_in_place() {
        let text = "the group stays with this strategy, and how it starts machines is its owner's";
        refuse(
            root,
            "capacity",
            text,
            "leave it out, or roll by \"blue_green\"",
        );
    }
    let words = [("wait", 0), ("fail", 1), ("fallback", 2)];
    let word = options.choice("when_short", &words);
    let when_short = match word {
        Some(2) => fallback(&options, is_pair, set)?,
        other => {
            let text = "`instance_types` are what `fallback` takes one after the other";
            let help = "write \"when_short\": \"fallback\", or leave them out";
            refuse(&options, "instance_types", text, help);
            match other {
                Some(1) => WhenShort::Fail,
                _ => WhenShort::Wait,
            }
        }
    };
    let timeout = options.duration("timeout");
    if when_short == WhenShort::Fail {
        let text = "nothing is waited for where the roll is to fail at once";
        refuse(
            &options,
            "timeout",
            text,
            "leave it out, or write \"when_short\": \"wait\"",
        );
    } else if timeout
        .as_ref()
        .is_some_and(|time| **time == Duration::ZERO)
    {
        let text = "a `timeout` of nothing is no wait";
        refuse(&options, "timeout", text, "write \"when_short\": \"fail\"");
    }
    Some(Capacity {
        when_short,
        timeout: timeout.map(|time| time.value),
    })
}

fn refuse(of: &Options<'_>, name: &str, text: &str, help: &str) {
    if let Some(json) = of.get(name) {
        let finding = Diagnostic::error("template::wrong_value", text);
        of.report(finding.at(json.span, "this").help(help));
    }
}

fn fallback(options: &Options<'_>, is_pair: bool, set: Option<&Options<'_>>) -> Option<WhenShort> {
    if is_pair {
        let text = "which types a group of a pair starts is its owner's";
        let help = "give both groups a mixed instances policy: it stays as it is";
        refuse(options, "when_short", text, help);
    }
    let own = set.and_then(|set| set.get("instance_type"));
    if let (Some(own), Some(types)) = (own, options.get("instance_types")) {
        let text = "`set.instance_type` and `capacity.instance_types` exclude each other";
        let finding = Diagnostic::error("template::exclusive", text);
        options.report(
            finding
                .at(own.span, "this")
                .at(types.span, "and these")
                .help("keep the list: its first type goes before the others"),
        );
    }
    let help =
        "name at least two, the best first: \"instance_types\": [\"t3.small\", \"t3a.small\"]";
    if !options.has("instance_types") {
        options.missing("instance_types", help);
        return None;
    }
    let types = options.ids("instance_types");
    if let Some(again) = repeated(&types) {
        let text = format!("`{again}` stands twice among the types to fall back to");
        let finding = Diagnostic::error("template::wrong_value", text);
        options.report(finding.at_value(again, "again").help("name each once"));
    }
    if types.len() < 2 {
        refuse(
            options,
            "instance_types",
            "there is no type to fall back to",
            help,
        );
    }
    if types.len() > MOST_TYPES {
        let text = "Auto Scaling takes 40 types of a group at the most";
        refuse(options, "instance_types", text, "leave the last ones out");
    }
    Some(WhenShort::Fallback(types))
}

fn repeated(types: &[Spanned<String>]) -> Option<&Spanned<String>> {
    let mut all = types.iter().enumerate();
    let again = |(at, one): &(usize, &Spanned<String>)| {
        types[..*at].iter().any(|other| other.value == one.value)
    };
    all.find(again).map(|(_, one)| one)
}
