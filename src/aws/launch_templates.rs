//! Launch templates and their versions.

use std::collections::BTreeSet;

use aws_sdk_ec2::types;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Aws;
use super::error::failed;
use crate::cloud::{
    Error, Kind, LaunchTemplate, LaunchTemplateId, LaunchTemplateVersion, LaunchTemplates, Result,
    SecurityGroupId, Tags, TemplateChange, TemplateUser, TemplateVersion, VersionRef,
};

impl LaunchTemplates for Aws {
    async fn template_named(&self, name: &str) -> Result<Option<LaunchTemplate>> {
        let call = self.ec2.describe_launch_templates();
        first_template(call.launch_template_names(name).send().await)
    }

    async fn template(&self, id: &LaunchTemplateId) -> Result<Option<LaunchTemplate>> {
        let call = self.ec2.describe_launch_templates();
        first_template(call.launch_template_ids(id.as_str()).send().await)
    }

    async fn template_version(
        &self,
        id: &LaunchTemplateId,
        version: VersionRef,
    ) -> Result<Option<TemplateVersion>> {
        let call = self.ec2.describe_launch_template_versions();
        let answer = call
            .launch_template_id(id.as_str())
            .versions(version.to_string())
            .send()
            .await
            .map_err(|error| failed("DescribeLaunchTemplateVersions", error));
        let answer = match answer {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let found = answer.launch_template_versions().first();
        found.map(version_of).transpose()
    }

    async fn template_versions(&self, id: &LaunchTemplateId) -> Result<Vec<TemplateVersion>> {
        let call = self.ec2.describe_launch_template_versions();
        let call = call.launch_template_id(id.as_str());
        let mut pages = call.into_paginator().items().send();
        let mut versions = Vec::new();
        while let Some(version) = pages.next().await {
            let version =
                version.map_err(|error| failed("DescribeLaunchTemplateVersions", error))?;
            versions.push(version_of(&version)?);
        }
        Ok(versions)
    }

    async fn versions_in_use(
        &self,
        template: &LaunchTemplate,
    ) -> Result<BTreeSet<LaunchTemplateVersion>> {
        self.users_of(template).await
    }

    async fn template_users(&self, template: &LaunchTemplate) -> Result<Vec<TemplateUser>> {
        self.all_users_of(template).await
    }

    async fn create_template(
        &self,
        name: &str,
        description: &str,
        change: &TemplateChange,
        token: &str,
        tags: &Tags,
    ) -> Result<LaunchTemplate> {
        let tags = types::TagSpecification::builder()
            .resource_type(types::ResourceType::LaunchTemplate)
            .set_tags(Some(
                tags.iter().map(|(key, value)| tag(key, value)).collect(),
            ));
        let call = self.ec2.create_launch_template();
        let answer = call
            .launch_template_name(name)
            .version_description(description)
            .launch_template_data(data(change))
            .client_token(token)
            .tag_specifications(tags.build())
            .send()
            .await;
        let answer = answer.map_err(|error| failed("CreateLaunchTemplate", error))?;
        let made = answer.launch_template();
        template_of(made.ok_or_else(|| Error::malformed("CreateLaunchTemplate", "template"))?)
    }

    async fn create_template_version(
        &self,
        id: &LaunchTemplateId,
        source: LaunchTemplateVersion,
        description: &str,
        change: &TemplateChange,
        token: &str,
    ) -> Result<LaunchTemplateVersion> {
        let call = self.ec2.create_launch_template_version();
        let answer = call
            .launch_template_id(id.as_str())
            .source_version(source.to_string())
            .version_description(description)
            .launch_template_data(data(change))
            .client_token(token)
            .send()
            .await;
        let answer = answer.map_err(|error| failed("CreateLaunchTemplateVersion", error))?;
        let made = answer.launch_template_version();
        let made =
            made.ok_or_else(|| Error::malformed("CreateLaunchTemplateVersion", "version"))?;
        Ok(version_of(made)?.number)
    }

    async fn delete_template_version(
        &self,
        id: &LaunchTemplateId,
        version: LaunchTemplateVersion,
    ) -> Result<()> {
        const CALL: &str = "DeleteLaunchTemplateVersions";
        let call = self.ec2.delete_launch_template_versions();
        let answer = call
            .launch_template_id(id.as_str())
            .versions(version.to_string())
            .send()
            .await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        // Refusals stand inside an answer of success.
        let refused = answer.unsuccessfully_deleted_launch_template_versions();
        let Some(error) = refused.first().and_then(|item| item.response_error()) else {
            return Ok(());
        };
        let code = error.code().map(|code| code.as_str().to_owned());
        Err(Error {
            call: CALL,
            kind: match error.code() {
                Some(types::LaunchTemplateErrorCode::LaunchTemplateVersionDoesNotExist) => {
                    Kind::NotFound
                }
                _ => Kind::Other,
            },
            code,
            message: error.message().unwrap_or("refused").to_owned(),
            request_id: None,
            source: None,
        })
    }

    async fn delete_template(&self, id: &LaunchTemplateId) -> Result<()> {
        let call = self.ec2.delete_launch_template();
        let answer = call.launch_template_id(id.as_str()).send().await;
        answer.map_err(|error| failed("DeleteLaunchTemplate", error))?;
        Ok(())
    }
}

type Described = std::result::Result<
    aws_sdk_ec2::operation::describe_launch_templates::DescribeLaunchTemplatesOutput,
    aws_sdk_ec2::error::SdkError<
        aws_sdk_ec2::operation::describe_launch_templates::DescribeLaunchTemplatesError,
    >,
>;

fn first_template(answer: Described) -> Result<Option<LaunchTemplate>> {
    match answer.map_err(|error| failed("DescribeLaunchTemplates", error)) {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer?
            .launch_templates()
            .first()
            .map(template_of)
            .transpose(),
    }
}

fn tag(key: &str, value: &str) -> types::Tag {
    types::Tag::builder().key(key).value(value).build()
}

fn number(value: Option<i64>, call: &'static str) -> Result<LaunchTemplateVersion> {
    value
        .and_then(|value| u64::try_from(value).ok())
        .map(LaunchTemplateVersion)
        .ok_or_else(|| Error::malformed(call, "version number"))
}

fn template_of(template: &types::LaunchTemplate) -> Result<LaunchTemplate> {
    const CALL: &str = "DescribeLaunchTemplates";
    let id = template.launch_template_id();
    let tags = template.tags().iter();
    Ok(LaunchTemplate {
        id: LaunchTemplateId::new(id.ok_or_else(|| Error::malformed(CALL, "id"))?),
        name: template
            .launch_template_name()
            .unwrap_or_default()
            .to_owned(),
        default: number(template.default_version_number(), CALL)?,
        latest: number(template.latest_version_number(), CALL)?,
        tags: tags
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
            .collect(),
    })
}

fn version_of(version: &types::LaunchTemplateVersion) -> Result<TemplateVersion> {
    const CALL: &str = "DescribeLaunchTemplateVersions";
    let data = version.launch_template_data();
    let data = data.ok_or_else(|| Error::malformed(CALL, "launch template data"))?;
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    let profile = data.iam_instance_profile();
    let market = data.instance_market_options();
    let market = market.and_then(|options| options.market_type());
    let interfaces = data.network_interfaces().iter();
    let on_interface: Vec<_> = interfaces
        .flat_map(aws_sdk_ec2::types::LaunchTemplateInstanceNetworkInterfaceSpecification::groups)
        .collect();
    let groups = data
        .security_group_ids()
        .iter()
        .chain(on_interface.iter().copied());
    Ok(TemplateVersion {
        number: number(version.version_number(), CALL)?,
        description: version.version_description().unwrap_or_default().to_owned(),
        image: owned(data.image_id()),
        instance_type: data.instance_type().map(|kind| kind.as_str().to_owned()),
        key_name: owned(data.key_name()),
        instance_profile: owned(profile.and_then(|profile| profile.name().or(profile.arn()))),
        security_groups: groups.map(SecurityGroupId::new).collect(),
        user_data: owned(data.user_data()),
        on_interface: !on_interface.is_empty(),
        spot: market == Some(&types::MarketType::Spot),
    })
}

fn data(change: &TemplateChange) -> types::RequestLaunchTemplateData {
    let mut data = types::RequestLaunchTemplateData::builder()
        .set_image_id(change.image.as_ref().map(ToString::to_string))
        .set_key_name(change.key_name.clone());
    if let Some(kind) = &change.instance_type {
        data = data.instance_type(kind.as_str().into());
    }
    if let Some(profile) = &change.instance_profile {
        data = data.iam_instance_profile(profile_of(profile));
    }
    if let Some(groups) = &change.security_groups {
        data = data.set_security_group_ids(Some(groups.iter().map(ToString::to_string).collect()));
    }
    if let Some(text) = &change.user_data {
        data = data.user_data(STANDARD.encode(text));
    }
    data.build()
}

/// A profile is given by its name or by its ARN.
fn profile_of(profile: &str) -> types::LaunchTemplateIamInstanceProfileSpecificationRequest {
    let request = types::LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
    if profile.starts_with("arn:") {
        request.arn(profile).build()
    } else {
        request.name(profile).build()
    }
}
