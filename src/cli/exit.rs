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
  7  traffic is not as found or not known: a person is needed";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
