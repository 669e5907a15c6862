//! How a command of `roll` ended, and the exit code of DESIGN.md section 7 that says so.

use serde::Serialize;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Done,
    NothingToDo,
    /// Everything is as it was found.
    Failed,
    /// The input is wrong; nothing was touched.
    Refused,
    /// Done or taken back, but clean-up is due.
    CleanUpDue,
    /// Another run holds the lease.
    Busy,
    /// A hold is set on the service.
    Frozen,
    /// The service is as it was found, and will not get this image again by itself.
    Rejected,
    Stopped,
    /// Traffic is not as it was found, or not known.
    Traffic,
}

impl Verdict {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done | Self::NothingToDo => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::CleanUpDue => 3,
            Self::Busy | Self::Frozen => 4,
            Self::Rejected => 5,
            Self::Stopped => 6,
            Self::Traffic => 7,
        }
    }
}
