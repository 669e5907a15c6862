//! Making something so that it can be taken back, whatever becomes of the answer.

use std::time::Duration;

use crate::cloud::{Error as CloudError, Kind};
use crate::run::{Ledger, Lifetime};
use crate::undo::{Error, LOOKS, Undo};

/// Something was not made, as far as is known.
#[derive(Debug)]
pub struct Unmade {
    pub error: CloudError,
    /// It may be there all the same: its intent has to stay on the ledger.
    pub maybe: bool,
}

/// Makes something, with its undo on the ledger before the call and its id after the answer.
///
/// A refusal takes the intent off the ledger again.
pub async fn make<T>(
    ledger: &mut Ledger<'_, Undo>,
    lifetime: Lifetime,
    intent: Undo,
    call: impl AsyncFnOnce() -> Result<T, CloudError>,
    find: impl AsyncFnMut() -> Result<Option<T>, CloudError>,
    undo: impl FnOnce(&T) -> Undo,
) -> Result<T, Error> {
    let slot = ledger.intend(lifetime, intent)?;
    match ask(call, find).await {
        Ok(thing) => {
            ledger.made(slot, undo(&thing))?;
            Ok(thing)
        }
        Err(Unmade { error, maybe }) => {
            if !maybe {
                ledger.forget(slot)?;
            }
            Err(error.into())
        }
    }
}

/// Makes a call that makes something, and whose intent is on the ledger.
///
/// After a lost answer, or when the SDK's second try finds the name taken by its first, `find` looks for the thing by the
/// run's tag and it is adopted.
pub async fn ask<T>(
    call: impl AsyncFnOnce() -> Result<T, CloudError>,
    mut find: impl AsyncFnMut() -> Result<Option<T>, CloudError>,
) -> Result<T, Unmade> {
    let error = match call().await {
        Ok(thing) => return Ok(thing),
        Err(error) => error,
    };
    if !error.may_have_happened() && error.kind != Kind::AlreadyExists {
        let maybe = false;
        return Err(Unmade { error, maybe });
    }
    // What happened may show late, so that one look that finds nothing proves nothing; the intent stays on the ledger.
    let mut pause = Duration::from_secs(1);
    for _ in 0..LOOKS {
        if let Ok(Some(thing)) = find().await {
            return Ok(thing);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    let maybe = true;
    Err(Unmade { error, maybe })
}
