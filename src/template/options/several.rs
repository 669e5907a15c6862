//! Options that hold more than one value, or text that is rendered later.

use super::super::decode;
use super::super::forms::Style;
use super::super::late::Late;
use super::{Key, Options, kind_of, wrong_type};
use crate::source::json::{Json, Member, Text, Value};
use crate::source::{Diagnostic, Place, Spanned};

/// Texts of one option, and whether they came of one string with commas.
#[derive(Debug, Default)]
pub(in crate::template) struct Several {
    pub items: Vec<Late>,
    pub split: bool,
}

impl<'a> Options<'a> {
    /// Texts that may use late data: a list, one value, a variable that is a list, or a string with commas.
    pub(in crate::template) fn lates(&self, name: &str, data: &[&str]) -> Several {
        match self.get(name).map(|json| (json, &json.value)) {
            None => Several::default(),
            Some((_, Value::List(items))) => {
                let items = items
                    .iter()
                    .filter_map(|item| self.late_of(name, item, data));
                Several {
                    items: items.collect(),
                    split: false,
                }
            }
            Some((_, Value::String(text))) => self
                .late_text(text, data)
                .map(|whole| self.split(name, text, whole))
                .unwrap_or_default(),
            Some((json, _)) => Several {
                items: self.late_of(name, json, data).into_iter().collect(),
                split: false,
            },
        }
    }

    fn split(&self, name: &str, text: &Text, whole: Late) -> Several {
        let Some(string) = whole.text() else {
            return Several {
                items: vec![whole],
                split: false,
            };
        };
        if string.is_empty() {
            return Several::default();
        }
        let settled = self.interpolator.quietly(|| self.interpolator.settle(text));
        let texts: Vec<String> = match settled.map(|settled| settled.value) {
            Some(serde_json::Value::Array(items)) => {
                let place = Place::at(text.span);
                return Several {
                    items: whole.each(self.texts_of(name, &items, place)),
                    split: false,
                };
            }
            _ => string.split(',').map(str::to_owned).collect(),
        };
        Several {
            split: texts.len() > 1,
            items: whole.each(texts),
        }
    }

    /// The items of a variable that is a list; those that are no texts are reported.
    fn texts_of(&self, name: &str, items: &[serde_json::Value], place: Place) -> Vec<String> {
        let text = |item: &serde_json::Value| {
            let report = |expected: String| {
                let what = format!("an item of `{name}`");
                self.report(wrong_type(&what, &expected, kind_of(item), place));
            };
            decode::text(item).map_err(report).ok()
        };
        items.iter().filter_map(text).collect()
    }

    /// A list of strings: a list, one value, or a string with commas.
    pub(in crate::template) fn list(&self, name: &str) -> Vec<Spanned<String>> {
        self.some_list(name).unwrap_or_default()
    }

    /// A list of ids and other names of AWS's, none of which has blanks; those around commas would be part of them.
    pub(in crate::template) fn ids(&self, name: &str) -> Vec<Spanned<String>> {
        self.some_ids(name).unwrap_or_default()
    }

