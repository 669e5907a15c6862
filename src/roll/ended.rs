//! How a roll ended.

use super::Verdict;
use super::error::Error;
use super::plan::{Decision, Refusal};
use crate::run::{Failure, Holder, Left, with_causes};
use crate::undo::Undo;

/// How a roll ended.
#[derive(Debug)]
#[must_use]
pub struct Ended {
    pub verdict: Verdict,
    /// What was decided; `None` when it did not come to that.
    pub decision: Option<Decision>,
    /// What a plan says would be put right first.
    pub first: Vec<String>,
    /// Why it did not begin, or not behind a dead roll that it took back.
    pub refused: Vec<Refusal>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What would not go back.
    pub left: Vec<Left<Undo>>,
    /// What is done but not finished, or is worth a word.
    pub loose: Vec<String>,
    /// Who holds the lease.
    pub holder: Option<Holder>,
    /// A rollback has died behind its write.
    pub(super) cut_short: bool,
}

impl Ended {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            decision: None,
            first: Vec::new(),
            refused: Vec::new(),
            failure: None,
            left: Vec::new(),
            loose: Vec::new(),
            holder: None,
            cut_short: false,
        }
    }

    pub(super) fn failed(step: &'static str, error: Error) -> Self {
        Self {
            failure: Some(Failure::new(step, error)),
            ..Self::new(Verdict::Failed)
        }
    }

    /// Why a roll that has begun cannot go on where this is the end of a plan.
    pub(super) fn into_error(self) -> Error {
        match self.failure {
            Some(failure) => Error::Changed(with_causes(&failure)),
            None if self.verdict == Verdict::Frozen => Error::Frozen(self.loose.join("; ")),
            None => Error::Refused(self.refused),
        }
    }

    /// The same, and what would not go back of other runs: with it, one that is through has something left to clean up.
    pub(super) fn leave(&mut self, left: Vec<Left<Undo>>) {
        if !left.is_empty() && matches!(self.verdict, Verdict::Done | Verdict::NothingToDo) {
            self.verdict = Verdict::CleanUpDue;
        }
        self.left.extend(left);
    }

    /// Whether it failed and everything was left where it is on purpose.
    pub(super) fn is_held(&self) -> bool {
        let error = self.failure.as_ref().and_then(Failure::error);
        matches!(error, Some(Error::Held(_)))
    }

    /// Wrong input has a code of its own; an account that is not ready is a failure that touched nothing.
    pub(super) fn refused(refused: Vec<Refusal>) -> Self {
        let is_input = refused.iter().any(|refusal| refusal.is_input);
        let verdict = if is_input {
            Verdict::Refused
        } else {
            Verdict::Failed
        };
        Self {
            refused,
            ..Self::new(verdict)
        }
    }
}
