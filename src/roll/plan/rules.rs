//! The rules that carry production traffic, as the service file names them and as they are found.

use super::{Refusal, in_place, led_to, test_listener};
use crate::cloud::{Action, Group, TargetGroupArn, tag};
use crate::roll::facts::{Balancer, Facts, Side};
use crate::source::{Diagnostic, Place};
use crate::template::service::{Rule, Service, Traffic};
use crate::undo::mend;
use crate::undo::serving::{Leading, forwards, served_by};

/// Every reason in production rules.
pub(super) fn refuse(
    service: &Service,
    facts: &Facts,
    (wanted, balancer): (&Traffic, &Balancer),
    refused: &mut Vec<Refusal>,
) {
    let stays = in_place::staying(service, facts).is_some();
    if let Some(by) = &wanted.record {
        for records in facts.production() {
            refused.extend(of_another(service, records, by.place));
            refuse_actions(records, facts, refused);
        }
        refused.extend(apart(facts, stays));
        return;
    }
    for (rule, found) in wanted.rules.iter().zip(&balancer.rules) {
        match &found.production {
            None if !rule.create || stays => refused.push(no_rule(rule, stays)),
            None => {}
            Some(production) => {
                refused.extend(of_another(service, production, rule.place));
                refused.extend(test_listener::in_production(production, rule));
                refuse_actions(production, facts, refused);
            }
        }
    }
    refused.extend(apart(facts, stays));
}

fn no_rule(rule: &Rule, stays: bool) -> Refusal {
    let text = format!("the listener on port {} has no such rule", rule.port);
    let finding = Diagnostic::error("roll::no_rule", text).at_place(rule.place, "this one");
    Refusal::input(finding.help(if stays {
        "a roll in place makes none: make it yourself, or have it made by a roll with \"blue_green\""
    } else {
        "say `\"create\": true` to have it made"
    }))
}

/// A rule, or a listener's default action, that carries the traffic of another service.
fn of_another(service: &Service, production: &Leading, place: Place) -> Option<Refusal> {
    let other = production.tags.get(tag::SERVICE)?;
    if *other == *service.name {
        return None;
    }
    let text = format!(
        "{} carries the traffic of service {other}",
        production.place
    );
    let finding = Diagnostic::error("roll::rule_of_another", text).at_place(place, "this one");
    Some(Refusal::input(finding.help(format!(
        "name a rule of this service's own; or, when {other} is no more: {}",
        mend::disown(&production.place)
    ))))
}

fn refuse_actions(production: &Leading, facts: &Facts, refused: &mut Vec<Refusal>) {
    let place = &production.place;
    let mut refuse = |code, text: String| {
        refused.push(Refusal::account(Diagnostic::error(code, text)));
    };
    for action in production.actions() {
        if let Action::Other(kind) = action {
            let text =
                format!("{place} has an action of type {kind}, which cannot be written back");
            refuse("roll::action", text);
        }
    }
    let mut found = forwards(production.actions());
    let Some(forward) = found.next() else {
        return;
    };
    if found.next().is_some() {
        refuse("roll::action", format!("{place} forwards twice"));
    }
    let is_ours = |arn: &TargetGroupArn| {
        let mut sides = facts
            .sides
            .iter()
            .filter_map(|side| side.target_group.as_ref());
        sides.any(|target_group| target_group.arn == *arn)
    };
    match forward.only() {
        None if facts.is_shared() => {}
        None => {
            let text = format!("{place} shares requests among several target groups");
            refuse("roll::weights", text);
        }
        Some(arn) if !is_ours(arn) => {
            let names: Vec<_> = facts.sides.iter().map(|side| side.name.as_str()).collect();
            let names = names.join(", ");
            let text = format!("{place} leads to {arn}, which is none of {names}");
            refuse("roll::foreign_target_group", text);
        }
        Some(_) => {}
    }
}

/// Production rules that do not lead to one target group, and no run is there that has begun to move them. Where machines
/// are replaced in place, one that leads to none is never led anywhere.
fn apart(facts: &Facts, stays: bool) -> Option<Refusal> {
    let leads =
        |one: &Leading| forwards(one.actions()).find_map(|forward| Some(forward.only()?.clone()));
    let served = served_by(facts.production());
    let unled = stays && facts.production().any(|one| leads(one).is_none());
    if facts.is_shared() || served.len() < 2 && !unled {
        return None;
    }
    // One that shares by itself is refused for that.
    let shares = |one: &Leading| forwards(one.actions()).any(|forward| forward.only().is_none());
    if facts.production().any(shares) {
        return None;
    }
    let is_live = |side: &&Side| {
        let group = side.group();
        group.is_some_and(|group| group.tag(tag::STATE) == Some(tag::LIVE))
    };
    let live = facts.sides.iter().find(is_live);
    let live = live.and_then(|side| Some(side.target_group.as_ref()?.arn.clone()));
    let to = live
        .filter(|arn| served.contains(arn))
        .or_else(|| served.first().cloned())?;
    let said = facts.production().map(|one| match leads(one) {
        Some(arn) => format!("{} to {}", one.place, arn.name()),
        None => format!("{} to no one target group", one.place),
    });
    let text = format!(
        "the production rules do not lead to one target group: {}",
        said.collect::<Vec<_>>().join(", ")
    );
    let finding = Diagnostic::error("roll::apart", text);
    let others = facts
        .production()
        .filter(|one| leads(one).as_ref() != Some(&to));
    let mends =
        others.filter_map(|one| mend::write(&one.place, &led_to(&one.place, one.actions(), &to)));
    let mends: Vec<_> = mends.collect();
    Some(Refusal::account(finding.help(format!(
        "lead them to the one that is to serve, {} for instance: {}",
        to.name(),
        mends.join("; ")
    ))))
}

/// Why the group behind the idle target group cannot go: production names it, at weight 0, so that clients may stick to it.
pub(super) fn still_named<'f>(
    facts: &'f Facts,
    side: &'f Side,
    group: &'f Group,
) -> impl Iterator<Item = Refusal> + 'f {
    let arn = side.target_group.as_ref().map(|one| &one.arn);
    let live = facts.serving();
    let live = live.and_then(|side| Some(&facts.sides[side].target_group.as_ref()?.arn));
    let named = arn.zip(live).into_iter().flat_map(move |(arn, live)| {
        let named = facts.production().filter(move |one| one.may_lead_to(arn));
        named.map(move |one| (one, live))
    });
    named.map(|(production, live)| {
        let text = format!(
            "{} still names target group {} at weight 0, and group {} must go from it",
            production.place, side.name, group.name
        );
        let finding = Diagnostic::error("roll::still_named", text);
        let mend = mend::write(
            &production.place,
            &led_to(&production.place, production.actions(), live),
        );
        Refusal::account(match mend {
            Some(mend) => finding.help(mend),
            None => finding,
        })
    })
}
