//! The only loop of a run: steps, waits and work going forward, the ledger going back.
//!
//! Each body is boxed: a flow's future would else hold the futures of every SDK call in it, which are large and deep.

mod unless;

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::run::settle::{Left, Unwind, panic_text, settle};
use crate::run::{
    Answer, Cause, Entry, Event, Events, Failure, Journal, Ledger, Operator, Patience, Readiness,
    Stop, Unattended, with_causes,
};

/// What a run needs from outside.
#[derive(Clone)]
pub struct Setup<'a, U> {
    pub journal: &'a dyn Journal<U>,
    pub events: &'a dyn Events,
    pub stop: Stop,
}

/// What came out of a run: its result, and what is left behind. The first error is never replaced by a later one.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T, U> {
    pub result: Result<T, Failure>,
    pub left: Vec<Left<U>>,
    /// Left on purpose, as the operator said.
    pub kept: Vec<U>,
}

/// How a run is attended, and what it goes on from.
pub struct Attendance<'a, U> {
    pub operator: &'a dyn Operator,
    /// What the journal of the run that is gone on with already says.
    pub before: Vec<Entry<U>>,
}

impl<U> Default for Attendance<'_, U> {
    fn default() -> Self {
        Self {
            operator: &Unattended,
            before: Vec::new(),
        }
    }
}

/// What a flow sees of the engine.
pub struct Run<'a, U> {
    ledger: Ledger<'a, U>,
    stop: Stop,
    committed: bool,
    operator: &'a dyn Operator,
    /// To the last failure of a step, with the step.
    answer: Option<(&'static str, Answer)>,
}

impl<'a, U: Clone + Display> Run<'a, U> {
    /// Makes or changes something. Always awaited to its end, since dropping it would lose an id.
    ///
    /// Errors with what `body` returned, or without calling it when a stop was asked for before the commit.
    pub async fn step<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        mut body: impl AsyncFnMut(&mut Ledger<'a, U>) -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.attempts(name, async |run: &mut Self, _| {
            let done = body(&mut run.ledger).boxed_local().await;
            done.map_err(|error| Cause::Error(Box::new(error)))
        })
        .await
    }

    /// Puts on the ledger what is there already and is this run's from here on. Also when a stop was asked for: what a run has
    /// taken on goes back with the rest. Nothing is asked or changed but the journal.
    pub fn take_on<E: Error + 'static>(
        &mut self,
        name: &'static str,
        body: impl FnOnce(&mut Ledger<'a, U>) -> Result<(), E>,
    ) -> Result<(), Failure> {
        body(&mut self.ledger).map_err(|error| Failure::new(name, error))
    }

    /// Polls until ready, never, out of patience or stopped. An error of the probe ends the wait.
    pub async fn wait<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        patience: &Patience,
        probe: impl AsyncFnMut() -> Result<Readiness<T>, E>,
    ) -> Result<T, Failure> {
        let never = async || std::future::pending::<Infallible>().await;
        self.wait_unless(name, patience, never, probe).await
    }

    /// Does something long that makes nothing outliving the scratch. May be dropped at any point when a stop is asked for.
    pub async fn work<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        body: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.work_unless(name, async || std::future::pending().await, body)
            .await
    }

    /// Does something on the way back from a failure, before anything is taken back, where the operator wants that. A stop
    /// ends it; its own failure is told and changes nothing.
    pub async fn after_failure<E: Error + 'static>(
        &self,
        name: &'static str,
        body: impl AsyncFnOnce() -> Result<(), E>,
    ) {
        let wanted = self
            .answer
            .is_some_and(|(_, answer)| self.operator.cleans_up(answer));
        if !wanted || self.is_stopping() {
            return;
        }
        let (events, began) = (self.events(), Instant::now());
        events.emit(Event::Started { step: name });
        let result = tokio::select! {
            biased;
            () = self.asked() => Err("stopped on request".to_owned()),
            result = body().boxed_local() => result.map_err(|error| with_causes(&error)),
        };
        let (step, took) = (name, began.elapsed());
        events.emit(match result {
            Ok(()) => Event::Finished { step, took },
            Err(reason) => Event::Failed { step, took, reason },
        });
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

    /// A flow that ended well has passed its point of no return, and the journal must say so before anything is taken
    /// back: whoever replays it after a kill would else take the product too.
    fn commit_once(&mut self) -> Result<(), Failure> {
        if self.committed {
            return Ok(());
        }
        self.commit()
    }

    /// Where notes and warnings go.
    pub fn events(&self) -> &'a dyn Events {
        self.ledger.events
    }

    /// Whether a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.stop.asked.is_cancelled()
    }

    /// Tries until it is done, or the operator wants no more of it. Each try is told when it began.
    async fn attempts<T>(
        &mut self,
        name: &'static str,
        mut once: impl AsyncFnMut(&mut Self, Instant) -> Result<T, Cause>,
    ) -> Result<T, Failure> {
        loop {
            self.begin(name).await?;
            let began = Instant::now();
            let result = once(self, began).await;
            if let Some(ended) = self.end(name, began, result).await {
                return ended;
            }
        }
    }

    async fn begin(&self, name: &'static str) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = self.asked() => {}
            () = self.operator.before(name) => {}
        }
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

    /// Says how a step ended; nothing when it is to be tried again.
    async fn end<T>(
        &mut self,
        step: &'static str,
        began: Instant,
        result: Result<T, Cause>,
    ) -> Option<Result<T, Failure>> {
        let took = began.elapsed();
        let cause = match result {
            Ok(value) => {
                self.ledger.events.emit(Event::Finished { step, took });
                return Some(Ok(value));
            }
            Err(cause) => cause,
        };
        self.ledger.events.emit(Event::Failed {
            step,
            took,
            reason: with_causes(&cause),
        });
        let failure = Failure { step, cause };
        let answer = self.ask(&failure).await;
        self.answer = Some((step, answer));
        (answer != Answer::Retry).then_some(Err(failure))
    }

    /// A stop request is not asked about, and neither is what cannot be journalled: nothing may be left then.
    async fn ask(&self, failure: &Failure) -> Answer {
        if matches!(failure.cause, Cause::Stopped | Cause::Journal(_)) {
            return Answer::CleanUp;
        }
        tokio::select! {
            biased;
            () = self.stop.asked.cancelled() => Answer::CleanUp,
            answer = self.operator.failed(failure) => answer,
        }
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
        let mut moved = (0, began);
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
                Readiness::Moving { reason, done } => {
                    good = 0;
                    if done > moved.0 && !patience.strict {
                        moved = (done, Instant::now());
                    }
                    reason
                }
            };
            let after = began.elapsed();
            let spent = moved.1.elapsed();
            if spent >= patience.limit {
                return Err(Cause::TimedOut { after, last });
            }
            self.events().emit(Event::Waiting { step, reason: last });
            // Good looks in a row are close together, however long there was nothing to see.
            let now = if good > 0 { patience.first } else { pause };
            let left = patience.limit.saturating_sub(spent);
            self.pause(now.min(left)).await?;
            pause = patience.next(pause, after);
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
            polled = tokio::time::timeout(patience.poll, probe().boxed_local()) => match polled {
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
    attended(unwinder, setup, Attendance::default(), body).await
}

