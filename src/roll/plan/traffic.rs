//! The traffic half of a plan: which rule, which target groups, which priorities.

use std::time::Duration;

use super::{NextTargetGroup, Refusal, Traffic, target_groups};
use crate::cloud::{
    Action, Forward, Group, NewTargetGroup, Tags, TargetGroup, TargetGroupArn, tag,
};
use crate::roll::facts::{Balancer, Facts, Side, conditions};
use crate::roll::mend;
use crate::source::Diagnostic;
use crate::template::service::{self, Rule, Service, Strategy};
use crate::undo::serving::{Leading, forwards};

/// Rules of one listener have priorities from 1 to this ("`API_CreateRule`").
const MOST: u32 = 50_000;
/// Room for rules of others before the first that kiln makes for production.
const FIRST_PRODUCTION: u32 = 100;
/// The probe rule and the one that watches the previous target group; the rest is for retries.
const PRIORITIES: usize = 8;

/// Every reason in listeners and target groups.
pub(super) fn refuse(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) {
    let (Some(balancer), Some(wanted)) = (&facts.balancer, &service.traffic) else {
        return;
    };
    let account = |code, text: String| Refusal::account(Diagnostic::error(code, text));
    if let [_, second, ..] = wanted.rules.as_slice() {
        let text = "one production rule a service is all that is rolled so far";
        let finding = Diagnostic::error("roll::several_rules", text);
        refused.push(Refusal::input(
            finding.at_place(second.place, "a second one"),
        ));
    }
    if !balancer.load_balancer.application {
        let text = format!(
            "{} is no application load balancer",
            balancer.load_balancer.name
        );
        let finding = Diagnostic::error("roll::network_load_balancer", text)
            .at_value(&wanted.load_balancer, "named here")
            .help("a header rule is what proves the next group; rolls behind others are still to come");
        refused.push(Refusal::input(finding));
    }
    match (&balancer.production, wanted.rules.first()) {
        (None, Some(rule)) if !rule.create => {
            let text = format!("the listener on port {} has no such rule", rule.port);
            let finding = Diagnostic::error("roll::no_rule", text).at_place(rule.place, "this one");
            refused.push(Refusal::input(
                finding.help("say `\"create\": true` to have it made"),
            ));
        }
        (Some(production), rule) => {
            refused.extend(rule.and_then(|rule| of_another(service, production, rule)));
            refuse_actions(production.actions(), facts, refused);
        }
        _ => {}
    }
    for side in &facts.sides {
        refuse_side(service, balancer, side, refused);
    }
    refused.extend(target_groups::protocols(service, wanted, facts));
    refused.extend(target_groups::stickiness(service, wanted, facts));
    if free(balancer).len() < 2 {
        let text = "the listener has no two free priorities before its production rule".to_owned();
        refused.push(account("roll::priorities", text));
    }
}

/// A rule, or a listener's default action, that carries the traffic of another service.
fn of_another(service: &Service, production: &Leading, rule: &Rule) -> Option<Refusal> {
    let other = production.tags.get(tag::SERVICE)?;
    if *other == *service.name {
        return None;
    }
    let text = format!(
        "{} carries the traffic of service {other}",
        production.place
    );
    let finding = Diagnostic::error("roll::rule_of_another", text).at_place(rule.place, "this one");
    Some(Refusal::input(finding.help(format!(
        "name a rule of this service's own; or, when {other} is no more: {}",
        mend::disown(&production.place)
    ))))
}

fn refuse_actions(actions: &[Action], facts: &Facts, refused: &mut Vec<Refusal>) {
    let mut refuse = |code, text: String| {
        refused.push(Refusal::account(Diagnostic::error(code, text)));
    };
    for action in actions {
        if let Action::Other(kind) = action {
            let text = format!(
                "the production rule has an action of type {kind}, which cannot be written back"
            );
            refuse("roll::action", text);
        }
    }
    let mut found = forwards(actions);
    let Some(forward) = found.next() else {
        return;
    };
    if found.next().is_some() {
        refuse(
            "roll::action",
            "the production rule forwards twice".to_owned(),
        );
    }
    match forward.only() {
        None if facts.is_shared() => {}
        None => {
            let text = "the production rule shares requests among several target groups";
            refuse("roll::weights", text.to_owned());
        }
        Some(arn) if facts.serving().is_none() => {
            let names: Vec<_> = facts.sides.iter().map(|side| side.name.as_str()).collect();
            let text = format!(
                "the production rule leads to {arn}, which is none of {}",
                names.join(", ")
            );
            refuse("roll::foreign_target_group", text);
        }
        Some(_) => {}
    }
}

