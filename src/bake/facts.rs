//! What the account says before anything is planned: read-only calls, all at once, every objection collected.

use serde::Serialize;

use crate::bake::{LookUpError, Tools};
use crate::cloud::{
    Cloud, Error as CloudError, Filter, Image, ImageId, ImageQuery, ImageState, Region, Site,
    Subnet,
};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{Build, Source, SourceFilter};

/// How many candidates an objection lists by name.
const LISTED: usize = 5;

/// What the account said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BakeFacts {
    pub region: Region,
    pub source: Image,
    /// An own image that has the wanted name already.
    pub taken: Option<Image>,
    /// The subnet that the template names.
    pub subnet: Option<Subnet>,
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
    let wanted = &options.image.name;
    let query = ImageQuery::own(vec![Filter::new("name", wanted.value.as_str())]);
    let (source, taken, subnet, groups, sources) = futures_util::join!(
        source_image(&options.source, cloud),
        cloud.find_images(&query),
        subnet(build, cloud),
        groups(build, cloud),
        sources(build, cloud, tools),
    );
    let mut findings = Vec::new();
    let source = keep(source, &mut findings)?;
    let subnet = keep(subnet, &mut findings)?;
    keep(groups, &mut findings)?;
    let sources = keep(sources, &mut findings)?;
    let taken = taken?.into_iter().next();
    match (source, subnet, sources) {
        (Some(source), Some(subnet), Some(sources)) if findings.is_empty() => Ok(BakeFacts {
            region: cloud.region().clone(),
            source,
            taken,
            subnet,
            sources,
        }),
        _ => Err(LookUpError::Findings(findings)),
    }
}

/// Collects findings; any other error ends the look-up.
fn keep<T>(
    answer: Result<T, LookUpError>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Option<T>, LookUpError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(LookUpError::Findings(found)) => {
            findings.extend(found);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn object(finding: Diagnostic) -> LookUpError {
    LookUpError::Findings(vec![finding])
}

async fn source_image(source: &Source, cloud: &impl Cloud) -> Result<Image, LookUpError> {
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

async fn subnet(build: &Build, cloud: &impl Cloud) -> Result<Option<Subnet>, LookUpError> {
    let Some(id) = &build.builder.instance.subnet else {
        return Ok(None);
    };
    let unknown = || {
        let text = format!("the subnet {id} does not exist in this region");
        let finding = Diagnostic::error("bake::subnet", text);
        object(finding.at_value(id, "named here"))
    };
    let wanted = [Filter::new("subnet-id", id.value.as_str())];
    let found = cloud.find_subnets(&wanted).await?.into_iter().next();
    found.map(Some).ok_or_else(unknown)
}

async fn groups(build: &Build, cloud: &impl Cloud) -> Result<(), LookUpError> {
    let named = &build.builder.instance.security_groups;
    if named.is_empty() {
        return Ok(());
    }
    let wanted = [Filter {
        name: "group-id".to_owned(),
        values: named.iter().map(|id| id.value.clone()).collect(),
    }];
    let found = cloud.find_security_groups(&wanted).await?;
    let missing = named
        .iter()
        .filter(|id| !found.iter().any(|found| found.as_str() == id.value));
    let findings: Vec<_> = missing
        .map(|id| {
            let text = format!("the security group {id} does not exist in this region");
            Diagnostic::error("bake::security_group", text).at_value(id, "named here")
        })
        .collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(LookUpError::Findings(findings))
    }
}

async fn sources<C: Cloud + Site, T: Tools>(
    build: &Build,
    cloud: &C,
    tools: &T,
) -> Result<Vec<String>, LookUpError> {
    let instance = &build.builder.instance;
    if !instance.security_groups.is_empty() {
        return Ok(Vec::new());
    }
    let named = &instance.temporary_security_group_cidrs;
    if !named.is_empty() {
        return Ok(named.iter().map(|cidr| cidr.value.clone()).collect());
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
