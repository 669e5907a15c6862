//! What the account says about publishing: which names are free where, whether regions and keys are there.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use crate::bake::{LookUpError, Objections};
use crate::cloud::{Cloud, Filter, Image, ImageQuery, Kind, Region, Site};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{ImageOptions, Instance};

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
) -> (PublishFacts, Objections) {
    let mut objections = Objections::default();
    if image.skip_create {
        return (PublishFacts::default(), objections);
    }
    let copies = objections.keep(copies(image, cloud).await);
    let (copies, unknown) = copies.unwrap_or_default();
    objections.findings.extend(unknown);
    let here = cloud.region();
    let own = (!image.copies.skip_build_region).then(|| here.clone());
    let others = copies.into_iter().filter(|region| region != here);
    let regions: Vec<_> = own.into_iter().chain(others).collect();
    let taken = join_all(regions.iter().map(|region| taken(image, region, cloud)));
    let keys = join_all(regions.iter().map(|region| key(image, region, cloud)));
    let (found, keys) = futures_util::join!(taken, keys);
    let mut taken = BTreeMap::new();
    for found in found {
        taken.extend(objections.keep(found).flatten());
    }
    for key in keys {
        objections.keep(key);
    }
    (PublishFacts { taken }, objections)
}

/// The regions that are to get a copy, as far as the account has them, and an objection to each that it has not.
async fn copies(
    image: &ImageOptions,
    cloud: &impl Cloud,
) -> Result<(Vec<Region>, Vec<Diagnostic>), LookUpError> {
    let wanted = &image.copies.regions;
    if wanted.is_empty() {
        return Ok(Default::default());
    }
    let known = cloud.regions().await?;
    let names: Vec<_> = known.iter().map(Region::as_str).collect();
    let (mut copies, mut unknown) = (Vec::new(), Vec::new());
    for region in wanted {
        if names.contains(&region.as_str()) {
            copies.push(Region::new(region.as_str()));
            continue;
        }
        let text = format!("the region `{region}` is none of this account's");
        let finding = Diagnostic::error("bake::region", text).at_value(region, "named here");
        unknown.push(finding.help(format!("it has {}", names.join(", "))));
    }
    Ok((copies, unknown))
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

/// What stands against the key that the image gets in a region.
async fn key<C: Cloud + Site>(
    image: &ImageOptions,
    region: &Region,
    cloud: &C,
) -> Result<(), LookUpError> {
    match key_of(image, region, cloud.region()) {
        Some(name) => check_key(name, image.sharing.first().is_some(), region, cloud).await,
        None => Ok(()),
    }
}

/// Keys of volumes against which something stands, and what. EC2 itself may say so only when the machine that it began to
/// launch ends.
pub(in crate::bake) async fn check_volume_keys<C: Cloud + Site>(
    instance: &Instance,
    image: &ImageOptions,
    cloud: &C,
) -> (Vec<String>, Objections) {
    let encrypted_anew = image.encryption.wanted.as_ref().is_some_and(|w| w.value);
    let shared = image.sharing.first().is_some() && !encrypted_anew && !image.skip_create;
    let devices = instance.block_devices.iter().chain(&image.block_devices);
    let mut keys: Vec<&Spanned<String>> = Vec::new();
    for key in devices.filter_map(|device| device.kms_key_id.as_ref()) {
        if !keys.iter().any(|other| other.value == key.value) {
            keys.push(key);
        }
    }
    let here = cloud.region();
    let checked = keys.iter().map(|key| check_key(key, shared, here, cloud));
    let mut objections = Objections::default();
    let mut unusable = Vec::new();
    for (key, checked) in keys.iter().zip(join_all(checked).await) {
        if objections.keep(checked).is_none() {
            unusable.push(key.value.clone());
        }
    }
    (unusable, objections)
}

async fn check_key(
    name: &Spanned<String>,
    shared: bool,
    region: &Region,
    cloud: &impl Cloud,
) -> Result<(), LookUpError> {
    let object = |text: String, help: &str| {
        let finding = Diagnostic::error("bake::encryption", text).at_value(name, "named here");
        Err(LookUpError::Findings(vec![finding.help(help)]))
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
        Err(error) if error.kind == Kind::Denied => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if key.state != "Enabled" {
        let text = format!("the key {name} in {region} cannot be used: {}", key.state);
        return object(text, "enable it, or name another");
    }
    if key.of_aws && shared {
        let text =
            format!("{name} in {region} is AWS's own key, and nothing under it can be shared");
        return object(text, "name a key of your own");
    }
    Ok(())
}
