//! What the account says about publishing: which names are free where, whether regions and keys are there.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde::Serialize;

use crate::bake::LookUpError;
use crate::cloud::{Cloud, Filter, Image, ImageQuery, Kind, Region, Site};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::ImageOptions;

/// An own image that has the wanted name, and what uses it, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    pub image: Image,
    pub users: Vec<String>,
}

/// What the account said about publishing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PublishFacts {
    /// By region.
    pub taken: BTreeMap<Region, Taken>,
}

/// Asks in every region where the image goes. Changes nothing.
pub(in crate::bake) async fn look_up<C: Cloud + Site>(
    image: &ImageOptions,
    cloud: &C,
) -> Result<PublishFacts, LookUpError> {
    if image.skip_create {
        return Ok(PublishFacts::default());
    }
    let mut findings = unknown_regions(image, cloud).await?;
    let here = cloud.region().clone();
    let mut regions: Vec<Region> = Vec::new();
    if !image.copies.skip_build_region {
        regions.push(here.clone());
    }
    let copies = image.copies.regions.iter();
    let copies = copies.filter(|region| {
        let bad = |f: &Diagnostic| f.message.contains(&format!("`{region}`"));
        region.value != here.as_str() && !findings.iter().any(bad)
    });
    regions.extend(copies.map(|region| Region::new(region.value.as_str())));
    let taken = regions.iter().map(|region| taken(image, region, cloud));
    let keys = regions.iter().map(|region| key(image, region, cloud));
    let (taken, keys) = futures_util::try_join!(try_join_all(taken), try_join_all(keys))?;
    findings.extend(keys.into_iter().flatten());
    if findings.is_empty() {
        let taken = taken.into_iter().flatten().collect();
        Ok(PublishFacts { taken })
    } else {
        Err(LookUpError::Findings(findings))
    }
}

async fn unknown_regions(
    image: &ImageOptions,
    cloud: &impl Cloud,
) -> Result<Vec<Diagnostic>, LookUpError> {
    if image.copies.regions.is_empty() {
        return Ok(Vec::new());
    }
    let known = cloud.regions().await?;
    let wanted = image.copies.regions.iter();
    let unknown = wanted.filter(|region| !known.iter().any(|k| k.as_str() == region.value));
    let names: Vec<_> = known.iter().map(Region::as_str).collect();
    Ok(unknown
        .map(|region| {
            let text = format!("the region `{region}` is none of this account's");
            let finding = Diagnostic::error("bake::region", text).at_value(region, "named here");
            finding.help(format!("it has {}", names.join(", ")))
        })
        .collect())
}

async fn taken(
    image: &ImageOptions,
    region: &Region,
    cloud: &impl Cloud,
) -> Result<Option<(Region, Taken)>, LookUpError> {
    let cloud = cloud.in_region(region);
    let query = ImageQuery::own(vec![Filter::new("name", image.name.value.as_str())]);
    let Some(found) = cloud.find_images(&query).await?.into_iter().next() else {
        return Ok(None);
    };
    let users = cloud.image_users(&found.id).await?;
    let taken = Taken {
        image: found,
        users,
    };
    Ok(Some((region.clone(), taken)))
}

/// The key that a region's image gets, when one is named.
fn key_of<'a>(
    image: &'a ImageOptions,
    region: &Region,
    build: &Region,
) -> Option<&'a Spanned<String>> {
    let encryption = &image.encryption;
    let own = encryption.key.as_ref().filter(|_| region == build);
    own.or_else(|| encryption.named(region.as_str()))
}

async fn key<C: Cloud + Site>(
    image: &ImageOptions,
    region: &Region,
    cloud: &C,
) -> Result<Option<Diagnostic>, LookUpError> {
    let Some(name) = key_of(image, region, cloud.region()) else {
        return Ok(None);
    };
    let object = |text: String, help: &str| {
        let finding = Diagnostic::error("bake::encryption", text).at_value(name, "named here");
        Ok(Some(finding.help(help)))
    };
    let key = match cloud.in_region(region).encryption_key(name).await {
        Ok(key) => key,
        Err(error) if error.is_not_found() || error.kind == Kind::Invalid => {
            let text = format!("the key {name} is not in {region}: {}", error.message);
            return object(
                text,
                "keys belong to one region; `region_kms_key_ids` names one each",
            );
        }
        // Who may use a key only through EC2 may not look at it.
        Err(error) if error.kind == Kind::Denied => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if key.state != "Enabled" {
        let text = format!("the key {name} in {region} cannot be used: {}", key.state);
        return object(text, "enable it, or name another");
    }
    if key.of_aws && image.sharing.first().is_some() {
        let text =
            format!("{name} in {region} is AWS's own key, and nothing under it can be shared");
        return object(text, "name a key of your own");
    }
    Ok(None)
}
