//! The way back: one listener write to the group that is kept whole, checked first and read back.
//!
//! It needs the service's name, region and credentials and nothing else: tags find the target groups, the listener says
//! what is live, and a kept group's health is known because a rule keeps it in use.

use serde::Serialize;

use super::error::Error;
use super::plan::led_to;
use super::status::{Stand, stand};
use super::swap::write;
use super::{Verdict, hold};
use crate::cloud::{Cloud, Group, GroupName, ImageId, Tags, TargetState, tag};
use crate::run::{Clock, Event, Events, RunId};
use crate::undo::lease::{self, Leased};

/// How a rollback ended.
#[derive(Debug, Serialize)]
#[must_use]
pub struct RolledBack {
    pub verdict: Verdict,
    /// The group that serves again.
    pub live: Option<GroupName>,
    /// The group that served before, now due for retirement.
    pub from: Option<GroupName>,
    /// Its image, which is quarantined for this service.
    pub image: Option<ImageId>,
    /// Why not, or what is left to do.
    pub reasons: Vec<String>,
}

impl RolledBack {
    fn not(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            live: None,
            from: None,
            image: None,
            reasons: vec![reason.into()],
        }
    }
}

/// Goes back. The caller holds the service's lease, where it has a store.
pub async fn rollback(
    service: &str,
    run: RunId,
    cloud: &impl Cloud,
    clock: &dyn Clock,
    events: &dyn Events,
) -> RolledBack {
    let stand = match stand(cloud, service).await {
        Ok(stand) => stand,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    };
    let Some((live, back)) = stand.live.as_ref().zip(stand.back.as_ref()) else {
        let text = format!("{service} has no group to go back to: roll the last good image");
        return RolledBack::not(Verdict::Failed, text);
    };
    let not_ready = stand.not_ready();
    if !not_ready.is_empty() {
        return RolledBack {
            reasons: not_ready,
            ..RolledBack::not(Verdict::Failed, "")
        };
    }
    let after = led_to(&stand.actions, &back.target_group);
    events.emit(Event::Started { step: "swap back" });
    if let Err(error) = write(&stand.place, &after, &stand.actions, cloud).await {
        let verdict = match error {
            Error::Cloud(_) => Verdict::Failed,
            _ => Verdict::Traffic,
        };
        return RolledBack::not(verdict, error.to_string());
    }
    let text = format!("{service} is served by {} again", back.group.name);
    events.emit(Event::Note { text });
    let reasons = finish(service, run, &stand, &live.group, &back.group, cloud, clock).await;
    RolledBack {
        verdict: if reasons.is_empty() {
            Verdict::Done
        } else {
            Verdict::CleanUpDue
        },
        live: Some(back.group.name.clone()),
        from: Some(live.group.name.clone()),
        image: live.group.image(tag::IMAGE),
        reasons,
    }
}

/// Says in tags what the listener says already, each on its own: one that fails keeps none of the others back.
async fn finish(
    service: &str,
    run: RunId,
    stand: &Stand,
    from: &Group,
    to: &Group,
    cloud: &impl Cloud,
    clock: &dyn Clock,
) -> Vec<String> {
    let now = clock.now();
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let mut left = Vec::new();
    let mut note = |what: &str, result: Result<(), Error>| {
        left.extend(result.err().map(|error| format!("{what}: {error}")));
    };
    let until = now.to_string();
    let out = tags(&[(tag::STATE, tag::KEPT), (tag::KEEP_UNTIL, &until)]);
    note(
        "tag the group that served",
        cloud.tag_group(&from.name, &out).await.map_err(Error::from),
    );
    let live = cloud
        .tag_group(&to.name, &tags(&[(tag::STATE, tag::LIVE)]))
        .await;
    note("tag the group that serves", live.map_err(Error::from));
    let kept = cloud
        .untag_group(&to.name, &[tag::KEEP_UNTIL, tag::EXPIRES])
        .await;
    note("tag the group that serves", kept.map_err(Error::from));
    let release = lease::release(cloud, &to.name, Leased::MinSize, None).await;
    note("release its minimum", release.map_err(Error::from));
    for rule in &stand.watch {
        note(
            "delete the watch rule",
            cloud.delete_rule(rule).await.map_err(Error::from),
        );
    }
    let why = format!("{now} rolled back from {}", from.name);
    note("set a hold", hold::set(cloud, service, &why).await);
    if let Some(image) = from.image(tag::IMAGE) {
        let value = format!("{now} run {run}: rolled back");
        let tag = tags(&[(&tag::quarantine(service), &value)]);
        let put = cloud.put_tags(&[image.to_string()], &tag).await;
        note("quarantine the image", put.map_err(Error::from));
    }
    left
}

/// Whether every machine of a group is healthy, and enough of them.
pub(super) fn is_whole(group: &Group, health: &[crate::cloud::TargetHealth]) -> Result<(), String> {
    let healthy = group.in_service().filter(|member| {
        health.iter().any(|target| {
            target.instance == member.instance && target.state == TargetState::Healthy
        })
    });
    let count = u32::try_from(healthy.count()).unwrap_or(u32::MAX);
    let (name, wanted) = (&group.name, group.size.desired);
    if group.deleting || wanted == 0 {
        return Err(format!("group {name} is empty"));
    }
    if count < wanted {
        return Err(format!(
            "only {count} of {wanted} machines of group {name} are healthy"
        ));
    }
    Ok(())
}
