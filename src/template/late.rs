//! Strings that are rendered later, with data that the load cannot know: `{{.SourceAMI}}` in a tag, `{{.Vars}}` in a
//! command line, `{{ image.tags.version }}` in a check. All that is known is settled at load, the rest is compiled and
//! checked there; text that comes out is never evaluated a second time.

use super::engine::{self, Script};
use crate::source::{Diagnostic, Place};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A compiled string. It is printed, in plans too, with the names of what is still to come; one that a sensitive variable
/// has part in is not.
#[derive(Clone)]
pub struct Late {
    body: Body,
    place: Option<Place>,
    /// A sensitive variable has part in it: it does not print.
    secret: bool,
}

#[derive(Clone)]
enum Body {
    Fixed(String),
    Open(Script),
}

/// What a late string is rendered with: names as templates write them, without the leading dot.
#[derive(Debug, Clone, Default)]
pub struct Data(BTreeMap<String, serde_json::Value>);

impl Data {
    /// No data.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value: a string, or an object for dotted names.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    pub(super) fn values(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.0
    }
}

impl Late {
    /// Text with nothing left to fill in.
    pub fn fixed(text: impl Into<String>) -> Self {
        Self {
            body: Body::Fixed(text.into()),
            place: None,
            secret: false,
        }
    }

    pub(super) fn settled(text: String, place: Option<Place>) -> Self {
        Self {
            body: Body::Fixed(text),
            place,
            secret: false,
        }
    }

    pub(super) fn open(script: Script, place: Option<Place>) -> Self {
        Self {
            body: Body::Open(script),
            place,
            secret: false,
        }
    }

    /// The same, not to be printed when `secret`.
    pub(super) fn hidden(self, secret: bool) -> Self {
        Self {
            secret: self.secret || secret,
            ..self
        }
    }

    /// The text, or what is written where it is open.
    fn written(&self) -> &str {
        match &self.body {
            Body::Fixed(text) => text,
            Body::Open(script) => script.written(),
        }
    }

    /// The text, with a zero for each expression that is still open.
    pub(super) fn sketch(&self) -> String {
        let Body::Open(script) = &self.body else {
            return self.written().to_owned();
        };
        let (mut sketch, mut rest) = (String::new(), script.written());
        while let Some((before, inside)) = rest.split_once("{{") {
            sketch.extend([before, "0"]);
            rest = inside.split_once("}}").map_or("", |(_, after)| after);
        }
        sketch + rest
    }

    /// Whether a sensitive variable has part in it.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether a name of what is still to come has part in it.
    pub fn reads(&self, name: &str) -> bool {
        match &self.body {
            Body::Fixed(_) => false,
            Body::Open(script) => script.reads(name),
        }
    }

    /// Where the user wrote it.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The text, when nothing is left to fill in.
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Fixed(text) => Some(text),
            Body::Open(_) => None,
        }
    }

    /// Texts that came of this one, at its place and as secret as it is.
    pub(super) fn each(&self, texts: Vec<String>) -> Vec<Late> {
        let one = |text| Self::settled(text, self.place).hidden(self.secret);
        texts.into_iter().map(one).collect()
    }

    /// `NAME=value` as its two parts; the name must be there as it is, the value may be open.
    pub(super) fn split_pair(&self) -> Option<(String, Late)> {
        let (name, body) = match &self.body {
            Body::Fixed(text) => text
                .split_once('=')
                .map(|(name, value)| (name, Body::Fixed(value.to_owned())))?,
            Body::Open(script) => script
                .split_once('=')
                .map(|(name, rest)| (name, Body::Open(rest)))?,
        };
        let sound = !name.is_empty() && !name.contains(char::is_control);
        sound.then(|| {
            (
                name.to_owned(),
                Self {
                    body,
                    place: self.place,
                    secret: self.secret,
                },
            )
        })
    }

    /// Fills in what was left open.
    ///
    /// # Errors
    /// A finding at the string's place when the data lacks a name, or a function refuses its arguments.
    pub fn render(&self, data: &Data) -> Result<String, Diagnostic> {
        match &self.body {
            Body::Fixed(text) => Ok(text.clone()),
            Body::Open(script) => script.render(data).map_err(|error| {
                let reason = engine::reason(&error);
                let finding = Diagnostic::error(
                    "template::render",
                    format!("this text cannot be rendered: {reason}"),
                );
                match self.place {
                    Some(place) => finding.at_place(place, "rendered here"),
                    None => finding,
                }
            }),
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secret {
            "<sensitive>"
        } else {
            self.written()
        })
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Late({:?})", self.to_string())
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.written() == other.written()
    }
}

impl Serialize for Late {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
