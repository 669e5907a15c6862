//! The account's limits, and when credentials end that nobody renews.

use std::collections::BTreeMap;

use aws_credential_types::credential_feature::AwsCredentialFeature as From;
use aws_credential_types::provider::ProvideCredentials as _;

use super::Aws;
use super::error::failed;
use crate::cloud::{Error, GroupQuota, Quotas, Result, Validity};

/// One name for both services.
const CALL: &str = "DescribeAccountLimits";
/// Whoever logged in renews these by logging in again; how long the login lasts stands in a file of AWS's command line.
const LOGIN: [From; 2] = [From::CredentialsSso, From::CredentialsProfileSso];

impl Quotas for Aws {
    async fn balancer_quotas(&self) -> Result<BTreeMap<String, u32>> {
        let mut all = BTreeMap::new();
        let mut marker = None;
        loop {
            let call = self
                .elb_to_read()
                .await
                .describe_account_limits()
                .set_marker(marker);
            let answer = call.send().await.map_err(|error| failed(CALL, error))?;
            let limits = answer.limits().iter();
            all.extend(limits.filter_map(|limit| {
                let most = limit.max()?.parse().ok()?;
                Some((limit.name()?.to_owned(), most))
            }));
            marker = answer.next_marker().map(ToOwned::to_owned);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    async fn group_quota(&self) -> Result<GroupQuota> {
        let answer = self
            .scaling_to_read()
            .await
            .describe_account_limits()
            .send()
            .await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let number = |number: Option<i32>, what| {
            let number = number.and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| Error::malformed(CALL, what))
        };
        Ok(GroupQuota {
            most: number(answer.max_number_of_auto_scaling_groups(), "maximum")?,
            there: number(answer.number_of_auto_scaling_groups(), "number")?,
        })
    }

    async fn validity(&self) -> Validity {
        let origin = &self.services.origin;
        let Some(provider) = origin.config.credentials_provider() else {
            return Validity::Lasting;
        };
        // Who gives none fails the first call, and says why.
        let Ok(given) = provider.provide_credentials().await else {
            return Validity::Lasting;
        };
        let sources = given.get_property::<Vec<From>>();
        let is_of = |from: &From| sources.is_some_and(|sources| sources.contains(from));
        if LOGIN.iter().any(is_of) {
            return Validity::Unknown("of a login, and renewed only while it lasts");
        }
        if given.session_token().is_none() || given.expiry().is_some() {
            return Validity::Lasting;
        }
        match origin.ends.filter(|_| !is_of(&From::CredentialsProfile)) {
            Some(end) => Validity::Until(end),
            None => Validity::Unknown("of a session, and nobody says when it ends"),
        }
    }
}
