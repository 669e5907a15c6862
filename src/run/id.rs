//! The run id: in every name, tag and event of a run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A ULID, which sorts by the time at which the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(Ulid);

impl RunId {
    /// Makes the id of a run that begins at `now`, with 80 bits of `entropy`.
    pub fn new(now: jiff::Timestamp, entropy: u128) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Self(Ulid::from_parts(millis, entropy))
    }

    /// When the run began, to the millisecond.
    pub fn began(&self) -> jiff::Timestamp {
        let millis = i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The last ten characters in lower case: enough to tell runs apart in names of limited length.
    pub fn short(&self) -> String {
        let text = self.0.to_string().to_lowercase();
        text[text.len() - 10..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = ulid::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ulid::from_string(text).map(Self)
    }
}

impl TryFrom<String> for RunId {
    type Error = ulid::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}
