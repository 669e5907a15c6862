//! Where the state of a service is, in a tag of its target groups, or of its groups where no load balancer leads to them: by it commands that know the service's name alone find the
//! lease, the journals and the due-list. It names a bucket; a folder of one host says nothing to another.

use super::error::Error;
use super::facts::Facts;
use super::run_roll::{Request, Tools};
use crate::cloud::{Cloud, Group, Tags, TrafficArn, tag};
use crate::run::Event;
use crate::undo::serving::target_groups_of;

/// What stands before a bucket's name.
const S3: &str = "s3://";

/// Where the last roll kept the state; `None` where it is in a folder, or nobody has rolled yet.
pub async fn state_of(cloud: &impl Cloud, service: &str) -> Result<Option<String>, Error> {
    let found = target_groups_of(cloud, service).await?;
    if !found.is_empty() {
        return Ok(found.iter().find_map(|(_, tags)| of(tags)));
    }
    let groups = cloud.groups().await?;
    Ok(own(service, &groups).find_map(|group| of(&group.tags)))
}

/// Groups of a service without a load balancer.
fn own<'a>(service: &'a str, groups: &'a [Group]) -> impl Iterator<Item = &'a Group> {
    let mine = move |group: &&Group| group.tag(tag::SERVICE) == Some(service) && !group.deleting;
    groups.iter().filter(mine)
}

/// The address in a target group's tags.
pub(super) fn of(tags: &Tags) -> Option<String> {
    let address = tags.get(tag::STORE)?;
    address.starts_with(S3).then(|| address.clone())
}

/// Writes the roll's own address down where another one stands, or none. It is no part of the roll: where it cannot be
/// written the user is told, and that is all.
pub(super) async fn note<C: Cloud, P, S>(
    request: &Request<'_>,
    facts: &Facts,
    on: &Tools<'_, C, P, S>,
) {
    if facts.balancer.is_none() {
        let mut groups = own(&request.service.name, &facts.groups);
        if let Some(said) = groups.find_map(|group| of(&group.tags))
            && Some(&said) != request.state.as_ref()
        {
            let text = mismatch(request, &said);
            on.events.emit(Event::Warning { text });
        }
        if let Err(error) = note_groups(request, &facts.groups, on.cloud).await {
            let text = format!("where the state is cannot be written down: {error}");
            on.events.emit(Event::Warning { text });
        }
        return;
    }
    let sides = facts.sides.iter();
    let there = sides.filter_map(|side| Some((&side.target_group.as_ref()?.arn, of(&side.tags))));
    let mut is_named = false;
    for (arn, said) in there {
        if said == request.state {
            continue;
        }
        if let (Some(said), false) = (&said, is_named) {
            is_named = true;
            on.events.emit(Event::Warning {
                text: mismatch(request, said),
            });
        }
        let arn = TrafficArn::TargetGroup(arn.clone());
        let written = match &request.state {
            Some(address) => {
                let tags = Tags::from([(tag::STORE.to_owned(), address.clone())]);
                on.cloud.tag_traffic(&arn, &tags).await
            }
            None => on.cloud.untag_traffic(&arn, &[tag::STORE]).await,
        };
        if let Err(error) = written {
            let text = format!("where the state is cannot be written down: {error}");
            on.events.emit(Event::Warning { text });
        }
    }
}

/// The same for the groups of a service without a load balancer.
async fn note_groups(
    request: &Request<'_>,
    groups: &[Group],
    cloud: &impl Cloud,
) -> crate::cloud::Result<()> {
    for group in own(&request.service.name, groups) {
        match &request.state {
            said if *said == of(&group.tags) => {}
            Some(address) => {
                let tags = Tags::from([(tag::STORE.to_owned(), address.clone())]);
                cloud.tag_group(&group.name, &tags).await?;
            }
            None => cloud.untag_group(&group.name, &[tag::STORE]).await?,
        }
    }
    Ok(())
}

/// The same for target groups that the roll itself has made, or groups without a load balancer.
pub(super) async fn note_new<C: Cloud, P, S>(
    request: &Request<'_>,
    facts: &Facts,
    on: &Tools<'_, C, P, S>,
) {
    let made = facts.sides.iter().any(|side| side.target_group.is_none());
    let (true, Some(address)) = (made, &request.state) else {
        return;
    };
    let tagged = async {
        if facts.balancer.is_none() {
            let groups = on.cloud.groups().await?;
            return note_groups(request, &groups, on.cloud).await;
        }
        for (group, tags) in target_groups_of(on.cloud, &request.service.name).await? {
            if of(&tags).as_ref() != Some(address) {
                let tags = Tags::from([(tag::STORE.to_owned(), address.clone())]);
                let arn = TrafficArn::TargetGroup(group.arn);
                on.cloud.tag_traffic(&arn, &tags).await?;
            }
        }
        Ok::<_, crate::cloud::Error>(())
    };
    if let Err(error) = tagged.await {
        let text = format!("where the state is cannot be written down: {error}");
        on.events.emit(Event::Warning { text });
    }
}

fn mismatch(request: &Request<'_>, said: &str) -> String {
    let name = &request.service.name;
    let here = request.state.as_deref().unwrap_or("a folder of this host");
    format!(
        "the state of {name} was at {said} until now, and is at {here} from now on: whoever rolls it from there is not kept off, \
         and what is due there stays there"
    )
}
