//! How a service stands, found from its name alone: what is live is read from the listener.

mod shown;

pub use shown::{Ruled, Serving, Status, Waiting};

use jiff::Timestamp;

use super::address;
use super::alone;
use super::doctor;
use super::drift;
use super::error::Error;
use super::hold;
use super::regrow::{cannot_grow, healthy, leaves_a_zone, short, sick};
use super::{names, office, refresh_back};
use crate::cloud::{
    Cloud, Group, GroupName, RuleArn, RulePlace, TargetGroup, TargetGroupArn, TargetHealth,
    TargetState, longest_follow, tag,
};
use crate::undo::lease::Lease;
use crate::undo::serving::{Leading, leading, percent, served_by, target_groups_of};
use crate::undo::tested::Tested;
use crate::undo::{Purpose, tested};

/// A group with its target group and what the load balancer knows of it.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub target_group: TargetGroupArn,
    pub group: Group,
    pub health: Vec<TargetHealth>,
    /// Requests of a zone go to machines of that zone alone. Only known of a kept group that has none where some serve.
    pub zonal: bool,
}

/// Where a service stands.
#[derive(Clone, Debug)]
pub(super) struct Stand {
    /// The rules that carry its traffic.
    pub production: Vec<Leading>,
    /// Rules that carry its name, and that somebody leads to none of its target groups.
    pub astray: Vec<RulePlace>,
    pub live: Option<Standing>,
    /// The group in the other target group, which served before. It has some of the traffic already when a rollback died
    /// between two rules.
    pub back: Option<Standing>,
    /// The next group of a canary that runs or died, with its share of the traffic; `live` has the rest.
    pub canary: Option<(Standing, u32)>,
    /// Requests are shared between both target groups, whatever stands behind them, and no rollback does that.
    pub is_shared: bool,
    /// A rollback has led some rules back and died before the others.
    pub is_half_back: bool,
    /// Other rules that lead to what serves.
    pub others: Vec<RulePlace>,
    /// The half-made group of a roll that runs or died.
    pub next: Option<GroupName>,
    /// Rules that keep the other target group in use.
    pub watch: Vec<RuleArn>,
    /// Probe rules, where no roll runs or died half-way: of runs that left nothing else.
    pub probes: Vec<RuleArn>,
    /// Test listeners that such runs have led elsewhere.
    pub tested: Vec<(Lease, Tested)>,
    pub hold: Option<String>,
    /// The bucket where its state is.
    pub state: Option<String>,
}

impl Stand {
    /// Whether a rollback has led traffic here and died before it could say so. Its own tag tells: traffic that somebody else
    /// has led to a kept group is another matter.
    pub fn is_back(&self) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|live| live.group.tag(tag::BACK).is_some())
    }

    /// Why one cannot go back now; empty when one can.
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let others = self.others.iter();
        reasons.extend(others.map(|place| format!("{place} leads to what serves as well")));
        match &self.live {
            None => reasons.push("no one group serves".to_owned()),
            // Only the canary leaves, and what had all of the traffic gets it again.
            Some(live) if self.is_shared => {
                reasons.extend(sick(live));
                return reasons;
            }
            Some(_) => {}
        }
        let live = self.live.as_ref();
        let is_back = |live: &Standing| refresh_back::is_back(&live.group, self.hold.as_deref());
        reasons.extend(live.and_then(is_back));
        match &self.back {
            None if refresh_back::to(self.live.as_ref()).is_some() => {}
            None => reasons.push("no previous group is kept".to_owned()),
            Some(back) => {
                let unused = |target: &TargetHealth| target.state == TargetState::Unused;
                if back.health.iter().any(unused) && healthy(back).is_empty() {
                    let name = &back.group.name;
                    reasons.push(format!(
                        "nobody knows whether group {name} is healthy: no rule leads to its targets"
                    ));
                }
                let live = self.live.as_ref();
                reasons.extend(live.and_then(|live| cannot_grow(live, back)));
                reasons.extend(live.and_then(|live| self.came_from(live, back)));
                if is_retiring(back) {
                    reasons.push(format!("group {} is being retired", back.group.name));
                }
            }
        }
        reasons
    }
}

impl Stand {
    /// Why the other group is not the one before: a listener of a network load balancer goes on naming it when a rollback has come from it,
    /// so that its health is known.
    fn came_from(&self, live: &Standing, back: &Standing) -> Option<String> {
        let network = self.production.iter().any(|one| one.place.names_on());
        let is_before =
            office::is_before(&live.group, &back.group) || back.group.tag(tag::BACK).is_some();
        let (live, back) = (&live.group.name, &back.group.name);
        (network && !is_before).then(|| {
            format!("group {back} is not the one that {live} took the place of: roll its image")
        })
    }
}

