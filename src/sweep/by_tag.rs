//! Things that carry a run's tag and have outlived it: scratch past its expiry, images that were never finished.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::profiles::Made;
use crate::cloud::{
    Cloud, Filter, Image, ImageId, ImageQuery, InstanceId, Kind, LaunchTemplateId, Resource,
    ResourceKind, Result, SecurityGroupId, SnapshotId, tag,
};
use crate::run::{Due, Entry, Event, Events, MemoryJournal, RunId, Setup, Stop, settle};
use crate::sweep::Swept;
use crate::undo::{Undo, Unwinder};

/// How long an image may be without its ready tag: as long as scratch lives (`bake::tags`). Images carry no expiry, since
/// taking it off would be one more call between a whole image and the word that it is ready.
const UNFINISHED: SignedDuration = SignedDuration::from_hours(24);
/// The tag that Auto Scaling puts on its instances.
const OF_GROUP: &str = "aws:autoscaling:groupName";

/// Takes back what carries a run's tag in this region and is due at `now`, but for runs that are known to live.
///
/// Errors when the region cannot be asked what there is.
pub async fn sweep_tags<C: Cloud>(
    cloud: &C,
    now: Timestamp,
    alive: &[RunId],
    events: &dyn Events,
    stop: Stop,
) -> Result<Swept> {
    let mut swept = Swept::default();
    let keys = [
        tag::RUN,
        tag::EXPIRES,
        tag::READY,
        tag::TAKES_NAME,
        tag::SERVICE,
        OF_GROUP,
    ];
    let mut overdue: Vec<Resource> = cloud.tagged(&keys).await?;
    overdue.retain(|resource| is_overdue(resource, now, alive));
    overdue.sort_by_key(|resource| order(resource.kind));
    // The role goes last of all, and its profile after the machine.
    let mut due = roles(cloud, now, alive, events).await?;
    for resource in &overdue {
        match serves(resource, cloud).await? {
            Some(why) => swept.kept.push(format!("{}: {why}", resource.id)),
            None => due.extend(undo(resource, cloud).await?),
        }
    }
    let mut once: Vec<Undo> = Vec::new();
    for undo in due {
        if !once.contains(&undo) {
            once.push(undo);
        }
    }
    let numbered = once.into_iter().enumerate();
    let due: Vec<Due<Undo>> = numbered.map(|(slot, undo)| Due { slot, undo }).collect();
    let journal = MemoryJournal::default();
    let setup = Setup {
        journal: &journal,
        events,
        stop,
    };
    let left = settle(due.clone(), &Unwinder::new(cloud), &setup).await;
    let gone = journal
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Undone { slot } => due.get(slot).map(|due| due.undo.to_string()),
            _ => None,
        });
    swept.removed.extend(gone);
    swept.left.extend(left);
    Ok(swept)
}

/// Roles and profiles of runs, which EC2's tags do not tell of. Who may not list them has made none.
async fn roles(
    cloud: &impl Cloud,
    now: Timestamp,
    alive: &[RunId],
    events: &dyn Events,
) -> Result<Vec<Undo>> {
    let (roles, profiles) = match (cloud.made_roles().await, cloud.made_profiles().await) {
        (Err(error), _) | (_, Err(error)) if error.kind == Kind::Denied => {
            let text = format!("roles of dead runs are not looked for: {error}");
            events.emit(Event::Note { text });
            return Ok(Vec::new());
        }
        (roles, profiles) => (roles?, profiles?),
    };
    let overdue = |made: &Made| {
        let resource = Resource {
            kind: ResourceKind::Other,
            id: made.name.clone(),
            tags: made.tags.clone(),
        };
        is_overdue(&resource, now, alive)
    };
    let role = |made: Made| Undo::DeleteRole { name: made.name };
    let profile = |made: Made| Undo::DeleteProfile { name: made.name };
    let mut undos: Vec<Undo> = roles.into_iter().filter(overdue).map(role).collect();
    undos.extend(profiles.into_iter().filter(overdue).map(profile));
    Ok(undos)
}

/// Newest first is how undos run: what another thing needs stands before it.
fn order(kind: ResourceKind) -> u8 {
    match kind {
        ResourceKind::KeyPair | ResourceKind::LaunchTemplate => 0,
        ResourceKind::SecurityGroup => 1,
        ResourceKind::Volume => 2,
        ResourceKind::Instance => 3,
        ResourceKind::Snapshot => 4,
        ResourceKind::Image | ResourceKind::Other => 5,
    }
}

