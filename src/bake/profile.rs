//! The role of a run's machine: made with its policy, seen by EC2 before anything is launched with it.

use serde::Serialize;

use crate::bake::{BakePlan, Error};
use crate::cloud::{Cloud, Kind, Tags};
use crate::run::{Ledger, Lifetime, Readiness};
use crate::undo::{self, Undo};

/// An instance profile and its role, of one name, for the run only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemporaryProfile {
    pub name: String,
    /// IAM's JSON.
    pub policy: String,
    pub tags: Tags,
}

/// Makes the role, gives it its policy, and puts it into a profile of its own.
pub(super) async fn create(
    wanted: &TemporaryProfile,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let name = wanted.name.as_str();
    let role = Undo::DeleteRole {
        name: name.to_owned(),
    };
    undo::make(
        made,
        Lifetime::Scratch,
        role.clone(),
        async || cloud.create_role(name, &wanted.tags).await,
        async || Ok(cloud.has_role(name).await?.then_some(())),
        |()| role,
    )
    .await?;
    cloud.put_policy(name, &wanted.policy).await?;
    let profile = Undo::DeleteProfile {
        name: name.to_owned(),
    };
    undo::make(
        made,
        Lifetime::Scratch,
        profile.clone(),
        async || cloud.create_profile(name, &wanted.tags).await,
        async || Ok(cloud.has_profile(name).await?.then_some(())),
        |()| profile,
    )
    .await?;
    match cloud.fill_profile(name).await {
        // A profile holds one role: the SDK's second try met what its first had done.
        Err(error) if error.kind == Kind::Limit => Ok(()),
        answer => Ok(answer?),
    }
}

/// Whether EC2 knows the profile by now: IAM tells it within seconds, sometimes within minutes ("Troubleshoot IAM roles").
/// Asked with the launch's own parameters, so that nothing else can be refused later.
pub(super) async fn usable(plan: &BakePlan, cloud: &impl Cloud) -> Result<Readiness<()>, Error> {
    let Some((_, wanted)) = plan.rehearsed() else {
        return Ok(Readiness::Ready(()));
    };
    match cloud.rehearse(&wanted).await {
        Ok(()) => Ok(Readiness::Ready(())),
        // It knows the profile; whether there is a machine the launch will tell.
        Err(error) if error.kind == Kind::Limit => Ok(Readiness::Ready(())),
        Err(error) if is_unseen(&error) || error.is_passing() => {
            Ok(Readiness::NotYet(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a refusal is the one that a profile gets which EC2 does not know yet, or whose role it does not. It has no code
/// of its own: "`InvalidParameterValue`" is said of any parameter, so that its text decides.
pub(super) fn is_unseen(error: &crate::cloud::Error) -> bool {
    let text = error.message.to_lowercase();
    let named = ["iaminstanceprofile", "iam instance profile", "iam role"];
    matches!(error.kind, Kind::Invalid | Kind::NotFound)
        && named.iter().any(|words| text.contains(words))
}
