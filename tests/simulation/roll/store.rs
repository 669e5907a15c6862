//! Leases, due-lists and journals in memory. A lease ends with the process that holds it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use kiln::run::{Entry, Held, Holder, Journal, Later, LaterLists, Leases, RunId};
use kiln::undo::{Change, Undo};

/// What a store keeps.
#[derive(Default)]
pub struct MemoryStore {
    held: Arc<Mutex<BTreeMap<String, Holder>>>,
    due: RefCell<BTreeMap<String, Vec<Later<Undo>>>>,
    /// A lease of somebody else's is no hindrance: a defect.
    heedless: Cell<bool>,
}

impl MemoryStore {
    /// Has everybody who wants it get the lease from now on.
    pub fn heed_nobody(&self) {
        self.heedless.set(true);
    }

    /// The same due-lists, and no lease.
    pub fn copy(&self) -> Self {
        Self {
            held: Arc::default(),
            due: RefCell::new(self.due.borrow().clone()),
            heedless: self.heedless.clone(),
        }
    }

    /// Says, at any time, which run holds the service's lease.
    pub fn holder(&self) -> impl Fn() -> Option<RunId> + Send + 'static {
        let held = Arc::clone(&self.held);
        move || held.lock().unwrap().get("web").map(|holder| holder.run)
    }

    pub fn due(&self) -> Vec<Later<Undo>> {
        self.due.borrow().get("web").cloned().unwrap_or_default()
    }
}

/// Given back when dropped, as a lock is when its process dies.
pub struct MemoryLease {
    held: Arc<Mutex<BTreeMap<String, Holder>>>,
    name: String,
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        self.held.lock().unwrap().remove(&self.name);
    }
}

impl Leases for MemoryStore {
    type Lease = MemoryLease;

    fn take(&self, name: &str, holder: &Holder) -> Result<MemoryLease, Held> {
        let mut held = self.held.lock().unwrap();
        if let Some(other) = held.get(name).filter(|_| !self.heedless.get()) {
            return Err(Held::By(Box::new(other.clone())));
        }
        held.insert(name.to_owned(), holder.clone());
        Ok(MemoryLease {
            held: Arc::clone(&self.held),
            name: name.to_owned(),
        })
    }
}

impl LaterLists<Undo> for MemoryStore {
    fn read(&self, service: &str) -> io::Result<Vec<Later<Undo>>> {
        Ok(self.due.borrow().get(service).cloned().unwrap_or_default())
    }

    fn replace(&self, service: &str, list: &[Later<Undo>]) -> io::Result<()> {
        self.due
            .borrow_mut()
            .insert(service.to_owned(), list.to_vec());
        Ok(())
    }
}

/// A journal that a checker can read while its run writes.
#[derive(Clone, Default)]
pub struct SharedJournal {
    pub entries: Arc<Mutex<Vec<Entry<Undo>>>>,
    said: Arc<Mutex<Vec<Undo>>>,
    keeping: Keeping,
    /// What is written late.
    late: Arc<Mutex<Vec<Entry<Undo>>>>,
}

/// How well a journal is kept: all but the first are defects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    #[default]
    Well,
    /// What a run is about to do is written with the entry that comes next.
    Late,
    WithoutTraffic,
}

impl SharedJournal {
    /// One whose intents are said to the others' too.
    pub fn new(said: Arc<Mutex<Vec<Undo>>>, keeping: Keeping) -> Self {
        Self {
            said,
            keeping,
            ..Self::default()
        }
    }

    fn write(&self, entry: Entry<Undo>) {
        if let Entry::Intend { undo, .. } = &entry {
            self.said.lock().unwrap().push(undo.clone());
        }
        self.entries.lock().unwrap().push(entry);
    }
}

impl Journal<Undo> for SharedJournal {
    fn note(&self, entry: &Entry<Undo>) -> io::Result<()> {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for entry in late {
            self.write(entry);
        }
        match (self.keeping, entry) {
            (Keeping::Late, Entry::Intend { .. }) => self.late.lock().unwrap().push(entry.clone()),
            (
                Keeping::WithoutTraffic,
                Entry::Intend {
                    undo: Undo::Roll(of),
                    ..
                },
            ) if matches!(of.change, Change::Traffic { .. }) => {}
            _ => self.write(entry.clone()),
        }
        Ok(())
    }
}
