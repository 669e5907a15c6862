//! How a rollback ended.

use serde::Serialize;

use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{Group, GroupName, ImageId, tag};
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
    pub(super) fn done(from: &Group, to: GroupName, unsaid: Unsaid) -> Self {
        let reasons = unsaid.reasons();
        Self {
            verdict: if reasons.is_empty() {
                Verdict::Done
            } else {
                Verdict::CleanUpDue
            },
            live: Some(to),
            from: Some(from.name.clone()),
            image: from.image(tag::IMAGE),
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
