//! Why a flow stopped.

use std::error::Error;
use std::time::Duration;

/// A failed step: its name and the cause.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct Failure {
    pub step: &'static str,
    #[source]
    pub cause: Cause,
}

/// What went wrong in a step.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The step's own error; flows downcast it where the kind matters.
    #[error(transparent)]
    Error(Box<dyn Error + 'static>),
    /// The wait's patience ran out; the reason is what the last poll said.
    #[error("not ready after {}: {last}", seconds(*.after))]
    TimedOut { after: Duration, last: String },
    /// The wait saw that it can never be ready.
    #[error("{0}")]
    Never(String),
    /// A user or a signal asked the run to stop.
    #[error("stopped on request")]
    Stopped,
    #[error("the journal cannot be written")]
    Journal(#[source] std::io::Error),
    #[error("panicked: {0}")]
    Panicked(String),
}

impl Failure {
    /// Wraps a step's own error.
    pub fn new(step: &'static str, error: impl Error + 'static) -> Self {
        Self {
            step,
            cause: Cause::Error(Box::new(error)),
        }
    }

    /// The step's own error, when it is of type `E`.
    pub fn error<E: Error + 'static>(&self) -> Option<&E> {
        match &self.cause {
            Cause::Error(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Whether a stop request ended the flow.
    pub fn is_stop(&self) -> bool {
        matches!(self.cause, Cause::Stopped)
    }
}

/// An error and its causes in one line, each said once.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    text
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
