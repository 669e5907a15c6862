//! Where a run works, as its journal notes it, and the way back there for a sweep.
//!
//! A sweep with other credentials, or against another endpoint, would find none of the run's things and take them for
//! gone; so a journal knows its account, and nothing of it is touched from elsewhere.

use crate::aws::{Access, Aws};
use crate::cloud::{Error, Fence, Home, Kind, Site};

/// The home of a run that reaches its account by `access`.
///
/// The account is asked for, but where the template has an endpoint of its own for EC2: what answers there need not be
/// AWS, and the endpoint itself tells where the run works. Errors as the call does; without credentials nothing begins.
pub async fn of(access: &Access, aws: &Aws) -> Result<Home, Error> {
    let account = match access.ec2_endpoint {
        Some(_) => None,
        None => Some(aws.account().await?),
    };
    Ok(Home {
        profile: access.profile.clone(),
        region: Some(aws.region().to_string()),
        ec2_endpoint: access.ec2_endpoint.clone(),
        endpoint: aws.endpoint().map(ToOwned::to_owned),
        account,
        role: access.role.as_ref().map(|role| role.arn.clone()),
    })
}

/// Opens where the run worked. Errors with [`Kind::Denied`] when the environment leads elsewhere.
pub async fn reach(home: &Home, fence: &Fence) -> Result<Aws, Error> {
    let access = Access {
        profile: home.profile.clone(),
        region: home.region.clone(),
        ec2_endpoint: home.ec2_endpoint.clone(),
        fence: fence.clone(),
        ..Access::default()
    };
    let aws = match &home.role {
        Some(role) => Aws::connect_in(&access, role).await?,
        None => Aws::connect(&access).await?,
    };
    if aws.endpoint() != home.endpoint.as_deref() {
        return Err(elsewhere(format!(
            "the run worked at {}, and this environment leads to {}",
            name(home.endpoint.as_deref()),
            name(aws.endpoint()),
        )));
    }
    if let Some(account) = &home.account {
        let found = aws.account().await?;
        if found != *account {
            return Err(elsewhere(format!(
                "the run worked in account {account}, and these credentials belong to {found}"
            )));
        }
    }
    Ok(aws)
}

fn name(endpoint: Option<&str>) -> &str {
    endpoint.unwrap_or("AWS's own endpoint")
}

fn elsewhere(message: String) -> Error {
    Error {
        kind: Kind::Denied,
        ..Error::blocked("sweep", message)
    }
}
