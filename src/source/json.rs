//! JSON with places: every key and value knows its bytes, every string knows where in the file each of its characters
//! stands, equal keys are all kept. Comments and trailing commas are taken, with a note. What a key means is left to
//! `template`.

mod format;
mod parser;
mod same;
mod string;

#[cfg(test)]
mod tests;

use super::{Diagnostic, FileId, SourceMap, Span};
pub use format::format;
pub use same::says_the_same;
use std::collections::HashSet;
pub use string::Text;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Json {
    pub value: Value,
    pub span: Span,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    /// As written, in JSON's grammar.
    Number(String),
    String(Text),
    List(Vec<Json>),
    /// In the order written.
    Object(Vec<Member>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Member {
    pub key: Text,
    pub value: Json,
}

/// What reading a text gave: the value, unless the text cannot be understood, and all findings.
#[derive(Debug)]
pub struct Reading {
    pub value: Option<Json>,
    /// Each where it stands, in the order written.
    pub comments: Vec<Span>,
    pub findings: Vec<Diagnostic>,
}

/// The text without a byte order mark, which editors put before it.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a text of the map.
pub fn read(file: FileId, sources: &SourceMap) -> Reading {
    parser::Parser::new(file, sources.text(file)).read()
}

impl Json {
    /// The members, when this is an object.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of a name; the last one when several have it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.members()?
            .iter()
            .rev()
            .find(|member| member.key.value == key)
            .map(|member| &member.value)
    }

    /// The members, when this is an object, else none.
    pub fn into_members(self) -> Vec<Member> {
        match self.value {
            Value::Object(members) => members,
            _ => Vec::new(),
        }
    }

    /// The same with the last of equal keys alone, at any depth.
    #[must_use]
    pub fn without_earlier(self) -> Self {
        let value = match self.value {
            Value::List(items) => {
                Value::List(items.into_iter().map(Self::without_earlier).collect())
            }
            Value::Object(members) => {
                let mut seen = HashSet::new();
                let mut last: Vec<Member> = members
                    .into_iter()
                    .rev()
                    .filter(|member| seen.insert(member.key.value.clone()))
                    .map(|Member { key, value }| Member {
                        key,
                        value: value.without_earlier(),
                    })
                    .collect();
                last.reverse();
                Value::Object(last)
            }
            other => other,
        };
        Self { value, ..self }
    }

    /// The string, when this is one.
    pub fn text(&self) -> Option<&Text> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The kind of value, as users call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// The value without its places; the last of equal keys wins.
    pub fn plain(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(digits) => number(digits),
            Value::String(text) => text.value.as_str().into(),
            Value::List(items) => items.iter().map(Json::plain).collect(),
            Value::Object(members) => members
                .iter()
                .map(|member| (member.key.value.clone(), member.value.plain()))
                .collect(),
        }
    }
}

/// A number as written: one that JSON's own printing would change, such as the version 1.10, stays text.
fn number(digits: &str) -> serde_json::Value {
    match serde_json::from_str::<serde_json::Number>(digits) {
        Ok(number) if number.to_string() == digits => number.into(),
        _ => digits.into(),
    }
}
