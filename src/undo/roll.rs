//! What a roll made or changed, and how each is taken back.
//!
//! Everything is found again by name and tag, never by an id that only a dead process knew, so that an intent and a made
//! thing are undone alike. Once the next group is live its roll has passed the point of no return: whoever replays the
//! journal later must not take it out of service.

use std::collections::BTreeSet;
use std::fmt;

use super::alarms;
use super::emptied::{empty_soon, until};
use super::lease::{self, Leased};
use super::refresh::rolled;
use super::root::{self, rerooted};
use super::rules;
use super::serving::serves;
use super::share;
use super::taken;
use super::targets;
use super::tested::{self, Tested};
use super::traffic::restore;
use super::versions;
use super::{LONGEST_PAUSE, persist, pool};
use crate::cloud::{
    Action, Cloud, Error, Group, GroupName, Groups, LaunchTemplateId, ListenerArn, RulePlace, Size,
    TargetGroupArn, VolumeId, tag,
};
use crate::run::RunId;
use serde::{Deserialize, Serialize};

/// One thing of a roll, which `service`, `run` and the name of its next group identify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRoll {
    pub service: String,
    pub run: RunId,
    pub next: GroupName,
    pub change: Change,
}

/// What was made or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A version of a launch template; its description names the run.
    Version {
        template: LaunchTemplateId,
    },
    Template {
        name: String,
    },
    TargetGroup {
        name: String,
    },
    Rule {
        listener: ListenerArn,
        purpose: Purpose,
    },
    /// A share of weight 0 for the next target group in listeners of a network load balancer.
    Share {
        target_group: TargetGroupArn,
        places: Vec<RulePlace>,
    },
    /// A test listener of a network load balancer leads to the next target group for a while.
    Tested(Tested),
    /// The next group. `served`: its targets may have requests under way, which are let end.
    Group {
        served: bool,
    },
    /// The next group, which was there before: the idle one of a pair, of which these processes are suspended meanwhile.
    Taken {
        #[serde(default)]
        suspends: BTreeSet<String>,
    },
    /// A kept group is filled again: its sizes before.
    Filled {
        group: GroupName,
        before: Size,
    },
    /// A temporary change of a group.
    Lease {
        group: GroupName,
        what: Leased,
    },
    /// A root volume that was replaced, and is kept to go back to.
    ReplacedRoot {
        volume: VolumeId,
    },
    /// Snapshots of data volumes, by the tags of the run.
    Snapshots,
    /// What production traffic did before and what the roll makes it do, step by step, of all its rules.
    Traffic {
        moved: Vec<Moved>,
    },
}

/// One of the rules that carry production traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub place: RulePlace,
    pub before: Vec<Action>,
    /// Each step.
    pub after: Vec<Vec<Action>>,
}

/// What a listener rule that a roll made is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Puts the next target group in use and leads probes to it.
    Probe,
    /// Keeps the previous target group in use, so that its health stays known.
    Watch,
    /// Carries production traffic.
    Production,
}

impl Purpose {
    /// The value of [`tag::RULE`]; the production rule has no such tag.
    pub fn tag(self) -> Option<&'static str> {
        match self {
            Self::Probe => Some("probe"),
            Self::Watch => Some("watch"),
            Self::Production => None,
        }
    }
}

/// The description of a launch template version that a run makes, which is all that identifies it.
pub fn description(run: RunId) -> String {
    format!("kiln run {run}")
}

/// The run that a description names.
pub(super) fn run_of(text: &str) -> Option<RunId> {
    let run = text.split_whitespace().next_back()?.parse().ok()?;
    (text == description(run)).then_some(run)
}

impl fmt::Display for OfRoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::Version { template } => write!(f, "version of launch template {template}"),
            Change::Template { name } => write!(f, "launch template {name}"),
            Change::TargetGroup { name } => write!(f, "target group {name}"),
            Change::Rule { purpose, .. } => match purpose {
                Purpose::Probe => write!(f, "probe rule for {}", self.next),
                Purpose::Watch => f.write_str("rule that watches the previous target group"),
                Purpose::Production => write!(f, "production rule of {}", self.service),
            },
            Change::Share { target_group, .. } => {
                write!(
                    f,
                    "share of weight 0 of target group {}",
                    target_group.name()
                )
            }
            Change::Tested(tested) => write!(f, "test listener {}", tested.listener),
            Change::Group { .. } | Change::Taken { .. } => write!(f, "group {}", self.next),
            Change::Lease { group, what } => write!(f, "{what} of group {group}"),
            Change::Filled { group, .. } => write!(f, "machines of the kept group {group}"),
            Change::ReplacedRoot { volume } => write!(f, "replaced root {volume}"),
            Change::Snapshots => write!(f, "snapshots of data volumes of run {}", self.run),
            Change::Traffic { moved } => {
                let places: Vec<_> = moved.iter().map(|one| one.place.to_string()).collect();
                write!(f, "traffic of {} ({})", self.service, places.join(", "))
            }
        }
    }
}

