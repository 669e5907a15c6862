//! What replaced roots leave for a while, on the due-list: the old root, and snapshots of data volumes.

use jiff::Timestamp;

use super::commit::unlist;
use super::error::Error;
use super::retire::WorkedOff;
use crate::cloud::Cloud;
use crate::run::{Event, Events, LaterLists, Left, Unwind as _};
use crate::undo::{Change, OfRoll, Undo, Unwinder};

/// What is due of them at `now`.
pub(super) fn due<S: LaterLists<Undo>>(
    service: &str,
    now: Timestamp,
    store: &S,
) -> Result<Vec<Undo>, Error> {
    let listed = store.read(service).map_err(Error::Later)?.into_iter();
    let due = listed.filter(|later| later.at <= now && is_scrap(&later.undo));
    Ok(due.map(|later| later.undo).collect())
}

/// Whether it is one of them.
pub(super) fn is_scrap(undo: &Undo) -> bool {
    let Undo::Roll(OfRoll { change, .. }) = undo else {
        return false;
    };
    matches!(change, Change::ReplacedRoot { .. } | Change::Snapshots)
}

/// Deletes what is due.
pub(super) async fn work_off<C: Cloud, S: LaterLists<Undo>>(
    service: &str,
    now: Timestamp,
    (cloud, store): (&C, &S),
    events: &dyn Events,
    done: &mut WorkedOff,
) -> Result<(), Error> {
    let unwinder = Unwinder::new(cloud);
    for undo in due(service, now, store)? {
        let what = undo.to_string();
        match unwinder.undo(&undo).await {
            Ok(()) => {
                unlist(store, service, |listed| *listed == undo)?;
                events.emit(Event::Undone { what });
                done.deleted += 1;
            }
            Err(error) => {
                let reason = error.to_string();
                events.emit(Event::NotUndone {
                    what,
                    reason: reason.clone(),
                });
                done.left.push(Left { undo, reason });
            }
        }
    }
    Ok(())
}
