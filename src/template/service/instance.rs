//! Commands on machines of the new version, over SSH: the check `instance`, and what a sick one is asked.

use super::super::bake::Ssh;
use serde::Serialize;

/// A command, and how the machines are reached.
#[derive(Debug, Clone, Serialize)]
pub struct InstanceCheck {
    /// A line for the machine's shell.
    pub command: String,
    /// On every machine in service, not on one of them alone.
    pub each: bool,
    pub ssh: Ssh,
}

/// What a machine that does not get healthy is asked before it goes.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// A line for the machine's shell, which prints the end of the service's log.
    pub command: String,
    pub ssh: Ssh,
}

impl PartialEq for InstanceCheck {
    /// By all that a user may read of them.
    fn eq(&self, other: &Self) -> bool {
        let all = |one: &Self| serde_json::to_value(one).ok();
        all(self) == all(other)
    }
}
