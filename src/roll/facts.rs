//! What the account says about a service: read-only calls, and no judgement but what cannot be looked up at all.

mod balancer;
pub(super) mod pair;
mod records;
mod settings;
pub(super) mod types;

pub use balancer::{Balancer, Found, Second, conditions};

use std::collections::BTreeSet;

use super::ground::Ground;
use super::plan::Refusal;
use super::plan::in_place::staying;
use super::plan::is_live;
use super::plan::reroot::{self, Machine};
use super::room::{self, Room};
use super::{alarms, image, names, office, scaling};
use crate::cloud::{
    Alarm, Cloud, Error, Group, Image, ImageId, LaunchTemplate, ListenerArn, SecurityGroupId,
    Subnet, Tags, TargetGroup, TargetGroupArn, TargetHabits, TargetHealth, TemplateVersion,
    TrafficArn, tag,
};
use crate::template::service::{Service, Traffic};
use crate::undo::serving::Leading;
use crate::undo::{Purpose, tested};

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Facts {
    pub region: String,
    pub image: Image,
    /// What leads traffic to the machines; `None` of a service without a load balancer.
    pub balancer: Option<Balancer>,
    pub sides: [Side; 2],
    /// Every group of the region.
    pub groups: Vec<Group>,
    /// The template of the group that a next one is made like, else the one of the file's name.
    pub template: Option<Template>,
    /// What is known of a pair of groups, where one of them serves.
    pub pair: Option<pair::Pair>,
    /// The newest refresh of the group that serves, where its machines are to be replaced.
    pub refresh: Option<crate::cloud::Refresh>,
    /// The one machine that serves, where it is to get another root.
    pub machine: Option<Machine>,
    /// Those of the next group: as the file names them, else of the group that serves.
    pub subnets: Vec<Subnet>,
    pub security_groups: Vec<SecurityGroupId>,
    /// What is known of the types that the file falls back to.
    pub types: types::Known,
    /// Those that the checks name.
    pub alarms: Vec<Alarm>,
    /// What the account may have.
    pub room: Room,
    /// Those of scaling policies.
    pub(super) scaling: scaling::Known,
}

/// One of the two target groups, with what stands behind it. Without a load balancer: the group that serves, and all others.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub name: String,
    pub target_group: Option<TargetGroup>,
    pub tags: Tags,
    /// Groups that register their machines in it.
    pub groups: Vec<Group>,
    pub health: Vec<TargetHealth>,
    pub habits: TargetHabits,
}

/// A launch template and the version that the next one is made from.
#[derive(Clone, Debug)]
pub struct Template {
    pub template: LaunchTemplate,
    pub source: TemplateVersion,
}

/// Why there are no facts.
#[derive(Debug)]
pub enum NoFacts {
    Cloud(Error),
    Refused(Vec<Refusal>),
}

impl From<Error> for NoFacts {
    fn from(error: Error) -> Self {
        Self::Cloud(error)
    }
}

