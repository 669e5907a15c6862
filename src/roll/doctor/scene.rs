//! What tags and listeners show of a service, from its name alone: no file, no store.

use std::collections::BTreeMap;

use crate::cloud::{
    Cloud, Group, GroupName, LaunchTemplateVersion, ListenerArn, StartsFrom, Tags, TargetGroup, tag,
};
use crate::roll::error::Error;
use crate::roll::facts::{Facts, Side};
use crate::roll::ground::Ground;
use crate::roll::{names, office, scaling};
use crate::undo::lease::{Lease, Leased, followed_by};
use crate::undo::serving::{Leading, leading, target_groups_of};
use crate::undo::tested::{self, Tested};

/// A service as it is found.
pub(in crate::roll) struct Scene {
    pub service: String,
    pub sides: [Side; 2],
    /// A load balancer leads to its machines.
    pub led: bool,
    /// Every rule and default action of the load balancers that lead to them.
    pub leading: Vec<Leading>,
    pub production: Vec<Leading>,
    /// The service's own groups and those behind its target groups.
    pub groups: Vec<Group>,
    /// For groups that are pinned for a while: the version that they would follow without it.
    pub followed: BTreeMap<GroupName, LaunchTemplateVersion>,
    /// Alarms that kiln made for a group which is gone.
    pub stray_alarms: Vec<String>,
}

impl Scene {
    /// Looks everything up. Errors when nothing here carries the service's name.
    pub async fn look_up(cloud: &impl Cloud, service: &str) -> Result<Self, Error> {
        let found = Self::find(cloud, service).await?;
        found.ok_or_else(|| {
            let text = format!(
                "no target group and no group here carries the tag {}={service}",
                tag::SERVICE
            );
            Error::Changed(text)
        })
    }

    /// The same; `None` when no target group and no group here carries the service's name.
    pub async fn find(cloud: &impl Cloud, service: &str) -> Result<Option<Self>, Error> {
        let targets = target_groups_of(cloud, service).await?;
        let all = cloud.groups().await?;
        let (_, stray_alarms) = scaling::made(cloud, service, &all).await?;
        let groups: Vec<Group> = (all.into_iter())
            .filter(|group| is_of(group, service, &targets))
            .collect();
        if targets.is_empty() && groups.is_empty() {
            return Ok(None);
        }
        if targets.len() > 2 {
            let names: Vec<_> = targets.iter().map(|(one, _)| one.name.as_str()).collect();
            let text = format!(
                "more than two target groups carry the tag {}={service}: {}",
                tag::SERVICE,
                names.join(", ")
            );
            return Err(Error::Changed(text));
        }
        let mut balancers: Vec<_> = (targets.iter())
            .flat_map(|(group, _)| group.load_balancers.clone())
            .collect();
        balancers.sort();
        balancers.dedup();
        let rules = leading(cloud, &balancers).await?;
        let mut sides = [Side::default(), Side::default()];
        for (side, (target_group, tags)) in sides.iter_mut().zip(targets) {
            side.name.clone_from(&target_group.name);
            side.tags = tags;
            side.health = cloud.target_health(&target_group.arn).await?;
            let behind = groups.iter();
            let behind = behind.filter(|group| group.target_groups.contains(&target_group.arn));
            side.groups = behind.cloned().collect();
            side.target_group = Some(target_group);
        }
        let led = sides.iter().any(|side| side.target_group.is_some());
        if !led {
            sides = office::sides(service, &groups);
        }
        let production = production(service, &rules, &sides);
        let followed = follow(cloud, &groups).await?;
        Ok(Some(Self {
            service: service.to_owned(),
            sides,
            led,
            leading: rules,
            production,
            groups,
            followed,
            stray_alarms,
        }))
    }

    /// What the facts of a plan show.
    pub fn of_facts(service: &str, facts: &Facts) -> Self {
        let behind = |group: &Group| {
            let mut sides = facts.sides.iter();
            sides.any(|side| side.groups.iter().any(|one| one.name == group.name))
        };
        let groups = facts.groups.iter();
        let groups =
            groups.filter(|group| group.tag(tag::SERVICE) == Some(service) || behind(group));
        Self {
            service: service.to_owned(),
            sides: facts.sides.clone(),
            led: facts.balancer.is_some(),
            leading: facts.leading().to_vec(),
            production: facts.production().cloned().collect(),
            groups: groups.cloned().collect(),
            followed: BTreeMap::new(),
            stray_alarms: facts.scaling.stray.clone(),
        }
    }

    /// The service as whoever takes a half-made roll back sees it.
    pub fn on_ground<T>(&self, then: impl FnOnce(Ground<'_>) -> T) -> T {
        let mut listeners: Vec<&ListenerArn> =
            self.leading.iter().map(|one| &one.listener.arn).collect();
        listeners.sort();
        listeners.dedup();
        then(Ground {
            service: &self.service,
            sides: &self.sides,
            led: self.led,
            production: &self.production.iter().collect::<Vec<_>>(),
            listeners: &listeners,
            tested: &self.tested(),
        })
    }

    /// Test listeners that are led to a next target group for a while.
    pub fn tested(&self) -> Vec<(Lease, Tested)> {
        let groups = self.sides.iter();
        let groups: Vec<_> = groups
            .filter_map(|side| side.target_group.as_ref())
            .collect();
        tested::led(&self.service, &self.leading, &groups)
    }

    /// The half-made groups: of rolls that run, or died.
    pub fn half_made(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| names::is_next(group))
    }

    /// Rules of the service of one purpose, with their tags.
    pub fn rules<'a>(&'a self, purpose: &'a str) -> impl Iterator<Item = &'a Leading> {
        let is = |one: &Leading, key, value| one.tags.get(key).map(String::as_str) == Some(value);
        self.leading
            .iter()
            .filter(move |one| is(one, tag::SERVICE, &self.service) && is(one, tag::RULE, purpose))
    }
}

fn is_of(group: &Group, service: &str, targets: &[(TargetGroup, Tags)]) -> bool {
    let mut targets = targets.iter();
    group.tag(tag::SERVICE) == Some(service)
        || targets.any(|(target, _)| group.target_groups.contains(&target.arn))
}

/// What leads users to the target groups. A roll that died early has not put the service's name on it yet.
fn production(service: &str, rules: &[Leading], sides: &[Side; 2]) -> Vec<Leading> {
    let leads = |one: &&Leading| {
        let mut arns = sides.iter().filter_map(|side| side.target_group.as_ref());
        !one.is_probe() && arns.any(|target_group| one.names(&target_group.arn))
    };
    let ours = |one: &&Leading| one.tags.get(tag::SERVICE).map(String::as_str) == Some(service);
    let found: Vec<&Leading> = rules.iter().filter(leads).collect();
    let named: Vec<&Leading> = found.iter().copied().filter(ours).collect();
    let found = if named.is_empty() { found } else { named };
    found.into_iter().cloned().collect()
}

/// The versions that pinned groups would follow without their pins.
async fn follow(
    cloud: &impl Cloud,
    groups: &[Group],
) -> Result<BTreeMap<GroupName, LaunchTemplateVersion>, Error> {
    let mut followed = BTreeMap::new();
    for group in groups {
        let Some(lease) = Lease::of(group, Leased::Version) else {
            continue;
        };
        let StartsFrom::Template { id, .. } = &group.starts_from else {
            continue;
        };
        if let Some(version) = followed_by(&lease)
            && let Some(found) = cloud.template_version(id, version).await?
        {
            followed.insert(group.name.clone(), found.number);
        }
    }
    Ok(followed)
}
