//! What only the journals of dead runs know, taken back: before a roll that goes on with none of them, else behind it.

use super::run_roll::{Request, Tools};
use crate::cloud::Cloud;
use crate::run::{Due, Entry, Event, Journal, Left, RunId, Setup, settle};
use crate::undo::lease::Leased;
use crate::undo::{Undo, Unwinder};

/// What a dead run's journal says is still to be taken back.
pub struct Dead<'a> {
    pub run: RunId,
    pub due: Vec<Due<Undo>>,
    pub journal: &'a dyn Journal<Undo>,
}

impl Dead<'_> {
    /// Whether it owes a group the version that it followed.
    pub(super) fn has_pinned(&self) -> bool {
        let is_pin = |due: &Due<Undo>| match &due.undo {
            Undo::Roll(of) => of.releases(Leased::Version),
            _ => false,
        };
        self.due.iter().any(is_pin)
    }
}

/// Takes it back. What a later run has made its own is left alone. Returns what would not go.
pub(super) async fn bury<C: Cloud, P, S>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Vec<Left<Undo>> {
    let mut all = Vec::new();
    for dead in &request.dead {
        // A journal in a bucket refuses this when its run has gone on since it was read.
        if let Err(error) = dead.journal.note(&Entry::taken_over(request.run))
            && error.kind() == std::io::ErrorKind::ResourceBusy
        {
            let text = format!("run {}: {error}", dead.run);
            on.events.emit(Event::Warning { text });
            continue;
        }
        let setup = Setup {
            journal: dead.journal,
            events: on.events,
            stop: on.stop.clone(),
        };
        let left = settle(dead.due.clone(), &Unwinder::new(on.cloud), &setup).await;
        let end = Entry::End {
            ok: left.is_empty(),
        };
        if let Err(error) = dead.journal.note(&end) {
            let text = format!("the journal of run {} cannot be written: {error}", dead.run);
            on.events.emit(Event::Warning { text });
        }
        all.extend(left);
    }
    all
}
