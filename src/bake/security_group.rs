//! The security group of a run: SSH from where we are, nothing else.

use crate::bake::{Error, TemporaryGroup};
use crate::cloud::{Cloud, Kind, SecurityGroupId};
use crate::run::{Ledger, Lifetime, RunId};
use crate::undo::{self, Undo};

/// Makes the group and lets us in.
pub(super) async fn create(
    wanted: &TemporaryGroup,
    run: RunId,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<SecurityGroupId, Error> {
    let id = undo::make(
        made,
        Lifetime::Scratch,
        Undo::DeleteSecurityGroupsOf { run },
        async || cloud.create_security_group(&wanted.group).await,
        async || Ok(cloud.find_security_groups(&undo::of(run)).await?.pop()),
        |id: &SecurityGroupId| Undo::DeleteSecurityGroup { id: id.clone() },
    )
    .await?;
    if wanted.sources.is_empty() {
        // Nobody comes to a port that a session carries.
        return Ok(id);
    }
    match cloud.allow_tcp(&id, wanted.port, &wanted.sources).await {
        // The SDK's second try met what its first had done.
        Err(error) if error.kind == Kind::AlreadyExists => Ok(id),
        answer => Ok(answer.map(|()| id)?),
    }
}