/// Whether its machines are on their way out.
pub(super) fn is_retiring(one: &Standing) -> bool {
    one.group.tag(tag::STATE) == Some(tag::RETIRING)
}

/// Looks up where a service stands. Errors when its tags lead to no production rule.
pub(super) async fn stand(
    cloud: &impl Cloud,
    service: &str,
    now: Timestamp,
) -> Result<Stand, Error> {
    let targets = target_groups_of(cloud, service).await?;
    if targets.is_empty() {
        let text = format!(
            "no target group here carries the tag {}={service}",
            tag::SERVICE
        );
        return Err(Error::Changed(text));
    }
    let mut balancers: Vec<_> = targets
        .iter()
        .flat_map(|(group, _)| group.load_balancers.clone())
        .collect();
    balancers.sort();
    balancers.dedup();
    let rules = leading(cloud, &balancers).await?;
    let arns: Vec<_> = targets.iter().map(|(group, _)| group.arn.clone()).collect();
    let (production, astray) = production(service, &rules, &arns)?;
    let served = served_by(&production);
    let groups = cloud.groups().await?;
    let (mut live, mut back, mut canary) = (None, None, None);
    let mut is_half_back = false;
    for arn in &arns {
        let attached = groups
            .iter()
            .filter(|group| group.target_groups.contains(arn));
        let mut filled = attached.filter(|group| group.size.desired > 0 && !group.deleting);
        let (Some(group), None) = (filled.next(), filled.next()) else {
            continue;
        };
        let standing = Standing {
            target_group: arn.clone(),
            group: group.clone(),
            health: cloud.target_health(arn).await?,
            zonal: false,
        };
        let is_next = names::is_next(group);
        let is_marked = group.tag(tag::BACK).is_some();
        match (served.contains(arn), served.len()) {
            (true, 2) if is_next => canary = Some((standing, most(&production, arn))),
            (true, 2) if is_marked => {
                is_half_back = true;
                back = Some(standing);
            }
            (true, 1 | 2) => live = Some(standing),
            _ if !is_next => back = Some(standing),
            _ => {}
        }
    }
    if let (Some(live), Some(back)) = (&live, &mut back)
        && leaves_a_zone(live, back)
    {
        let own = |(group, _): &&(TargetGroup, _)| group.arn == back.target_group;
        let balancer = targets.iter().find(own);
        let balancer = balancer.and_then(|(group, _)| group.load_balancers.first());
        let cross_zone = match balancer {
            Some(balancer) => cloud.cross_zone(balancer).await?,
            None => true,
        };
        let habits = cloud.habits(&back.target_group).await?;
        back.zonal = habits.is_zonal(cross_zone);
    }
    let is_shared = served.len() == 2 && !is_half_back;
    // Shared by two of which neither is a next group: nobody knows which is to stay.
    let both = groups_of(&served, &groups) > 1 && canary.is_none();
    live = live.filter(|_| !(is_shared && both));
    let of = |one: &&Group| one.tag(tag::SERVICE) == Some(service) && names::is_next(one);
    Ok(Stand {
        others: others(&production, &rules, &served),
        production,
        astray,
        live,
        back,
        canary,
        is_shared,
        is_half_back,
        next: groups.iter().find(of).map(|group| group.name.clone()),
        watch: own(service, &rules, Purpose::Watch),
        probes: if groups.iter().any(|one| of(&one)) {
            Vec::new()
        } else {
            own(service, &rules, Purpose::Probe)
        },
        tested: if groups.iter().any(|one| of(&one)) {
            Vec::new()
        } else {
            let targets: Vec<_> = targets.iter().map(|(group, _)| group).collect();
            tested::led(service, &rules, &targets)
        },
        hold: targets
            .iter()
            .find_map(|(_, tags)| hold::in_force(tags, now)),
        state: targets.iter().find_map(|(_, tags)| address::of(tags)),
    })
}

/// The rules and default actions that carry the service's name: those that lead to its target groups, and those that do not.
fn production(
    service: &str,
    rules: &[Leading],
    target_groups: &[TargetGroupArn],
) -> Result<(Vec<Leading>, Vec<RulePlace>), Error> {
    let is_named = |one: &&Leading| {
        one.tags.get(tag::SERVICE).map(String::as_str) == Some(service) && !one.is_probe()
    };
    let leads = |one: &&Leading| target_groups.iter().any(|arn| one.names(arn));
    let (found, astray): (Vec<_>, Vec<_>) = rules.iter().filter(is_named).partition(leads);
    if found.is_empty() {
        return Err(Error::Changed(format!(
            "no production rule carries the tag of {service}: `aws elbv2 add-tags --resource-arns RULE --tags Key={},Value={service}` \
             puts it on",
            tag::SERVICE
        )));
    }
    let astray = astray.into_iter().map(|one| one.place.clone());
    Ok((found.into_iter().cloned().collect(), astray.collect()))
}

