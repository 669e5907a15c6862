//! What a run writes down before it does it, so that another process can go on or take back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::run::{Lifetime, RunId};

/// The fact that says until when (RFC 3339) a run's things are left on purpose; a sweep minds it.
pub const KEPT_UNTIL: &str = "kept-until";

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

impl<U> Entry<U> {
    /// The fact that another run works off what this one left: the first that it notes in a journal, so that nothing is taken
    /// back when that note is refused.
    pub fn taken_over(by: RunId) -> Self {
        Self::Fact {
            key: "taken-over".to_owned(),
            value: serde_json::Value::String(by.to_string()),
        }
    }

    /// Whether what follows may only begin once this outlasts a power cut. The other entries say what happened: where one
    /// is lost, with all that came after it, the intent before it still leads to the thing.
    pub fn must_last(&self) -> bool {
        matches!(self, Self::Intend { .. } | Self::Fact { .. } | Self::Commit)
    }
}

/// A line with its time, as it stands in `runs/<run id>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<U> {
    pub at: jiff::Timestamp,
    #[serde(flatten)]
    pub entry: Entry<U>,
}

/// An undo that is still to be carried out, and its place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<U> {
    pub slot: usize,
    pub undo: U,
}

/// What a run left to take back, oldest first, read from the entries that it wrote.
///
/// The same rules as the ledger's own: products are due unless the run passed its commit, sequels only when it did, and what was forgotten or taken
/// back is not. A slot that was intended and never made is due as intended: its answer may have been lost.
pub fn due<U: Clone>(entries: impl IntoIterator<Item = Entry<U>>) -> Vec<Due<U>> {
    let open = open(entries).into_iter();
    open.map(|(slot, (_, undo))| Due { slot, undo }).collect()
}

/// The slots that are still open, as the ledger of the run that wrote the entries had them.
pub(super) fn open<U>(
    entries: impl IntoIterator<Item = Entry<U>>,
) -> BTreeMap<usize, (Lifetime, U)> {
    let mut open: BTreeMap<usize, (Lifetime, U)> = BTreeMap::new();
    let mut committed = false;
    for entry in entries {
        match entry {
            Entry::Intend {
                slot,
                lifetime,
                undo,
            } => {
                open.insert(slot, (lifetime, undo));
            }
            Entry::Made { slot, undo } => {
                if let Some((_, intended)) = open.get_mut(&slot) {
                    *intended = undo;
                }
            }
            Entry::Forget { slot } | Entry::Undone { slot } => {
                open.remove(&slot);
            }
            Entry::Commit => {
                committed = true;
                open.retain(|_, (lifetime, _)| *lifetime != Lifetime::Product);
            }
            Entry::NotUndone { .. }
            | Entry::Fact { .. }
            | Entry::Step { .. }
            | Entry::End { .. } => {}
        }
    }
    open.retain(|_, (lifetime, _)| committed || *lifetime != Lifetime::Sequel);
    open
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

#[cfg(test)]
mod tests {
    use super::*;

    fn intend(slot: usize, lifetime: Lifetime, undo: &str) -> Entry<String> {
        let undo = undo.to_owned();
        Entry::Intend {
            slot,
            lifetime,
            undo,
        }
    }

    fn left(entries: &[Entry<String>]) -> Vec<(usize, String)> {
        let due = due(entries.to_vec()).into_iter();
        due.map(|due| (due.slot, due.undo)).collect()
    }

    #[test]
    fn an_intent_is_due_and_the_made_thing_takes_its_place() {
        let mut entries = vec![
            intend(0, Lifetime::Scratch, "key by name"),
            intend(1, Lifetime::Scratch, "instance by token"),
        ];
        assert_eq!(left(&entries)[1], (1, "instance by token".to_owned()));
        entries.push(Entry::Made {
            slot: 1,
            undo: "i-1".to_owned(),
        });
        assert_eq!(left(&entries)[1], (1, "i-1".to_owned()));
        entries.push(Entry::Undone { slot: 1 });
        entries.push(Entry::Forget { slot: 0 });
        assert_eq!(left(&entries), []);
    }

    #[test]
    fn a_product_is_due_until_the_commit() {
        let mut entries = vec![
            intend(0, Lifetime::Scratch, "instance"),
            intend(1, Lifetime::Product, "image"),
        ];
        assert_eq!(left(&entries).len(), 2);
        entries.push(Entry::Commit);
        assert_eq!(left(&entries), [(0, "instance".to_owned())]);
    }

    #[test]
    fn a_sequel_is_due_only_after_the_commit() {
        let mut entries = vec![
            intend(0, Lifetime::Product, "image"),
            intend(1, Lifetime::Sequel, "publication"),
        ];
        assert_eq!(left(&entries), [(0, "image".to_owned())]);
        entries.push(Entry::Commit);
        assert_eq!(left(&entries), [(1, "publication".to_owned())]);
    }

    #[test]
    fn what_would_not_go_stays_due() {
        let entries = [
            intend(0, Lifetime::Scratch, "group"),
            Entry::NotUndone {
                slot: 0,
                reason: "in use".to_owned(),
            },
            Entry::End { ok: false },
        ];
        assert_eq!(left(&entries), [(0, "group".to_owned())]);
    }
}
