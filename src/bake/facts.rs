//! What the account says before anything is planned: read-only calls, all at once, every objection collected.

use serde::Serialize;

use crate::bake::ground::{self, Ground};
use crate::bake::publish::{self, PublishFacts};
use crate::bake::{LookUpError, Objections, Tools};
use crate::cloud::{
    Cloud, Error as CloudError, Image, ImageId, ImageQuery, ImageState, InstanceType, Kind,
    NewInstance, Offer, Region, Site, Zone,
};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{Build, Instance, Source, SourceFilter};

/// How many candidates an objection lists by name.
const LISTED: usize = 5;

/// What the account said, as far as it did: what is missing has its objection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BakeFacts {
    pub region: Region,
    pub source: Option<Image>,
    pub publish: PublishFacts,
    pub ground: Option<Ground>,
    /// What the wanted types are; those that the region does not have are missing.
    pub types: Option<Vec<InstanceType>>,
    /// In which zones they can be had, where that was asked.
    pub offers: Option<Vec<Offer>>,
    /// Who may reach a temporary security group; empty when none is made.
    pub sources: Vec<String>,
    pub lacks: Lacks,
}

/// What of the launch is named and cannot be used. It is objected to, and a rehearsal goes without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lacks {
    /// The instance profile is not there.
    pub profile: bool,
    /// Keys of volumes.
    pub keys: Vec<String>,
}

impl Lacks {
    pub(super) fn leave_out(&self, launch: &mut NewInstance) {
        if self.profile {
            launch.profile = None;
        }
        for device in &mut launch.devices {
            device.kms_key = device.kms_key.take().filter(|key| !self.keys.contains(key));
        }
    }
}

/// Asks the account. Changes nothing, and one answer that does not fit hides no other.
pub async fn look_up<C: Cloud + Site, T: Tools>(
    build: &Build,
    cloud: &C,
    tools: &T,
) -> (BakeFacts, Objections) {
    let options = &build.builder;
    let names = type_names(&options.instance);
    let (source, publish, keys, ground, types, offers, sources, profile, plugin) = futures_util::join!(
        find_source(&options.source, cloud),
        publish::look_up(&options.image, cloud),
        publish::check_volume_keys(&options.instance, &options.image, cloud),
        ground::look_up(&options.instance, cloud),
        cloud.instance_types(&names),
        offers(&options.instance, &names, cloud),
        sources(build, cloud, tools),
        lacks_profile(&options.instance, cloud),
        plugin(build, tools),
    );
    let mut objections = Objections::default();
    let (publish, others) = publish;
    objections.extend(others);
    let (ground, others) = ground;
    objections.extend(others);
    let (unusable_keys, others) = keys;
    objections.extend(others);
    objections.keep(plugin);
    let facts = BakeFacts {
        region: cloud.region().clone(),
        source: objections.keep(source),
        publish,
        ground,
        types: objections.keep(types.map_err(LookUpError::from)),
        offers: objections.keep(offers).flatten(),
        sources: objections.keep(sources).unwrap_or_default(),
        lacks: Lacks {
            profile: objections.keep(profile).unwrap_or_default(),
            keys: unusable_keys,
        },
    };
    (facts, objections)
}

impl BakeFacts {
    /// Whether a type can be had in a zone, as far as was asked.
    pub(super) fn offers(&self, kind: &str, zone: &Zone) -> bool {
        let offered = |offer: &Offer| offer.instance_type == kind && offer.zone == *zone;
        self.offers
            .as_ref()
            .is_none_or(|offers| offers.iter().any(offered))
    }
}

/// Whether a profile is named that is not there.
async fn lacks_profile(instance: &Instance, cloud: &impl Cloud) -> Result<bool, LookUpError> {
    let named = instance.profile.as_ref();
    let Some(name) = named.filter(|_| !instance.skip_profile_validation) else {
        return Ok(false);
    };
    match cloud.has_profile(name).await {
        Err(error) if error.kind == Kind::Denied => {
            let text = format!("the instance profile {name} cannot be looked up: {error}");
            Err(object(unusable_profile(name, text)))
        }
        answer => Ok(!answer?),
    }
}

pub(super) fn unusable_profile(name: &Spanned<String>, text: String) -> Diagnostic {
    Diagnostic::error("bake::profile", text)
        .at_value(name, "named here")
        .help("`skip_profile_validation` does not look")
}

/// Whether a session could be carried from here.
async fn plugin(build: &Build, tools: &impl Tools) -> Result<(), LookUpError> {
    if build.builder.ssh.session_manager.is_none() {
        return Ok(());
    }
    tools.check_plugin().await.map_err(|error| {
        let mut text = format!("Session Manager cannot be used: {error}");
        if let Some(cause) = std::error::Error::source(&error) {
            text = format!("{text}: {cause}");
        }
        let finding = Diagnostic::error("bake::session_manager", text);
        object(finding.at(build.place.set, "this build").help(
            "install Session Manager's plugin, a version after 1.2.497 (AWS Systems Manager User Guide, \
             \"Install the Session Manager plugin\")",
        ))
    })
}