impl Facts {
    /// The same in the words of whoever takes a half-made roll back.
    pub(super) fn on_ground<T>(&self, service: &str, then: impl FnOnce(Ground<'_>) -> T) -> T {
        let rules = self.balancer.iter().flat_map(|one| &one.rules);
        let listeners = rules.map(|one| &one.listener.arn);
        let probing = self.balancer.iter().map(|one| &one.probing().arn);
        let listeners: BTreeSet<&ListenerArn> = listeners.chain(probing).collect();
        then(Ground {
            service,
            sides: &self.sides,
            led: self.balancer.is_some(),
            production: &self.production().collect::<Vec<_>>(),
            listeners: &listeners.into_iter().collect::<Vec<_>>(),
            tested: &tested::led(
                service,
                self.leading(),
                &self.target_groups().collect::<Vec<_>>(),
            ),
        })
    }

    /// The two target groups, as far as they are there.
    pub fn target_groups(&self) -> impl Iterator<Item = &TargetGroup> {
        let sides = self.sides.iter();
        sides.filter_map(|side| side.target_group.as_ref())
    }

    /// The rules and default actions that carry the service's traffic, but for those that are still to be made.
    pub fn production(&self) -> impl Iterator<Item = &Leading> {
        let rules = self.balancer.iter().flat_map(|one| &one.rules);
        rules.filter_map(|one| one.production.as_ref())
    }

    /// Every rule and default action of the load balancer.
    pub fn leading(&self) -> &[Leading] {
        (self.balancer.as_ref()).map_or(&[], |balancer| &balancer.leading)
    }

    /// The side that production traffic goes to. While two share it, the side that had it before.
    pub fn serving(&self) -> Option<usize> {
        self.on_ground("", |ground| ground.serving())
    }

    /// Whether production traffic is on its way from one side to the other.
    pub fn is_shared(&self) -> bool {
        self.on_ground("", |ground| ground.is_shared())
    }

    /// The service's own groups.
    pub fn own<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Group> {
        let groups = self.groups.iter();
        groups.filter(move |group| group.tag(tag::SERVICE) == Some(service))
    }

    /// Whether kiln's watch rule leads to a target group: a roll has gone through, and what is in it was the previous group.
    pub fn is_watched(&self, arn: &TargetGroupArn) -> bool {
        self.leading().iter().any(|leading| {
            let purpose = leading.tags.get(tag::RULE).map(String::as_str);
            purpose == Purpose::Watch.tag() && leading.names(arn)
        })
    }

    /// Groups that a run is making, or was when it died.
    pub fn in_flight<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Group> {
        self.own(service).filter(|group| names::is_next(group))
    }
}

impl Side {
    /// The group whose machines are behind it, proven or not; `None` when there is none, or more than one.
    pub fn group(&self) -> Option<&Group> {
        match self.groups.as_slice() {
            [one] => Some(one),
            several => {
                let mut with = several.iter().filter(|group| !group.members.is_empty());
                with.next().filter(|_| with.next().is_none())
            }
        }
    }
}

/// Looks everything up.
///
/// Errors with every name of the service file that is not there, each at its place.
pub async fn look_up(
    cloud: &impl Cloud,
    region: &str,
    service: &Service,
    named: Option<&ImageId>,
) -> Result<Facts, NoFacts> {
    let mut refused = Vec::new();
    let image = keep(
        image::look_up(cloud, (service, region), named).await?,
        &mut refused,
    );
    let balancer = match &service.traffic {
        Some(traffic) => balancer::look_up(cloud, traffic, &mut refused).await?,
        None => None,
    };
    let security_groups = settings::security_groups(cloud, service, &mut refused).await?;
    let alarms = alarms::look_up(cloud, service, &mut refused).await?;
    let (Some(image), true) = (image, service.traffic.is_none() || balancer.is_some()) else {
        return Err(NoFacts::Refused(refused));
    };
    let groups = cloud.groups().await?;
    let sides = match &service.traffic {
        Some(traffic) => sides(cloud, traffic, &groups).await?,
        None => office::sides(&service.name, &groups),
    };
    let scaling = scaling::look_up(cloud, &service.name, &sides, &groups).await?;
    let mut facts = Facts {
        region: region.to_owned(),
        image,
        balancer,
        sides,
        groups,
        template: None,
        pair: None,
        refresh: None,
        machine: None,
        subnets: Vec::new(),
        security_groups,
        types: types::look_up(cloud, service).await?,
        alarms,
        room: room::look_up(cloud).await,
        scaling,
    };
    refused.extend(pair::missing(service, &facts.groups));
    facts.subnets = settings::subnets(cloud, service, &facts, &mut refused).await?;
    facts.template = settings::template(cloud, service, &facts, &mut refused).await?;
    facts.pair = pair::look_up(cloud, service, &facts).await?;
    if let Some(staying) = staying(service, &facts) {
        let refresh = cloud.newest_refresh(&staying.name).await?;
        let machine = reroot::machine(service, staying, cloud).await?;
        (facts.refresh, facts.machine) = (refresh, machine);
    }
    if refused.is_empty() {
        note_names(cloud, service, &mut facts).await;
        Ok(facts)
    } else {
        Err(NoFacts::Refused(refused))
    }
}

/// Looks for other names that lead to the load balancers, where a plan is to tell of them: a zone may be large.
async fn note_names(cloud: &impl Cloud, service: &Service, facts: &mut Facts) {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    if live.is_some_and(|live| is_live(service, facts, live, &facts.image)) {
        return;
    }
    let Some(balancer) = &mut facts.balancer else {
        return;
    };
    let names = records::also_named(cloud, balancer).await;
    if let Some(second) = &mut balancer.second {
        second.also_named = names;
    }
}

fn keep<T>(found: Result<T, Refusal>, refused: &mut Vec<Refusal>) -> Option<T> {
    found.map_err(|refusal| refused.push(refusal)).ok()
}

async fn sides(
    cloud: &impl Cloud,
    traffic: &Traffic,
    groups: &[Group],
) -> Result<[Side; 2], Error> {
    let all = cloud.target_groups().await?;
    let mut sides = [Side::default(), Side::default()];
    for (side, name) in sides.iter_mut().zip(&traffic.target_groups) {
        side.name.clone_from(name);
        let Some(target_group) = all.iter().find(|group| group.name == **name) else {
            continue;
        };
        let arn = TrafficArn::TargetGroup(target_group.arn.clone());
        let mut tags = cloud.traffic_tags(std::slice::from_ref(&arn)).await?;
        side.tags = tags.remove(&arn).unwrap_or_default();
        side.health = cloud.target_health(&target_group.arn).await?;
        side.habits = cloud.habits(&target_group.arn).await?;
        let attached = groups
            .iter()
            .filter(|group| group.target_groups.contains(&target_group.arn));
        side.groups = attached.cloned().collect();
        side.target_group = Some(target_group.clone());
    }
    Ok(sides)
}
