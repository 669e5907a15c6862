//! An object read against a table of the options it may have: unknown, deprecated and not yet supported keys are reported
//! when it is opened, wrong types when they are read. A value that could not be settled is absent and not reported again.

mod key;
mod names;
mod several;

use super::decode;
use super::interpolate::{Interpolator, Settled};
use super::near;
use crate::source::json::{Json, Member, Value};
use crate::source::{Diagnostic, Place, Spanned};
pub(super) use key::{Key, Status, idle, old, on, own, refused};
use std::time::Duration;

/// An opened object.
pub(super) struct Options<'a> {
    pub interpolator: &'a Interpolator,
    members: &'a [Member],
    /// The object, to blame when something is missing from it.
    pub json: &'a Json,
    /// What users call it: ``builder `amazon-ebs` ``.
    what: &'a str,
    /// The names that unknown keys of it were meant to be, as their findings say.
    meant: Vec<&'static str>,
}

impl<'a> Options<'a> {
    /// Opens an object and reports keys that have no business in it.
    pub(super) fn open(
        interpolator: &'a Interpolator,
        json: &'a Json,
        what: &'a str,
        table: &[&[Key]],
    ) -> Option<Self> {
        let Some(members) = json.members() else {
            interpolator.report(wrong_type(
                what,
                "an object",
                json.kind(),
                Place::at(json.span),
            ));
            return None;
        };
        let mut options = Self {
            interpolator,
            members,
            json,
            what,
            meant: Vec::new(),
        };
        for (at, member) in members.iter().enumerate() {
            let meant = options.check_key(member, table);
            options.meant.extend(meant);
            options.check_again(member, &members[..at]);
        }
        Some(options)
    }

