//! The test listener: named as the service's, and of a network load balancer led to the next target group while that is proven.

use super::error::Error;
use super::flow::Led;
use super::making::{of, owe};
use super::plan::{Plan, TestListener, Traffic};
use super::swap::write;
use crate::cloud::{Cloud, RulePlace, Tags, TargetGroupArn, TrafficArn, tag};
use crate::run::Ledger;
use crate::undo::lease::Lease;
use crate::undo::mend;
use crate::undo::tested::{LEASE, Tested};
use crate::undo::{Change, Undo};

/// Puts the service's name on its test listener, which is told from production by it for good.
pub(super) async fn claim(
    plan: &Plan,
    test: &TestListener,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    if test.is_named {
        return Ok(());
    }
    Ok(cloud.tag_traffic(&arn(test), &name(plan)).await?)
}

fn arn(test: &TestListener) -> TrafficArn {
    TrafficArn::Listener(test.listener.clone())
}

fn name(plan: &Plan) -> Tags {
    let name = [
        (tag::SERVICE, plan.service.clone()),
        (tag::RULE, tag::TEST.to_owned()),
    ];
    let name = name.map(|(key, value)| (key.to_owned(), value));
    name.into()
}

/// That of a network load balancer, which has no rules.
fn led(traffic: &Traffic) -> Option<&TestListener> {
    traffic.test.as_ref().filter(|_| traffic.network)
}

/// Leads it to the next target group, before that has machines. Errors without a write when someone else has written to it since.
pub(super) async fn lead(
    plan: &Plan,
    next: &Led<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let Some(test) = led(next.traffic) else {
        return Ok(());
    };
    let (listener, before) = (test.listener.clone(), test.before.clone());
    let tested = Tested::to(&next.target_group, listener, before);
    if tested.after == tested.before {
        return claim(plan, test, cloud).await;
    }
    owe(of(plan, Change::Tested(tested.clone())), made)?;
    let lease = Lease {
        run: plan.run,
        until: plan.expires,
        before: tested.words(),
    };
    let mut tags = name(plan);
    tags.insert(LEASE.to_owned(), lease.to_string());
    cloud.tag_traffic(&arn(test), &tags).await?;
    let place = tested.place();
    let now = cloud.actions_at(&place).await?.unwrap_or_default();
    if now == tested.after {
        return Ok(());
    }
    if now != test.now && now != tested.before {
        return Err(elsewhere(&place));
    }
    match write(&place, &tested.after, &now, cloud).await {
        Err(Error::TrafficChanged { .. }) => Err(elsewhere(&place)),
        // Nobody's traffic goes by it.
        Err(Error::TrafficUnknown { place, shown, .. }) => Err(Error::Changed(format!(
            "{place} does not show what was written: {shown}"
        ))),
        written => written,
    }
}

/// Errors when it does not lead to the next target group any more: then nobody knows what has answered.
pub(super) async fn still_leads(
    traffic: &Traffic,
    next: &TargetGroupArn,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let Some(test) = led(traffic) else {
        return Ok(());
    };
    let tested = Tested::to(next, test.listener.clone(), Vec::new());
    let place = tested.place();
    match cloud.actions_at(&place).await? {
        Some(now) if now == tested.after => Ok(()),
        _ => Err(elsewhere(&place)),
    }
}

fn elsewhere(place: &RulePlace) -> Error {
    let show = mend::show(place);
    Error::Changed(format!(
        "{place}, the test listener, was led elsewhere by someone else meanwhile; look at it: `{show}`"
    ))
}
