//! Exit codes: one table, in `--help` and here. They are public; scripts and Jenkins read them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, with everything as it was found.
    Failed = 1,
    /// Wrong usage or input; nothing was touched.
    Usage = 2,
    /// Done or taken back, but clean-up is due.
    CleanUpDue = 3,
    /// Another run holds the lease, or the service is frozen.
    Busy = 4,
    /// The image was rejected; the service is as it was found.
    Rejected = 5,
    /// Stopped on request; the next run goes on or sweeps.
    Stopped = 6,
    /// Traffic is not as it was found, or not known: a person is needed.
    Traffic = 7,
    /// A plan with changes, where that was asked for.
    Changes = 10,
}

/// The table as `--help` shows it.
pub const TABLE: &str = "\
Exit codes:
  0  done, or nothing to do
  1  failed, everything as found
  2  wrong usage or input, nothing touched
  3  done or taken back, but clean-up is due
  4  busy: another run holds the lease, or the service is frozen
  5  the image was rejected, the service is as found
  6  stopped on request, the next run goes on or sweeps
  7  traffic is not as found or not known: a person is needed
 10  --plan --detailed-exitcode: there is something to do";

impl Exit {
    /// The code that stands for several endings: the worst, in the order 7 6 3 5 1 4 2 0.
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter()
            .max_by_key(|exit| exit.weight())
            .unwrap_or(Self::Done)
    }

    /// The ending with this code; codes that are not in the table count as failed.
    pub fn of_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Failed,
            Self::Usage,
            Self::CleanUpDue,
            Self::Busy,
            Self::Rejected,
            Self::Stopped,
            Self::Traffic,
            Self::Changes,
        ];
        all.into_iter()
            .find(|exit| *exit as u8 == code)
            .unwrap_or(Self::Failed)
    }

    fn weight(self) -> u8 {
        match self {
            Self::Done | Self::Changes => 0,
            Self::Usage => 1,
            Self::Busy => 2,
            Self::Failed => 3,
            Self::Rejected => 4,
            Self::CleanUpDue => 5,
            Self::Stopped => 6,
            Self::Traffic => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_stands_for_all() {
        assert_eq!(Exit::worst([]), Exit::Done);
        assert_eq!(
            Exit::worst([Exit::Busy, Exit::Failed, Exit::Done]),
            Exit::Failed
        );
        assert_eq!(
            Exit::worst([Exit::CleanUpDue, Exit::Rejected]),
            Exit::CleanUpDue
        );
        assert_eq!(Exit::worst([Exit::Stopped, Exit::Traffic]), Exit::Traffic);
    }
}