    pub(super) fn members(&self) -> &'a [Member] {
        self.members
    }

    /// Whether a value says nothing: empty, false, zero, null, or not settled, which is reported.
    fn is_idle(&self, json: &Json) -> bool {
        self.interpolator
            .settle_all(json)
            .is_none_or(|value| is_empty(&value))
    }

    fn is_empty(&self, json: &Json) -> bool {
        self.interpolator
            .settle_all(json)
            .is_some_and(|value| is_empty(&value))
    }

    /// The value of an option as written, unless it is null. Packer compares names without case, but for its own.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        let named = |member: &&Member| member.key.value.eq_ignore_ascii_case(name);
        self.members
            .iter()
            .rev()
            .find(named)
            .map(|member| &member.value)
            .filter(|json| !matches!(json.value, Value::Null))
    }

    /// Whether an option is written, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether an option is there and says nothing.
    pub(super) fn is_blank(&self, name: &str) -> bool {
        let blank = |json| self.interpolator.quietly(|| self.is_empty(json));
        self.get(name).is_some_and(blank)
    }

    /// Whether an option is there and says something.
    pub(super) fn says(&self, name: &str) -> bool {
        self.has(name) && !self.is_blank(name)
    }

    pub(super) fn report(&self, finding: Diagnostic) {
        self.interpolator.report(finding);
    }

    fn settle(&self, json: &Json) -> Option<Settled> {
        match &json.value {
            Value::String(text) => self.interpolator.settle(text),
            _ => Some(Settled {
                value: self.interpolator.settle_all(json)?,
                place: Place::at(json.span),
            }),
        }
    }

    fn decode<T>(
        &self,
        name: &str,
        json: &Json,
        read: impl Fn(&serde_json::Value) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        let settled = self.settle(json)?;
        match read(&settled.value) {
            Ok(value) => Some(Spanned::new(value, settled.place)),
            Err(_) if is_empty(&settled.value) && self.blames_undefined(name) => None,
            Err(expected) => {
                let got = match &settled.value {
                    serde_json::Value::String(text) => format!("`{text}`"),
                    serde_json::Value::Number(number) => format!("`{number}`"),
                    other => kind_of(other).to_owned(),
                };
                self.report(wrong_type(
                    &format!("`{name}`"),
                    &expected,
                    &got,
                    settled.place,
                ));
                None
            }
        }
    }

    /// Whether an option is empty since a variable in it is not defined: then that is the error, and the only one.
    fn blames_undefined(&self, name: &str) -> bool {
        let texts = match self.get(name).map(|json| &json.value) {
            Some(Value::String(text)) => vec![text],
            Some(Value::List(items)) => items.iter().filter_map(Json::text).collect(),
            _ => Vec::new(),
        };
        let blame = |text| self.interpolator.blame_undefined(name, text);
        texts.into_iter().any(blame)
    }

    /// A string; numbers are their digits.
    pub(super) fn any_text(&self, name: &str) -> Option<Spanned<String>> {
        self.text_of(name, self.get(name)?)
    }

    /// A string that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<Spanned<String>> {
        self.any_text(name).filter(|text| !text.is_empty())
    }

    pub(super) fn text_of(&self, name: &str, json: &Json) -> Option<Spanned<String>> {
        let Value::Bool(flag) = json.value else {
            return self.decode(name, json, decode::text);
        };
        let text = u8::from(flag).to_string();
        let message = format!("`{name}` is text, and Packer writes {flag} as `{text}`");
        self.report(
            Diagnostic::warning("template::boolean_as_text", message)
                .at(json.span, "a boolean")
                .help(format!(
                    "write \"{flag}\" in quotes, or \"{text}\" to keep what it is"
                )),
        );
        Some(Spanned::new(text, Place::at(json.span)))
    }

    /// A string that must be there and not be empty.
    pub(super) fn need_text(&self, name: &str, help: &str) -> Option<Spanned<String>> {
        let Some(json) = self.get(name) else {
            self.missing(name, help);
            return None;
        };
        let text = self.text_of(name, json)?;
        if text.is_empty() && self.blames_undefined(name) {
            return None;
        }
        if text.is_empty() {
            self.report(
                Diagnostic::error(
                    "template::missing_option",
                    format!("`{name}` of {} is empty", self.what),
                )
                .at_value(&text, "empty")
                .help(help),
            );
            return None;
        }
        Some(text)
    }

    /// A boolean, false when it is not there.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name)
            .and_then(|json| self.decode(name, json, decode::flag))
            .is_some_and(|flag| flag.value)
    }

    /// A boolean that may be unset.
    pub(super) fn trilean(&self, name: &str) -> Option<bool> {
        self.decode(name, self.get(name)?, decode::trilean)?.value
    }

    /// A whole number that fits; an empty string counts as not there.
    pub(super) fn number<T: TryFrom<i64>>(&self, name: &str) -> Option<Spanned<T>> {
        let fits = |value: &serde_json::Value| {
            T::try_from(decode::whole(value)?).map_err(|_| "a whole number that fits".to_owned())
        };
        let json = self.get(name)?;
        // Packer reads `8.0` and `1e3` as the whole numbers that they are.
        if let Value::Number(digits) = &json.value
            && let Some(whole) = decode::whole_of(digits)
        {
            let whole = whole.into();
            return self.decode(name, json, |_| fits(&whole));
        }
        let settled = self.settle(json)?;
        if settled.value.as_str() == Some("") {
            return None;
        }
        self.decode(name, json, fits)
    }

    /// A duration.
    pub(super) fn duration(&self, name: &str) -> Option<Spanned<Duration>> {
        let json = self.get(name)?;
        if let Value::Number(digits) = &json.value
            && digits != "0"
        {
            self.report(
                Diagnostic::warning(
                    "template::bare_duration",
                    format!("`{name}` without a unit is nanoseconds"),
                )
                .at(json.span, "has no unit")
                .help(format!("write \"{digits}s\" for seconds")),
            );
            // Of others than whole ones the digits are text.
            let number = serde_json::from_str::<serde_json::Number>(digits);
            if let Ok(number) = number.map(serde_json::Value::from) {
                return self.decode(name, json, |_| decode::duration(&number));
            }
        }
        self.decode(name, json, decode::duration)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.text(name)?;
        let found = choices.iter().find(|(known, _)| *known == word.value);
        if found.is_none() {
            let known = near::list(choices.iter().map(|(known, _)| *known));
            self.report(
                Diagnostic::error(
                    "template::wrong_value",
                    format!("`{name}` cannot be `{word}`"),
                )
                .at_value(&word, "not one of its values")
                .help(near::or_else(
                    &word,
                    choices.iter().map(|(known, _)| *known),
                    &format!("one of {known}"),
                )),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// Reports two options that exclude each other.
    pub(super) fn exclusive(&self, one: &str, other: &str) {
        let written = |name| self.get(name).filter(|_| !self.is_blank(name));
        if let (Some(first), Some(second)) = (written(one), written(other)) {
            self.report(
                Diagnostic::error(
                    "template::exclusive",
                    format!("`{one}` and `{other}` exclude each other"),
                )
                .at(second.span, "this")
                .at(first.span, "and this")
                .help("keep one of them"),
            );
        }
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Bool(flag) => !flag,
        serde_json::Value::String(text) => text.is_empty() || text == "false",
        serde_json::Value::Array(items) => items.is_empty(),
        serde_json::Value::Object(members) => members.is_empty(),
        serde_json::Value::Number(number) => number.as_f64() == Some(0.0),
    }
}

fn kind_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}

pub(super) fn wrong_type(what: &str, expected: &str, got: &str, place: Place) -> Diagnostic {
    Diagnostic::error(
        "template::wrong_type",
        format!("{what} must be {expected}, not {got}"),
    )
    .at_place(place, format!("expected {expected}"))
}
