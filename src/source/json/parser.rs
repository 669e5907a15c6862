//! The reader itself: one pass over the bytes. After a slip that has one plain meaning (a missing comma, single quotes, a
//! bare key) it goes on, so that the next one is reported too; after any other it stops.

use super::super::{Diagnostic, FileId, Span};
use super::{Json, Member, Reading, Text, Value};
use std::collections::HashMap;

/// Deeper nesting is refused; templates stay below ten, and the reader recurses.
const DEPTH: usize = 128;

pub(super) struct Parser<'t> {
    pub(super) file: FileId,
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) findings: Vec<Diagnostic>,
    comments: Vec<Span>,
    trailing: Option<Span>,
}

/// The finding is in the list; reading stops.
pub(super) struct Stop;

impl<'t> Parser<'t> {
    pub(super) fn new(file: FileId, text: &'t str) -> Self {
        Self {
            file,
            text,
            at: text.len() - super::unmarked(text).len(),
            findings: Vec::new(),
            comments: Vec::new(),
            trailing: None,
        }
    }

    pub(super) fn read(mut self) -> Reading {
        let value = self.document().ok();
        if let Some(span) = self.comments.first() {
            self.findings.push(
                Diagnostic::note(
                    "json::comment",
                    "comments are not JSON; Packer refuses this file",
                )
                .at(*span, "the first one"),
            );
        }
        if let Some(span) = self.trailing {
            self.findings.push(
                Diagnostic::note(
                    "json::trailing_comma",
                    "a comma after the last entry is not JSON; Packer refuses this file",
                )
                .at(span, "the first one"),
            );
        }
        Reading {
            value,
            comments: self.comments,
            findings: self.findings,
        }
    }

