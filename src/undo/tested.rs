//! A test listener of a network load balancer, which leads to the next target group while a roll proves it. As with all else that is
//! changed for a while, a tag of it says what it does otherwise, whose doing it is, and until when.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::lease::Lease;
use super::serving::{Leading, forwards};
use super::share::written;
use super::{LONGEST_PAUSE, persist};
use crate::cloud::{
    Action, Cloud, Error, Forward, ListenerArn, RulePlace, TargetGroup, TargetGroupArn, TrafficArn,
    tag,
};
use crate::run::RunId;

/// On a test listener: what it does without the roll, and where the roll leads it.
pub const LEASE: &str = "kiln:lease:test";
/// Before the name of the target group that it is led to.
const NEXT: &str = "next:";
/// Reads are of before a write for as long as this, and somewhat less.
const SEEN: Duration = Duration::from_secs(35);

/// What a test listener does without the roll, and what the roll has it do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    pub listener: ListenerArn,
    pub before: Vec<Action>,
    pub after: Vec<Action>,
}

impl Tested {
    /// One that is to lead to a target group.
    pub fn to(next: &TargetGroupArn, listener: ListenerArn, before: Vec<Action>) -> Self {
        Self {
            listener,
            before,
            after: vec![Action::Forward(Forward::to(next.clone()))],
        }
    }

    /// Where it is.
    pub fn place(&self) -> RulePlace {
        RulePlace::Default(self.listener.clone())
    }

    /// What its tag says of it: the shares by the names of target groups, and the next one.
    pub fn words(&self) -> Vec<String> {
        let shares = forwards(&self.before).flat_map(|forward| &forward.shares);
        let shares = shares.map(|(arn, weight)| format!("{}={weight}", arn.name()));
        let next = forwards(&self.after).filter_map(Forward::only);
        let next = next.map(|arn| format!("{NEXT}{}", arn.name()));
        shares.chain(next).collect()
    }

    /// What the tag of a listener says; `None` where it has none, or one that names none of these target groups.
    pub fn of(one: &Leading, groups: &[&TargetGroup]) -> Option<(Lease, Self)> {
        let lease = Lease::read(one.tags.get(LEASE)?)?;
        let named = |name: &str| {
            let mut groups = groups.iter().filter(|group| group.name == name);
            Some(groups.next()?.arn.clone())
        };
        let (next, shares) = lease.before.split_last()?;
        let next = named(next.strip_prefix(NEXT)?)?;
        let share = |word: &String| {
            let (name, weight) = word.split_once('=')?;
            Some((named(name)?, weight.parse().ok()?))
        };
        let mut shares: Vec<_> = shares.iter().map(share).collect::<Option<_>>()?;
        shares.sort();
        let before = Action::Forward(Forward {
            shares,
            sticky_seconds: None,
        });
        let tested = Self::to(&next, one.listener.arn.clone(), vec![before]);
        Some((lease, tested))
    }
}

/// The test listeners of a service that are led elsewhere for a while.
pub fn led<'a>(
    service: &str,
    leading: impl IntoIterator<Item = &'a Leading>,
    groups: &[&TargetGroup],
) -> Vec<(Lease, Tested)> {
    let is_ours = |one: &&Leading| {
        one.rule.is_none() && one.tags.get(tag::SERVICE).map(String::as_str) == Some(service)
    };
    let ours = leading.into_iter().filter(is_ours);
    ours.filter_map(|one| Tested::of(one, groups)).collect()
}

/// Has the listener do again what it did, unless somebody else has written to it since, or another run leads it. `is_half_made`: whether
/// the run's next group is there and not proven, which tells its write where nothing else does.
///
/// That there is nothing to give back is seen for longer than reads are stale.
pub async fn give_back(
    cloud: &impl Cloud,
    tested: &Tested,
    run: RunId,
    is_half_made: impl AsyncFn() -> Result<bool, Error>,
) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let mut done = false;
        persist(async || {
            done = given_back(cloud, tested, run, &is_half_made).await?;
            Ok(())
        })
        .await?;
        if done {
            return Ok(());
        }
        if began.elapsed() >= SEEN {
            return persist(async || untag(cloud, tested, run).await).await;
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
}

/// Looks once. `false`: nothing to give back was seen.
async fn given_back(
    cloud: &impl Cloud,
    tested: &Tested,
    run: RunId,
    is_half_made: impl AsyncFn() -> Result<bool, Error>,
) -> Result<bool, Error> {
    let place = tested.place();
    let owner = lease(cloud, tested).await?.map(|lease| lease.run);
    if owner.is_some_and(|owner| owner != run) {
        return Ok(true);
    }
    let now = cloud.actions_at(&place).await?;
    let is_led = now.as_ref() == Some(&tested.after);
    if !is_led || owner.is_none() && !is_half_made().await? {
        return Ok(now.is_none());
    }
    let shows = |there: Option<&[Action]>| there != Some(tested.after.as_slice());
    written(cloud, &place, (&tested.after, &tested.before), shows).await?;
    untag(cloud, tested, run).await?;
    Ok(true)
}

async fn lease(cloud: &impl Cloud, tested: &Tested) -> Result<Option<Lease>, Error> {
    let arn = TrafficArn::Listener(tested.listener.clone());
    let tags = cloud.traffic_tags(std::slice::from_ref(&arn)).await?;
    let text = tags.get(&arn).and_then(|tags| tags.get(LEASE));
    Ok(text.and_then(|text| Lease::read(text)))
}

/// Takes the run's own lease off.
async fn untag(cloud: &impl Cloud, tested: &Tested, run: RunId) -> Result<(), Error> {
    if lease(cloud, tested)
        .await?
        .is_some_and(|one| one.run != run)
    {
        return Ok(());
    }
    let arn = TrafficArn::Listener(tested.listener.clone());
    cloud.untag_traffic(&arn, &[LEASE]).await
}