fn type_names(instance: &Instance) -> Vec<String> {
    let types = instance.types.iter();
    types.map(|kind| kind.value.clone()).collect()
}

/// Where EC2 chooses the zone it takes one that has the type.
async fn offers(
    instance: &Instance,
    names: &[String],
    cloud: &impl Cloud,
) -> Result<Option<Vec<Offer>>, LookUpError> {
    let placed = !instance.subnets.is_empty()
        || instance.subnet_filter.is_some()
        || instance.vpc.is_some()
        || instance.vpc_filter.is_some()
        || instance.availability_zone.is_some()
        || instance.associate_public_ip_address.is_some();
    if !placed {
        return Ok(None);
    }
    Ok(Some(cloud.offers(names).await?))
}

fn object(finding: Diagnostic) -> LookUpError {
    LookUpError::Findings(vec![finding])
}

pub(super) async fn find_source(source: &Source, cloud: &impl Cloud) -> Result<Image, LookUpError> {
    match source {
        Source::Id(id) => by_id(id, cloud).await,
        Source::Filter(filter) => by_filter(filter, cloud).await,
    }
}

async fn by_id(id: &Spanned<String>, cloud: &impl Cloud) -> Result<Image, LookUpError> {
    let query = ImageQuery::id(&ImageId::new(id.value.as_str()));
    let unknown = |reason: &str| {
        let text = format!("the source image {id} cannot be used: {reason}");
        let finding = Diagnostic::error("bake::source_image", text);
        object(finding.at_value(id, "named here"))
    };
    let found = match cloud.find_images(&query).await {
        Err(error) if is_about_value(&error) => return Err(unknown(&error.message)),
        answer => answer?,
    };
    let image = found
        .into_iter()
        .next()
        .ok_or_else(|| unknown("it does not exist in this region"))?;
    match &image.state {
        ImageState::Available => Ok(image),
        ImageState::Pending => Err(unknown("it is not available yet")),
        ImageState::Failed(reason) => Err(unknown(reason)),
    }
}

async fn by_filter(filter: &SourceFilter, cloud: &impl Cloud) -> Result<Image, LookUpError> {
    let query = ImageQuery::found_by(
        filter.owners.iter().map(|owner| &owner.value),
        (filter.filters.iter()).map(|(name, values)| (&name.value, values)),
        filter.include_deprecated,
    );
    let objection = |text: String, help: &str| {
        let finding = Diagnostic::error("bake::source_image", text).help(help);
        object(finding.at_place(filter.place, "searched with this"))
    };
    let found = match cloud.find_images(&query).await {
        Err(error) if is_about_value(&error) => {
            let help = "`owners` takes account ids, `self`, `amazon` and `aws-marketplace`";
            return Err(objection(error.to_string(), help));
        }
        answer => answer?,
    };
    let mut found: Vec<Image> = found
        .into_iter()
        .filter(|image| image.state == ImageState::Available)
        .collect();
    found.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    if found.len() > 1 && !filter.most_recent {
        let listed = found.iter().rev().take(LISTED);
        let listed: Vec<_> = listed.map(|i| format!("{} ({})", i.id, i.name)).collect();
        let text = format!(
            "{} images match the filter: {}, …",
            found.len(),
            listed.join(", ")
        );
        return Err(objection(text, "`\"most_recent\": true` takes the newest"));
    }
    found.pop().ok_or_else(|| {
        objection(
            "no image matches the filter".to_owned(),
            "see that region, owners and name are right; deprecated images need `include_deprecated`",
        )
    })
}

/// Whether a read-only call failed for a value of the template.
fn is_about_value(error: &CloudError) -> bool {
    error.is_not_found() || error.kind == crate::cloud::Kind::Invalid
}

async fn sources<C: Cloud + Site, T: Tools>(
    build: &Build,
    cloud: &C,
    tools: &T,
) -> Result<Vec<String>, LookUpError> {
    let instance = &build.builder.instance;
    if !instance.security_groups.is_empty() || instance.security_group_filter.is_some() {
        return Ok(Vec::new());
    }
    let named = &instance.temporary_security_group_cidrs;
    if !named.is_empty() {
        return Ok(named.iter().map(|cidr| cidr.value.clone()).collect());
    }
    if build.builder.ssh.session_manager.is_some() {
        return Ok(Vec::new());
    }
    tools.own_sources(cloud.endpoint()).await.map_err(|error| {
        let mut text = format!("the temporary security group needs a source, but kiln {error}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        object(Diagnostic::error("bake::own_address", text).at(build.place.set, "this build").help(
            "name your own with `temporary_security_group_source_cidrs`, or a `security_group_id`",
        ))
    })
}
