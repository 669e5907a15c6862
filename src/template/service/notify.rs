//! `notify`: who is told how a roll ended.

use super::super::late::Late;
use serde::Serialize;
use std::collections::BTreeSet;

/// Who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    pub kind: RecipientKind,
    /// Where it listens. Whoever knows it can speak there: it is a secret.
    pub url: Late,
    /// Ends of which it hears.
    pub on: BTreeSet<Outcome>,
}

/// In which words it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientKind {
    /// A message to people, as an incoming webhook of Slack takes it.
    Slack,
    /// A document for programs.
    Webhook,
}

/// How a roll ended, for those who did not watch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The image is in service.
    Done,
    /// It never got traffic.
    Failed,
    /// It keeps the traffic that it has, and waits for a decision.
    Held,
    /// It had traffic, and gave it back.
    RolledBack,
    /// Traffic is not as it was found, or not known.
    NeedsPerson,
}

impl RecipientKind {
    /// The key of the service file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }
}

impl Outcome {
    /// All of them, with their words.
    pub const ALL: [(&'static str, Self); 5] = [
        ("done", Self::Done),
        ("failed", Self::Failed),
        ("held", Self::Held),
        ("rolled_back", Self::RolledBack),
        ("needs_person", Self::NeedsPerson),
    ];
}
