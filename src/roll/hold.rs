//! The hold: no roll of a service until a person takes it off. It stands in a tag of the service's target groups, or
//! of its groups where it has none.

use jiff::Timestamp;

use super::error::Error;
use crate::cloud::{Cloud, GroupName, Tags, TrafficArn, tag};
use crate::undo::serving::target_groups_of;

/// Sets a hold; `why` is what a refused roll says. With `until` it ends by itself. Errors when nothing here carries the
/// service's name.
pub async fn set(
    cloud: &impl Cloud,
    service: &str,
    why: &str,
    until: Option<Timestamp>,
) -> Result<(), Error> {
    let mut tags = Tags::from([(tag::HOLD.to_owned(), tag_text(why))]);
    tags.extend(until.map(|until| (tag::HOLD_UNTIL.to_owned(), until.to_string())));
    for place in places(cloud, service).await? {
        place.put(cloud, &tags).await?;
        if until.is_none() {
            // One that had an end has none any more.
            place.remove(cloud, &[tag::HOLD_UNTIL]).await?;
        }
    }
    Ok(())
}

/// Takes the hold off. Errors when nothing here carries the service's name.
pub async fn clear(cloud: &impl Cloud, service: &str) -> Result<(), Error> {
    for place in places(cloud, service).await? {
        place.remove(cloud, &[tag::HOLD, tag::HOLD_UNTIL]).await?;
    }
    Ok(())
}

/// The hold in a target group's tags, with its end; nothing once that is over. An end that cannot be read never comes.
pub(super) fn in_force(tags: &Tags, now: Timestamp) -> Option<String> {
    let why = tags.get(tag::HOLD)?;
    let Some(until) = tags.get(tag::HOLD_UNTIL) else {
        return Some(why.clone());
    };
    let is_over = until.parse().is_ok_and(|until: Timestamp| until <= now);
    (!is_over).then(|| format!("{why} (until {until})"))
}

/// The tags of a hold that is in force, for what takes the place of that which carries it.
pub(super) fn tags_in_force(tags: &Tags, now: Timestamp) -> Tags {
    let keys = [tag::HOLD, tag::HOLD_UNTIL].into_iter();
    let there = keys.filter_map(|key| Some((key.to_owned(), tags.get(key)?.clone())));
    in_force(tags, now)
        .map(|_| there.collect())
        .unwrap_or_default()
}

/// What carries the hold: the service's target groups, or its groups where it has none.
enum Place {
    TargetGroup(TrafficArn),
    Group(GroupName),
}

impl Place {
    async fn put(&self, cloud: &impl Cloud, tags: &Tags) -> Result<(), Error> {
        match self {
            Self::TargetGroup(arn) => cloud.tag_traffic(arn, tags).await?,
            Self::Group(name) => cloud.tag_group(name, tags).await?,
        }
        Ok(())
    }

    async fn remove(&self, cloud: &impl Cloud, keys: &[&str]) -> Result<(), Error> {
        match self {
            Self::TargetGroup(arn) => cloud.untag_traffic(arn, keys).await?,
            Self::Group(name) => cloud.untag_group(name, keys).await?,
        }
        Ok(())
    }
}

async fn places(cloud: &impl Cloud, service: &str) -> Result<Vec<Place>, Error> {
    let found = target_groups_of(cloud, service).await?.into_iter();
    let found: Vec<Place> = found
        .map(|(group, _)| Place::TargetGroup(TrafficArn::TargetGroup(group.arn)))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let groups = cloud.groups().await?.into_iter();
    let own = groups.filter(|group| group.tag(tag::SERVICE) == Some(service) && !group.deleting);
    let found: Vec<Place> = own.map(|group| Place::Group(group.name)).collect();
    if found.is_empty() {
        let text = format!(
            "no target group and no group here carries the tag {}={service}",
            tag::SERVICE
        );
        return Err(Error::Changed(text));
    }
    Ok(found)
}

/// Values of `ELBv2`'s tags have at most 256 characters, and few signs ("`API_Tag`").
pub(super) fn tag_text(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    text.chars().filter(|c| allowed(*c)).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_at_its_time_and_one_without_never() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-01-02T03:04:05Z");
        let hold = |until: Option<&str>| {
            let mut tags = Tags::from([(tag::HOLD.to_owned(), "fair".to_owned())]);
            tags.extend(until.map(|until| (tag::HOLD_UNTIL.to_owned(), until.to_owned())));
            in_force(&tags, now)
        };
        assert_eq!(hold(None).as_deref(), Some("fair"));
        assert_eq!(hold(Some("2026-01-02T03:04:05Z")), None);
        let later = hold(Some("2026-01-02T03:04:06Z"));
        assert_eq!(later.as_deref(), Some("fair (until 2026-01-02T03:04:06Z)"));
        assert!(hold(Some("soon")).is_some());
        assert_eq!(in_force(&Tags::new(), now), None);
    }
}
