//! What a run writes down before it does it, so that another process can go on or take back.

use std::cell::RefCell;
use std::io;

use serde::{Deserialize, Serialize};

use crate::run::Lifetime;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Entry<U> {
    /// Something is about to be made.
    Intend {
        slot: usize,
        lifetime: Lifetime,
        undo: U,
    },
    /// It was made, and this undoes it.
    Made {
        slot: usize,
        undo: U,
    },
    Forget {
        slot: usize,
    },
    /// The undo has been carried out.
    Undone {
        slot: usize,
    },
    /// The undo would not go.
    NotUndone {
        slot: usize,
        reason: String,
    },
    /// A fact that resuming needs.
    Fact {
        key: String,
        value: serde_json::Value,
    },
    Step {
        name: String,
    },
    /// The point of no return: products stay.
    Commit,
    /// The run ended and its ledger is settled.
    End {
        ok: bool,
    },
}

/// A line with its time, as it stands in `runs/<run id>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<U> {
    pub at: jiff::Timestamp,
    #[serde(flatten)]
    pub entry: Entry<U>,
}

/// Where entries are written. `store` has the one that survives; a note counts only when this returned.
pub trait Journal<U> {
    /// Writes one entry durably.
    fn note(&self, entry: &Entry<U>) -> io::Result<()>;
}

/// A journal in memory, for flows whose caller keeps it.
#[derive(Debug)]
pub struct MemoryJournal<U>(RefCell<Vec<Entry<U>>>);

impl<U: Clone> MemoryJournal<U> {
    /// The entries so far.
    pub fn entries(&self) -> Vec<Entry<U>> {
        self.0.borrow().clone()
    }
}

impl<U> Default for MemoryJournal<U> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<U: Clone> Journal<U> for MemoryJournal<U> {
    fn note(&self, entry: &Entry<U>) -> io::Result<()> {
        self.0.borrow_mut().push(entry.clone());
        Ok(())
    }
}
