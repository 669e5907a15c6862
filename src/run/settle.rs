//! The way back: undos newest first, each with a time limit, none skipped because another would not go.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::run::{Due, Entry, Event, Setup, with_causes};

/// How long one undo may take. Terminating an instance is a call; waiting for it is the undo's own affair, and AWS takes
/// up to ten minutes for a large one.
pub const UNDO_LIMIT: Duration = Duration::from_mins(10);

/// Carries out undos. Already gone is success, and doing it twice is harmless.
pub trait Unwind<U> {
    /// Why an undo would not go.
    type Error: Error + 'static;

    /// How long that may take.
    fn limit(&self, _undo: &U) -> Duration {
        UNDO_LIMIT
    }

    /// Takes one thing back.
    fn undo(&self, undo: &U) -> impl Future<Output = Result<(), Self::Error>>;
}

/// Something that could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Left<U> {
    pub undo: U,
    pub reason: String,
}

/// Takes back what is due, newest first, and returns what would not go.
///
/// Both the end of a run and a sweep of a dead one come here; the second stop request skips the rest.
pub async fn settle<U: Display, W: Unwind<U>>(
    due: Vec<Due<U>>,
    unwinder: &W,
    on: &Setup<'_, U>,
) -> Vec<Left<U>> {
    if !due.is_empty() {
        on.events.emit(Event::Unwinding { count: due.len() });
    }
    let mut left = Vec::new();
    for Due { slot, undo } in due.into_iter().rev() {
        let what = undo.to_string();
        let Err(reason) = take_back(unwinder, &undo, on).await else {
            note(on, &Entry::Undone { slot });
            on.events.emit(Event::Undone { what });
            continue;
        };
        let noted = reason.clone();
        note(
            on,
            &Entry::NotUndone {
                slot,
                reason: noted,
            },
        );
        on.events.emit(Event::NotUndone {
            what,
            reason: reason.clone(),
        });
        left.push(Left { undo, reason });
    }
    left
}

/// A journal that cannot be written any more must not keep the way back from going on: an undo that is done twice is
/// harmless, one that is not done costs money.
fn note<U>(on: &Setup<'_, U>, entry: &Entry<U>) {
    if let Err(error) = on.journal.note(entry) {
        on.events.emit(Event::Warning {
            text: format!("the journal cannot be written: {error}"),
        });
    }
}

async fn take_back<U, W: Unwind<U>>(
    unwinder: &W,
    undo: &U,
    on: &Setup<'_, U>,
) -> Result<(), String> {
    let limit = unwinder.limit(undo);
    let attempt = AssertUnwindSafe(unwinder.undo(undo).boxed_local()).catch_unwind();
    tokio::select! {
        biased;
        () = on.stop.skip.cancelled() => Err("skipped on request".to_owned()),
        done = tokio::time::timeout(limit, attempt) => match done {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(with_causes(&error)),
            Ok(Err(panic)) => Err(format!("panicked: {}", panic_text(panic.as_ref()))),
            Err(_) => Err(format!("no end within {} s", limit.as_secs())),
        },
    }
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}
