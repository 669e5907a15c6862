//! The wall clock, handed in so that simulations can have one of their own.

use jiff::Timestamp;

/// Tells the wall-clock time. Durations are measured with tokio's clock, which tests pause.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the host's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
