//! What a run has made and how each thing is taken back.

use crate::run::journal::open;
use crate::run::{Answer, Due, Entry, Event, Events, Journal};

/// When a thing that a run made goes away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifetime {
    /// At the end of the run, however it ends.
    Scratch,
    /// Only when the run fails before its commit.
    Product,
    /// Only after the commit: what the run has begun with it and must be finished.
    Sequel,
}

/// The place of one undo in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) usize);

/// The undos of a run in the order in which they were recorded, each journalled before it counts.
#[must_use]
pub struct Ledger<'a, U> {
    pub(super) undos: Vec<Option<(Lifetime, U)>>,
    pub(super) committed: bool,
    pub(super) journal: &'a dyn Journal<U>,
    pub(super) events: &'a dyn Events,
}

impl<'a, U: Clone + std::fmt::Display> Ledger<'a, U> {
    /// The ledger of a run whose journal has these entries already; every slot keeps its number.
    pub(super) fn going_on(
        before: Vec<Entry<U>>,
        journal: &'a dyn Journal<U>,
        events: &'a dyn Events,
    ) -> Self {
        let mut undos = Vec::new();
        let slots = before.iter().filter_map(|entry| match entry {
            Entry::Intend { slot, .. } => Some(slot + 1),
            _ => None,
        });
        undos.resize(slots.max().unwrap_or_default(), None);
        let committed = before.iter().any(|entry| matches!(entry, Entry::Commit));
        for (slot, open) in open(before) {
            undos[slot] = Some(open);
        }
        Self {
            undos,
            committed,
            journal,
            events,
        }
    }

    /// Takes off the ledger what is to stay where it is; the journal still has it, so that a sweep can take it later.
    pub(super) fn keep(&mut self, answer: Answer) -> Vec<U> {
        let stays = |lifetime: Lifetime| match answer {
            Answer::CleanUp | Answer::Retry => false,
            Answer::Abort => true,
            Answer::Keep => lifetime == Lifetime::Scratch,
        };
        let entries = self.undos.iter_mut();
        entries
            .filter_map(|entry| entry.take_if(|(lifetime, _)| stays(*lifetime)))
            .map(|(_, undo)| undo)
            .collect()
    }

    /// Journals that something is about to be made which `undo` would find and take back.
    ///
    /// Called on the line before the call that makes it, with a name, token or tag that is known already, so that a lost
    /// answer or a dead process leaves nothing unknown. Errors when the journal cannot be written: then nothing may be made.
    pub fn intend(&mut self, lifetime: Lifetime, undo: U) -> Result<Slot, std::io::Error> {
        let slot = Slot(self.undos.len());
        self.journal.note(&Entry::Intend {
            slot: slot.0,
            lifetime,
            undo: undo.clone(),
        })?;
        self.undos.push(Some((lifetime, undo)));
        Ok(slot)
    }

    /// Where just this stands, when it is to be taken back already.
    pub fn owed(&self, undo: &U) -> Option<Slot>
    where
        U: PartialEq,
    {
        let is_it = |entry: &Option<(_, U)>| entry.as_ref().is_some_and(|(_, owed)| owed == undo);
        self.undos.iter().position(is_it).map(Slot)
    }

    /// Notes the id of a thing whose making was intended; from here on `undo` takes it back.
    pub fn made(&mut self, slot: Slot, undo: U) -> Result<(), std::io::Error> {
        let Some(entry) = self.undos.get_mut(slot.0).and_then(Option::as_mut) else {
            return Ok(());
        };
        entry.1 = undo.clone();
        self.events.emit(Event::Made {
            what: undo.to_string(),
        });
        self.journal.note(&Entry::Made { slot: slot.0, undo })
    }

    /// Takes a thing off the ledger that is gone already, or that has been handed over.
    pub fn forget(&mut self, slot: Slot) -> Result<(), std::io::Error> {
        if let Some(entry) = self.undos.get_mut(slot.0) {
            *entry = None;
        }
        self.journal.note(&Entry::Forget { slot: slot.0 })
    }

    /// Journals a fact that resuming needs and that is no undo.
    pub fn fact(&self, key: &str, value: serde_json::Value) -> Result<(), std::io::Error> {
        self.journal.note(&Entry::Fact {
            key: key.to_owned(),
            value,
        })
    }

    /// Hands over what is still to be taken back, oldest first.
    pub(super) fn take_due(&mut self) -> Vec<Due<U>> {
        let committed = self.committed;
        let due = self.undos.drain(..).enumerate();
        due.filter_map(|(slot, entry)| {
            let (lifetime, undo) = entry?;
            let counts = committed || lifetime != Lifetime::Sequel;
            counts.then_some(Due { slot, undo })
        })
        .collect()
    }

    pub(super) fn commit(&mut self) {
        self.committed = true;
        for entry in &mut self.undos {
            if matches!(entry, Some((Lifetime::Product, _))) {
                *entry = None;
            }
        }
    }
}
