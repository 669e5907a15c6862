//! Retiring a group that no longer serves: drained, emptied, and deleted when kiln made it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::alarms;
use super::emptied::{ended_soon, shrink, until};
use super::lease::{self, Leased};
use super::roll::{refuse_serving, standing};
use super::{Purpose, persist, pool, serving};
use crate::cloud::{Cloud, Error, Group, GroupName, RulePlace, Size, Tags, TargetGroupArn, tag};

const CALL: &str = "DeleteAutoScalingGroup";

/// A group to retire. What it is stands in its tags; a group that is live again is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retire {
    pub service: String,
    pub group: GroupName,
    /// The rule that keeps it watched goes with it. `None`: no load balancer leads to it.
    #[serde(default)]
    pub target_group: Option<TargetGroupArn>,
}

impl fmt::Display for Retire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retired group {}", self.group)
    }
}

/// Retires the group, and waits for its machines for as long as an undo may. Errors while a production rule leads to it.
pub(super) async fn retire(cloud: &impl Cloud, of: &Retire) -> Result<(), Error> {
    let Some(group) = begin(cloud, of).await? else {
        return Ok(());
    };
    ended_soon(cloud, &group).await?;
    end(cloud, of).await
}

/// Has the group's machines go. Returns the group while they do; [`end`] is to follow once they have ([`super::ended`]). `None`: it is
/// retired already, or is not to go. Errors while a production rule leads to it.
pub async fn begin(cloud: &impl Cloud, of: &Retire) -> Result<Option<Group>, Error> {
    let Some(group) = look(cloud, of).await? else {
        gone(cloud, of).await?;
        return Ok(None);
    };
    if !matches!(group.tag(tag::STATE), Some(tag::KEPT | tag::RETIRING)) {
        return Ok(None);
    }
    refuse_serving(cloud, &group, CALL).await?;
    pool::not_of_others(&group)?;
    if !group.deleting {
        unprotected(&group)?;
        say(cloud, &group, tag::RETIRING).await?;
        goes(cloud, &group).await?;
        without_pool(cloud, &group).await?;
    }
    if group.tag(tag::MADE_BY).is_some() {
        // First, or they would start machines again.
        alarms::delete(cloud, &group.name, None).await?;
    }
    if !group.deleting {
        shrink(cloud, &group).await?;
        if group.remains().is_some() {
            return Ok(Some(group));
        }
    }
    end(cloud, of).await?;
    Ok(None)
}

/// Deletes a group that [`begin`] has emptied, or gives it back to its owner. One that is in office again, or has been filled
/// since, is left alone.
pub async fn end(cloud: &impl Cloud, of: &Retire) -> Result<(), Error> {
    let Some(group) = look(cloud, of).await? else {
        return gone(cloud, of).await;
    };
    if group.tag(tag::STATE) != Some(tag::RETIRING) {
        return Ok(());
    }
    refuse_serving(cloud, &group, CALL).await?;
    if group.tag(tag::MADE_BY).is_none() {
        give_back(cloud, &group).await?;
    } else {
        if !group.deleting {
            persist(async || cloud.delete_group(&group.name, false).await).await?;
        }
        let is_gone = |group: Option<&Group>| group.is_none();
        until(cloud, &group.name, is_gone, "it is still being deleted").await?;
    }
    persist(async || unwatch(cloud, of).await).await
}