    /// The same, when the option is there.
    pub(in crate::template) fn some_ids(&self, name: &str) -> Option<Vec<Spanned<String>>> {
        let items = self.some_list(name)?;
        let (sound, blank): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| item.value.trim() == item.value);
        for item in blank {
            let without = item.value.trim();
            let help = if without.is_empty() {
                "delete it and its comma".to_owned()
            } else {
                format!("write `{without}`, without blanks before or after it")
            };
            let text = format!("`{name}` has an item that begins or ends with a blank");
            self.report(
                Diagnostic::error("template::wrong_value", text)
                    .at_value(&item, format!("AWS refuses `{item}`"))
                    .help(help),
            );
        }
        Some(sound)
    }

    /// A list of strings, when the option is there.
    pub(in crate::template) fn some_list(&self, name: &str) -> Option<Vec<Spanned<String>>> {
        let json = self.get(name)?;
        if let Value::List(items) = &json.value {
            return Some(
                items
                    .iter()
                    .filter_map(|item| self.text_of(name, item))
                    .collect(),
            );
        }
        let settled = self.settle(json)?;
        let place = settled.place;
        let values = match settled.value {
            serde_json::Value::String(text) if text.is_empty() => Vec::new(),
            serde_json::Value::String(text) => text.split(',').map(str::to_owned).collect(),
            serde_json::Value::Array(items) => self.texts_of(name, &items, place),
            other => vec![self.decode(name, json, |_| decode::text(&other))?.value],
        };
        Some(
            values
                .into_iter()
                .map(|value| Spanned::new(value, place))
                .collect(),
        )
    }

    /// Text that may use late data.
    pub(in crate::template) fn late(&self, name: &str, data: &[&str]) -> Option<Late> {
        self.late_of(name, self.get(name)?, data)
    }

    pub(in crate::template) fn late_of(
        &self,
        name: &str,
        json: &Json,
        data: &[&str],
    ) -> Option<Late> {
        match &json.value {
            Value::String(text) => self.late_text(text, data),
            _ => self
                .text_of(name, json)
                .map(|text| Late::settled(text.value, text.place)),
        }
    }

    /// A default that uses late data, at the place of the object.
    pub(in crate::template) fn standard(&self, text: &str, data: &[&str]) -> Option<Late> {
        let span = self.json.span;
        self.late_text(&Text::part(span.file, span.start, text), data)
    }

    fn late_text(&self, text: &Text, data: &[&str]) -> Option<Late> {
        self.interpolator.late(text, Style::Both, data)
    }

    /// An object of names and texts, or a list of such objects, of which later ones win.
    pub(in crate::template) fn texts(
        &self,
        name: &str,
        data: &[&str],
    ) -> Vec<(Spanned<String>, Late)> {
        let Some(json) = self.get(name) else {
            return Vec::new();
        };
        let members = self.object_members(name, json);
        let entry = |member: &Member| {
            let key = self.interpolator.settle(&member.key)?;
            let name = Spanned::new(decode::text(&key.value).ok()?, key.place);
            let value = self.late_of(&name, &member.value, data)?;
            Some((name, value))
        };
        let mut all: Vec<(Spanned<String>, Late)> = Vec::new();
        for new in members.into_iter().filter_map(entry) {
            match all.iter_mut().find(|(known, _)| known.value == new.0.value) {
                Some(known) => *known = new,
                None => all.push(new),
            }
        }
        all
    }

    fn object_members(&self, name: &str, json: &'a Json) -> Vec<&'a Member> {
        match &json.value {
            Value::Object(members) => members.iter().collect(),
            Value::List(items) => items
                .iter()
                .flat_map(|item| self.object_members(name, item))
                .collect(),
            Value::String(text) if text.value.is_empty() => Vec::new(),
            _ => {
                self.report(wrong_type(
                    &format!("`{name}`"),
                    "an object",
                    json.kind(),
                    Place::at(json.span),
                ));
                Vec::new()
            }
        }
    }

    /// A nested object, or a list of one.
    pub(in crate::template) fn object(
        &self,
        name: &str,
        what: &'a str,
        table: &[Key],
    ) -> Option<Options<'a>> {
        let json = self.get(name)?;
        let json = match &json.value {
            Value::List(items) if items.len() == 1 => &items[0],
            _ => json,
        };
        Options::open(self.interpolator, json, what, &[table])
    }

    /// A list of objects, or one; `""` and `{}` are none, as in Packer.
    pub(in crate::template) fn objects(
        &self,
        name: &str,
        what: &'a str,
        table: &[Key],
    ) -> Vec<Options<'a>> {
        let Some(json) = self.get(name) else {
            return Vec::new();
        };
        let items = match &json.value {
            Value::List(items) => items.as_slice(),
            Value::Object(members) if members.is_empty() => return Vec::new(),
            Value::String(_) if self.is_blank(name) => return Vec::new(),
            _ => std::slice::from_ref(json),
        };
        items
            .iter()
            .filter_map(|item| Options::open(self.interpolator, item, what, &[table]))
            .collect()
    }
}
