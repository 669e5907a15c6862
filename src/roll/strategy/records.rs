//! Waits for records of Route 53: until its servers answer what was written, and until clients follow.

use std::time::Duration;

use super::super::checks::soak;
use super::super::error::Error;
use super::super::flow::{Flow, Led};
use super::super::probe::Probe;
use crate::cloud::Cloud;
use crate::run::{Event, Events, Failure, Patience, Readiness};

/// How long records may take to spread before nobody waits any more, and between two looks.
const SPREAD: Duration = Duration::from_mins(10);
const LOOK: Duration = Duration::from_secs(10);

/// Waits until every server answers what was written to records; nothing else has any.
pub(super) async fn spread<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    led: &Led<'_>,
) -> Result<(), Failure> {
    if led.traffic.follows().is_zero() {
        return Ok(());
    }
    let cloud = flow.on.cloud;
    let patience = Patience::new(SPREAD, LOOK, LOOK);
    let poll = async || {
        for place in led.traffic.places() {
            match cloud.is_spread(place).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = "not every server answers the new records".to_owned();
                    return Ok(Readiness::NotYet(text));
                }
                Err(error) if error.is_passing() => {
                    return Ok(Readiness::NotYet(error.to_string()));
                }
                Err(error) => return Err(Error::from(error)),
            }
        }
        Ok(Readiness::Ready(()))
    };
    let about = (flow.plan, flow.on);
    let waited = flow
        .watches
        .during(flow.run, about, "records spread", &patience, poll);
    waited.await
}

/// Behind the swap: waits until no client goes by old records any more.
pub(super) async fn followed<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    led: &Led<'_>,
) -> Result<(), Failure> {
    spread(flow, led).await?;
    let follow = led.traffic.follows();
    if follow.is_zero() || flow.plan.previous.is_none() {
        return Ok(());
    }
    tell(follow, flow.on.events);
    soak(flow, follow).await
}

/// Says for how long clients may still go where records led before; nothing where no records choose.
pub(in crate::roll) fn tell(follow: Duration, events: &dyn Events) {
    if follow.is_zero() {
        return;
    }
    let seconds = follow.as_secs();
    let text = format!("clients may go by the old records for {seconds} s more");
    events.emit(Event::Note { text });
}
