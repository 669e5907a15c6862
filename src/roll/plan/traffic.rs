//! The traffic half of a plan: which rules, which target groups, which priorities.

use std::time::Duration;

use serde::Serialize;

use super::test_listener::{self, TestListener};
use super::{Refusal, led_to, network, rules, target_groups};
use crate::cloud::{
    Action, Conditions, ListenerArn, LoadBalancerArn, NewTargetGroup, RulePlace, TargetGroup,
    TargetGroupArn, Zone, longest_follow, plain_name, tag,
};
use crate::roll::facts::{Balancer, Facts, Side, conditions};
use crate::roll::priority;
use crate::source::Diagnostic;
use crate::template::service::{self, Service, Strategy};
use crate::undo::serving::forwards;

/// The probe rule and the one that watches the previous target group.
const PROBES: usize = 2;

/// The target group of the next group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NextTargetGroup {
    There {
        name: String,
        arn: TargetGroupArn,
    },
    /// The first roll makes both.
    Make {
        name: String,
    },
}

impl NextTargetGroup {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::There { name, .. } | Self::Make { name } => name,
        }
    }
}

/// Listener, rules and target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// The previous group's target group.
    pub previous: Option<TargetGroupArn>,
    /// The next group's.
    pub next: NextTargetGroup,
    /// What carries production traffic, in the order of the service file.
    pub rules: Vec<ProductionRule>,
    /// That of the first of them, where checks ask, and the probe rule is unless there is a test listener.
    pub listener: ListenerArn,
    pub port: u16,
    pub tls: bool,
    #[serde(skip)]
    pub load_balancer: LoadBalancerArn,
    /// The one that leads to the previous target group.
    #[serde(skip)]
    pub previous_balancer: LoadBalancerArn,
    /// Its own name.
    pub address: String,
    /// What requests of the first rule are for.
    pub host: String,
    /// Target groups to make.
    #[serde(skip)]
    pub make: Vec<NewTargetGroup>,
    /// Target groups of others' making that get the service's tag.
    pub claim: Vec<TargetGroupArn>,
    pub probe_header: String,
    /// The listener by which all requests reach the next group before the swap, in place of those with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<TestListener>,
    /// Of a network load balancer: only new connections move, and no request can be told from another.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network: bool,
    /// Zones whose requests go to targets of the next target group there and nowhere else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zonal: Vec<Zone>,
    /// Those of the previous target group do so too.
    #[serde(skip)]
    pub was_zonal: bool,
}

/// A rule, or a listener's default action, that carries production traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProductionRule {
    /// What the swap writes; `None`: a rule with `conditions` is made.
    pub place: Option<RulePlace>,
    pub listener: ListenerArn,
    pub port: u16,
    pub tls: bool,
    pub conditions: Conditions,
    /// What its requests are for.
    pub host: String,
    /// What it does without this roll; empty while it is still to be made.
    pub before: Vec<Action>,
    /// What it does now: what a run that died has led elsewhere is a share of it, or all.
    #[serde(skip)]
    pub now: Vec<Action>,
    /// Whether it carries the service's name.
    #[serde(skip)]
    pub is_named: bool,
}

/// Every reason in listeners and target groups.
pub(super) fn refuse(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) {
    let (Some(balancer), Some(wanted)) = (&facts.balancer, &service.traffic) else {
        return;
    };
    rules::refuse(service, facts, (wanted, balancer), refused);
    network::refuse(service, facts, (wanted, balancer), refused);
    test_listener::refuse(service, facts, (wanted, balancer), refused);
    for side in [0, 1] {
        refuse_side(service, facts, (balancer, side), refused);
    }
    refused.extend(target_groups::protocols(service, (wanted, balancer), facts));
    refused.extend(target_groups::stickiness(service, wanted, facts));
    let probes = !balancer.is_network() && wanted.record.is_none();
    if probes && free(balancer).len() < PROBES {
        let text = "the listener has no two free priorities before its production rule";
        let finding = Diagnostic::error("roll::priorities", text);
        refused.push(Refusal::account(finding));
    }
}