fn is_overdue(resource: &Resource, now: Timestamp, alive: &[RunId]) -> bool {
    let run = resource.tags.get(tag::RUN).and_then(|run| run.parse().ok());
    let Some(run) = run else {
        return false;
    };
    if alive.contains(&run) || resource.tags.contains_key(tag::READY) {
        return false;
    }
    let end = match resource.tags.get(tag::EXPIRES) {
        Some(expires) => expires.parse().ok(),
        None if matches!(resource.kind, ResourceKind::Image | ResourceKind::Snapshot) => {
            run.began().checked_add(UNFINISHED).ok()
        }
        None => None,
    };
    end.is_some_and(|end: Timestamp| end <= now)
}

/// Why it may not be taken by its tag alone, if it may not.
async fn serves(resource: &Resource, cloud: &impl Cloud) -> Result<Option<&'static str>> {
    match resource.kind {
        ResourceKind::Instance if resource.tags.contains_key(OF_GROUP) => {
            Ok(Some("it belongs to an Auto Scaling group"))
        }
        ResourceKind::Instance => instance_serves(&InstanceId::new(&*resource.id), cloud).await,
        ResourceKind::Image => {
            if let Some(name) = resource.tags.get(tag::TAKES_NAME)
                && !has_holder(name, resource, cloud).await?
            {
                return Ok(Some("it may be the last that can have its name"));
            }
            let users = cloud.image_users(&ImageId::new(&*resource.id)).await?;
            Ok((!users.is_empty()).then_some("it is in use"))
        }
        ResourceKind::Snapshot => {
            let of = [Filter::new(
                "block-device-mapping.snapshot-id",
                &*resource.id,
            )];
            let images = cloud.find_images(&ImageQuery::own(of.into())).await?;
            let ready = |image: &Image| image.tags.contains_key(tag::READY);
            Ok(images
                .iter()
                .any(ready)
                .then_some("a finished image needs it"))
        }
        _ => Ok(None),
    }
}

/// Whether another run's image has the name for which this one waits. If none has, the old image may have gone for this
/// one, and the journal of its run is needed to go on.
async fn has_holder(name: &str, waiting: &Resource, cloud: &impl Cloud) -> Result<bool> {
    let query = ImageQuery::own(vec![Filter::new("name", name)]);
    let run = waiting.tags.get(tag::RUN);
    let found = cloud.find_images(&query).await?;
    let mut others = found.iter().filter(|image| image.tags.get(tag::RUN) != run);
    Ok(others.next().is_some())
}

async fn instance_serves(id: &InstanceId, cloud: &impl Cloud) -> Result<Option<&'static str>> {
    let instance = match cloud.instance(id).await {
        Err(error) if error.is_not_found() => return Ok(None),
        answer => answer?,
    };
    if instance.state.is_ending() {
        return Ok(None);
    }
    if instance.addresses.elastic {
        return Ok(Some("it holds an elastic address"));
    }
    for group in cloud.target_groups().await? {
        let targets = cloud.target_health(&group.arn).await?;
        if targets.iter().any(|target| target.instance == *id) {
            return Ok(Some("it is registered with a target group"));
        }
    }
    Ok(None)
}

async fn undo(resource: &Resource, cloud: &impl Cloud) -> Result<Option<Undo>> {
    let Some(run) = resource.tags.get(tag::RUN).and_then(|run| run.parse().ok()) else {
        return Ok(None);
    };
    Ok(match resource.kind {
        ResourceKind::Instance => Some(Undo::TerminateInstance {
            id: InstanceId::new(&*resource.id),
        }),
        ResourceKind::Volume => Some(Undo::DeleteVolumesOf { run }),
        ResourceKind::SecurityGroup => Some(Undo::DeleteSecurityGroup {
            id: SecurityGroupId::new(&*resource.id),
        }),
        ResourceKind::KeyPair => {
            let wanted = [Filter::new("key-pair-id", &*resource.id)];
            let name = cloud.find_key_pairs(&wanted).await?.pop();
            name.map(|name| Undo::DeleteKeyPair { name })
        }
        // One of a roll may be what a group launches from; its journal knows.
        ResourceKind::LaunchTemplate if resource.tags.contains_key(tag::SERVICE) => None,
        ResourceKind::LaunchTemplate => Some(Undo::DeleteLaunchTemplate {
            id: LaunchTemplateId::new(&*resource.id),
        }),
        ResourceKind::Image => Some(Undo::RemoveImage {
            id: ImageId::new(&*resource.id),
            run,
        }),
        ResourceKind::Snapshot => Some(Undo::DeleteSnapshot {
            id: SnapshotId::new(&*resource.id),
        }),
        ResourceKind::Other => None,
    })
}
