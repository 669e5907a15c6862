//! Why a roll stopped, and what that says about the image.

use std::io;

use crate::cloud::{self, GroupName, InstanceId, RulePlace};
use crate::roll::plan::Refusal;
use crate::source::Diagnostic;
use crate::undo;

/// Why a step of a roll failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    #[error("the journal cannot be written")]
    Journal(#[source] io::Error),
    #[error("the due-list cannot be written")]
    Later(#[source] io::Error),
    /// The next group's machines do not get healthy: the image is at fault.
    #[error("the next group does not get healthy: {reason}{}{}", tail(console.as_deref()), below(log.as_deref()))]
    Unhealthy {
        instance: Option<InstanceId>,
        reason: String,
        /// The end of what the machine printed.
        console: Option<String>,
        /// The end of the service's log there, or why it cannot be read, where the service file asks for it.
        log: Option<String>,
    },
    /// Machines cannot be started, or cannot be looked at: not the image's fault.
    #[error("the next group cannot start: {0}")]
    Launch(String),
    /// A machine does not get another root: not the image's fault.
    #[error("the root cannot be replaced: {0}")]
    Root(String),
    /// A check ran and said no.
    #[error("the check failed: {0}")]
    CheckFailed(String),
    /// A check could not be made, which is never a pass.
    #[error("the check could not be made: {0}")]
    CheckUnknown(String),
    /// A command at a turning point of the roll, which is not the image's fault.
    #[error("the hook `{command}` failed: {reason}")]
    Hook { command: String, reason: String },
    /// A check that does not hold, where the service file says that traffic stays.
    #[error(
        "{0}; traffic stays where it is: the same roll goes on with it, `kiln rollback` gives it back"
    )]
    Held(Box<Error>),
    #[error("{place} was changed by someone else while the roll ran; {mend}")]
    TrafficChanged { place: RulePlace, mend: String },
    #[error("{place} does not show what was written: {shown}; {mend}")]
    TrafficUnknown {
        place: RulePlace,
        shown: String,
        mend: String,
    },
    /// Some rules lead to one group and some to another, and nobody but a rollback leads them together.
    #[error(
        "{place} does not lead where other rules of the service do: {reason}; `kiln rollback` again goes on with it"
    )]
    HalfBack { place: RulePlace, reason: String },
    /// Machines are neither what they were nor what they are to be, and nothing leads them on.
    #[error(
        "the machines of group {group} are half replaced: {reason}; `kiln rollback` again goes on with it"
    )]
    HalfReplaced { group: GroupName, reason: String },
    /// A group is not what the plan was made for.
    #[error("{0}")]
    Changed(String),
    /// A hold was set meanwhile.
    #[error("{0}")]
    Frozen(String),
    #[error("the roll is refused: {}", refusals(.0))]
    Refused(Vec<Refusal>),
    #[error("{}", .0.message)]
    Rendered(Box<Diagnostic>),
}

impl Error {
    /// Whether the image must not be rolled again by itself.
    pub fn rejects_image(&self) -> bool {
        matches!(self, Self::Unhealthy { .. } | Self::CheckFailed(_))
    }
}

impl From<undo::Error> for Error {
    fn from(error: undo::Error) -> Self {
        match error {
            undo::Error::Cloud(error) => Self::Cloud(error),
            undo::Error::Journal(error) => Self::Journal(error),
        }
    }
}

fn tail(console: Option<&str>) -> String {
    console.map_or_else(String::new, |text| {
        format!("\nthe end of its console:\n{text}")
    })
}

fn below(log: Option<&str>) -> String {
    log.map_or_else(String::new, |text| format!("\n{text}"))
}

fn refusals(refusals: &[Refusal]) -> String {
    let texts = refusals
        .iter()
        .map(|refusal| refusal.finding.message.as_str());
    texts.collect::<Vec<_>>().join("; ")
}