fn refuse_side(service: &Service, balancer: &Balancer, side: &Side, refused: &mut Vec<Refusal>) {
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
    if target_group.vpc != balancer.load_balancer.vpc {
        refuse(
            "roll::vpc",
            format!("target group {name} is in another VPC than its load balancer"),
        );
    }
    let production = balancer
        .production
        .as_ref()
        .map(|production| &production.place);
    let others = balancer.leading.iter().filter(|one| {
        !one.is_probe() && Some(&one.place) != production && one.names(&target_group.arn)
    });
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

/// How long the previous group is kept: at least for as long as clients stick to it, requests of targets that leave may
/// last, targets that join are spared, and machines of an emptied group may take to end.
pub(super) fn keep(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) -> Duration {
    let keep = service.keep;
    let actions = facts.production().map(Leading::actions);
    let sticky = forwards(actions.unwrap_or_default()).filter_map(|forward| forward.sticky_seconds);
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
    own.chain([keep.previous, sticky, drain])
        .max()
        .unwrap_or_default()
}

/// Why the group behind the idle target group cannot go: production names it, at weight 0, so that clients may stick to it.
pub(super) fn still_named(facts: &Facts, side: &Side, group: &Group) -> Option<Refusal> {
    let arn = &side.target_group.as_ref()?.arn;
    let production = facts.production().filter(|one| one.names(arn))?;
    let live = facts.sides[facts.serving()?].target_group.as_ref()?;
    let text = format!(
        "{} still names target group {} at weight 0, and group {} must go from it",
        production.place, side.name, group.name
    );
    let finding = Diagnostic::error("roll::still_named", text);
    let mend = mend::write(&production.place, &led_to(production.actions(), &live.arn));
    Some(Refusal::account(match mend {
        Some(mend) => finding.help(mend),
        None => finding,
    }))
}

/// Priorities that no rule has, lowest first: a probe must be looked at before any rule that would take the request.
fn free(balancer: &Balancer) -> Vec<u32> {
    let on_listener = balancer
        .leading
        .iter()
        .filter(|one| one.listener.arn == balancer.listener.arn);
    let taken: Vec<u32> = on_listener
        .filter_map(|one| Some(one.rule.as_ref()?.priority))
        .collect();
    let production = balancer
        .production
        .as_ref()
        .and_then(|one| Some(one.rule.as_ref()?.priority));
    let before = production.unwrap_or(MOST);
    let free = (1..before).filter(|priority| !taken.contains(priority));
    free.take(PRIORITIES).collect()
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
    let rule = wanted.rules.first();
    let host = rule
        .and_then(|rule| rule.hosts.first())
        .map(|host| host.value.clone());
    let on_listener = balancer
        .leading
        .iter()
        .filter(|one| one.listener.arn == balancer.listener.arn);
    let taken = on_listener.filter_map(|one| Some(one.rule.as_ref()?.priority));
    let sides = facts.sides.iter();
    let claim = sides
        .clone()
        .filter(|side| !side.tags.contains_key(tag::SERVICE));
    let now = balancer
        .production
        .as_ref()
        .map(|one| one.actions().to_vec())
        .unwrap_or_default();
    Some(Traffic {
        previous: previous.and_then(|side| arn(facts, side)),
        next: target_group(facts, next),
        listener: balancer.listener.arn.clone(),
        port: balancer.listener.port,
        tls: balancer.listener.tls,
        load_balancer: balancer.load_balancer.arn.clone(),
        address: balancer.load_balancer.host.clone(),
        host: host.unwrap_or_else(|| balancer.load_balancer.host.clone()),
        place: balancer.production.as_ref().map(|one| one.place.clone()),
        conditions: rule.map(conditions).unwrap_or_default(),
        before: match arn(facts, 1 - next).filter(|_| swapped) {
            Some(previous) => led_to(&now, &previous),
            None => now.clone(),
        },
        now,
        make: sides
            .filter(|side| makes && side.target_group.is_none())
            .map(|side| new_target_group(wanted, balancer, &side.name))
            .collect(),
        claim: claim
            .filter_map(|side| Some(side.target_group.as_ref()?.arn.clone()))
            .collect(),
        probe_header: wanted.probe.header.value.clone(),
        zonal: target_groups::zonal(&facts.sides[next], balancer),
        was_zonal: previous.is_some_and(|side| facts.sides[side].habits.zonal),
        free_priorities: free(balancer),
        last_priority: taken.max().unwrap_or_default().max(FIRST_PRODUCTION - 1) + 1,
    })
}

fn arn(facts: &Facts, side: usize) -> Option<TargetGroupArn> {
    Some(facts.sides[side].target_group.as_ref()?.arn.clone())
}

/// The same actions with requests shared between two target groups, `percent` of them for `next`.
pub fn shared(
    actions: &[Action],
    previous: &TargetGroupArn,
    next: &TargetGroupArn,
    percent: u32,
) -> Vec<Action> {
    let mut shares = vec![(previous.clone(), 100 - percent), (next.clone(), percent)];
    shares.sort();
    forwarded(actions, &shares)
}

/// The same actions with all requests forwarded to one target group; whatever else they do, such as stickiness, stays.
pub fn led_to(actions: &[Action], target_group: &TargetGroupArn) -> Vec<Action> {
    if forwards(actions).next().is_none() {
        return vec![Action::Forward(Forward::to(target_group.clone()))];
    }
    forwarded(actions, &[(target_group.clone(), 1)])
}

fn forwarded(actions: &[Action], shares: &[(TargetGroupArn, u32)]) -> Vec<Action> {
    let each = actions.iter().map(|action| match action {
        Action::Forward(forward) => Action::Forward(Forward {
            shares: shares.to_vec(),
            ..forward.clone()
        }),
        other => other.clone(),
    });
    each.collect()
}

fn new_target_group(wanted: &service::Traffic, balancer: &Balancer, name: &str) -> NewTargetGroup {
    let target = &wanted.target;
    let check = &target.health_check;
    NewTargetGroup {
        name: name.to_owned(),
        protocol: target_groups::word(target.protocol).to_owned(),
        port: *target.port,
        vpc: balancer.load_balancer.vpc.clone(),
        path: check.path.value.clone(),
        matcher: check.matcher.as_ref().map(|matcher| matcher.value.clone()),
        interval: check.interval,
        timeout: check.timeout,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        tags: Tags::new(),
    }
}