    fn document(&mut self) -> Result<Json, Stop> {
        self.blank()?;
        if self.at == self.text.len() {
            return self.stop(
                Diagnostic::error("json::syntax", "the file is empty").help("write at least `{}`"),
            );
        }
        let value = self.value(0)?;
        self.blank()?;
        if self.at < self.text.len() {
            return self.fail(
                "there is more after the end of the value",
                "nothing may stand here",
            );
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Stop> {
        let start = self.at;
        let value = match self.peek() {
            _ if depth > DEPTH => {
                return self.fail("this is nested too deeply", "128 levels are allowed");
            }
            Some(b'{') => Value::Object(self.object(depth)?),
            Some(b'[') => Value::List(self.list(depth)?),
            Some(b'"' | b'\'') => Value::String(self.string()?),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.word()?,
            _ => return self.fail("a value is missing here", "expected a value"),
        };
        Ok(Json {
            value,
            span: self.since(start),
        })
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member>, Stop> {
        let (open, mut members) = (self.at, Vec::new());
        self.at += 1;
        while self.more(open, b'}', !members.is_empty())? {
            let key = self.key()?;
            self.blank()?;
            if self.peek() == Some(b':') {
                self.at += 1;
            } else {
                self.slip(
                    "a colon is missing after this key",
                    key.span,
                    "expected `:` after it",
                );
            }
            self.blank()?;
            members.push(Member {
                key,
                value: self.value(depth + 1)?,
            });
        }
        self.report_duplicates(&members);
        Ok(members)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Json>, Stop> {
        let (open, mut items) = (self.at, Vec::new());
        self.at += 1;
        while self.more(open, b']', !items.is_empty())? {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    /// Whether another entry follows; takes the comma before it, or the closing bracket.
    fn more(&mut self, open: usize, close: u8, after_entry: bool) -> Result<bool, Stop> {
        let entry_end = self.at;
        self.blank()?;
        let comma = self.at;
        let mut seen = false;
        if after_entry && self.peek() == Some(b',') {
            self.at += 1;
            seen = true;
            self.blank()?;
        }
        match self.peek() {
            Some(byte) if byte == close => {
                if seen {
                    self.trailing
                        .get_or_insert(Span::new(self.file, comma, comma + 1));
                }
                self.at += 1;
                Ok(false)
            }
            None => {
                let finding =
                    Diagnostic::error("json::syntax", "the file ends inside this bracket");
                self.stop(finding.at(
                    Span::new(self.file, open, open + 1),
                    "opened here, never closed",
                ))
            }
            Some(b'}' | b']') => self.fail(
                "this bracket closes nothing",
                "does not match the one that is open",
            ),
            Some(b',') => self.fail("there is a comma too many", "expected a value"),
            Some(_) => {
                if after_entry && !seen {
                    let end = self.text[..entry_end]
                        .chars()
                        .next_back()
                        .map_or(1, char::len_utf8);
                    let span = Span::new(self.file, entry_end - end, entry_end);
                    self.slip(
                        "a comma is missing between two entries",
                        span,
                        "expected `,` after this",
                    );
                }
                Ok(true)
            }
        }
    }

    fn key(&mut self) -> Result<Text, Stop> {
        match self.peek() {
            Some(b'"' | b'\'') => self.string(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let start = self.at;
                let word = self.take_word();
                let mut text = Text::open(self.file, start.saturating_sub(1));
                text.push_plain(word);
                text.span = self.since(start);
                self.slip("a key needs double quotes", text.span, "write it in quotes");
                Ok(text)
            }
            _ => self.fail(
                "a key is missing here",
                "expected a string in double quotes",
            ),
        }
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        let (value, right) = match self.take_word() {
            "null" => return Ok(Value::Null),
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "True" | "TRUE" => (Value::Bool(true), "true"),
            "False" | "FALSE" => (Value::Bool(false), "false"),
            "None" | "nil" | "NULL" | "undefined" => (Value::Null, "null"),
            _ => {
                self.at = start;
                return self.fail(
                    "this word is no value",
                    "expected a string in quotes, a number, true, false or null",
                );
            }
        };
        let span = self.since(start);
        self.findings.push(
            Diagnostic::error("json::syntax", "JSON writes this word differently")
                .at(span, "not JSON")
                .help(format!("write `{right}`")),
        );
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        let numeric =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        self.at += self.text.as_bytes()[start..]
            .iter()
            .take_while(|byte| numeric(byte))
            .count();
        let digits = &self.text[start..self.at];
        if serde_json::from_str::<serde_json::Number>(digits).is_err() {
            self.at = start;
            return self.fail(
                "this is no number",
                "write it as a string, or in JSON's decimal form",
            );
        }
        Ok(Value::Number(digits.to_owned()))
    }

    fn take_word(&mut self) -> &'t str {
        let start = self.at;
        let wordy = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        self.at += self.text.as_bytes()[start..]
            .iter()
            .take_while(|byte| wordy(byte))
            .count();
        &self.text[start..self.at]
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Result<(), Stop> {
        loop {
            let rest = &self.text[self.at..];
            let start = self.at;
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = &self.text[self.at..];
            if rest.starts_with("//") {
                let length = rest.find('\n').unwrap_or(rest.len());
                self.comments
                    .push(Span::new(self.file, self.at, self.at + length));
                self.at += length;
            } else if rest.starts_with("/*") {
                let Some(length) = rest.find("*/") else {
                    return self.fail("this comment never ends", "opened here, `*/` is missing");
                };
                self.comments
                    .push(Span::new(self.file, self.at, self.at + length + 2));
                self.at += length + 2;
            } else if self.at == start {
                return Ok(());
            }
        }
    }

    /// Equal keys are errors, as in Packer, but for the `_comment` kind that Packer trips over.
    fn report_duplicates(&mut self, members: &[Member]) {
        let mut first: HashMap<&str, Span> = HashMap::new();
        for Member { key, .. } in members {
            let Some(before) = first.get(key.value.as_str()) else {
                first.insert(&key.value, key.span);
                continue;
            };
            if !key.value.starts_with('_') {
                self.findings.push(
                    Diagnostic::error(
                        "json::duplicate_key",
                        format!("the key `{}` stands here twice", key.value),
                    )
                    .at(key.span, "again here")
                    .at(*before, "first here")
                    .help("delete one of the two"),
                );
            }
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(self.file, start, self.at)
    }

    /// Reports something whose meaning is plain, to go on.
    pub(super) fn slip(&mut self, message: &str, span: Span, label: &str) {
        self.findings
            .push(Diagnostic::error("json::syntax", message).at(span, label));
    }

    /// Reports at the next character and stops.
    pub(super) fn fail<T>(&mut self, message: &str, label: &str) -> Result<T, Stop> {
        let next = self.text[self.at..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        let last = self.text[..self.at]
            .trim_end()
            .chars()
            .next_back()
            .map_or(0, char::len_utf8);
        let span = if next > 0 {
            Span::new(self.file, self.at, self.at + next)
        } else {
            let end = self.text.trim_end().len();
            Span::new(self.file, end - last.min(end), end)
        };
        self.stop(Diagnostic::error("json::syntax", message).at(span, label))
    }

    fn stop<T>(&mut self, finding: Diagnostic) -> Result<T, Stop> {
        self.findings.push(finding);
        Err(Stop)
    }
}