/// The largest share of a rule's requests that a target group has, in percent.
fn most(production: &[Leading], target_group: &TargetGroupArn) -> u32 {
    let shares = production.iter();
    let shares = shares.map(|one| percent(one.actions(), target_group));
    shares.max().unwrap_or_default()
}

/// How many groups have machines behind these target groups.
fn groups_of(target_groups: &[TargetGroupArn], groups: &[Group]) -> usize {
    let filled = groups
        .iter()
        .filter(|group| group.size.desired > 0 && !group.deleting);
    let behind = filled.filter(|group| {
        group
            .target_groups
            .iter()
            .any(|arn| target_groups.contains(arn))
    });
    behind.count()
}

/// Rules beside the production rules that send users to what serves.
fn others(production: &[Leading], rules: &[Leading], served: &[TargetGroupArn]) -> Vec<RulePlace> {
    let is_production = |place: &RulePlace| production.iter().any(|one| one.place == *place);
    let others = rules.iter().filter(|one| {
        !is_production(&one.place)
            && !one.is_probe()
            && served.iter().any(|arn| one.may_lead_to(arn))
    });
    others.map(|one| one.place.clone()).collect()
}

fn own(service: &str, rules: &[Leading], purpose: Purpose) -> Vec<RuleArn> {
    let ours = rules.iter().filter(|one| {
        one.tags.get(tag::SERVICE).map(String::as_str) == Some(service)
            && one.tags.get(tag::RULE).map(String::as_str) == purpose.tag()
    });
    let arns = ours.filter_map(|one| match &one.place {
        RulePlace::Rule(arn) => Some(arn.clone()),
        RulePlace::Default(_) | RulePlace::Record(_) => None,
    });
    arns.collect()
}

/// Seconds that a write takes which leads traffic back, until it is seen.
const WRITTEN: u64 = 5;

/// How long a rollback takes where all that it needs is there: a write for each rule, and clients who follow.
fn takes(stand: &Stand) -> Option<u64> {
    let whole = match (&stand.live, &stand.back) {
        _ if !stand.not_ready().is_empty() => false,
        _ if stand.is_shared => true,
        (Some(live), Some(back)) => short(live, back).is_none(),
        _ => false,
    };
    let places = stand.production.iter().map(|one| &one.place);
    let rules = u64::try_from(stand.production.len()).unwrap_or(u64::MAX);
    whole.then(|| rules * WRITTEN + longest_follow(places).as_secs())
}

/// Looks up how a service stands.
pub async fn status(cloud: &impl Cloud, service: &str, now: Timestamp) -> Result<Status, Error> {
    if target_groups_of(cloud, service).await?.is_empty()
        && let Some(alone) = alone::stand(cloud, service, now).await?
    {
        return Ok(alone::status(&alone, cloud, service, now).await);
    }
    let stand = stand(cloud, service, now).await?;
    let temporary = doctor::words(cloud, service, now).await;
    Ok(Status {
        service: service.to_owned(),
        temporary,
        drift: drift::drift(&stand),
        rollback_refreshes_to: refresh_back::to(stand.live.as_ref()).map(|version| version.0),
        rollback_brings_root: None,
        rollback_not_ready: stand.not_ready(),
        rollback_takes: takes(&stand),
        rollback_waits_for: stand
            .live
            .as_ref()
            .zip(stand.back.as_ref())
            .and_then(|(live, back)| short(live, back)),
        kept_until: stand
            .back
            .as_ref()
            .and_then(|back| names::keep_until(&back.group)),
        live: stand.live.as_ref().map(serving),
        rules: stand.production.iter().map(Ruled::of).collect(),
        canary: stand
            .canary
            .as_ref()
            .map(|(one, percent)| (serving(one), *percent)),
        previous: stand.back.as_ref().map(serving),
        hold: stand.hold,
        state: stand.state,
        half_made: stand.next,
    })
}

fn serving(standing: &Standing) -> Serving {
    let healthy = standing
        .health
        .iter()
        .filter(|target| target.state == TargetState::Healthy);
    Serving {
        group: standing.group.name.clone(),
        target_group: Some(standing.target_group.clone()),
        image: standing.group.tag(tag::IMAGE).map(ToOwned::to_owned),
        healthy: healthy.count(),
        desired: standing.group.size.desired,
        warm_pool: Waiting::of(&standing.group),
    }
}
