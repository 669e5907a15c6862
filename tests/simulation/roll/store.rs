//! Leases, due-lists and journals in memory. A lease ends with the process that holds it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use kiln::run::{Entry, Held, Holder, Journal, Later, LaterLists, Leases};
use kiln::undo::Undo;

/// What a store keeps.
#[derive(Default)]
pub struct MemoryStore {
    held: Rc<RefCell<BTreeMap<String, Holder>>>,
    due: RefCell<BTreeMap<String, Vec<Later<Undo>>>>,
}

impl MemoryStore {
    /// The same due-lists, and no lease.
    pub fn copy(&self) -> Self {
        Self {
            held: Rc::default(),
            due: RefCell::new(self.due.borrow().clone()),
        }
    }

    pub fn due(&self) -> Vec<Later<Undo>> {
        self.due.borrow().get("web").cloned().unwrap_or_default()
    }
}

/// Given back when dropped, as a lock is when its process dies.
pub struct MemoryLease {
    held: Rc<RefCell<BTreeMap<String, Holder>>>,
    name: String,
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        self.held.borrow_mut().remove(&self.name);
    }
}

impl Leases for MemoryStore {
    type Lease = MemoryLease;

    fn take(&self, name: &str, holder: &Holder) -> Result<MemoryLease, Held> {
        let mut held = self.held.borrow_mut();
        if let Some(other) = held.get(name) {
            return Err(Held::By(Box::new(other.clone())));
        }
        held.insert(name.to_owned(), holder.clone());
        Ok(MemoryLease {
            held: Rc::clone(&self.held),
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
pub struct SharedJournal(pub Arc<Mutex<Vec<Entry<Undo>>>>);

impl Journal<Undo> for SharedJournal {
    fn note(&self, entry: &Entry<Undo>) -> io::Result<()> {
        self.0.lock().unwrap().push(entry.clone());
        Ok(())
    }
}
