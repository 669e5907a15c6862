//! Everything that carries a service's name, and what becomes of it when the service is left.

use super::{Leave, Parting, Plan};
use crate::cloud::{
    Cloud, Filter, Group, Instance, Kind, LaunchTemplate, LaunchTemplateId, NamedAlarm, Resource,
    ResourceKind, RulePlace, Tags, TargetGroup, TemplateUser, TrafficArn, tag,
};
use crate::roll::doctor::Scene;
use crate::roll::error::Error;
use crate::roll::names;
use crate::undo::alarms::listed;
use crate::undo::lease::{Lease, Leased, Sizes, followed_by};
use crate::undo::serving::{Leading, arns_of};

/// The tag that Auto Scaling puts on machines of a group.
const GROUP: &str = "aws:autoscaling:groupName";
/// How all of kiln's tags begin.
const KILN: &str = "kiln:";

/// What there is.
pub(super) struct Belongings {
    pub service: String,
    /// `None`: no target group and no group carries the name.
    pub scene: Option<Scene>,
    pub alarms: Vec<(NamedAlarm, Tags)>,
    /// Launch templates, and images that the service must not get again.
    pub things: Vec<Resource>,
    /// The launch templates, where they are to go.
    pub templates: Vec<Template>,
    /// The machines that end, where the service is to be no more.
    pub machines: Vec<Instance>,
}

/// A launch template that carries the service's name.
pub(super) struct Template {
    pub template: LaunchTemplate,
    /// Or why nobody knows.
    pub users: Result<Vec<TemplateUser>, String>,
}

