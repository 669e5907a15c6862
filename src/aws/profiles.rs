//! Instance profiles and their roles through the IAM API.

use aws_sdk_iam::types as iam;
use jiff::Timestamp;

use crate::aws::Aws;
use crate::aws::error::failed;
use crate::cloud::profiles::{Made, PATH, Profiles};
use crate::cloud::{Error, Result, Tags};

/// Who may take a role on: EC2, for the machine ("IAM roles for Amazon EC2").
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
/// The name of a role's one policy.
const POLICY: &str = "kiln";

impl Profiles for Aws {
    async fn has_profile(&self, name: &str) -> Result<bool> {
        let answer = self
            .iam()
            .get_instance_profile()
            .instance_profile_name(name);
        let answer = answer.send().await.map(drop);
        there(answer.map_err(|error| failed("GetInstanceProfile", error)))
    }

    async fn has_role(&self, name: &str) -> Result<bool> {
        let answer = self.iam().get_role().role_name(name).send().await;
        there(answer.map(drop).map_err(|error| failed("GetRole", error)))
    }

    async fn create_role(&self, name: &str, tags: &Tags) -> Result<()> {
        let request = self
            .iam()
            .create_role()
            .role_name(name)
            .path(PATH)
            .assume_role_policy_document(TRUST)
            .set_tags(Some(tag_list("CreateRole", tags)?));
        let answer = request.send().await.map(drop);
        answer.map_err(|error| failed("CreateRole", error))
    }

    async fn put_policy(&self, role: &str, policy: &str) -> Result<()> {
        let request = self
            .iam()
            .put_role_policy()
            .role_name(role)
            .policy_name(POLICY)
            .policy_document(policy);
        let answer = request.send().await.map(drop);
        answer.map_err(|error| failed("PutRolePolicy", error))
    }

    async fn create_profile(&self, name: &str, tags: &Tags) -> Result<()> {
        let request = self
            .iam()
            .create_instance_profile()
            .instance_profile_name(name)
            .path(PATH)
            .set_tags(Some(tag_list("CreateInstanceProfile", tags)?));
        let answer = request.send().await.map(drop);
        answer.map_err(|error| failed("CreateInstanceProfile", error))
    }

    async fn fill_profile(&self, name: &str) -> Result<()> {
        let request = self
            .iam()
            .add_role_to_instance_profile()
            .instance_profile_name(name)
            .role_name(name);
        let answer = request.send().await.map(drop);
        answer.map_err(|error| failed("AddRoleToInstanceProfile", error))
    }

    async fn delete_profile(&self, name: &str) -> Result<()> {
        let emptied = self
            .iam()
            .remove_role_from_instance_profile()
            .instance_profile_name(name)
            .role_name(name)
            .send()
            .await;
        let emptied = emptied.map(drop);
        there(emptied.map_err(|error| failed("RemoveRoleFromInstanceProfile", error)))?;
        let request = self
            .iam()
            .delete_instance_profile()
            .instance_profile_name(name);
        let answer = request.send().await.map(drop);
        answer.map_err(|error| failed("DeleteInstanceProfile", error))
    }

    async fn delete_role(&self, name: &str) -> Result<()> {
        let bared = self
            .iam()
            .delete_role_policy()
            .role_name(name)
            .policy_name(POLICY)
            .send()
            .await;
        let bared = bared.map(drop);
        there(bared.map_err(|error| failed("DeleteRolePolicy", error)))?;
        let answer = self.iam().delete_role().role_name(name).send().await;
        let answer = answer.map(drop);
        answer.map_err(|error| failed("DeleteRole", error))
    }

    /// A list says no tags; each is asked for by itself, and there are hardly ever any.
    async fn made_profiles(&self) -> Result<Vec<Made>> {
        const CALL: &str = "ListInstanceProfiles";
        let mut found = Vec::new();
        let request = self.iam().list_instance_profiles().path_prefix(PATH);
        let mut pages = request.into_paginator().items().send();
        while let Some(profile) = pages.next().await {
            let profile = profile.map_err(|error| failed(CALL, error))?;
            let name = profile.instance_profile_name();
            let whole = self
                .iam()
                .get_instance_profile()
                .instance_profile_name(name);
            let whole = whole.send().await;
            let whole = match whole.map_err(|error| failed("GetInstanceProfile", error)) {
                Err(error) if error.is_not_found() => continue,
                answer => answer?,
            };
            let tags = whole.instance_profile().map(iam::InstanceProfile::tags);
            let created = created(CALL, profile.create_date().secs())?;
            found.push(made(name, created, tags.unwrap_or_default()));
        }
        Ok(found)
    }

    async fn made_roles(&self) -> Result<Vec<Made>> {
        const CALL: &str = "ListRoles";
        let mut found = Vec::new();
        let request = self.iam().list_roles().path_prefix(PATH);
        let mut pages = request.into_paginator().items().send();
        while let Some(role) = pages.next().await {
            let role = role.map_err(|error| failed(CALL, error))?;
            let name = role.role_name();
            let whole = self.iam().get_role().role_name(name).send().await;
            let whole = match whole.map_err(|error| failed("GetRole", error)) {
                Err(error) if error.is_not_found() => continue,
                answer => answer?,
            };
            let tags = whole.role().map(iam::Role::tags).unwrap_or_default();
            let created = created(CALL, role.create_date().secs())?;
            found.push(made(name, created, tags));
        }
        Ok(found)
    }
}

/// Turns "there is none" into an answer.
fn there(answer: Result<()>) -> Result<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn tag_list(call: &'static str, tags: &Tags) -> Result<Vec<iam::Tag>> {
    let built = tags
        .iter()
        .map(|(key, value)| iam::Tag::builder().key(key).value(value).build());
    let built: std::result::Result<Vec<_>, _> = built.collect();
    built.map_err(|error| Error::blocked(call, error.to_string()))
}

fn created(call: &'static str, seconds: i64) -> Result<Timestamp> {
    Timestamp::from_second(seconds).map_err(|_| Error::malformed(call, "creation date"))
}

fn made(name: &str, created: Timestamp, tags: &[iam::Tag]) -> Made {
    let tags = tags.iter();
    Made {
        name: name.to_owned(),
        created,
        tags: tags
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
    }
}
