//! Two groups that exist for good: which of them is idle, and what is known of it.

use super::{Facts, Template};
use crate::cloud::{Behaviour, Cloud, Error, Group, StartsFrom, VersionRef};
use crate::roll::names;
use crate::roll::plan::Refusal;
use crate::roll::refusals;
use crate::source::Spanned;
use crate::template::service::Service;
use crate::undo::Taken;
use crate::undo::lease::{Lease, Leased, followed_by};

/// What is known of a pair beside its groups.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What the idle group starts machines from, or did before a run that died had taken it.
    pub follows: Taken,
    /// The idle group's launch template, with that version.
    pub template: Template,
    /// Of the group that serves, and of the idle one.
    pub behaviour: [Behaviour; 2],
}

/// The names of the pair that no group has.
pub(super) fn missing(service: &Service, groups: &[Group]) -> Vec<Refusal> {
    let named = service.groups.pair.iter().flatten();
    let missing = named.filter(|name| find(groups, name).is_none());
    missing
        .map(|name| refusals::no_group(name, groups))
        .collect()
}

/// A group by the name that the file has for it.
pub(in crate::roll) fn find<'a>(groups: &'a [Group], name: &Spanned<String>) -> Option<&'a Group> {
    groups.iter().find(|group| group.name.as_str() == **name)
}

/// The group of the pair that the next version goes to: the one that a run has taken, or the one that does not serve.
pub(in crate::roll) fn idle<'a>(service: &Service, facts: &'a Facts) -> Option<&'a Group> {
    let pair = service.groups.pair.as_ref()?;
    let serving = &facts.sides[facts.serving()?];
    let of = |name| find(&facts.groups, name);
    let mut taken = pair.iter().filter_map(of);
    let taken = taken.find(|group| names::is_next(group) && names::run_of(group).is_some());
    taken.or_else(|| {
        let serves = |group: &Group| serving.groups.iter().any(|one| one.name == group.name);
        pair.iter().filter_map(of).find(|group| !serves(group))
    })
}

/// Looks up what the groups are made of and what they do. Nothing where the pair is none, which the plan refuses.
pub(super) async fn look_up(
    cloud: &impl Cloud,
    service: &Service,
    facts: &Facts,
) -> Result<Option<Pair>, Error> {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    let (Some(live), Some(idle)) = (live, idle(service, facts)) else {
        return Ok(None);
    };
    let StartsFrom::Template { id, version } = &idle.starts_from else {
        return Ok(None);
    };
    let Some(template) = cloud.template(id).await? else {
        return Ok(None);
    };
    let taken = Taken::of(idle).filter(|taken| names::is_next(idle) && taken.template == *id);
    // One that is kept is pinned until it makes way.
    let pin = Lease::of(idle, Leased::Version);
    let followed = pin.and_then(|pin| followed_by(&pin)).unwrap_or(*version);
    let by_name = |followed| Taken {
        template: id.clone(),
        followed,
        number: match followed {
            VersionRef::Latest => template.latest,
            VersionRef::Default => template.default,
            VersionRef::Number(number) => number,
        },
    };
    let follows = taken.unwrap_or_else(|| by_name(followed));
    let number = VersionRef::Number(follows.number);
    let source = match cloud.template_version(id, number).await? {
        // Somebody has deleted it since a run that died took the group: that run's version was made from it.
        None => cloud.template_version(id, *version).await?,
        found => found,
    };
    let Some(source) = source else {
        return Ok(None);
    };
    let behaviour = [
        cloud.behaviour(&live.name).await?,
        cloud.behaviour(&idle.name).await?,
    ];
    Ok(Some(Pair {
        follows,
        template: Template { template, source },
        behaviour,
    }))
}
