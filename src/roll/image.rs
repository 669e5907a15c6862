//! Which image goes into service.

use std::collections::BTreeSet;

use super::plan::Refusal;
use crate::cloud::{
    Filter, Image, ImageId, ImageQuery, ImageState, Images, Kind, Parameters, Result, tag,
};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::SourceFilter;
use crate::template::service::{FromManifest, ImageChoice, Made, Service};

/// How many of several images a refusal names.
const LISTED: usize = 3;
type Chosen = std::result::Result<Image, Refusal>;

/// Chooses the image: the one that the command names, else as the service file says.
pub async fn look_up(
    cloud: &(impl Images + Parameters),
    (service, region): (&Service, &str),
    named: Option<&ImageId>,
) -> Result<Chosen> {
    match (named, &service.image) {
        (Some(id), _) => by_id(cloud, &Spanned::unplaced(id.to_string())).await,
        (None, ImageChoice::Id(id)) => by_id(cloud, id).await,
        (None, ImageChoice::Family { family, channel }) => {
            by_family(cloud, service, family, channel.as_ref()).await
        }
        (None, ImageChoice::Filter(filter)) => by_filter(cloud, service, filter).await,
        (None, ImageChoice::Parameter(name)) => by_parameter(cloud, name).await,
        (None, ImageChoice::Manifest(from)) => match by_manifest(from, region) {
            Ok(id) => by_id(cloud, &id).await,
            Err(refusal) => Ok(Err(*refusal)),
        },
    }
}

async fn by_parameter(
    cloud: &(impl Images + Parameters),
    name: &Spanned<String>,
) -> Result<Chosen> {
    let value = match cloud.parameter(name).await {
        // A malformed name is the user's mistake as well.
        Err(error) if error.kind == Kind::Invalid => None,
        value => value?,
    };
    let Some(id) = value else {
        let text = format!("there is no parameter {name} in this account and region");
        let finding = Diagnostic::error("roll::no_image", text).at_value(name, "named here");
        return Ok(Err(Refusal::input(finding)));
    };
    by_id(cloud, &name.clone().map(|_| id)).await
}

/// The image of the region that the last run of a manifest has made.
fn by_manifest(
    from: &FromManifest,
    region: &str,
) -> std::result::Result<Spanned<String>, Box<Refusal>> {
    let file = &from.file;
    let refused = |code, at: &Spanned<String>, text: String, help: String| {
        let finding = Diagnostic::error(code, text).at_value(at, "asked for here");
        Box::new(Refusal::input(finding.help(help)))
    };
    let made = from.made.as_ref().map_err(|unread| {
        let (problem, help) = (unread.problem.clone(), unread.help.clone());
        refused("roll::no_image", file, problem, help)
    })?;
    let is_meant = |one: &&Made| from.name.as_ref().is_none_or(|name| **name == one.build);
    let here = made.iter().filter(is_meant);
    let here = here.filter(|one| one.region == region);
    let ids: BTreeSet<&str> = here.clone().map(|one| one.image.as_str()).collect();
    let at = from.name.as_ref().unwrap_or(file);
    let mut first = ids.iter();
    match (first.next(), ids.len()) {
        (Some(id), 1) => Ok(file.clone().map(|_| (*id).to_owned())),
        (None, _) => {
            let of = from.name.as_ref();
            let of = of.map_or(String::new(), |name| format!(" of build {name}"));
            let text = format!("the last run that {file} tells of made no image{of} in {region}");
            let listed: BTreeSet<_> = made
                .iter()
                .map(|one| format!("{} in {}", one.build, one.region))
                .collect();
            let help = match listed.len() {
                0 => "it made none at all: bake again".to_owned(),
                _ => format!("it made {}", sentence(listed)),
            };
            Err(refused("roll::no_image", at, text, help))
        }
        (Some(_), several) => {
            let text =
                format!("the last run that {file} tells of made {several} images in {region}");
            let builds: BTreeSet<_> = here.map(|one| one.build.clone()).collect();
            let help = match from.name {
                Some(_) => "give each build a name of its own, and bake again".to_owned(),
                None => format!(
                    "say which: \"manifest\": {{ \"file\": \"{file}\", \"name\": … }}, one of {}",
                    sentence(builds)
                ),
            };
            Err(refused("roll::several_images", at, text, help))
        }
    }
}

