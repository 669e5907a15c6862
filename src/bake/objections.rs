//! Everything that stands against a bake, collected: what the template asks for and cannot have, and what the cloud did not
//! answer.

use crate::bake::LookUpError;
use crate::cloud;
use crate::run::with_causes;
use crate::source::{self, Diagnostic};

/// Reasons why nothing may be made. None of them hides another.
#[derive(Debug, Default)]
#[must_use]
pub struct Objections {
    pub findings: Vec<Diagnostic>,
    /// Calls that failed for no value of the template.
    pub unanswered: Vec<cloud::Error>,
}

impl Objections {
    pub(super) fn of(findings: Vec<Diagnostic>) -> Self {
        Self {
            findings,
            unanswered: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.unanswered.is_empty()
    }

    /// The answer, if it is one; otherwise its objection is added.
    pub(super) fn keep<T>(&mut self, answer: Result<T, LookUpError>) -> Option<T> {
        match answer {
            Ok(value) => return Some(value),
            Err(LookUpError::Findings(found)) => self.findings.extend(found),
            Err(LookUpError::Cloud(error)) => self.unanswered.push(error),
        }
        None
    }

    pub fn extend(&mut self, others: Self) {
        self.findings.extend(others.findings);
        self.unanswered.extend(others.unanswered);
    }

    /// What was not answered, in words; the calls that failed for the same reason are told together.
    pub fn failures(&self) -> Vec<String> {
        let mut told: Vec<(String, String)> = Vec::new();
        for error in &self.unanswered {
            let text = with_causes(error);
            let text = text.strip_prefix(error.call).unwrap_or(&text).to_owned();
            match told.iter_mut().find(|(_, other)| *other == text) {
                Some((calls, _)) if calls.split(", ").any(|call| call == error.call) => {}
                Some((calls, _)) => *calls = format!("{calls}, {}", error.call),
                None => told.push((error.call.to_owned(), text)),
            }
        }
        let told = told.into_iter();
        told.map(|(calls, text)| format!("{calls}{text}")).collect()
    }

    /// Findings in the order of their places, each once.
    pub fn in_order(mut self) -> Self {
        source::sort(&mut self.findings);
        self
    }
}

impl From<LookUpError> for Objections {
    fn from(error: LookUpError) -> Self {
        let mut objections = Self::default();
        objections.keep::<()>(Err(error));
        objections
    }
}

impl From<cloud::Error> for Objections {
    fn from(error: cloud::Error) -> Self {
        LookUpError::from(error).into()
    }
}
