//! Errors of the cloud by kind: decisions read the kind, never a text.

use std::error::Error as StdError;

/// A result of a call to the cloud.
pub type Result<T> = std::result::Result<T, Error>;

/// What a refusal means to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NotFound,
    AlreadyExists,
    Throttled,
    /// Permission or credentials.
    Denied,
    /// Something still depends on it, or it is in use.
    Dependency,
    /// A quota or the provider's capacity.
    Limit,
    /// The parameters are wrong; the same call will never go through.
    Invalid,
    /// The answer was lost: it may have happened.
    Ambiguous,
    /// The answer lacks what the API promises.
    Malformed,
    Other,
}

/// A failed call: which, what it means, and the code and request id to tell support.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {message}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct Error {
    /// The API action, such as `RunInstances`.
    pub call: &'static str,
    pub kind: Kind,
    /// The service's error code.
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An answer that lacks what the API promises.
    pub fn malformed(call: &'static str, lacks: &str) -> Self {
        let message = format!("the answer has no {lacks}");
        Self {
            call,
            kind: Kind::Malformed,
            code: None,
            message,
            request_id: None,
            source: None,
        }
    }

    /// Something of ours says no before the cloud is asked.
    pub fn blocked(call: &'static str, message: impl Into<String>) -> Self {
        Self {
            call,
            kind: Kind::Other,
            code: None,
            message: message.into(),
            request_id: None,
            source: None,
        }
    }

    /// Whether kiln itself keeps the call from being made.
    pub fn is_blocked(&self) -> bool {
        self.kind == Kind::Other && self.code.is_none() && self.source.is_none()
    }

    /// Whether the call may have gone through although it failed: whoever made something must look before going on.
    pub fn may_have_happened(&self) -> bool {
        matches!(self.kind, Kind::Ambiguous | Kind::Malformed)
    }

    /// Whether the same question may get an answer a little later; waits go on then.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Ambiguous)
    }

    /// Whether the thing is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }
}
