//! The swap: each production rule is read again, compared, written once and read back.

use std::time::Duration;

use super::error::Error;
use super::flow::Led;
use super::making::{intend, of};
use super::next_group::serves_from_now;
use super::plan::{Doing, Plan, ProductionRule, Traffic};
use super::{take, targets};
use crate::cloud::{Action, Cloud, RulePlace, Tags, tag};
use crate::run::Ledger;
use crate::undo::serving::{self, arns_of};
use crate::undo::{Change, Moved, Undo, mend, records};

/// Reads may lag behind writes for seconds; after so many, a second apart, nobody knows what holds.
const READS: u32 = 15;

/// Moves all of production traffic from where `from` leads it to `next`, and makes the rules that are still to be made. Errors
/// without a write when someone else has written since.
pub(super) async fn swap(
    plan: &Plan,
    led: &Led<'_>,
    from: &Doing,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<Vec<RulePlace>, Error> {
    let after = led.all();
    shift(plan, led, (from, &after), cloud, made).await?;
    let mut places = Vec::new();
    for rule in &led.traffic.rules {
        places.push(match &rule.place {
            Some(place) => place.clone(),
            None => RulePlace::Rule(targets::production(plan, led, rule, cloud, made).await?),
        });
    }
    Ok(places)
}

/// Moves production traffic from one stage of the plan to another, a rule after the other: both groups are whole meanwhile.
/// Errors without a write when someone else has written to any of them since; what was written before somebody does is
/// taken back with the rest.
pub(super) async fn shift(
    plan: &Plan,
    led: &Led<'_>,
    (from, after): (&Doing, &Doing),
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let mut due = Vec::new();
    for ((rule, from), after) in led.traffic.rules.iter().zip(from).zip(after) {
        let way = (rule, from.as_slice(), after.as_slice());
        if let Some(place) = &rule.place
            && is_due(place, way, cloud).await?
        {
            due.push((place, way));
        }
    }
    if !due.is_empty() && plan.next.idle.is_some() {
        take::held(plan, cloud).await?;
    }
    serves_from_now(plan, made)?;
    take_down(plan, led, made)?;
    for (index, (place, way)) in due.into_iter().enumerate() {
        // The first was looked at a moment ago.
        if index == 0 || is_due(place, way, cloud).await? {
            let (_, from, after) = way;
            write(place, after, from, cloud).await?;
        }
    }
    Ok(())
}

/// Has the listeners of a network load balancer name the next target group, at weight 0, before it has machines: it is in use then, and
/// its health known. Errors without a write when someone else has written to any of them since.
pub(super) async fn name(
    plan: &Plan,
    led: &Led<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let (now, after) = (led.traffic.now(), led.now());
    let ways = led.traffic.rules.iter().zip(now.iter().zip(&after));
    let ways = ways.map(|(rule, (now, after))| (rule, now.as_slice(), after.as_slice()));
    let due: Vec<_> = ways
        .filter_map(|way| Some((way.0.place.as_ref()?, way)))
        .filter(|(_, (_, now, after))| now != after)
        .collect();
    if due.is_empty() {
        return Ok(());
    }
    let share = Change::Share {
        target_group: led.target_group.clone(),
        places: due.iter().map(|(place, _)| (*place).clone()).collect(),
    };
    intend(made, of(plan, share))?;
    for (place, way) in due {
        if is_due(place, way, cloud).await? {
            let (_, now, after) = way;
            write(place, after, now, cloud).await?;
        }
    }
    Ok(())
}

/// Whether a rule is still to be written. Errors when someone else has written to it.
async fn is_due(
    place: &RulePlace,
    (rule, from, after): (&ProductionRule, &[Action], &[Action]),
    cloud: &impl Cloud,
) -> Result<bool, Error> {
    let now = cloud.actions_at(place).await?.unwrap_or_default();
    if now != after && now != from {
        return Err(changed(place, &rule.before));
    }
    Ok(now != after)
}

/// Journals that production traffic will be, or is, at one of the plan's stages: all of its rules, before the first is written.
pub(super) fn take_down(
    plan: &Plan,
    led: &Led<'_>,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let mut stages = plan.stages(led.traffic, &led.target_group);
    stages.push(led.now());
    let before = led.before();
    let rules = led.traffic.rules.iter().zip(before).enumerate();
    let moved = rules.filter_map(|(index, (rule, before))| {
        let after = stages.iter().map(|stage| stage[index].clone());
        Some(Moved {
            place: rule.place.clone()?,
            before,
            after: after.collect(),
        })
    });
    let moved: Vec<_> = moved.collect();
    if !moved.is_empty() {
        intend(made, of(plan, Change::Traffic { moved }))?;
    }
    Ok(())
}

/// Errors when somebody has led production traffic elsewhere since the swap: then this roll must not call it its own.
pub(super) async fn still_holds(
    led: &Led<'_>,
    places: &[RulePlace],
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let after = led.all();
    for ((rule, place), after) in led.traffic.rules.iter().zip(places).zip(after) {
        if cloud.actions_at(place).await? != Some(after) {
            return Err(changed(place, &rule.before));
        }
    }
    Ok(())
}

pub(super) fn changed(place: &RulePlace, before: &[Action]) -> Error {
    Error::TrafficChanged {
        place: place.clone(),
        mend: mend::settle(place, before),
    }
}

/// Writes once and reads until it shows.
///
/// Errors with the refusal when nothing was written, and with [`Error::TrafficUnknown`] when it never shows.
pub(super) async fn write(
    place: &RulePlace,
    after: &[Action],
    before: &[Action],
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let written = cloud.write_actions(place, before, after).await;
    if let Err(error) = written
        && !error.may_have_happened()
    {
        return Err(error.into());
    }
    let mut shown = "nothing".to_owned();
    for read in 0..READS {
        if read > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        match cloud.actions_at(place).await {
            Ok(Some(now)) if now == after => return Ok(()),
            Ok(Some(now)) if now == before => "what was there before".clone_into(&mut shown),
            Ok(_) => return Err(changed(place, before)),
            Err(error) if error.is_passing() => shown = error.to_string(),
            // It was written: whatever keeps it from being read, traffic may have moved.
            Err(error) => {
                shown = error.to_string();
                break;
            }
        }
    }
    Err(Error::TrafficUnknown {
        place: place.clone(),
        shown,
        mend: mend::settle(place, before),
    })
}

/// Puts the service's name on the rules that lead to what serves before any of them is moved: should the run die between two,
/// the name alone leads a rollback to all of them.
pub(super) async fn claim_what_serves(
    plan: &Plan,
    traffic: &Traffic,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let unnamed = traffic.rules.iter().filter(|rule| !rule.is_named);
    let leads = unnamed.filter(|rule| serving::forwards(&rule.before).next().is_some());
    for place in leads.filter_map(|rule| rule.place.as_ref()) {
        claim(plan, place, cloud).await?;
    }
    Ok(())
}

/// Puts the service's name on what carries its traffic, so that the way back needs no file.
pub(super) async fn claim(plan: &Plan, place: &RulePlace, cloud: &impl Cloud) -> Result<(), Error> {
    let mut name = Tags::from([(tag::SERVICE.to_owned(), plan.service.clone())]);
    let record = place.record();
    let record = record.map(|one| (tag::RECORD.to_owned(), records::word(&one.zone, &one.name)));
    name.extend(record);
    for arn in arns_of(place) {
        cloud.tag_traffic(&arn, &name).await?;
    }
    Ok(())
}
