//! Which image goes into service.

use super::plan::Refusal;
use crate::cloud::{Filter, Image, ImageId, ImageQuery, ImageState, Images, Result, tag};
use crate::source::{Diagnostic, Spanned};
use crate::template::service::{ImageChoice, Service};

/// Chooses the image: the one that the command names, else as the service file says.
pub async fn look_up(
    cloud: &impl Images,
    service: &Service,
    named: Option<&ImageId>,
) -> Result<std::result::Result<Image, Refusal>> {
    match (named, &service.image) {
        (Some(id), _) => by_id(cloud, &Spanned::unplaced(id.to_string())).await,
        (None, ImageChoice::Id(id)) => by_id(cloud, id).await,
        (None, ImageChoice::Family { family, channel }) => {
            by_family(cloud, service, family, channel.as_ref()).await
        }
    }
}

async fn by_id(
    cloud: &impl Images,
    id: &Spanned<String>,
) -> Result<std::result::Result<Image, Refusal>> {
    let found = match cloud
        .find_images(&ImageQuery::id(&ImageId::new(&**id)))
        .await
    {
        Err(error) if error.is_not_found() => Vec::new(),
        // A malformed id is the user's mistake as well.
        Err(error) if error.kind == crate::cloud::Kind::Invalid => Vec::new(),
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
) -> Result<std::result::Result<Image, Refusal>> {
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
    let quarantine = tag::quarantine(&service.name);
    let (barred, free): (Vec<Image>, Vec<Image>) = (found.into_iter())
        .filter(|image| image.state == ImageState::Available)
        .partition(|image| image.tags.contains_key(&quarantine));
    let newest = free
        .into_iter()
        .max_by_key(|image| (image.created, image.id.clone()));
    Ok(newest.ok_or_else(|| none_of(family, channel, barred.len())))
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
