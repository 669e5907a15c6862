//! Key pairs and tags through the EC2 API.

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types as ec2;

use crate::aws::Aws;
use crate::aws::convert::{filters, specification, tags as tag_list, text};
use crate::aws::error::failed;
use crate::cloud::{Filter, KeyPairName, Keys, Resource, ResourceKind, Result, Tagging, Tags};

impl Keys for Aws {
    async fn import_key_pair(
        &self,
        name: &KeyPairName,
        public_key: &str,
        tags: &Tags,
    ) -> Result<()> {
        let request = self
            .ec2
            .import_key_pair()
            .key_name(name.as_str())
            .public_key_material(Blob::new(public_key))
            .tag_specifications(specification(ec2::ResourceType::KeyPair, tags));
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ImportKeyPair", error))
    }

    async fn find_key_pairs(&self, wanted: &[Filter]) -> Result<Vec<KeyPairName>> {
        const CALL: &str = "DescribeKeyPairs";
        let request = self
            .ec2
            .describe_key_pairs()
            .set_filters(Some(filters(wanted)));
        let answer = request.send().await.map_err(|error| failed(CALL, error))?;
        let found = answer.key_pairs().iter();
        found
            .map(|pair| text(CALL, "key name", pair.key_name()).map(KeyPairName::new))
            .collect()
    }

    async fn delete_key_pair(&self, name: &KeyPairName) -> Result<()> {
        let request = self.ec2.delete_key_pair().key_name(name.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeleteKeyPair", error))
    }
}

impl Tagging for Aws {
    async fn put_tags(&self, ids: &[String], tags: &Tags) -> Result<()> {
        let request = self
            .ec2
            .create_tags()
            .set_resources(Some(ids.to_vec()))
            .set_tags(Some(tag_list(tags)));
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("CreateTags", error))
    }

    async fn remove_tags(&self, ids: &[String], keys: &[&str]) -> Result<()> {
        let keys = keys.iter().map(|key| ec2::Tag::builder().key(*key).build());
        let request = self
            .ec2
            .delete_tags()
            .set_resources(Some(ids.to_vec()))
            .set_tags(Some(keys.collect()));
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeleteTags", error))
    }

    async fn tagged(&self, keys: &[&str]) -> Result<Vec<Resource>> {
        const CALL: &str = "DescribeTags";
        let keys = keys.iter().map(ToString::to_string).collect();
        let filter = ec2::Filter::builder().name("key").set_values(Some(keys));
        let mut found: Vec<Resource> = Vec::new();
        let request = self.ec2.describe_tags().filters(filter.build());
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for tag in page.tags() {
                add(&mut found, tag)?;
            }
        }
        Ok(found)
    }
}

fn add(found: &mut Vec<Resource>, tag: &ec2::TagDescription) -> Result<()> {
    let id = text("DescribeTags", "resource id", tag.resource_id())?;
    let at = found.iter().position(|tagged| tagged.id == id);
    let at = at.unwrap_or_else(|| {
        found.push(Resource {
            kind: resource_of(tag.resource_type()),
            id: id.to_owned(),
            tags: Tags::new(),
        });
        found.len() - 1
    });
    let key = tag.key().unwrap_or_default().to_owned();
    let value = tag.value().unwrap_or_default().to_owned();
    found[at].tags.insert(key, value);
    Ok(())
}

fn resource_of(kind: Option<&ec2::ResourceType>) -> ResourceKind {
    match kind {
        Some(ec2::ResourceType::Instance) => ResourceKind::Instance,
        Some(ec2::ResourceType::Volume) => ResourceKind::Volume,
        Some(ec2::ResourceType::KeyPair) => ResourceKind::KeyPair,
        Some(ec2::ResourceType::SecurityGroup) => ResourceKind::SecurityGroup,
        Some(ec2::ResourceType::Image) => ResourceKind::Image,
        Some(ec2::ResourceType::Snapshot) => ResourceKind::Snapshot,
        Some(ec2::ResourceType::LaunchTemplate) => ResourceKind::LaunchTemplate,
        _ => ResourceKind::Other,
    }
}
