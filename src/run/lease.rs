//! Leases and due-lists as flows see them; `store` implements both.
//!
//! A lease keeps a second writer off a service (I7). A due-list names what a finished run left on purpose, and when it goes.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::RunId;

/// The fact of a journal that names the service whose lease its run held.
pub const SERVICE: &str = "service";

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub run: RunId,
    pub host: String,
    pub process: u32,
    pub since: Timestamp,
}

/// Why a lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    #[error("run {} on {} (process {}) holds it since {}", .0.run, .0.host, .0.process, .0.since)]
    By(Box<Holder>),
    /// Somebody has written what says nothing to this program, perhaps a later one.
    #[error(
        "nobody can read who holds the lease {place}; when no run of the service is at work anywhere, remove it: `aws s3 rm {place}`"
    )]
    Unreadable { place: String },
    #[error("the lease cannot be taken")]
    Io(#[from] io::Error),
}

/// Gives leases by name, one holder at a time.
pub trait Leases {
    /// Held while it lives.
    type Lease;

    /// Takes the lease `name` for `holder`, or says who has it.
    fn take(&self, name: &str, holder: &Holder) -> Result<Self::Lease, Held>;
}

/// One thing that is to be taken back later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later<U> {
    /// The run that left it.
    pub run: RunId,
    pub undo: U,
    /// Not before this instant.
    pub at: Timestamp,
    /// Why it was left, for the user.
    pub why: String,
}

/// The due-lists, one a service. Only the holder of the service's lease may replace one.
pub trait LaterLists<U> {
    /// What is to be taken back for `service`, in the order in which it is to be done; empty when nothing is.
    fn read(&self, service: &str) -> io::Result<Vec<Later<U>>>;

    /// Replaces the list durably and at once.
    fn replace(&self, service: &str, list: &[Later<U>]) -> io::Result<()>;
}
