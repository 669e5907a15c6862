//! One temporary change: what tags say of it, and how it is taken back.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::cloud::{GroupName, RuleArn};
use crate::roll::takeback::Dead;
use crate::run::{Holder, RunId};
use crate::undo::lease::Leased;
use crate::undo::tested::Tested;

/// What is known of runs beside what tags say.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Their journals are locked on this host.
    pub alive: Vec<RunId>,
    /// Their journals are here, and nobody holds them.
    pub dead: Vec<RunId>,
    /// Who works on the service now: nothing of it has run out.
    pub holder: Option<Holder>,
    /// A run that somebody knows to be over.
    pub given_up: Option<RunId>,
    /// Whoever asks holds the service's lease on the store that all of its runs share.
    pub alone: bool,
}

/// One temporary change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Temporary {
    pub what: String,
    /// The group or the rule.
    pub on: String,
    pub run: Option<RunId>,
    pub owner: Owner,
    pub until: Option<Timestamp>,
    /// What was there before, and comes back.
    pub before: Option<String>,
    pub state: State,
    /// Why it is in that state; empty where its time says it all.
    pub why: String,
    #[serde(skip)]
    pub(in crate::roll) cure: Option<Cure>,
}

/// Whether the run that made a change lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    Alive,
    Dead,
    /// Its journal is not on this host: until its time is up it may live.
    Unknown,
}

/// What is to become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    InForce,
    /// It is to be taken back.
    RunOut,
    /// Nothing takes it back by itself.
    Stays,
}

/// How a change is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::roll) enum Cure {
    TakeBack(Box<Dead>),
    Release(GroupName, Leased, RunId),
    DeleteRule(RuleArn),
    LeadBack(Box<Tested>, RunId),
    DeleteAlarm(String),
    Untag(GroupName, &'static str),
    /// To be kept without machines, which may take until then to end.
    Empty(GroupName, Option<Timestamp>),
    LetGo(GroupName),
}

impl fmt::Display for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.what, self.on)?;
        if let Some(before) = &self.before {
            write!(f, " (before: {before})")?;
        }
        if let Some(run) = self.run {
            let owner = match self.owner {
                Owner::Alive => "alive",
                Owner::Dead => "dead",
                Owner::Unknown => "no journal here",
            };
            write!(f, ", run {run} ({owner})")?;
        }
        if let Some(until) = self.until {
            write!(f, ", until {until}")?;
        }
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        Ok(())
    }
}

/// Why the minimum of a kept group is held.
pub(super) const KEPT: &str = "while the group is kept";
/// Why the minimum of a group that has taken over is held.
pub(super) const LOW_ALARM: &str = "until its low alarm has been OK";
/// What an emptied group still has.
pub(super) const DRAINING: &str = "machines that end what they do";
/// What a roll that is not through has.
pub(super) const HALF_MADE: &str = "half-made roll";
pub(super) const PROBE: &str = "probe rule";
/// What a network load balancer has in its place.
pub(super) const TEST: &str = "test listener";
/// What a rollback that is not through has.
pub(super) const BACK: &str = "mark of a rollback";
/// What the rule is that keeps its target group in use.
pub(super) const WATCH: &str = "rule that watches the kept group";

impl Temporary {
    /// Whether it is in force for a group that is kept to go back to.
    pub(in crate::roll) fn is_kept(&self) -> bool {
        self.state == State::InForce && (self.why == KEPT || self.what == WATCH)
    }

    /// Whether it is in force behind a roll that has gone through, and nothing but its end is waited for.
    pub(in crate::roll) fn ends_by_itself(&self) -> bool {
        self.state == State::InForce && (self.why == LOW_ALARM || self.what == DRAINING)
    }

    /// Whether a roll or a rollback that is not through has it.
    pub(in crate::roll) fn is_of_a_roll(&self) -> bool {
        let what = self.what.as_str();
        let at_work = [Leased::Refresh, Leased::Root, Leased::Question];
        [HALF_MADE, PROBE, TEST, BACK].contains(&what)
            || at_work.iter().any(|leased| what == leased.to_string())
    }

    /// The same, to be taken back.
    pub(super) fn run_out(self, why: impl Into<String>, cure: Cure) -> Self {
        Self {
            state: State::RunOut,
            why: why.into(),
            cure: Some(cure),
            ..self
        }
    }

    /// The same, left to a person.
    pub(super) fn stays(self, why: impl Into<String>) -> Self {
        Self {
            state: State::Stays,
            why: why.into(),
            ..self
        }
    }
}
