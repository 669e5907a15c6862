//! The key pair of a run: made here, so that the private half never leaves this process.

use crate::bake::Error;
use crate::cloud::{Cloud, KeyPairName, Tags};
use crate::run::{Ledger, Lifetime, RunId};
use crate::ssh::keys::{self, KeyPair};
use crate::undo::{self, Undo};

/// Makes a key pair and hands its public half to the cloud.
pub(super) async fn create(
    name: &KeyPairName,
    tags: &Tags,
    run: RunId,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<KeyPair, Error> {
    let pair = keys::generate(name.as_str()).map_err(Error::KeyPair)?;
    let undo = Undo::DeleteKeyPair { name: name.clone() };
    undo::make(
        made,
        Lifetime::Scratch,
        undo.clone(),
        async || cloud.import_key_pair(name, pair.public(), tags).await,
        async || {
            let found = cloud.find_key_pairs(&undo::of(run)).await?;
            Ok(found.contains(name).then_some(()))
        },
        |()| undo,
    )
    .await?;
    Ok(pair)
}