impl OfRoll {
    /// Whether taking it back releases this kind of lease.
    pub fn releases(&self, what: Leased) -> bool {
        matches!(&self.change, Change::Lease { what: one, .. } if *one == what)
    }

    /// Whether it leads requests of nobody's to the next group, until the roll ends.
    pub fn proves(&self) -> bool {
        match &self.change {
            Change::Rule { purpose, .. } => *purpose == Purpose::Probe,
            Change::Tested(_) => true,
            _ => false,
        }
    }

    /// How long its taking back lets clients follow.
    pub fn follows(&self) -> std::time::Duration {
        match &self.change {
            Change::Traffic { moved } => super::traffic::follows(moved),
            _ => std::time::Duration::ZERO,
        }
    }

    /// Whether it stays when the roll ends well.
    pub fn is_product(&self) -> bool {
        match &self.change {
            Change::Rule { .. } | Change::Tested(_) => !self.proves(),
            // Of a group that stays, what goes with its version stays or goes with it; and one hold is made to last until the
            // group has seen traffic.
            Change::Lease { group, what } => {
                let lasts = matches!(
                    what,
                    Leased::Version | Leased::Refresh | Leased::Root | Leased::LowAlarm
                );
                *group != self.next || lasts
            }
            // Only a due-list names these, when their time is up.
            Change::ReplacedRoot { .. } | Change::Snapshots => false,
            _ => true,
        }
    }
}

/// Takes one thing back.
pub(super) async fn undo(cloud: &impl Cloud, of: &OfRoll) -> Result<(), Error> {
    // A replaced root looks itself whether its roll has gone through: one read may be of before a rollback.
    let mut next = None;
    if of.is_product() && !of.releases(Leased::Root) {
        next = lookup(cloud, &of.next).await?;
        if next.as_ref().is_some_and(|next| is_handed_over(next, of)) {
            return Ok(());
        }
    }
    match &of.change {
        Change::Version { template } => versions::delete(cloud, of, template, next.as_ref()).await,
        Change::Template { name } => {
            versions::delete_template(cloud, of, name, next.as_ref()).await
        }
        Change::TargetGroup { name } => targets::delete(cloud, of, name, next.as_ref()).await,
        Change::Rule {
            listener,
            purpose: Purpose::Production,
        } if is_half_made(cloud, of).await? => {
            rules::delete(cloud, of, listener, Purpose::Production).await
        }
        Change::Rule {
            purpose: Purpose::Production,
            ..
        } => Ok(()),
        Change::Rule { listener, purpose } => {
            if *purpose == Purpose::Watch {
                refuse_away(cloud, of).await?;
            }
            rules::delete(cloud, of, listener, *purpose).await
        }
        Change::Share {
            target_group,
            places,
        } => share::take_out(cloud, of, (target_group, places), next.as_ref()).await,
        Change::Tested(tested) => {
            let is_half_made = async || is_half_made(cloud, of).await;
            tested::give_back(cloud, tested, of.run, is_half_made).await
        }
        Change::Group { served } => Box::pin(remove_group(cloud, of, *served)).await,
        Change::Taken { suspends } => Box::pin(taken::undo(cloud, of, suspends)).await,
        Change::Filled { group, before } => super::retire::unfill(cloud, group, *before).await,
        Change::Lease {
            group,
            what: Leased::Version,
        } => versions::unpin(cloud, of, group, next.as_ref()).await,
        Change::Lease { group, what } => {
            let release =
                async || Box::pin(lease::release(cloud, group, *what, Some(of.run))).await;
            persist(release).await
        }
        Change::ReplacedRoot { volume } => root::delete_replaced(cloud, of, volume).await,
        Change::Snapshots => root::delete_snapshots(cloud, of).await,
        Change::Traffic { moved } if is_half_made(cloud, of).await? => {
            persist(async || restore(cloud, moved).await).await
        }
        Change::Traffic { .. } => Ok(()),
    }
}

