//! How a rollback ended.

use serde::Serialize;

use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{GroupName, ImageId};
use crate::run::Left;
use crate::undo::Undo;

/// How a rollback ended.
#[derive(Debug, Serialize)]
#[must_use]
pub struct RolledBack {
    pub verdict: Verdict,
    /// The group that serves again.
    pub live: Option<GroupName>,
    /// The group that served before, now due for retirement.
    pub from: Option<GroupName>,
    /// Its image, which is quarantined for this service.
    pub image: Option<ImageId>,
    /// Why not, or what is left to do.
    pub reasons: Vec<String>,
}

impl RolledBack {
    /// `from`: the group that served and its image, where they are known.
    pub(super) fn done(
        from: Option<(&GroupName, Option<ImageId>)>,
        to: GroupName,
        unsaid: Unsaid,
    ) -> Self {
        let (from, image) = from.unzip();
        let reasons = unsaid.reasons();
        Self {
            verdict: if reasons.is_empty() {
                Verdict::Done
            } else {
                Verdict::CleanUpDue
            },
            live: Some(to),
            from: from.cloned(),
            image: image.flatten(),
            reasons,
        }
    }

    pub(super) fn not(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            live: None,
            from: None,
            image: None,
            reasons: vec![reason.into()],
        }
    }

    /// The same, and what could not be said in tags before.
    pub(super) fn without(mut self, unsaid: Unsaid) -> Self {
        self.reasons.extend(unsaid.reasons());
        self
    }

    /// The same, and what would not go back: with it, one that is through has something left to clean up.
    pub(super) fn but(mut self, left: &[Left<Undo>]) -> Self {
        let left = left.iter();
        let left = left.map(|left| format!("{}: {}", left.undo, left.reason));
        self.reasons.extend(left);
        if self.verdict == Verdict::Done && !self.reasons.is_empty() {
            self.verdict = Verdict::CleanUpDue;
        }
        self
    }
}