async fn look(cloud: &impl Cloud, of: &Retire) -> Result<Option<Group>, Error> {
    let mut found = None;
    persist(async || {
        found = cloud.group(&of.group).await?;
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What a group leaves that is gone. Somebody may have deleted it before its time, and another one is kept behind the same rule.
async fn gone(cloud: &impl Cloud, of: &Retire) -> Result<(), Error> {
    alarms::delete(cloud, &of.group, None).await?;
    let behind = |group: &Group| {
        let mut arns = group.target_groups.iter();
        group.size.desired > 0 && arns.any(|arn| of.target_group.as_ref() == Some(arn))
    };
    if standing(cloud, None).await?.iter().any(behind) {
        return Ok(());
    }
    persist(async || unwatch(cloud, of).await).await
}

/// Looks once more behind the tag that says that the group goes: a rollback marks a kept group before it leads traffic to it,
/// and looks for that tag behind its mark. Where there is one, the group is kept again.
async fn goes(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let mut mark = None;
    persist(async || {
        let there = cloud.group(&group.name).await?;
        mark = there.and_then(|there| there.tag(tag::BACK).map(ToOwned::to_owned));
        Ok(())
    })
    .await?;
    if mark.as_deref() == group.tag(tag::BACK) {
        return Ok(());
    }
    say(cloud, group, group.tag(tag::STATE).unwrap_or(tag::KEPT)).await?;
    let text = format!("a rollback to group {} is under way", group.name);
    Err(Error::blocked(CALL, text))
}

/// Has the pool go, before anything else of the group does. Where it does not, the group is kept as it was: it is whole, and the way
/// back. So is one that a dead run had begun with and not emptied.
async fn without_pool(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let Err(error) = pool::delete(cloud, &group.name, false).await else {
        return Ok(());
    };
    if group.tag(tag::STATE) == Some(tag::KEPT) || group.size.desired > 0 {
        say(cloud, group, tag::KEPT).await?;
    }
    Err(error)
}

/// Says in a tag where the group is on its way.
async fn say(cloud: &impl Cloud, group: &Group, state: &str) -> Result<(), Error> {
    let state = Tags::from([(tag::STATE.to_owned(), state.to_owned())]);
    persist(async || cloud.tag_group(&group.name, &state).await).await
}

/// A group of others' making stays, emptied, without anything that was changed for a while. Only then: one that follows the
/// newest version again must have no machine to replace.
async fn give_back(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    for what in Leased::ALL {
        persist(async || lease::release(cloud, &group.name, what, None).await).await?;
    }
    Ok(())
}

/// A rollback that has not gone through had filled a kept group: it gets its sizes back, unless it is in office after all,
/// and the mark by which others left it alone goes.
pub(super) async fn unfill(
    cloud: &impl Cloud,
    name: &GroupName,
    before: Size,
) -> Result<(), Error> {
    let mut found = None;
    persist(async || {
        found = cloud.group(name).await?;
        Ok(())
    })
    .await?;
    let is_kept = |group: &Group| group.tag(tag::STATE) == Some(tag::KEPT) && !group.deleting;
    let Some(group) = found.filter(is_kept) else {
        return Ok(());
    };
    // Whatever became of it since, it never grows.
    let size = Size {
        min: before.min.min(group.size.min),
        desired: before.desired.min(group.size.desired),
        ..group.size
    };
    persist(async || cloud.resize_group(name, size).await).await?;
    persist(async || cloud.untag_group(name, &[tag::BACK]).await).await
}

/// A group cannot be emptied past members that are protected from scale-in.
fn unprotected(group: &Group) -> Result<(), Error> {
    let kept = group.members.iter().filter(|member| member.protected);
    let kept: Vec<_> = kept.map(|member| member.instance.as_str()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let text = format!(
        "group {} has instances that are protected from scale-in: {}",
        group.name,
        kept.join(", ")
    );
    Err(Error::blocked("UpdateAutoScalingGroup", text))
}

/// Deletes the rules that keep the target group watched.
async fn unwatch(cloud: &impl Cloud, of: &Retire) -> Result<(), Error> {
    let Some(target_group) = &of.target_group else {
        return Ok(());
    };
    let groups = cloud.target_groups().await?;
    let Some(group) = groups.into_iter().find(|group| group.arn == *target_group) else {
        return Ok(());
    };
    for load_balancer in &group.load_balancers {
        for one in serving::rules(cloud, load_balancer).await? {
            let is =
                |key: &str, value: Option<&str>| one.tags.get(key).map(String::as_str) == value;
            let ours = is(tag::SERVICE, Some(&of.service)) && is(tag::RULE, Purpose::Watch.tag());
            if let (true, true, RulePlace::Rule(arn)) = (ours, one.names(target_group), &one.place)
            {
                cloud.delete_rule(arn).await?;
            }
        }
    }
    Ok(())
}
