//! What may happen to a call of kiln's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What happens to one call, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// AWS refuses it for good.
    Refused,
    /// It happens, and the answer is lost; the SDK tries again.
    AnswerLost,
    /// It happens, and so do the SDK's other tries, but no answer ever comes.
    AnswersLost,
    /// Nothing of it or of the SDK's other tries arrives.
    Down,
    /// The process is killed before it is sent.
    KilledBefore,
    /// The process is killed once it has happened.
    KilledAfter,
    /// AWS says that it is asked too often; nothing happens.
    Throttled,
    /// AWS does not know an instance profile that has just been made; nothing happens.
    NoProfile,
    /// AWS fails, before or after it has happened; the SDK tries again.
    Broken { after: bool },
    /// The answer takes so long, which may be longer than anybody waits for it.
    Late(Duration),
    /// A read is answered as things stood before the first write of the last so many seconds.
    Stale(Duration),
}

/// One call that a client is about to make.
#[derive(Clone, Copy, Debug)]
pub struct Calling<'a> {
    /// Of which process.
    pub process: u64,
    /// The how many-th of that process.
    pub count: usize,
    pub action: &'a str,
    /// When the process has last looked at what leads traffic.
    pub looked: Option<Timestamp>,
}

impl Calling<'_> {
    pub fn is_read(&self) -> bool {
        is_read(self.action)
    }

    /// Whether it may write over what somebody else has led traffic to.
    pub fn leads(&self) -> bool {
        ["ModifyListener", "ModifyRule"].contains(&self.action)
    }
}

pub fn is_read(action: &str) -> bool {
    let reads = ["Describe", "Get", "List"];
    reads.iter().any(|read| action.starts_with(read))
}

/// Whether an action tells where traffic is led.
pub fn looks(action: &str) -> bool {
    ["DescribeListeners", "DescribeRules"].contains(&action)
}

/// Decides what happens to a call.
pub type Fate = Box<dyn FnMut(Calling<'_>) -> Option<Mishap> + Send>;
/// Looks at a write before it is carried out.
pub type Guard = Box<dyn FnMut(Calling<'_>) + Send>;

/// For how long a read may be stale, at most.
pub const PAST: SignedDuration = SignedDuration::from_secs(30);
/// Attempts of one call (`aws::MAX_ATTEMPTS`).
pub const ATTEMPTS: usize = 10;
