//! The journals of every process of a simulation, readable by whoever checks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kiln::run::{Due, Entry, RunId, due};
use kiln::undo::Undo;

use super::store::SharedJournal;

/// The journals of all runs so far.
#[derive(Clone, Default)]
pub struct Journals(Arc<Mutex<BTreeMap<RunId, SharedJournal>>>);

impl Journals {
    pub fn begin(&self, run: RunId) -> SharedJournal {
        let journal = SharedJournal::default();
        self.0.lock().unwrap().insert(run, journal.clone());
        journal
    }

    /// Journals of their own with the same entries.
    pub fn copy(&self) -> Self {
        let all = self.0.lock().unwrap();
        let copies = all.iter().map(|(run, journal)| {
            let entries = journal.0.lock().unwrap().clone();
            (*run, SharedJournal(Arc::new(Mutex::new(entries))))
        });
        Self(Arc::new(Mutex::new(copies.collect())))
    }

    /// The folder of the store is gone, as on an agent that is wiped.
    pub fn lose(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Runs other than `but` that left something to take back, as `kiln` finds them.
    pub fn dead(&self, but: RunId) -> Vec<(RunId, Vec<Due<Undo>>, SharedJournal)> {
        let all = self.0.lock().unwrap();
        let others = all.iter().filter(|(run, _)| **run != but);
        others
            .filter_map(|(run, journal)| {
                let entries = journal.0.lock().unwrap().clone();
                let due = due(entries);
                (!due.is_empty()).then(|| (*run, due, journal.clone()))
            })
            .collect()
    }

    /// Everything that any run said it would do.
    pub fn intents(&self) -> Vec<Undo> {
        let all = self.0.lock().unwrap();
        let entries = all
            .values()
            .flat_map(|journal| journal.0.lock().unwrap().clone());
        entries
            .filter_map(|entry| match entry {
                Entry::Intend { undo, .. } => Some(undo),
                _ => None,
            })
            .collect()
    }
}