fn refuse_side(
    service: &Service,
    facts: &Facts,
    (balancer, index): (&Balancer, usize),
    refused: &mut Vec<Refusal>,
) {
    let side = &facts.sides[index];
    let Some(target_group) = &side.target_group else {
        return;
    };
    let name = &side.name;
    let mut refuse = |code, text: String| {
        refused.push(Refusal::account(Diagnostic::error(code, text)));
    };
    if let Some(other) = side
        .tags
        .get(tag::SERVICE)
        .filter(|other| **other != *service.name)
    {
        refuse(
            "roll::others",
            format!("target group {name} belongs to service {other}"),
        );
    }
    let (load_balancer, _, _) = balancer.at(index);
    if target_group.vpc != load_balancer.vpc {
        refuse(
            "roll::vpc",
            format!("target group {name} is in another VPC than its load balancer"),
        );
    }
    let is_ours = |place: &RulePlace| {
        let mut ours = facts.production().chain(&balancer.test);
        ours.any(|one| one.place == *place)
    };
    let others = balancer
        .leading
        .iter()
        .filter(|one| !one.is_probe() && !is_ours(&one.place) && one.names(&target_group.arn));
    for other in others {
        refuse(
            "roll::used",
            format!("target group {name} is used by {} as well", other.place),
        );
    }
    let members: Vec<_> = side
        .groups
        .iter()
        .flat_map(|group| &group.members)
        .collect();
    let by_hand = side.health.iter().filter(|target| {
        target.state != crate::cloud::TargetState::Draining
            && !members
                .iter()
                .any(|member| member.instance == target.instance)
    });
    let by_hand: Vec<_> = by_hand.map(|target| target.instance.as_str()).collect();
    if !by_hand.is_empty() {
        let text = format!(
            "target group {name} has targets of no group: {}",
            by_hand.join(", ")
        );
        refuse("roll::by_hand", text);
    }
}

pub(super) fn several_groups(service: &Service, side: &Side) -> Refusal {
    let names: Vec<_> = side
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    let text = format!(
        "target group {} of {} gets machines from several groups: {}",
        side.name,
        service.name,
        names.join(", ")
    );
    Refusal::account(Diagnostic::error("roll::several_groups", text))
}