fn sentence(words: BTreeSet<String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

async fn by_filter(
    cloud: &impl Images,
    service: &Service,
    filter: &SourceFilter,
) -> Result<Chosen> {
    let query = ImageQuery::found_by(
        filter.owners.iter().map(|owner| &owner.value),
        (filter.filters.iter()).map(|(name, values)| (&name.value, values)),
        filter.include_deprecated,
    );
    let refused = |code, text: String, help: String| {
        let finding = Diagnostic::error(code, text).help(help);
        Ok(Err(Refusal::input(
            finding.at_place(filter.place, "searched with this"),
        )))
    };
    let found = match cloud.find_images(&query).await {
        Err(error) if error.is_not_found() || error.kind == Kind::Invalid => {
            let help = "`owners` takes account ids, `self`, `amazon` and `aws-marketplace`";
            return refused("roll::no_image", error.to_string(), help.to_owned());
        }
        found => found?,
    };
    let (mut free, barred) = usable(service, found);
    free.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    if free.len() > 1 && !filter.most_recent {
        let listed = free.iter().rev().take(LISTED);
        let listed: Vec<_> = listed
            .map(|one| format!("{} ({})", one.id, one.name))
            .collect();
        let text = format!(
            "{} images match the filter: {}",
            free.len(),
            listed.join(", ")
        );
        let help = "`\"most_recent\": true` takes the newest".to_owned();
        return refused("roll::several_images", text, help);
    }
    if let Some(image) = free.pop() {
        return Ok(Ok(image));
    }
    let help = if barred > 0 {
        format!("{barred} are quarantined for this service")
    } else {
        "see that region, owners and name are right; deprecated images need `include_deprecated`"
            .to_owned()
    };
    refused(
        "roll::no_image",
        "no image matches the filter".to_owned(),
        help,
    )
}

/// Those that are available and not quarantined, and how many are.
fn usable(service: &Service, found: Vec<Image>) -> (Vec<Image>, usize) {
    let quarantine = tag::quarantine(&service.name);
    let (barred, free): (Vec<Image>, Vec<Image>) = (found.into_iter())
        .filter(|image| image.state == ImageState::Available)
        .partition(|image| image.tags.contains_key(&quarantine));
    (free, barred.len())
}

async fn by_id(cloud: &impl Images, id: &Spanned<String>) -> Result<Chosen> {
    let found = match cloud
        .find_images(&ImageQuery::id(&ImageId::new(&**id)))
        .await
    {
        Err(error) if error.is_not_found() => Vec::new(),
        // A malformed id is the user's mistake as well.
        Err(error) if error.kind == Kind::Invalid => Vec::new(),
        found => found?,
    };
    Ok(found.into_iter().next().ok_or_else(|| {
        let text = format!("there is no image {id} in this account and region");
        let finding = Diagnostic::error("roll::no_image", text);
        Refusal::input(finding.at_value(id, "named here"))
    }))
}

async fn by_family(
    cloud: &impl Images,
    service: &Service,
    family: &Spanned<String>,
    channel: Option<&Spanned<String>>,
) -> Result<Chosen> {
    let mut filters = vec![
        Filter::tag(tag::FAMILY, &**family),
        Filter::new("tag-key", tag::READY),
    ];
    if let Some(channel) = channel {
        filters.push(Filter::new(
            "tag-key",
            format!("kiln:channel:{}", **channel),
        ));
    }
    let found = cloud.find_images(&ImageQuery::own(filters)).await?;
    let (free, barred) = usable(service, found);
    let newest = free
        .into_iter()
        .max_by_key(|image| (image.created, image.id.clone()));
    Ok(newest.ok_or_else(|| none_of(family, channel, barred)))
}

fn none_of(family: &Spanned<String>, channel: Option<&Spanned<String>>, barred: usize) -> Refusal {
    let of_channel = channel
        .map(|channel| format!(" in channel {channel}"))
        .unwrap_or_default();
    let text = format!("there is no ready image of family {family}{of_channel}");
    let finding = Diagnostic::error("roll::no_image", text).at_value(family, "asked for here");
    Refusal::input(if barred > 0 {
        finding.help(format!("{barred} are quarantined for this service"))
    } else {
        finding.help("bake one: kiln bake TEMPLATE")
    })
}
