//! An error and its causes as one line, for logs and for facts that carry a reason.

use std::error::Error;

/// Joins an error's message with those of its causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
