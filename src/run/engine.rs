//! The only loop of a run: steps, waits and work going forward, the ledger going back.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::run::{
    Cause, Entry, Event, Events, Failure, Journal, Ledger, Patience, Readiness, Stop,
};

/// How long one undo may take. Terminating an instance is a call; waiting for it is the undo's own affair, and AWS takes
/// up to ten minutes for a large one.
const UNDO_LIMIT: Duration = Duration::from_secs(600);

/// Carries out undos. Already gone is success, and doing it twice is harmless.
pub trait Unwind<U> {
    /// Why an undo would not go.
    type Error: Error + 'static;

    /// Takes one thing back.
    fn undo(&self, undo: &U) -> impl Future<Output = Result<(), Self::Error>>;
}

/// What a run needs from outside.
#[derive(Clone)]
pub struct Setup<'a, U> {
    pub journal: &'a dyn Journal<U>,
    pub events: &'a dyn Events,
    pub stop: Stop,
}

/// Something that could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left<U> {
    pub undo: U,
    pub reason: String,
}

/// What came out of a run: its result, and what is left behind. The first error is never replaced by a later one.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T, U> {
    pub result: Result<T, Failure>,
    pub left: Vec<Left<U>>,
}

/// What a flow sees of the engine.
pub struct Run<'a, U> {
    ledger: Ledger<'a, U>,
    stop: Stop,
    committed: bool,
}

impl<'a, U: Clone + Display> Run<'a, U> {
    /// Makes or changes something. Always awaited to its end, since dropping it would lose an id.
    ///
    /// Errors with what `body` returned, or without calling it when a stop was asked for before the commit.
    pub async fn step<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        body: impl AsyncFnOnce(&mut Ledger<'a, U>) -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.begin(name)?;
        let began = Instant::now();
        let result = body(&mut self.ledger)
            .await
            .map_err(|error| Cause::Error(Box::new(error)));
        self.end(name, began, result)
    }

    /// Polls until ready, never, out of patience or stopped. An error of the probe ends the wait.
    pub async fn wait<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        patience: &Patience,
        mut probe: impl AsyncFnMut() -> Result<Readiness<T>, E>,
    ) -> Result<T, Failure> {
        self.begin(name)?;
        let began = Instant::now();
        let result = self.poll(name, patience, began, &mut probe).await;
        self.end(name, began, result)
    }

    /// Does something long that makes nothing outliving the scratch. May be dropped at any point when a stop is asked for.
    pub async fn work<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        body: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.begin(name)?;
        let began = Instant::now();
        let result = tokio::select! {
            biased;
            () = self.asked() => Err(Cause::Stopped),
            result = body() => result.map_err(|error| Cause::Error(Box::new(error))),
        };
        self.end(name, began, result)
    }

    /// Passes the point of no return: products stay, and stop requests no longer end the flow.
    ///
    /// Errors when the journal cannot be written; then the point has not been passed.
    pub fn commit(&mut self) -> Result<(), Failure> {
        self.note("commit", &Entry::Commit)?;
        self.ledger.commit();
        self.committed = true;
        Ok(())
    }

    /// Where notes and warnings go.
    pub fn events(&self) -> &'a dyn Events {
        self.ledger.events
    }

    /// Whether a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.stop.asked.is_cancelled()
    }

    fn begin(&self, name: &'static str) -> Result<(), Failure> {
        if !self.committed && self.is_stopping() {
            return Err(Failure {
                step: name,
                cause: Cause::Stopped,
            });
        }
        self.note(
            name,
            &Entry::Step {
                name: name.to_owned(),
            },
        )?;
        self.ledger.events.emit(Event::Started { step: name });
        Ok(())
    }

    fn note(&self, step: &'static str, entry: &Entry<U>) -> Result<(), Failure> {
        self.ledger.journal.note(entry).map_err(|error| Failure {
            step,
            cause: Cause::Journal(error),
        })
    }

    fn end<T>(
        &self,
        step: &'static str,
        began: Instant,
        result: Result<T, Cause>,
    ) -> Result<T, Failure> {
        let took = began.elapsed();
        self.ledger.events.emit(match &result {
            Ok(_) => Event::Finished { step, took },
            Err(cause) => Event::Failed {
                step,
                took,
                reason: cause.to_string(),
            },
        });
        result.map_err(|cause| Failure { step, cause })
    }

    async fn poll<T, E: Error + 'static>(
        &self,
        step: &'static str,
        patience: &Patience,
        began: Instant,
        probe: &mut impl AsyncFnMut() -> Result<Readiness<T>, E>,
    ) -> Result<T, Cause> {
        let mut pause = patience.first;
        let mut good = 0;
        loop {
            let last = match self.once(patience, probe).await? {
                Readiness::Ready(value) => {
                    good += 1;
                    if good >= patience.in_a_row {
                        return Ok(value);
                    }
                    format!("ready {good} of {} times in a row", patience.in_a_row)
                }
                Readiness::Never(reason) => return Err(Cause::Never(reason)),
                Readiness::NotYet(reason) => {
                    good = 0;
                    reason
                }
            };
            let after = began.elapsed();
            if after >= patience.limit {
                return Err(Cause::TimedOut { after, last });
            }
            self.ledger
                .events
                .emit(Event::Waiting { step, reason: last });
            self.pause(pause.min(patience.limit.saturating_sub(after)))
                .await?;
            pause = patience.next(pause);
        }
    }

    async fn once<T, E: Error + 'static>(
        &self,
        patience: &Patience,
        probe: &mut impl AsyncFnMut() -> Result<Readiness<T>, E>,
    ) -> Result<Readiness<T>, Cause> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Cause::Stopped),
            polled = tokio::time::timeout(patience.poll, probe()) => match polled {
                Ok(result) => result.map_err(|error| Cause::Error(Box::new(error))),
                Err(_) => Ok(Readiness::NotYet(format!("no answer within {} s", patience.poll.as_secs()))),
            },
        }
    }

    async fn pause(&self, pause: Duration) -> Result<(), Cause> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Cause::Stopped),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// Resolves when a stop is asked for that may still end the flow.
    async fn asked(&self) {
        if self.committed {
            std::future::pending::<()>().await;
        }
        self.stop.asked.cancelled().await;
    }
}

