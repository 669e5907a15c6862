//! What is said in tags behind a point of no return: each thing on its own, so that one that fails keeps none of the others
//! back.

use super::error::Error;

/// What could not be said in tags, with the reason.
#[derive(Default)]
pub(super) struct Unsaid(Vec<String>);

impl Unsaid {
    /// What is left to do.
    pub(super) fn reasons(self) -> Vec<String> {
        self.0
    }

    pub(super) fn extend(&mut self, left: Vec<String>) {
        self.0.extend(left);
    }

    /// Whether all could be said.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn note<E: Into<Error>>(&mut self, what: &str, result: Result<(), E>) {
        let error = result.err().map(Into::into);
        self.0.extend(error.map(|error| format!("{what}: {error}")));
    }
}
