//! `kiln doctor`: temporary changes of a service, whose they are, and the way back of those that have run out.
//!
//! Each stands in a tag with its owner and its end, so that neither a store nor a file is needed. What is in force is the
//! affair of the run that made it; what is kept on purpose, of the due-list.

mod find;
mod restore;
mod scene;
mod temporary;

pub(super) use find::find;
pub(super) use restore::loose;
pub(super) use scene::Scene;
use temporary::Cure;
pub use temporary::{Known, Owner, State, Temporary};

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::Verdict;
use super::error::Error;
use crate::cloud::{Cloud, Groups, Traffic, TrafficArn, tag};
use crate::run::{self, Clock, Events, Journal, Setup, Stop, with_causes};
use crate::undo::lease::Leased;
use crate::undo::{Change, OfRoll, Undo, Unwinder, refresh};

/// What a doctor works with.
pub struct Doctor<'a> {
    pub service: &'a str,
    pub known: Known,
    pub clock: &'a dyn Clock,
    pub events: &'a dyn Events,
    pub journal: &'a dyn Journal<Undo>,
    pub stop: Stop,
}

/// What a doctor found and did.
#[derive(Debug, Serialize)]
#[must_use]
pub struct Doctored {
    pub service: String,
    pub verdict: Verdict,
    /// What is temporary now.
    pub temporary: Vec<Temporary>,
    /// What was taken back.
    pub restored: Vec<String>,
    /// What would not go, and why.
    pub left: Vec<String>,
}

impl Doctored {
    fn failed(service: &str, error: &Error) -> Self {
        Self {
            service: service.to_owned(),
            verdict: Verdict::Failed,
            temporary: Vec::new(),
            restored: Vec::new(),
            left: vec![with_causes(error)],
        }
    }
}

/// Shows what is temporary, and changes nothing.
pub async fn examine(doctor: &Doctor<'_>, cloud: &impl Cloud) -> Doctored {
    match look(doctor, cloud).await {
        Err(error) => Doctored::failed(doctor.service, &error),
        Ok(temporary) => Doctored {
            service: doctor.service.to_owned(),
            verdict: Verdict::Done,
            temporary,
            restored: Vec::new(),
            left: Vec::new(),
        },
    }
}

async fn look(doctor: &Doctor<'_>, cloud: &impl Cloud) -> Result<Vec<Temporary>, Error> {
    let scene = Scene::look_up(cloud, doctor.service).await?;
    Ok(find(&scene, &doctor.known, doctor.clock.now()))
}

/// What is temporary, in words, but for what is kept on purpose.
pub(super) async fn words(cloud: &impl Cloud, service: &str, now: Timestamp) -> Vec<String> {
    match Scene::look_up(cloud, service).await {
        Err(error) => vec![format!("not known: {}", with_causes(&error))],
        Ok(scene) => find(&scene, &Known::default(), now)
            .into_iter()
            .filter(|one| !one.is_kept())
            .map(|one| match one.state {
                State::RunOut => format!("has run out: {one}"),
                State::InForce | State::Stays => one.to_string(),
            })
            .collect(),
    }
}

/// Takes back what has run out. The caller holds the service's lease, where it has a store.
pub async fn heal<C: Cloud>(doctor: &Doctor<'_>, cloud: &C) -> Doctored {
    let before = match look(doctor, cloud).await {
        Err(error) => return Doctored::failed(doctor.service, &error),
        Ok(before) => before,
    };
    let setup = Setup {
        journal: doctor.journal,
        events: doctor.events,
        stop: doctor.stop.clone(),
    };
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, setup, async |run| {
        restore::restore(&before, cloud, run).await
    })
    .await;
    let mut left: Vec<String> = (outcome.left.iter())
        .map(|left| format!("{}: {}", left.undo, left.reason))
        .collect();
    let is_traffic = |undo: &Undo| {
        matches!(
            undo,
            Undo::Roll(OfRoll {
                change: Change::Traffic { .. },
                ..
            })
        )
    };
    let traffic = outcome.left.iter().any(|left| is_traffic(&left.undo));
    let stopped = match outcome.result {
        Ok(failed) => {
            left.extend(failed);
            false
        }
        Err(failure) if failure.is_stop() => true,
        Err(failure) => {
            left.push(with_causes(&failure));
            false
        }
    };
    // What is there now says what was restored: the end of a run tries once more what would not go.
    let (temporary, left) = match look(doctor, cloud).await {
        Ok(now) if now.iter().any(|one| one.state == State::RunOut) => (now, left),
        Ok(now) => (now, Vec::new()),
        Err(error) => {
            left.push(format!("what is there now is not known: {error}"));
            (before.clone(), left)
        }
    };
    let is_gone = |one: &&Temporary| {
        let mut now = temporary.iter();
        one.state == State::RunOut && !now.any(|now| now.what == one.what && now.on == one.on)
    };
    let restored: Vec<String> = (before.iter().filter(is_gone))
        .map(ToString::to_string)
        .collect();
    let mixed = !stopped && is_mixed(&temporary, cloud).await;
    let verdict = if traffic || mixed {
        Verdict::Traffic
    } else if stopped {
        Verdict::Stopped
    } else if !left.is_empty() {
        Verdict::CleanUpDue
    } else if restored.is_empty() {
        Verdict::NothingToDo
    } else {
        Verdict::Done
    };
    Doctored {
        service: doctor.service.to_owned(),
        verdict,
        temporary,
        restored,
        left,
    }
}

/// Whether machines of two versions serve, since a refresh would not go back.
async fn is_mixed(temporary: &[Temporary], cloud: &impl Cloud) -> bool {
    for one in temporary.iter().filter(|one| one.state == State::RunOut) {
        if let Some(Cure::Release(_, Leased::Root, _)) = &one.cure {
            return true;
        }
        if let Some(Cure::Release(group, Leased::Refresh, _)) = &one.cure
            && refresh::has_begun(cloud, group).await.unwrap_or(true)
        {
            return true;
        }
    }
    false
}

/// Every service that something in the region carries the name of.
pub async fn services(cloud: &(impl Groups + Traffic)) -> Result<BTreeSet<String>, Error> {
    let groups = cloud.groups().await?.into_iter();
    let mut names: BTreeSet<String> = groups
        .filter_map(|mut group| group.tags.remove(tag::SERVICE))
        .collect();
    let targets = cloud.target_groups().await?.into_iter();
    let arns: Vec<TrafficArn> = targets
        .map(|group| TrafficArn::TargetGroup(group.arn))
        .collect();
    let tagged = cloud.traffic_tags(&arns).await?.into_values();
    names.extend(tagged.filter_map(|mut tags| tags.remove(tag::SERVICE)));
    Ok(names)
}
