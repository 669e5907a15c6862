//! What dead runs left, found by journal and by tag, and taken back.
//!
//! Journals come first: they know everything of runs of this host. Tags tell of runs whose journals are elsewhere or lost,
//! once their expiry has passed; by tag alone nothing goes that serves anyone.

mod by_journal;
mod by_tag;

pub use by_journal::{Sweeping, sweep_journals, sweep_run};
pub use by_tag::sweep_tags;

use serde::Serialize;

use crate::run::{Left, RunId};
use crate::undo::Undo;

/// What a sweep found.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct Swept {
    /// Taken back, in words.
    pub removed: Vec<String>,
    /// Not taken back on purpose, and why.
    pub kept: Vec<String>,
    /// Would not go; the next sweep tries again.
    pub left: Vec<Left<Undo>>,
    /// Runs that live; nothing of them was touched.
    pub alive: Vec<RunId>,
    /// Journals that cannot be read; a person must look.
    pub unreadable: Vec<String>,
}

impl Swept {
    /// Both findings together.
    pub fn and(mut self, other: Self) -> Self {
        self.removed.extend(other.removed);
        self.kept.extend(other.kept);
        self.left.extend(other.left);
        self.alive.extend(other.alive);
        self.unreadable.extend(other.unreadable);
        self
    }

    /// Whether nothing is left that should have gone.
    pub fn is_clean(&self) -> bool {
        self.left.is_empty() && self.unreadable.is_empty()
    }
}
