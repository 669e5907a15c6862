//! The end at once, which a third signal asks for: nothing is taken back any more, and what is left is said.

use std::io;

use crate::cli::Context;
use crate::run::{Entry, Journal, MemoryJournal, RunId, due};
use crate::undo::Undo;

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