/// The same with an operator, who may have a failed run leave what it made, and for a run that goes on where a dead one
/// stopped: its ledger is the dead one's.
pub async fn attended<'a, T, U: Clone + Display, W: Unwind<U>>(
    unwinder: &W,
    setup: Setup<'a, U>,
    attendance: Attendance<'a, U>,
    body: impl AsyncFnOnce(&mut Run<'a, U>) -> Result<T, Failure>,
) -> Outcome<T, U> {
    let before = attendance.before;
    let mut run = Run {
        stop: setup.stop.clone(),
        committed: before.iter().any(|entry| matches!(entry, Entry::Commit)),
        ledger: Ledger::going_on(before, setup.journal, setup.events),
        operator: attendance.operator,
        answer: None,
    };
    let result = AssertUnwindSafe(body(&mut run).boxed_local())
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            Err(Failure {
                step: "run",
                cause: Cause::Panicked(panic_text(panic.as_ref())),
            })
        });
    let result = result.and_then(|value| run.commit_once().map(|()| value));
    let answer = match (&result, run.answer) {
        (Ok(_), _) => Answer::CleanUp,
        // Not one to an earlier failure, which the flow got over.
        (Err(failure), Some((step, answer))) if step == failure.step && !failure.is_stop() => {
            answer
        }
        (Err(failure), _) => run.ask(failure).await,
    };
    let kept = run.ledger.keep(answer);
    let left = settle(run.ledger.take_due(), unwinder, &setup).await;
    let ended = setup.journal.note(&Entry::End {
        ok: result.is_ok() && left.is_empty() && kept.is_empty(),
    });
    let result = match (result, ended) {
        (Ok(_), Err(error)) => Err(Failure {
            step: "end",
            cause: Cause::Journal(error),
        }),
        (result, _) => result,
    };
    Outcome { result, left, kept }
}

#[cfg(test)]
mod tests;
