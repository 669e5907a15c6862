//! What is wrong, or worth knowing, in a user's files. Plain data: tests compare it, `report` draws it.

use super::{Place, Span};
use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Likely not what was meant; it runs nonetheless.
    Warning,
    /// Nothing runs.
    Error,
}

/// A place in a user's text with a few words about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One finding. The code is stable and public (`template::unknown_key`); the first label is the place to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub labels: Vec<Label>,
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding that stops everything.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// A finding that is likely a mistake.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// A finding that is only worth knowing.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds the place that set a value and, when it is another, the one that uses it.
    #[must_use]
    pub fn at_place(self, place: Place, text: impl Into<String>) -> Self {
        let here = self.at(place.set, text);
        match place.used {
            Some(used) => here.at(used, "used here"),
            None => here,
        }
    }

    /// Adds the place of a value, if the user wrote it.
    #[must_use]
    pub fn at_value<T>(self, value: &super::Spanned<T>, text: impl Into<String>) -> Self {
        match value.place {
            Some(place) => self.at_place(place, text),
            None => self,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops everything.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts findings by place, those without one first, and drops repeats.
pub fn sort(findings: &mut Vec<Diagnostic>) {
    findings.sort_by_key(|finding| finding.labels.first().map(|label| label.span));
    findings.dedup();
}
