//! Client tokens: the same call twice makes one thing; another call under the same token is refused.

use super::{Fault, Params, args::Args};
use std::collections::BTreeMap;

/// What was asked under a token, and the ids of what it made.
#[derive(Clone, Debug)]
struct Made {
    asked: BTreeMap<String, Params>,
    ids: Vec<String>,
}

/// The tokens that were seen, by action.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(BTreeMap<(&'static str, String), Made>);

impl Tokens {
    /// Gives the ids that an earlier call with the same token made; `None` when this is the first.
    pub(super) fn replay(
        &self,
        action: &'static str,
        args: &Args<'_>,
    ) -> Result<Option<Vec<String>>, Fault> {
        let Some(token) = token(args)? else {
            return Ok(None);
        };
        match self.0.get(&(action, token)) {
            None => Ok(None),
            Some(made) if made.asked == *args.raw() => Ok(Some(made.ids.clone())),
            Some(_) => Err(Fault::new(
                "IdempotentParameterMismatch",
                "The client token was used before with other parameters.",
            )),
        }
    }

    /// Keeps what a call made, for the next one with the same token.
    pub(super) fn remember(&mut self, action: &'static str, args: &Args<'_>, ids: &[String]) {
        if let Ok(Some(token)) = token(args) {
            self.0.insert(
                (action, token),
                Made {
                    asked: args.raw().clone(),
                    ids: ids.to_vec(),
                },
            );
        }
    }
}

fn token(args: &Args<'_>) -> Result<Option<String>, Fault> {
    Ok(args
        .maybe_text("ClientToken")?
        .filter(|token| !token.is_empty())
        .map(String::from))
}