impl Belongings {
    /// Looks everything up.
    pub async fn look_up(cloud: &impl Cloud, service: &str, how: Leave) -> Result<Self, Error> {
        let scene = Scene::find(cloud, service).await?;
        let mut alarms = Vec::new();
        for alarm in listed(cloud, &names::beginning(service)).await? {
            match cloud.alarm_tags(&alarm).await {
                Ok(tags) if is_of(&tags, service) => alarms.push((alarm, tags)),
                Err(error) if !(error.is_not_found() || error.kind == Kind::Denied) => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        let barred = tag::quarantine(service);
        let mut things = cloud.tagged(&[tag::SERVICE, &barred]).await?;
        things.retain(|one| is_template(one, service) || one.tags.contains_key(&barred));
        let mut templates = Vec::new();
        let named = things.iter().filter(|one| is_template(one, service));
        for one in named.filter(|_| how != Leave::Release) {
            templates.extend(Template::look_up(cloud, &one.id).await?);
        }
        let mut machines = Vec::new();
        let groups = scene.iter().flat_map(|scene| &scene.groups);
        let ending = groups.filter(|group| how != Leave::Release && made(group, service));
        for group in ending.filter(|group| !group.members.is_empty()) {
            let of = [Filter::tag(GROUP, group.name.as_str())];
            machines.extend(cloud.find_instances(&of).await?);
        }
        Ok(Self {
            service: service.to_owned(),
            scene,
            alarms,
            things,
            templates,
            machines,
        })
    }

    pub fn groups(&self) -> &[Group] {
        self.scene.as_ref().map_or(&[], |scene| &scene.groups)
    }

    pub fn leading(&self) -> &[Leading] {
        self.scene.as_ref().map_or(&[], |scene| &scene.leading)
    }

    pub fn targets(&self) -> impl Iterator<Item = (&TargetGroup, &Tags)> {
        let sides = self.scene.iter().flat_map(|scene| &scene.sides);
        sides.filter_map(|side| Some((side.target_group.as_ref()?, &side.tags)))
    }

    pub fn is_named(&self, one: &Leading) -> bool {
        is_of(&one.tags, &self.service)
    }

    fn named(&self) -> impl Iterator<Item = &Leading> {
        self.leading().iter().filter(|one| self.is_named(one))
    }

    /// The rules and default actions that carry the name and serve users.
    pub fn places(&self) -> impl Iterator<Item = &Leading> {
        self.named().filter(|one| !one.is_probe())
    }

    /// The rules by which kiln watches and probes.
    pub fn watching(&self) -> impl Iterator<Item = Parting> {
        self.named().filter_map(|one| match &one.place {
            RulePlace::Rule(arn) if one.is_probe() => Some(Parting::DeleteRule(arn.clone())),
            _ => None,
        })
    }

    /// What is to be done for the service to go on without kiln.
    pub fn released(&self) -> Plan {
        let mut partings: Vec<Parting> = self.watching().collect();
        partings.extend(self.own_groups().flat_map(given_back));
        partings.extend(self.untagged());
        let notes = self.own_groups().flat_map(known_no_more);
        (partings, notes.chain(self.named_on()).collect())
    }

    /// Target groups that listeners of a network load balancer go on naming, at weight 0.
    fn named_on(&self) -> impl Iterator<Item = String> {
        let places = self.places().filter(|one| one.place.names_on());
        places.flat_map(|one| {
            let named = self.targets().filter(|(target, _)| one.names(&target.arn));
            let idle = named.filter(|(target, _)| !one.may_lead_to(&target.arn));
            idle.map(|(target, _)| {
                format!(
                    "{} goes on naming target group {}, at weight 0",
                    one.place, target.name
                )
            })
        })
    }

    /// The groups that are no other service's.
    pub fn own_groups(&self) -> impl Iterator<Item = &Group> {
        let groups = self.groups().iter();
        groups.filter(|group| !is_of_another(group, &self.service))
    }

    /// Kiln's tags; those of target groups last, since they lead to the rest.
    fn untagged(&self) -> Vec<Parting> {
        let places = self
            .places()
            .chain(self.tests())
            .flat_map(Self::untag_place);
        let alarms = self.alarms.iter();
        let alarms = alarms.map(|(alarm, tags)| Parting::UntagAlarm(alarm.clone(), keys(tags)));
        let things = self.things.iter();
        let things = things.map(|one| Parting::Untag(one.id.clone(), self.own(one)));
        let groups = self.own_groups().filter_map(untag_group);
        let targets = self.targets().map(|(one, tags)| {
            let arn = TrafficArn::TargetGroup(one.arn.clone());
            Parting::UntagTraffic(arn, format!("target group {}", one.name), keys(tags))
        });
        let first = places.chain(alarms).chain(things);
        first.chain(groups).chain(targets).collect()
    }

    /// The listeners that prove next groups, and lose no more than their tags.
    pub fn tests(&self) -> impl Iterator<Item = &Leading> {
        let defaults = |one: &&Leading| one.is_probe() && one.rule.is_none();
        self.named().filter(defaults)
    }

    pub fn untag_place(one: &Leading) -> Vec<Parting> {
        let untag = |arn| Parting::UntagTraffic(arn, one.place.to_string(), keys(&one.tags));
        arns_of(&one.place).into_iter().map(untag).collect()
    }

    /// The keys of something of EC2's that are of this service.
    pub fn own(&self, one: &Resource) -> Vec<String> {
        let barred = tag::quarantine(&self.service);
        let mut own = Vec::new();
        if is_template(one, &self.service) {
            own.extend([tag::SERVICE, tag::RUN, tag::MADE_BY].map(ToOwned::to_owned));
        }
        if one.tags.contains_key(&barred) {
            own.push(barred);
        }
        own
    }
}

impl Template {
    async fn look_up(cloud: &impl Cloud, id: &str) -> Result<Option<Self>, Error> {
        let Some(template) = cloud.template(&LaunchTemplateId::new(id)).await? else {
            return Ok(None);
        };
        let users = match cloud.template_users(&template).await {
            Err(error) if error.kind == Kind::Denied => Err(error.to_string()),
            found => Ok(found?),
        };
        Ok(Some(Self { template, users }))
    }
}

fn is_of(tags: &Tags, service: &str) -> bool {
    tags.get(tag::SERVICE).map(String::as_str) == Some(service)
}

/// What is changed of a group for a while, given back.
pub(super) fn given_back(group: &Group) -> impl Iterator<Item = Parting> {
    let held = Leased::ALL.into_iter();
    // A pin stays what it is: what the group followed may mean another version by now.
    let held = held.filter(|what| *what != Leased::Version);
    let held = held.filter(|what| Lease::of(group, *what).is_some());
    held.map(|what| Parting::Release(group.name.clone(), what))
}

pub(super) fn untag_group(group: &Group) -> Option<Parting> {
    let keys = keys(&group.tags);
    (!keys.is_empty()).then(|| Parting::UntagGroup(group.name.clone(), keys))
}

/// One behind a target group of the service's that kiln has never named is nobody's.
fn is_of_another(group: &Group, service: &str) -> bool {
    group
        .tag(tag::SERVICE)
        .is_some_and(|other| other != service)
}

/// Whether kiln made a group for the service.
pub(super) fn is_ours(group: &Group, service: &str) -> bool {
    is_of(&group.tags, service) && group.tag(tag::MADE_BY).is_some()
}

/// The same, and kiln gave it its number: tags alone may have been copied.
pub(super) fn made(group: &Group, service: &str) -> bool {
    is_ours(group, service) && names::number(service, &group.name).is_some()
}

/// Machines and their volumes may carry the name too, from a group or a template that propagates it: they lose it with their
/// own end.
fn is_template(one: &Resource, service: &str) -> bool {
    one.kind == ResourceKind::LaunchTemplate && is_of(&one.tags, service)
}

pub(super) fn keys(tags: &Tags) -> Vec<String> {
    tags.keys()
        .filter(|key| key.starts_with(KILN))
        .cloned()
        .collect()
}

/// What nothing says of a group any more once its tags are off.
pub(super) fn known_no_more(group: &Group) -> impl Iterator<Item = String> + use<> {
    let notes = [emptied(group), kept(group), pinned(group)];
    notes.into_iter().flatten()
}

/// The sizes that a group without machines had.
fn emptied(group: &Group) -> Option<String> {
    let sizes = Sizes::of(group)?;
    let Sizes {
        min, desired, max, ..
    } = sizes;
    let schedule = if sizes.scheduled {
        ", and its scheduled actions are suspended"
    } else {
        ""
    };
    Some(format!(
        "group {} stays empty; it had a minimum of {min}, {desired} machines and a maximum of {max}{schedule}",
        group.name
    ))
}

/// A group that is kept to go back to, or was to be retired, whose time nobody knows then.
fn kept(group: &Group) -> Option<String> {
    let name = &group.name;
    let spent = matches!(group.tag(tag::STATE), Some(tag::KEPT | tag::RETIRING));
    (spent && group.size.desired > 0).then(|| {
        format!(
            "group {name}, which serves no more, stays with its machines and is retired by nobody; to empty it: `aws autoscaling \
             update-auto-scaling-group --auto-scaling-group-name {name} --min-size 0 --desired-capacity 0`"
        )
    })
}

/// What a group followed before it was pinned.
fn pinned(group: &Group) -> Option<String> {
    let lease = Lease::of(group, Leased::Version)?;
    let followed = followed_by(&lease)?;
    let name = &group.name;
    Some(format!(
        "group {name} stays with the launch template version that it has; it followed {followed} before"
    ))
}
