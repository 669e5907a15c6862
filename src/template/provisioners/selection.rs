//! For which builders something is: `only` and `except`, which match names as written, and `override`.

use super::super::interpolate::Interpolator;
use super::super::near;
use super::super::options::wrong_type;
use crate::source::json::{Json, Member, Value};
use crate::source::{Diagnostic, Place, Span};

/// Reports `only`, `except` and `override` that name no builder, or are no such thing. Once for all builds.
pub(in crate::template) fn check_names(
    interpolator: &Interpolator,
    json: &Json,
    builders: &[&str],
) {
    let check = |name: &str, span| {
        if !builders.contains(&name) {
            let known = format!("the builders are {}", near::list(builders.iter().copied()));
            interpolator.report(
                Diagnostic::error(
                    "template::unknown_builder",
                    format!("no builder is named `{name}`"),
                )
                .at(span, "names no builder")
                .help(near::or_else(name, builders.iter().copied(), &known)),
            );
        }
    };
    for option in ["only", "except"] {
        for (name, span) in named(json, option) {
            check(name, span);
        }
        for other in json.get(option).into_iter().flat_map(unnamed) {
            let place = Place::at(other.span);
            let what = format!("`{option}`");
            interpolator.report(wrong_type(&what, "a list of builders", other.kind(), place));
        }
    }
    check_override(interpolator, json, check);
    let some = |option| json.get(option).filter(|_| !named(json, option).is_empty());
    if let (Some(only), Some(except)) = (some("only"), some("except")) {
        interpolator.report(
            Diagnostic::error(
                "template::exclusive",
                "`only` and `except` exclude each other",
            )
            .at(except.span, "this")
            .at(only.span, "and this")
            .help("keep one of them"),
        );
    }
}

fn check_override(interpolator: &Interpolator, json: &Json, check: impl Fn(&str, Span)) {
    let Some(all) = json.get("override") else {
        return;
    };
    let object = |json: &Json, what: &str| {
        let idle = matches!(&json.value, Value::Null)
            || matches!(&json.value, Value::List(items) if items.is_empty());
        if json.members().is_none() && !idle {
            let place = Place::at(json.span);
            interpolator.report(wrong_type(what, "an object", json.kind(), place));
        }
    };
    object(all, "`override`");
    for Member { key, value } in all.members().unwrap_or_default() {
        check(&key.value, key.span);
        object(value, &format!("the override for `{}`", key.value));
    }
}

/// The builders that an option names; an empty list says nothing, as in Packer.
fn named<'j>(json: &'j Json, option: &str) -> Vec<(&'j str, Span)> {
    match json.get(option).map(|value| &value.value) {
        Some(Value::List(items)) => items
            .iter()
            .filter_map(Json::text)
            .map(|text| (text.value.as_str(), text.span))
            .collect(),
        Some(Value::String(text)) => text
            .value
            .split(',')
            .map(|name| (name, text.span))
            .collect(),
        _ => Vec::new(),
    }
}

/// What names builders and is no name.
fn unnamed(json: &Json) -> Vec<&Json> {
    match &json.value {
        Value::Null | Value::String(_) => Vec::new(),
        Value::List(items) => items.iter().filter(|item| item.text().is_none()).collect(),
        _ => vec![json],
    }
}

/// Whether `only` and `except` let something apply to a builder; they match the name as written.
pub(in crate::template) fn applies(json: &Json, raw_name: &str) -> bool {
    let (only, except) = (named(json, "only"), named(json, "except"));
    let listed = |names: &[(&str, Span)]| names.iter().any(|(name, _)| *name == raw_name);
    (only.is_empty() || listed(&only)) && !listed(&except)
}

/// The object with the override for a builder laid over it.
pub(super) fn overridden(json: &Json, raw_name: &str) -> Json {
    let over = json
        .get("override")
        .and_then(|all| all.get(raw_name))
        .and_then(Json::members);
    let (Some(members), Some(over)) = (json.members(), over) else {
        return json.clone();
    };
    let replaced = |member: &&Member| !over.iter().any(|new| new.key == member.key);
    let merged = members
        .iter()
        .filter(replaced)
        .chain(over)
        .cloned()
        .collect();
    Json {
        value: Value::Object(merged),
        span: json.span,
    }
}
