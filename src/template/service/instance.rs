//! The check `instance`: a command on machines of the new version, over SSH.

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

impl PartialEq for InstanceCheck {
    /// By all that a user may read of them.
    fn eq(&self, other: &Self) -> bool {
        let all = |one: &Self| serde_json::to_value(one).ok();
        all(self) == all(other)
    }
}
