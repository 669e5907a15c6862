//! What goes wrong in a bake, with the place in the user's files that it concerns.

use crate::cloud::{self, Region};
use crate::source::{Diagnostic, Place};
use crate::ssh::ConnectError;
use crate::undo;

/// Why nothing could be planned.
#[derive(Debug)]
pub enum LookUpError {
    /// The template asks for what cannot be; every reason at once.
    Findings(Vec<Diagnostic>),
    /// The cloud did not answer.
    Cloud(cloud::Error),
}

impl From<Diagnostic> for LookUpError {
    fn from(finding: Diagnostic) -> Self {
        Self::Findings(vec![finding])
    }
}

impl From<cloud::Error> for LookUpError {
    fn from(error: cloud::Error) -> Self {
        Self::Cloud(error)
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cloud refused a value of the template.
    #[error("{error}")]
    Refused {
        error: Box<cloud::Error>,
        /// Where the value was set, when a value is to blame that the user wrote.
        place: Option<Place>,
    },
    /// Every way to get the machine was refused for want of capacity.
    #[error("no machine can be had:\n  {}", refusals.join("\n  "))]
    Exhausted {
        refusals: Vec<String>,
        place: Option<Place>,
    },
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    /// The machine has ended before its image was made.
    #[error("{0}")]
    Gone(String),
    #[error("the journal cannot be written")]
    Journal(#[from] std::io::Error),
    #[error("cannot make a key pair")]
    KeyPair(#[source] ssh_key::Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the way to the machine through Session Manager cannot be opened")]
    Plugin(#[source] std::io::Error),
    #[error(transparent)]
    Remote(#[from] crate::ssh::Error),
    #[error("the image is not what was asked for: {0}")]
    NotAsPlanned(String),
    /// Somebody else has the image's name by now.
    #[error(
        "{name} in {region} belongs to another image by now: the one that was made for it has gone{rest}"
    )]
    GaveWay {
        name: String,
        region: Region,
        /// What was published elsewhere, in words.
        rest: String,
    },
    /// A command of `kiln.verify` said no.
    #[error("`{command}` failed on the machine: {reason}")]
    Verify { command: String, reason: String },
}

impl From<undo::Error> for Error {
    fn from(error: undo::Error) -> Self {
        match error {
            undo::Error::Cloud(error) => Self::Cloud(error),
            undo::Error::Journal(error) => Self::Journal(error),
        }
    }
}

impl Error {
    /// Blames the value at `place` when the cloud refused the call for its parameters.
    pub(super) fn blame(self, place: impl FnOnce(&cloud::Error) -> Option<Place>) -> Self {
        match self {
            Self::Cloud(error) if !error.is_passing() => {
                let place = place(&error);
                let error = Box::new(error);
                Self::Refused { error, place }
            }
            other => other,
        }
    }

    /// Whether the call that failed is known to have made nothing.
    pub(super) fn made_nothing(&self) -> bool {
        match self {
            Self::Cloud(error) => !error.may_have_happened(),
            Self::Refused { error, .. } => !error.may_have_happened(),
            Self::Exhausted { .. } => true,
            _ => false,
        }
    }

    /// What the cloud said.
    pub fn cloud(&self) -> Option<&cloud::Error> {
        match self {
            Self::Refused { error, .. } => Some(error),
            Self::Cloud(error) => Some(error),
            _ => None,
        }
    }

    /// The refusal as a finding that points at the line which set the value.
    pub fn finding(&self) -> Option<Diagnostic> {
        let (Self::Refused { place, .. } | Self::Exhausted { place, .. }) = self else {
            return None;
        };
        let finding = Diagnostic::error("bake::refused", self.to_string());
        Some(finding.at_place((*place)?, "AWS refuses this"))
    }
}
