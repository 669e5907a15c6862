//! The hold: no roll of a service until a person takes it off. It stands in a tag of the service's target groups.

use super::error::Error;
use crate::cloud::{Cloud, Tags, TrafficArn, tag};
use crate::undo::serving::target_groups_of;

/// Sets a hold; `why` is what a refused roll says. Errors when the service has no target groups.
pub async fn set(cloud: &impl Cloud, service: &str, why: &str) -> Result<(), Error> {
    let tags = Tags::from([(tag::HOLD.to_owned(), tag_text(why))]);
    for arn in arns(cloud, service).await? {
        cloud.tag_traffic(&arn, &tags).await?;
    }
    Ok(())
}

/// Takes the hold off. Errors when the service has no target groups.
pub async fn clear(cloud: &impl Cloud, service: &str) -> Result<(), Error> {
    for arn in arns(cloud, service).await? {
        cloud.untag_traffic(&arn, &[tag::HOLD]).await?;
    }
    Ok(())
}

async fn arns(cloud: &impl Cloud, service: &str) -> Result<Vec<TrafficArn>, Error> {
    let found = target_groups_of(cloud, service).await?;
    if found.is_empty() {
        let text = format!(
            "no target group here carries the tag {}={service}",
            tag::SERVICE
        );
        return Err(Error::Changed(text));
    }
    let found = found.into_iter();
    Ok(found
        .map(|(group, _)| TrafficArn::TargetGroup(group.arn))
        .collect())
}

/// Values of `ELBv2`'s tags have at most 256 characters, and few signs ("`API_Tag`").
pub(super) fn tag_text(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    text.chars().filter(|c| allowed(*c)).take(256).collect()
}
