//! Who is asked in the middle of a run: whether the next step may begin, and what becomes of one that failed.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::run::Failure;

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Take everything back.
    CleanUp,
    /// Take nothing back: all of it stays, and the journal knows it.
    Abort,
    /// Leave scratch, so that somebody can look at it; products go.
    Keep,
    /// Try the step again.
    Retry,
}

/// Asked by a run. A stop request takes the answer's place: then everything is taken back.
pub trait Operator {
    /// Returns when `step` may begin.
    fn before(&self, step: &'static str) -> LocalBoxFuture<'_, ()>;

    /// Says what is to be done about a failure.
    fn failed<'f>(&'f self, failure: &'f Failure) -> LocalBoxFuture<'f, Answer>;

    /// Whether a flow's own clean-up after a failure is to run, this being the answer to it.
    fn cleans_up(&self, answer: Answer) -> bool {
        answer == Answer::CleanUp
    }
}

/// Nobody is there: nothing waits, and what fails is taken back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unattended;

impl Operator for Unattended {
    fn before(&self, _: &'static str) -> LocalBoxFuture<'_, ()> {
        std::future::ready(()).boxed_local()
    }

    fn failed<'f>(&'f self, _: &'f Failure) -> LocalBoxFuture<'f, Answer> {
        std::future::ready(Answer::CleanUp).boxed_local()
    }
}