/// Whether the next group has become the service's own.
fn is_handed_over(next: &Group, of: &OfRoll) -> bool {
    let own = next.tag(tag::RUN) == Some(&of.run.to_string());
    let refreshed = rolled(next).is_some_and(|rolled| rolled.run == of.run);
    let rerooted = rerooted(next).is_some_and(|rerooted| rerooted.run == of.run);
    own && next.tag(tag::STATE) != Some(tag::NEXT) || refreshed || rerooted
}

/// Whether the next group is there, not proven, and the run's own. Only then can traffic go to it: a later roll writes the
/// very same actions when its group stands behind the same target group.
async fn is_half_made(cloud: &impl Cloud, of: &OfRoll) -> Result<bool, Error> {
    let next = lookup(cloud, &of.next).await?;
    Ok(next.is_some_and(|group| is_scratch(of, &group)))
}

/// Whether the group is the run's own and not proven.
pub(super) fn is_scratch(of: &OfRoll, group: &Group) -> bool {
    group.tag(tag::RUN) == Some(&of.run.to_string()) && group.tag(tag::STATE) == Some(tag::NEXT)
}

/// Every group that is there to stay. Where `known`, which was looked up by its name, is not among them, one of the two
/// answers is from before it was made, or from before it went: they are listed again.
pub(super) async fn standing(
    cloud: &impl Groups,
    known: Option<&Group>,
) -> Result<Vec<Group>, Error> {
    let mut found = Vec::new();
    for last in [false, true] {
        persist(async || {
            found = cloud.groups().await?;
            Ok(())
        })
        .await?;
        let is_there = |known: &Group| found.iter().any(|group| group.name == known.name);
        if last || known.is_none_or(is_there) {
            break;
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
    found.retain(|group| !group.deleting);
    Ok(found)
}

/// A group of the run's. What is read may be from before it was made: one that is not there is looked for twice.
pub(super) async fn lookup(cloud: &impl Groups, name: &GroupName) -> Result<Option<Group>, Error> {
    let mut found = None;
    for last in [false, true] {
        persist(async || {
            found = cloud.group(name).await?;
            Ok(())
        })
        .await?;
        if found.is_some() || last {
            break;
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
    Ok(found)
}

/// The group goes only while it is the run's own, not proven, and behind no rule but probes. One that somebody has made
/// theirs since is given back.
async fn remove_group(cloud: &impl Cloud, of: &OfRoll, served: bool) -> Result<(), Error> {
    let Some(group) = lookup(cloud, &of.next).await? else {
        // Whoever took the group away has left its alarms.
        return alarms::delete(cloud, &of.next, Some(of.run)).await;
    };
    if !is_scratch(of, &group) {
        return Ok(());
    }
    refuse_serving(cloud, &group, "DeleteAutoScalingGroup").await?;
    if group.tag(tag::MADE_BY).is_none() {
        return taken::give_back(cloud, of, &group).await;
    }
    alarms::delete(cloud, &group.name, None).await?;
    if served && !group.deleting {
        pool::delete(cloud, &group.name, true).await?;
        empty_soon(cloud, &group).await?;
    }
    if !group.deleting {
        persist(async || cloud.delete_group(&group.name, true).await).await?;
    }
    until(
        cloud,
        &group.name,
        |group| group.is_none(),
        "it is still being deleted",
    )
    .await
}

/// Errors while the half-made group still has traffic: of the previous one nobody would know whether it is healthy, and
/// traffic could not go back to it.
async fn refuse_away(cloud: &impl Cloud, of: &OfRoll) -> Result<(), Error> {
    if !is_half_made(cloud, of).await? {
        return Ok(());
    }
    match lookup(cloud, &of.next).await? {
        Some(next) => refuse_serving(cloud, &next, "DeleteRule").await,
        None => Ok(()),
    }
}

/// Errors while a rule that is no probe leads to the group.
pub async fn refuse_serving(
    cloud: &impl Cloud,
    group: &Group,
    call: &'static str,
) -> Result<(), Error> {
    for target_group in &group.target_groups {
        let mut serving = false;
        persist(async || {
            serving = serves(cloud, target_group).await?;
            Ok(())
        })
        .await?;
        if serving {
            let name = &group.name;
            let text = format!("group {name} serves: a production rule names {target_group}");
            return Err(Error::blocked(call, text));
        }
    }
    Ok(())
}
