//! Where the state of a service is, in a tag of its target groups, or of its groups where no load balancer leads to them: by it
//! commands that know the service's name alone find the lease, the journals and the due-list. It names a bucket; a folder of one
//! host says nothing to another.

use super::error::Error;
use super::facts::Facts;
use super::run_roll::{Request, Tools};
use crate::cloud::{Cloud, Group, GroupName, Result as Answer, Tags, TrafficArn, tag};
use crate::run::Event;
use crate::undo::serving::target_groups_of;

/// What stands before a bucket's name.
const S3: &str = "s3://";

/// What carries the tag.
enum Place {
    TargetGroup(TrafficArn),
    Group(GroupName),
}

/// What carries the tag, with the address that stands there.
type Said = (Place, Option<String>);

/// Where the last roll kept the state; `None` where it is in a folder, or nobody has rolled yet.
pub async fn state_of(cloud: &impl Cloud, service: &str) -> Result<Option<String>, Error> {
    let said = places(cloud, service).await?;
    Ok(said.into_iter().find_map(|(_, said)| said))
}

/// The address in the tags of a target group or a group.
pub(super) fn of(tags: &Tags) -> Option<String> {
    let address = tags.get(tag::STORE)?;
    address.starts_with(S3).then(|| address.clone())
}

async fn places(cloud: &impl Cloud, service: &str) -> Answer<Vec<Said>> {
    let found = target_groups_of(cloud, service).await?;
    if found.is_empty() {
        return Ok(groups(service, &cloud.groups().await?));
    }
    let place = |arn| Place::TargetGroup(TrafficArn::TargetGroup(arn));
    let found = found.into_iter();
    Ok(found
        .map(|(group, tags)| (place(group.arn), of(&tags)))
        .collect())
}

/// Those of a service without a load balancer.
fn groups(service: &str, all: &[Group]) -> Vec<Said> {
    let mine = |group: &&Group| group.tag(tag::SERVICE) == Some(service) && !group.deleting;
    let mine = all.iter().filter(mine);
    mine.map(|group| (Place::Group(group.name.clone()), of(&group.tags)))
        .collect()
}

/// Writes the roll's own address down where another one stands, or none. It is no part of the roll: where it cannot be
/// written the user is told, and that is all.
pub(super) async fn note<C: Cloud, P, S>(
    request: &Request<'_>,
    facts: &Facts,
    on: &Tools<'_, C, P, S>,
) {
    let said = if facts.balancer.is_none() {
        groups(&request.service.name, &facts.groups)
    } else {
        let sides = facts.sides.iter();
        let there = sides.filter_map(|side| {
            let arn = side.target_group.as_ref()?.arn.clone();
            let place = Place::TargetGroup(TrafficArn::TargetGroup(arn));
            Some((place, of(&side.tags)))
        });
        there.collect()
    };
    let mut others = said.iter().filter(|(_, said)| *said != request.state);
    if let Some(other) = others.find_map(|(_, said)| said.as_ref()) {
        let text = mismatch(request, other);
        on.events.emit(Event::Warning { text });
    }
    write(said, request, on).await;
}

/// The same for target groups that the roll itself has made, or groups without a load balancer.
pub(super) async fn note_new<C: Cloud, P, S>(
    request: &Request<'_>,
    facts: &Facts,
    on: &Tools<'_, C, P, S>,
) {
    let made = facts.sides.iter().any(|side| side.target_group.is_none());
    if !made || request.state.is_none() {
        return;
    }
    match places(on.cloud, &request.service.name).await {
        Ok(said) => write(said, request, on).await,
        Err(error) => warn(&error, on),
    }
}

async fn write<C: Cloud, P, S>(said: Vec<Said>, request: &Request<'_>, on: &Tools<'_, C, P, S>) {
    let others = said.into_iter().filter(|(_, said)| *said != request.state);
    for (place, _) in others {
        if let Err(error) = write_to(&place, request.state.as_ref(), on.cloud).await {
            warn(&error, on);
        }
    }
}

async fn write_to(place: &Place, state: Option<&String>, cloud: &impl Cloud) -> Answer<()> {
    let tags = state.map(|address| Tags::from([(tag::STORE.to_owned(), address.clone())]));
    match (place, tags) {
        (Place::TargetGroup(arn), Some(tags)) => cloud.tag_traffic(arn, &tags).await,
        (Place::TargetGroup(arn), None) => cloud.untag_traffic(arn, &[tag::STORE]).await,
        (Place::Group(name), Some(tags)) => cloud.tag_group(name, &tags).await,
        (Place::Group(name), None) => cloud.untag_group(name, &[tag::STORE]).await,
    }
}

fn warn<C, P, S>(error: &crate::cloud::Error, on: &Tools<'_, C, P, S>) {
    let text = format!("where the state is cannot be written down: {error}");
    on.events.emit(Event::Warning { text });
}

fn mismatch(request: &Request<'_>, said: &str) -> String {
    let name = &request.service.name;
    let here = request.state.as_deref().unwrap_or("a folder of this host");
    format!(
        "the state of {name} was at {said} until now, and is at {here} from now on: whoever rolls it from there is not kept off, \
         and what is due there stays there"
    )
}
