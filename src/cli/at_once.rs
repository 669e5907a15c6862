//! The end at once, which a third signal asks for: nothing is taken back any more, and what is left is said.

use std::io;

use crate::cli::Context;
use crate::run::{Entry, Journal, MemoryJournal, RunId, due};
use crate::undo::lease::Leased;
use crate::undo::{Change, Undo};

/// A journal that remembers what is in it: at the end nobody has the time to read it back.
pub struct Remembered<'a> {
    journal: Box<dyn Journal<Undo> + 'a>,
    entries: MemoryJournal<Undo>,
}

impl<'a> Remembered<'a> {
    /// Writes on to `journal`.
    pub fn over(journal: Box<dyn Journal<Undo> + 'a>) -> Self {
        let entries = MemoryJournal::default();
        Self { journal, entries }
    }

    /// Whether the run has led production traffic, or begun to replace machines that serve.
    pub fn has_moved(&self) -> bool {
        let moves = |undo: &Undo| match undo {
            Undo::Roll(of) => {
                let is_traffic = matches!(of.change, Change::Traffic { .. });
                is_traffic || of.releases(Leased::Refresh) || of.releases(Leased::Root)
            }
            _ => false,
        };
        let entries = self.entries.entries().into_iter();
        let mut undos = entries.filter_map(|entry| match entry {
            Entry::Intend { undo, .. } | Entry::Made { undo, .. } => Some(undo),
            _ => None,
        });
        undos.any(|undo| moves(&undo))
    }

    /// Lists what the run has left.
    pub fn say_left(&self, run: RunId, context: &Context) {
        let left = due(self.entries.entries());
        if left.is_empty() {
            context.say(&format!("run {run} has nothing left to take back"));
            return;
        }
        context.say(&format!("left behind by run {run}:"));
        for one in left {
            context.say(&format!("  {}", one.undo));
        }
    }
}

impl Journal<Undo> for Remembered<'_> {
    fn note(&self, entry: &Entry<Undo>) -> io::Result<()> {
        self.journal.note(entry)?;
        self.entries.note(entry)
    }
}
