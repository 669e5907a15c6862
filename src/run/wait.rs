//! How long and how often a wait polls.

use std::time::Duration;

/// What a poll saw. Health is a value, not a bool: the reason is what a timeout quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness<T> {
    Ready(T),
    NotYet(String),
    /// Not yet, and this many hundredths of it are done: what moves on has not run out of time.
    Moving {
        reason: String,
        done: u8,
    },
    /// It can never be ready; the wait ends at once.
    Never(String),
}

/// The limits of one wait.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Patience {
    /// The wait fails after this long, counted from when it was last seen to move on.
    pub limit: Duration,
    /// The limit counts from the beginning, whatever moves.
    pub strict: bool,
    /// The first pause between two polls.
    pub first: Duration,
    /// Pauses grow by half each time, up to this.
    pub longest: Duration,
    /// Pauses are this fraction of what has passed instead, so that the wait is no more than that late.
    pub fraction: Option<u32>,
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
            strict: false,
            first,
            longest,
            fraction: None,
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

    /// Polls so often that the end is noticed within one part in `fraction` of the time that it took.
    #[must_use]
    pub const fn in_proportion(mut self, fraction: u32) -> Self {
        self.fraction = Some(fraction);
        self
    }

    /// The pause after one of length `pause`, this long after the beginning.
    pub(super) fn next(&self, pause: Duration, passed: Duration) -> Duration {
        let grown = match self.fraction {
            Some(fraction) => (passed / fraction).max(self.first),
            None => pause + pause / 2,
        };
        grown.min(self.longest)
    }
}
