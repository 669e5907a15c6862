//! Going back into a role: what was made in it, only it may be allowed to take back.

use crate::aws::{Access, Aws, Role, error};
use crate::cloud::{Error, Kind};

impl Aws {
    /// Makes the clients with credentials of a role: those that there are, when they are of a session of it, else those that
    /// they can get. What a template says of its role beside the name (an external id, a policy) may be a secret and is not
    /// known here: a role that needs it has to be taken beforehand.
    ///
    /// Errors as [`Aws::connect`] does, and with [`Kind::Denied`] when the role cannot be taken.
    pub async fn connect_in(access: &Access, role: &str) -> Result<Self, Error> {
        let aws = Self::connect(access).await?;
        if aws.acts_in(role).await? {
            return Ok(aws);
        }
        let inside = Self::connect(&Access {
            role: Some(Role {
                arn: role.to_owned(),
                session_name: Some("kiln-sweep".to_owned()),
                ..Role::default()
            }),
            ..access.clone()
        })
        .await?;
        match inside.account().await {
            Ok(_) => Ok(inside),
            Err(error) => Err(Error {
                kind: Kind::Denied,
                ..Error::blocked(
                    "sweep",
                    format!(
                        "the run worked in the role {role}, which these credentials cannot take ({error}): come with \\
                         credentials of the role, such as a profile with its `role_arn`"
                    ),
                )
            }),
        }
    }

    /// Whether the credentials are those of a session of this role (STS, "`GetCallerIdentity`").
    async fn acts_in(&self, role: &str) -> Result<bool, Error> {
        const CALL: &str = "GetCallerIdentity";
        let answer = self.sts().get_caller_identity().send().await;
        let answer = answer.map_err(|error| error::failed(CALL, error))?;
        let arn = answer.arn.ok_or_else(|| Error::malformed(CALL, "ARN"))?;
        Ok(is_session_of(&arn, role))
    }
}

/// `arn:aws:sts::111122223333:assumed-role/bake/session` is one of `arn:aws:iam::111122223333:role/path/bake`.
fn is_session_of(arn: &str, role: &str) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(ToOwned::to_owned);
    let mut parts = arn.split('/');
    let start = parts.next().unwrap_or_default();
    start.ends_with(":assumed-role")
        && account(arn) == account(role)
        && parts.next() == role.rsplit('/').next()
}

#[cfg(test)]
mod tests;
