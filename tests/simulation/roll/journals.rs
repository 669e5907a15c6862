//! The journals of every process of a simulation, readable by whoever checks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kiln::run::{Due, RunId, due};
use kiln::undo::Undo;

use super::store::{Keeping, SharedJournal};

/// The journals of all runs so far.
#[derive(Clone, Default)]
pub struct Journals {
    all: Arc<Mutex<BTreeMap<RunId, SharedJournal>>>,
    /// What any run ever said it would do, whatever became of its journal.
    said: Arc<Mutex<Vec<Undo>>>,
    keeping: Arc<Mutex<Keeping>>,
}

impl Journals {
    /// Has every journal from now on written too late.
    pub fn write_late(&self) {
        *self.keeping.lock().unwrap() = Keeping::Late;
    }

    /// Has every journal from now on say nothing of traffic.
    pub fn leave_out_traffic(&self) {
        *self.keeping.lock().unwrap() = Keeping::WithoutTraffic;
    }

    pub fn begin(&self, run: RunId) -> SharedJournal {
        let journal = SharedJournal::new(Arc::clone(&self.said), *self.keeping.lock().unwrap());
        self.all.lock().unwrap().insert(run, journal.clone());
        journal
    }

    /// Journals of their own with the same entries.
    pub fn copy(&self) -> Self {
        let said = Arc::new(Mutex::new(self.said.lock().unwrap().clone()));
        let all = self.all.lock().unwrap();
        let copies = all.iter().map(|(run, journal)| {
            let copy = SharedJournal::new(Arc::clone(&said), *self.keeping.lock().unwrap());
            let entries = journal.entries.lock().unwrap();
            copy.entries.lock().unwrap().clone_from(&entries);
            drop(entries);
            (*run, copy)
        });
        let all = Arc::new(Mutex::new(copies.collect()));
        Self {
            all,
            said,
            keeping: Arc::clone(&self.keeping),
        }
    }

    /// The folder of the store is gone, as on an agent that is wiped.
    pub fn lose(&self) {
        self.all.lock().unwrap().clear();
    }

    /// Runs other than `but` that left something to take back, as `kiln` finds them.
    pub fn dead(&self, but: RunId) -> Vec<(RunId, Vec<Due<Undo>>, SharedJournal)> {
        let all = self.all.lock().unwrap();
        let others = all.iter().filter(|(run, _)| **run != but);
        others
            .filter_map(|(run, journal)| {
                let entries = journal.entries.lock().unwrap().clone();
                let due = due(entries);
                (!due.is_empty()).then(|| (*run, due, journal.clone()))
            })
            .collect()
    }

    /// Everything that any run said it would do.
    pub fn intents(&self) -> Vec<Undo> {
        self.said.lock().unwrap().clone()
    }

    /// Whether any run said that it would do something of that kind.
    pub fn said(&self, is: impl FnMut(&Undo) -> bool) -> bool {
        self.said.lock().unwrap().iter().any(is)
    }
}
