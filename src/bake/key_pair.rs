//! The key pair of a run: made here, so that the private half never leaves this process.

use serde::Serialize;

use crate::bake::{BakePlan, Error, LookUpError};
use crate::cloud::{Cloud, Filter, KeyPairName, Region};
use crate::run::{Ledger, Lifetime, RunId};
use crate::source::{Diagnostic, Place};
use crate::ssh::keys::{self, KeyPair};
use crate::template::bake::{KeyKind, Login};
use crate::undo::{self, Undo};

/// A key pair for the run only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemporaryKey {
    pub name: KeyPairName,
    pub kind: KeyKind,
    /// Where the user named it; otherwise its name holds the run id.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// The key pair that the run is to make. Pure.
pub(super) fn plan(login: &Login, run: RunId) -> Option<TemporaryKey> {
    let Login::Temporary {
        key_pair_name,
        kind,
    } = login
    else {
        return None;
    };
    let own = format!("kiln-{run}");
    let name = key_pair_name.as_ref();
    let name_text = name.map_or(own.as_str(), |name| name.value.as_str());
    Some(TemporaryKey {
        name: KeyPairName::new(name_text),
        kind: *kind,
        place: name.and_then(|name| name.place),
    })
}

impl TemporaryKey {
    fn is_ours_by_name(&self, run: RunId) -> bool {
        self.name.as_str() == format!("kiln-{run}")
    }

    /// What finds it, before it is known to be made and after. Under a name of the user's somebody else's key pair may
    /// stand, at any time; the run's tag is on none but its own.
    fn undo(&self, run: RunId) -> Undo {
        if self.is_ours_by_name(run) {
            let name = self.name.clone();
            return Undo::DeleteKeyPair { name };
        }
        Undo::DeleteKeyPairsOf { run }
    }
}

/// Errors when the account has a key pair of the wanted name already that none of these dead runs left.
pub(super) async fn object(
    key: &TemporaryKey,
    (run, region): (RunId, &Region),
    dead: &[RunId],
    cloud: &impl Cloud,
) -> Result<(), LookUpError> {
    if key.is_ours_by_name(run) {
        return Ok(());
    }
    let wanted = [Filter::new("key-name", key.name.as_str())];
    if cloud.find_key_pairs(&wanted).await?.is_empty() {
        return Ok(());
    }
    for run in dead {
        if cloud
            .find_key_pairs(&undo::of(*run))
            .await?
            .contains(&key.name)
        {
            return Ok(());
        }
    }
    let text = format!(
        "{region} has a key pair `{}` already, and `temporary_key_pair_name` is for one that is made and deleted",
        key.name
    );
    let finding = Diagnostic::error("bake::key_pair", text);
    let finding = finding.help("name another, or leave the option out");
    Err(LookUpError::Findings(vec![match key.place {
        Some(place) => finding.at_place(place, "this name is taken"),
        None => finding,
    }]))
}

/// Makes a key pair and hands its public half to the cloud.
pub(super) async fn create(
    wanted: &TemporaryKey,
    plan: &BakePlan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<KeyPair, Error> {
    let (name, run) = (&wanted.name, plan.run);
    let pair = match wanted.kind {
        KeyKind::Ed25519 => keys::generate(name.as_str()),
        KeyKind::Rsa(bits) => keys::generate_rsa(bits, name.as_str()),
    };
    let pair = pair.map_err(Error::KeyPair)?;
    undo::make(
        made,
        Lifetime::Scratch,
        wanted.undo(run),
        async || {
            let tags = &plan.scratch_tags;
            cloud.import_key_pair(name, pair.public(), tags).await
        },
        async || {
            let found = cloud.find_key_pairs(&undo::of(run)).await?;
            Ok(found.contains(name).then_some(()))
        },
        |()| wanted.undo(run),
    )
    .await
    .map_err(|error| Error::from(error).blame(|_| wanted.place))?;
    Ok(pair)
}
