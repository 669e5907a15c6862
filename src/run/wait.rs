//! How long and how often a wait polls.

use std::time::Duration;

/// What a poll saw. Health is a value, not a bool: the reason is what a timeout quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness<T> {
    Ready(T),
    NotYet(String),
    /// It can never be ready; the wait ends at once.
    Never(String),
}

/// The limits of one wait.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Patience {
    /// The wait fails after this long.
    pub limit: Duration,
    /// The first pause between two polls.
    pub first: Duration,
    /// Pauses grow by half each time, up to this.
    pub longest: Duration,
    /// Ready counts when it was seen this many times in a row.
    pub in_a_row: u32,
    /// A poll that takes longer than this counts as failed.
    pub poll: Duration,
}

impl Patience {
    /// Polls from `first` to `longest` apart for `limit`; one good poll is enough.
    ///
    /// A poll may take 60 s: every SDK call has shorter limits of its own (see `aws`).
    pub const fn new(limit: Duration, first: Duration, longest: Duration) -> Self {
        Self {
            limit,
            first,
            longest,
            in_a_row: 1,
            poll: Duration::from_mins(1),
        }
    }

    /// Asks for `count` good polls in a row.
    #[must_use]
    pub const fn in_a_row(mut self, count: u32) -> Self {
        self.in_a_row = count;
        self
    }

    /// The pause after one of length `pause`.
    pub(super) fn next(&self, pause: Duration) -> Duration {
        (pause + pause / 2).min(self.longest)
    }
}
