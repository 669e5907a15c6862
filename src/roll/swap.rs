//! The swap: the listener is read again, compared, written once and read back.

use std::time::Duration;

use super::error::Error;
use super::flow::Led;
use super::making::{intend, of};
use super::next_group::serves_from_now;
use super::plan::{Plan, led_to};
use super::{mend, take, targets};
use crate::cloud::{Action, Cloud, RulePlace, Tags, tag};
use crate::run::Ledger;
use crate::undo::serving::arn_of;
use crate::undo::{Change, Undo};

/// Reads may lag behind writes for seconds; after so many, a second apart, nobody knows what holds.
const READS: u32 = 15;

/// Moves all of production traffic from where `from` leads it to `next`. Errors without a write when someone else has
/// written since.
pub(super) async fn swap(
    plan: &Plan,
    led: &Led<'_>,
    from: &[Action],
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<RulePlace, Error> {
    let Some(place) = &led.traffic.place else {
        serves_from_now(plan, made)?;
        let rule = targets::production(plan, led, cloud, made).await?;
        return Ok(RulePlace::Rule(rule));
    };
    let after = led_to(&led.traffic.before, &led.target_group);
    shift(plan, led, (place, from, &after), cloud, made).await?;
    Ok(place.clone())
}

/// Moves production traffic at a place from one stage of the plan to another. Errors without a write when someone else has
/// written since.
pub(super) async fn shift(
    plan: &Plan,
    led: &Led<'_>,
    (place, from, after): (&RulePlace, &[Action], &[Action]),
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let now = cloud.actions_at(place).await?.unwrap_or_default();
    if now != after && now != from {
        return Err(changed(place, &led.traffic.before));
    }
    if now != after && plan.next.idle.is_some() {
        take::held(plan, cloud).await?;
    }
    serves_from_now(plan, made)?;
    take_down(plan, place, led, made)?;
    if now != after {
        write(place, after, from, cloud).await?;
    }
    Ok(())
}

/// Journals that production traffic will be, or is, at one of the plan's stages.
pub(super) fn take_down(
    plan: &Plan,
    place: &RulePlace,
    led: &Led<'_>,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let traffic = led.traffic;
    let mut stages = plan.stages(traffic, &led.target_group);
    stages.push(traffic.now.clone());
    let change = Change::Traffic {
        place: place.clone(),
        before: traffic.before.clone(),
        after: stages,
    };
    intend(made, of(plan, change))?;
    Ok(())
}

/// Errors when somebody has led production traffic elsewhere since the swap: then this roll must not call it its own.
pub(super) async fn still_holds(
    led: &Led<'_>,
    place: &RulePlace,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let after = led_to(&led.traffic.before, &led.target_group);
    if cloud.actions_at(place).await? == Some(after) {
        return Ok(());
    }
    Err(changed(place, &led.traffic.before))
}

fn changed(place: &RulePlace, before: &[Action]) -> Error {
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
    let written = cloud.write_actions(place, after).await;
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

/// Puts the service's name on what carries its traffic, so that the way back needs no file.
pub(super) async fn claim(plan: &Plan, place: &RulePlace, cloud: &impl Cloud) -> Result<(), Error> {
    let name = Tags::from([(tag::SERVICE.to_owned(), plan.service.clone())]);
    Ok(cloud.tag_traffic(&arn_of(place), &name).await?)
}