/// How long the previous group is kept: at least for as long as clients stick to it or go by old records, requests of targets that leave may
/// last, targets that join are spared, and machines of an emptied group may take to end.
pub(super) fn keep(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) -> Duration {
    let keep = service.keep;
    let forwards = facts.production().flat_map(|one| forwards(one.actions()));
    let sticky = forwards.filter_map(|forward| forward.sticky_seconds);
    let sticky = Duration::from_secs(sticky.max().unwrap_or_default().into());
    if let Some(place) = keep.place
        && keep.previous < sticky
    {
        let seconds = sticky.as_secs();
        let text =
            format!("clients stick to the previous group for {seconds} s, and it is kept for less");
        let finding = Diagnostic::error("roll::keep", text).at_place(place, "shorter");
        let help = format!("write \"keep\": \"{seconds}s\" or more, or leave it out");
        refused.push(Refusal::input(finding.help(help)));
    }
    let habits = facts.sides.iter().map(|side| side.habits);
    let own = habits.map(|habits| habits.drains.max(habits.slow_start));
    let drain = match &service.strategy {
        Strategy::Replace(replace) => replace.drain.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    let follow = longest_follow(facts.production().map(|one| &one.place));
    own.chain([keep.previous, sticky, drain, follow])
        .max()
        .unwrap_or_default()
}

/// The priorities of a listener's rules.
fn taken<'b>(balancer: &'b Balancer, listener: &'b ListenerArn) -> impl Iterator<Item = u32> + 'b {
    let all = balancer.leading.iter();
    let on_it = all.filter(move |one| one.listener.arn == *listener);
    on_it.filter_map(|one| Some(one.rule.as_ref()?.priority))
}

/// Priorities for probes.
fn free(balancer: &Balancer) -> Vec<u32> {
    let listener = &balancer.probing().arn;
    let rules = balancer.rules.iter();
    let there = rules.filter(|one| one.listener.arn == *listener);
    let there = there.filter_map(|one| Some(one.production.as_ref()?.rule.as_ref()?.priority));
    let before = there.min().unwrap_or(priority::MOST);
    let taken: Vec<u32> = taken(balancer, listener).collect();
    priority::free(&taken, before).take(PROBES).collect()
}

fn target_group(facts: &Facts, side: usize) -> NextTargetGroup {
    let side = &facts.sides[side];
    let name = side.name.clone();
    match &side.target_group {
        Some(TargetGroup { arn, .. }) => NextTargetGroup::There {
            name,
            arn: arn.clone(),
        },
        None => NextTargetGroup::Make { name },
    }
}

/// Listener, rules and target groups; nothing of a service without a load balancer. `swapped`: a dead run has led production
/// to the next side already, or has begun to. `makes`: missing target groups are made.
pub(super) fn of(
    service: &Service,
    facts: &Facts,
    (previous, next): (Option<usize>, usize),
    swapped: bool,
    makes: bool,
) -> Option<Traffic> {
    let (balancer, wanted) = facts.balancer.as_ref().zip(service.traffic.as_ref())?;
    let sides = facts.sides.iter();
    let claim = sides
        .clone()
        .filter(|side| !side.tags.contains_key(tag::SERVICE));
    let ends = [1 - next, next].map(|side| arn(facts, side).filter(|_| swapped));
    let rules = production_rules(service, wanted, balancer, &ends);
    let first = rules.first()?;
    let (load_balancer, listener, _) = balancer.at(next);
    let (previous_balancer, _, was_crossed) = balancer.at(1 - next);
    Some(Traffic {
        previous: previous.and_then(|side| arn(facts, side)),
        next: target_group(facts, next),
        listener: listener.arn.clone(),
        port: listener.port,
        tls: listener.is_tls(),
        load_balancer: load_balancer.arn.clone(),
        previous_balancer: previous_balancer.arn.clone(),
        address: load_balancer.host.clone(),
        host: first.host.clone(),
        rules,
        make: sides
            .filter(|side| makes && side.target_group.is_none())
            .map(|side| target_groups::new(wanted, balancer, &side.name))
            .collect(),
        claim: claim
            .filter_map(|side| Some(side.target_group.as_ref()?.arn.clone()))
            .collect(),
        probe_header: wanted.probe.header.value.clone(),
        test: (balancer.test.as_ref()).map(|test| TestListener::of(&service.name, test, facts)),
        network: balancer.is_network() && wanted.record.is_none(),
        zonal: target_groups::zonal(&facts.sides[next], balancer.at(next)),
        was_zonal: previous.is_some_and(|side| facts.sides[side].habits.is_zonal(was_crossed)),
    })
}

/// The rules in the order of the service file. `ends`: where production led before and leads to, when a dead run has begun to
/// move it.
fn production_rules(
    service: &Service,
    wanted: &service::Traffic,
    balancer: &Balancer,
    ends: &[Option<TargetGroupArn>; 2],
) -> Vec<ProductionRule> {
    let mut rules = Vec::new();
    for (index, found) in balancer.rules.iter().enumerate() {
        // Records have one name and no conditions, of whatever types they are.
        let rule = wanted.rules.get(index).filter(|_| wanted.record.is_none());
        let (listener, there) = (&found.listener.arn, found.production.as_ref());
        let now = there.map(|one| one.actions().to_vec()).unwrap_or_default();
        let is_moved = |to: &TargetGroupArn| there.is_some_and(|one| one.names(to));
        let before = match ends {
            [Some(previous), Some(next)] if is_moved(next) => there
                .map(|one| led_to(&one.place, &now, previous))
                .unwrap_or_default(),
            _ => now.clone(),
        };
        let matched = rule.or(wanted.rules.first());
        let host = matched.and_then(|rule| rule.hosts.first());
        let host = host.map(|host| host.value.clone());
        let record = wanted.record.as_ref();
        let host = host.or_else(|| Some(plain_name(&record?.name)));
        rules.push(ProductionRule {
            place: there.map(|one| one.place.clone()),
            listener: listener.clone(),
            port: found.listener.port,
            tls: found.listener.is_tls(),
            conditions: rule.map(conditions).unwrap_or_default(),
            host: host.unwrap_or_else(|| balancer.load_balancer.host.clone()),
            before,
            now,
            is_named: there.is_some_and(|one| {
                one.place.record().is_none() && one.tags.get(tag::SERVICE) == Some(&service.name)
            }),
        });
    }
    rules
}

fn arn(facts: &Facts, side: usize) -> Option<TargetGroupArn> {
    Some(facts.sides[side].target_group.as_ref()?.arn.clone())
}
