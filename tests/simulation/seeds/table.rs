//! What seeds have tried and found, in words and figures.

use std::fmt;
use std::time::Duration;

use super::life::Told;
use super::weather::Tally;
use crate::simulation::roll::Counts;

/// What was tried.
#[derive(Default)]
pub struct Table {
    seeds: u64,
    calls: u64,
    tally: Tally,
    counts: Counts,
    took: Duration,
}

impl Table {
    pub fn add(&mut self, told: &Told) {
        self.seeds += 1;
        self.calls += told.calls;
        for (what, count) in &told.tally {
            *self.tally.entry(what).or_default() += count;
        }
        for (sum, count) in self.counts.iter_mut().zip(told.counts) {
            *sum += count;
        }
    }

    pub fn within(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} seeds", self.seeds)?;
        writeln!(f, "{:>10} calls under drawn trouble", self.calls)?;
        for (what, count) in &self.tally {
            writeln!(f, "{count:>10} {what}")?;
        }
        for (at, count) in self.counts.iter().enumerate() {
            writeln!(f, "{count:>10} looks at I{}", at + 1)?;
        }
        write!(f, "{:>10.1} seconds", self.took.as_secs_f64())
    }
}

/// Lines of a trace that are shown, at its end.
const SHOWN: usize = 40;

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.as_deref().unwrap_or("nothing is broken");
        writeln!(f, "seed {}: {found}", self.seed)?;
        // The world that was drawn, and the end.
        let rest = self.trace.len().saturating_sub(SHOWN).max(1);
        let world = self.trace.iter().take(1);
        for line in world.chain(self.trace.iter().skip(rest)) {
            writeln!(f, "    {line}")?;
        }
        write!(f, "    make sim SEED={}", self.seed)
    }
}

impl Told {
    /// One that did not come to its end.
    pub fn panicked(seed: u64) -> Self {
        Self {
            seed,
            found: Some("it panicked".to_owned()),
            trace: Vec::new(),
            tally: Tally::default(),
            calls: 0,
            counts: Counts::default(),
        }
    }
}
