//! The answer to a question that a roll has asked: a tag beside the lease that holds the question.

use jiff::Timestamp;

use super::lease::{Lease, Leased};
use crate::cloud::{Group, tag};
use crate::run::RunId;

/// As much of a question as goes into a tag with run and time (256 characters, "Tagging Auto Scaling groups").
const LONGEST: usize = 180;

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The run that asked.
    pub run: RunId,
    pub yes: bool,
    /// When, by whom and why; empty at kiln's own terminal.
    pub note: String,
}

impl Answer {
    /// One that was given at the terminal of the run.
    pub fn here(run: RunId, yes: bool) -> Self {
        let note = String::new();
        Self { run, yes, note }
    }

    /// Reads a group's tag.
    pub fn of(group: &Group) -> Option<Self> {
        let mut words = group.tag(tag::ANSWER)?.split_whitespace();
        let (run, yes) = (words.next()?.parse().ok()?, words.next()? == "yes");
        let note: Vec<&str> = words.collect();
        Some(Self {
            run,
            yes,
            note: note.join(" "),
        })
    }

    /// The text of the tag.
    pub fn text(&self) -> String {
        let word = if self.yes { "yes" } else { "no" };
        let text = format!("{} {word} {}", self.run, self.note);
        text.trim_end().chars().take(256).collect()
    }

    /// When, by whom and why, behind other words.
    pub fn why(&self) -> String {
        if self.note.is_empty() {
            return String::new();
        }
        format!(" ({})", self.note)
    }
}

/// What a roll asks, with the run and until when.
pub fn asked(group: &Group) -> Option<(RunId, Timestamp, String)> {
    let lease = Lease::of(group, Leased::Question)?;
    Some((lease.run, lease.until, lease.before.join(" ")))
}

/// A question as the words of its lease.
pub fn words(question: &str) -> Vec<String> {
    let short: String = question.chars().take(LONGEST).collect();
    short.split_whitespace().map(ToOwned::to_owned).collect()
}
