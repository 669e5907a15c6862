//! Commands on this host: those of checks and those of hooks.

use super::super::seconds;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A command line, without late data: what it may know of the roll is in its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// For the shell.
    Line(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

/// Commands at turning points of a roll, each in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hooks {
    /// Before the first write that leads traffic to the next group.
    pub before_swap: Vec<Hook>,
    /// Once the next group is proven and may begin to work, where no load balancer tells it so.
    pub activate: Vec<Hook>,
    /// Once all of the traffic goes there.
    pub after_swap: Vec<Hook>,
    /// Before a group that was kept goes.
    pub before_retire: Vec<Hook>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hook {
    pub command: Command,
    #[serde(serialize_with = "seconds::plain")]
    pub timeout: Duration,
}

impl Command {
    /// What is started.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Line(line) => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
            Self::Words(words) => words.clone(),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => f.write_str(line),
            Self::Words(words) => f.write_str(&words.join(" ")),
        }
    }
}
