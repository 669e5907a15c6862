//! What `kiln status` shows, and how.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::cloud::{Group, GroupName, TargetGroupArn, VolumeId, WarmPool};
use crate::undo::serving::{Leading, percent, served};

/// What `kiln status` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub service: String,
    /// `None`: not exactly one group serves.
    pub live: Option<Serving>,
    /// The rules that carry its traffic; none without a load balancer.
    pub rules: Vec<Ruled>,
    /// What a canary shares the traffic with, and how many percent of it.
    pub canary: Option<(Serving, u32)>,
    pub previous: Option<Serving>,
    pub kept_until: Option<Timestamp>,
    /// Why one cannot go back now; empty when one can.
    pub rollback_not_ready: Vec<String>,
    /// How many healthy machines the previous group must have before a rollback leads to it, where it is short of them;
    /// the rollback sees to that, and waits.
    pub rollback_waits_for: Option<u32>,
    /// How long a rollback takes that waits for no machine, in seconds.
    pub rollback_takes: Option<u64>,
    /// The launch template version that a rollback refreshes the group to, whose machines the last roll replaced.
    pub rollback_refreshes_to: Option<u64>,
    /// The root that a rollback brings back to the machine, which the last roll replaced.
    pub rollback_brings_root: Option<VolumeId>,
    pub hold: Option<String>,
    /// The bucket where leases, journals and due-list are, as the last roll says.
    pub state: Option<String>,
    /// A roll that runs, or has died half-way.
    pub half_made: Option<GroupName>,
    /// Temporary changes that are in force, but for what is kept on purpose; `kiln doctor` says more.
    pub temporary: Vec<String>,
    /// What somebody else has changed since the last roll; nothing is put right.
    pub drift: Vec<String>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Serving {
    pub group: GroupName,
    /// Where the listener finds it; `None`: no load balancer leads to it.
    pub target_group: Option<TargetGroupArn>,
    pub image: Option<String>,
    pub healthy: usize,
    pub desired: u32,
    pub warm_pool: Option<Waiting>,
}

/// A group's warm pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// How many machines are in it now.
    pub machines: u32,
    /// What it is made with.
    #[serde(flatten)]
    pub made: WarmPool,
    /// It is being deleted.
    pub leaving: bool,
}

impl Waiting {
    pub(in crate::roll) fn of(group: &Group) -> Option<Self> {
        let made = group.pool.clone()?;
        Some(Self {
            machines: made.machines,
            leaving: made.leaving,
            made,
        })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machines = match self.machines {
            1 => "1 machine".to_owned(),
            count => format!("{count} machines"),
        };
        let leaving = if self.leaving { ", being deleted" } else { "" };
        write!(f, "warm pool: {machines} ({}){leaving}", self.made)
    }
}

/// A rule, or a listener's default action, that carries the service's traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruled {
    pub place: String,
    /// Target groups, with their shares of its requests in percent.
    pub leads_to: Vec<(TargetGroupArn, u32)>,
}

impl Ruled {
    pub(in crate::roll) fn of(rule: &Leading) -> Self {
        let served = served(rule.actions()).unwrap_or_default().into_iter();
        let shares = served.map(|arn| {
            let share = percent(rule.actions(), &arn);
            (arn, share)
        });
        Self {
            place: rule.place.to_string(),
            leads_to: shares.collect(),
        }
    }
}

impl fmt::Display for Ruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = self.leads_to.iter();
        let shares = shares.map(|(arn, share)| format!("{} {share} %", arn.name()));
        write!(
            f,
            "{}: {}",
            self.place,
            shares.collect::<Vec<_>>().join(", ")
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, what: &str, one: &Serving| {
            let image = one.image.as_deref().unwrap_or("an image that no tag names");
            let (healthy, desired) = (one.healthy, one.desired);
            let place = one
                .target_group
                .as_ref()
                .map(|arn| format!(" in {}", arn.name()));
            writeln!(
                f,
                "  {what:<9} {} {image} {healthy}/{desired} healthy{}",
                one.group,
                place.unwrap_or_default()
            )?;
            let mut pool = one.warm_pool.iter();
            pool.try_for_each(|pool| writeln!(f, "            {pool}"))
        };
        writeln!(f, "{}", self.service)?;
        match &self.live {
            Some(serving) => line(f, "live", serving)?,
            None => writeln!(f, "  live      not exactly one group serves")?,
        }
        if let Some((canary, percent)) = &self.canary {
            line(f, "canary", canary)?;
            writeln!(f, "            {percent} % of the traffic")?;
        }
        if let Some(previous) = &self.previous {
            line(f, "previous", previous)?;
        }
        for rule in self.rules.iter().filter(|_| self.rules.len() > 1) {
            writeln!(f, "  rule      {rule}")?;
        }
        let waits = self.rollback_waits_for.map_or(String::new(), |count| {
            format!(", as soon as {count} machines of the previous group are healthy")
        });
        let by = self.rollback_refreshes_to.map_or(String::new(), |version| {
            format!(" by a refresh to launch template version {version}")
        });
        let root = self.rollback_brings_root.as_ref();
        let root = root.map_or(String::new(), |root| format!(" by the old root {root}"));
        let takes = self.rollback_takes.map_or(String::new(), |seconds| {
            format!(", back in about {seconds} s")
        });
        let waits = format!("{by}{root}{waits}{takes}");
        match (self.rollback_not_ready.as_slice(), self.kept_until) {
            ([], Some(until)) => writeln!(f, "  rollback  ready{waits}, until {until}")?,
            ([], None) => writeln!(f, "  rollback  ready{waits}")?,
            (reasons, _) => writeln!(f, "  rollback  not ready: {}", reasons.join("; "))?,
        }
        if let Some(hold) = &self.hold {
            writeln!(f, "  hold      {hold}")?;
        }
        if let Some(state) = &self.state {
            writeln!(f, "  state     {state}")?;
        }
        if let Some(next) = &self.half_made {
            writeln!(f, "  half-made {next}")?;
        }
        for what in &self.temporary {
            writeln!(f, "  temporary {what}")?;
        }
        for what in &self.drift {
            writeln!(f, "  drift     {what}")?;
        }
        Ok(())
    }
}
