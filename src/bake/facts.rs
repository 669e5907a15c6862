//! What the account says before anything is planned: read-only calls, all at once, every objection collected.

use serde::Serialize;

use crate::bake::ground::{self, Ground, keep};
use crate::bake::publish::{self, PublishFacts};
use crate::bake::{LookUpError, Tools};
use crate::cloud::{
    Cloud, Error as CloudError, Filter, Image, ImageId, ImageQuery, ImageState, InstanceType, Kind,
    Offer, Region, Site, Zone,
};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{Build, Instance, Source, SourceFilter};

/// How many candidates an objection lists by name.
const LISTED: usize = 5;

/// What the account said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BakeFacts {
    pub region: Region,
    pub source: Image,
    pub publish: PublishFacts,
    pub ground: Ground,
    /// What the wanted types are; those that the region does not have are missing.
    pub types: Vec<InstanceType>,
    /// In which zones they can be had; not asked where EC2 chooses the zone.
    pub offers: Option<Vec<Offer>>,
    /// Who may reach a temporary security group; empty when none is made.
    pub sources: Vec<String>,
}

/// Asks the account. Changes nothing.
///
/// Errors with all findings when an answer does not fit the template, or with the first call that was not answered.
pub async fn look_up<C: Cloud + Site, T: Tools>(
    build: &Build,
    cloud: &C,
    tools: &T,
) -> Result<BakeFacts, LookUpError> {
    let options = &build.builder;
    let names = type_names(&options.instance);
    let (source, publish, ground, types, offers, sources, profile, plugin) = futures_util::join!(
        find_source(&options.source, cloud),
        publish::look_up(&options.image, cloud),
        ground::look_up(&options.instance, cloud),
        cloud.instance_types(&names),
        offers(&options.instance, &names, cloud),
        sources(build, cloud, tools),
        profile(&options.instance, cloud),
        plugin(build, tools),
    );
    let mut findings = Vec::new();
    let source = keep(source, &mut findings)?;
    let ground = keep(ground, &mut findings)?;
    let sources = keep(sources, &mut findings)?;
    keep(profile, &mut findings)?;
    keep(plugin, &mut findings)?;
    let publish = keep(publish, &mut findings)?;
    let (types, offers) = (types?, offers?);
    match (source, publish, ground, sources) {
        (Some(source), Some(publish), Some(ground), Some(sources)) if findings.is_empty() => {
            Ok(BakeFacts {
                region: cloud.region().clone(),
                source,
                publish,
                ground,
                types,
                offers,
                sources,
            })
        }
        _ => Err(LookUpError::Findings(findings)),
    }
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

/// Whether the profile that is named is there.
async fn profile(instance: &Instance, cloud: &impl Cloud) -> Result<(), LookUpError> {
    let named = instance.profile.as_ref();
    let Some(name) = named.filter(|_| !instance.skip_profile_validation) else {
        return Ok(());
    };
    match cloud.has_profile(name).await {
        Ok(false) => {
            let text = format!("there is no instance profile {name}");
            let finding = Diagnostic::error("bake::profile", text).at_value(name, "named here");
            Err(object(
                finding.help("`skip_profile_validation` does not look"),
            ))
        }
        Err(error) if error.kind == Kind::Denied => {
            let text = format!("the instance profile {name} cannot be looked up: {error}");
            let finding = Diagnostic::error("bake::profile", text).at_value(name, "named here");
            Err(object(
                finding.help("`skip_profile_validation` does not look"),
            ))
        }
        answer => Ok(answer.map(drop)?),
    }
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
    let query = ImageQuery {
        ids: Vec::new(),
        owners: filter.owners.iter().map(|o| o.value.clone()).collect(),
        filters: filter
            .filters
            .iter()
            .map(|(name, values)| Filter {
                name: name.value.clone(),
                values: values.clone(),
            })
            .collect(),
        include_deprecated: filter.include_deprecated,
    };
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