/// Runs a flow, then settles its ledger: scratch always, products too when it failed before its commit.
///
/// A panic of the flow counts as its failure. Undos run newest first, each with a time limit, and none is skipped because
/// another would not go; a second stop request skips the rest, which [`Outcome::left`] then lists.
pub async fn run<'a, T, U: Clone + Display, W: Unwind<U>>(
    unwinder: &W,
    setup: Setup<'a, U>,
    body: impl AsyncFnOnce(&mut Run<'a, U>) -> Result<T, Failure>,
) -> Outcome<T, U> {
    let mut run = Run {
        ledger: Ledger::new(setup.journal, setup.events),
        stop: setup.stop,
        committed: false,
    };
    let result = AssertUnwindSafe(body(&mut run))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            Err(Failure {
                step: "run",
                cause: Cause::Panicked(panic_text(panic.as_ref())),
            })
        });
    if result.is_ok() {
        run.ledger.commit();
    }
    let left = settle(&mut run, unwinder).await;
    let ended = setup.journal.note(&Entry::End {
        ok: result.is_ok() && left.is_empty(),
    });
    let result = match (result, ended) {
        (Ok(_), Err(error)) => Err(Failure {
            step: "end",
            cause: Cause::Journal(error),
        }),
        (result, _) => result,
    };
    Outcome { result, left }
}

async fn settle<U: Clone + Display, W: Unwind<U>>(
    run: &mut Run<'_, U>,
    unwinder: &W,
) -> Vec<Left<U>> {
    let due: Vec<(usize, U)> = run
        .ledger
        .undos
        .drain(..)
        .enumerate()
        .filter_map(|(slot, entry)| Some((slot, entry?.1)))
        .collect();
    let events = run.ledger.events;
    if !due.is_empty() {
        events.emit(Event::Unwinding { count: due.len() });
    }
    let mut left = Vec::new();
    for (slot, undo) in due.into_iter().rev() {
        let Err(reason) = take_back(run, unwinder, &undo).await else {
            note_settled(run, &Entry::Undone { slot });
            events.emit(Event::Undone {
                what: undo.to_string(),
            });
            continue;
        };
        note_settled(
            run,
            &Entry::NotUndone {
                slot,
                reason: reason.clone(),
            },
        );
        events.emit(Event::NotUndone {
            what: undo.to_string(),
            reason: reason.clone(),
        });
        left.push(Left { undo, reason });
    }
    left
}

/// A journal that cannot be written any more must not keep the way back from going on: an undo that is done twice is
/// harmless, one that is not done costs money.
fn note_settled<U>(run: &Run<'_, U>, entry: &Entry<U>) {
    if let Err(error) = run.ledger.journal.note(entry) {
        run.ledger.events.emit(Event::Warning {
            text: format!("the journal cannot be written: {error}"),
        });
    }
}

async fn take_back<U, W: Unwind<U>>(
    run: &Run<'_, U>,
    unwinder: &W,
    undo: &U,
) -> Result<(), String> {
    if run.stop.skip.is_cancelled() {
        return Err("skipped on request".to_owned());
    }
    let attempt = AssertUnwindSafe(unwinder.undo(undo)).catch_unwind();
    tokio::select! {
        biased;
        () = run.stop.skip.cancelled() => Err("skipped on request".to_owned()),
        done = tokio::time::timeout(UNDO_LIMIT, attempt) => match done {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(chain(&error)),
            Ok(Err(panic)) => Err(format!("panicked: {}", panic_text(panic.as_ref()))),
            Err(_) => Err(format!("no end within {} s", UNDO_LIMIT.as_secs())),
        },
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
