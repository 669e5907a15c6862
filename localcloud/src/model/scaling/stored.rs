//! What Auto Scaling remembers.

use super::{
    activities::Activity, hooks::Hook, policies::Policy, refresh::Refresh, schedules::Schedule,
    settings::Settings, warm::Pool,
};
use crate::model::{
    ec2::instance::TemplateRef,
    view::{GroupView, MemberView},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that Auto Scaling keeps.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Scaling {
    /// By name.
    pub(in crate::model) groups: BTreeMap<String, Group>,
    /// In order of their start.
    pub(super) activities: Vec<Activity>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug)]
pub(in crate::model) struct Group {
    pub(in crate::model) arn: String,
    pub(super) created: Timestamp,
    pub(in crate::model) settings: Settings,
    /// Target group ARNs and how far their attachment is.
    pub(in crate::model) sources: BTreeMap<String, Source>,
    /// Names of suspended processes and why.
    pub(in crate::model) suspended: BTreeMap<String, String>,
    /// Names of collected metrics.
    pub(super) metrics: BTreeSet<String>,
    /// Key, value, and whether instances get it.
    pub(in crate::model) tags: BTreeMap<String, (String, bool)>,
    /// By instance id.
    pub(in crate::model) members: BTreeMap<String, Member>,
    pub(in crate::model) pool: Option<Pool>,
    pub(super) hooks: BTreeMap<String, Hook>,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) schedules: BTreeMap<String, Schedule>,
    /// In order of their start; at most the last is not over.
    pub(super) refreshes: Vec<Refresh>,
    /// Topic ARN and notification type.
    pub(super) notifications: BTreeSet<(String, String)>,
    /// It was asked to go, and will not be shown after that once it is empty.
    pub(in crate::model) deleting: Option<Timestamp>,
    /// What changed the capacity last, for the cause of activities.
    pub(super) cause: String,
    /// Launches that failed since the last success.
    pub(super) failures: u32,
    /// Zones without capacity, passed over until there is no other.
    pub(super) avoided: BTreeSet<String>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) last_scaled: Option<Timestamp>,
    /// One more was launched to even out the zones, and one goes once it is in service.
    pub(super) rebalancing: bool,
    /// When it is looked at next.
    pub(super) wake: Option<Timestamp>,
}

/// How far the attachment of a target group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Source {
    Adding,
    Added,
    Removing,
}

/// An instance of a group.
#[derive(Clone, Debug)]
pub(in crate::model) struct Member {
    pub(in crate::model) zone: String,
    pub(in crate::model) state: Lifecycle,
    pub(in crate::model) sick: Option<Sickness>,
    pub(in crate::model) protected: bool,
    /// The version that was really used.
    pub(in crate::model) template: Option<TemplateRef>,
    pub(in crate::model) instance_type: String,
    pub(in crate::model) image: String,
    pub(in crate::model) launched: Timestamp,
    pub(in crate::model) in_service: Option<Timestamp>,
    /// The activity that it is in or was in last.
    pub(super) activity: String,
    /// Hooks that it waits for, by name.
    pub(super) waits: BTreeMap<String, Wait>,
}

/// What an instance waits for in a `:Wait` state.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) token: String,
    pub(super) until: Timestamp,
    /// Heartbeats cannot move `until` past this.
    pub(super) limit: Timestamp,
    /// It was told to give up.
    pub(super) abandoned: bool,
}

/// Where an instance of a group is in its life (`LifecycleState` in the API reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model) enum Lifecycle {
    Pending,
    PendingWait,
    InService,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    WarmedPending,
    WarmedPendingWait,
    /// It is being stopped.
    WarmedPendingProceed,
    WarmedStopped,
    WarmedRunning,
    WarmedTerminating,
    WarmedTerminatingWait,
    WarmedTerminatingProceed,
}

/// Why an instance counts as unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Sickness {
    /// It does not run.
    Ec2,
    /// A target group calls it unhealthy.
    Elb,
    /// `SetInstanceHealth` said so.
    User,
    /// It is older than `MaxInstanceLifetime`.
    Age,
}

impl Lifecycle {
    pub(in crate::model) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
            Self::WarmedPending => "Warmed:Pending",
            Self::WarmedPendingWait => "Warmed:Pending:Wait",
            Self::WarmedPendingProceed => "Warmed:Pending:Proceed",
            Self::WarmedStopped => "Warmed:Stopped",
            Self::WarmedRunning => "Warmed:Running",
            Self::WarmedTerminating => "Warmed:Terminating",
            Self::WarmedTerminatingWait => "Warmed:Terminating:Wait",
            Self::WarmedTerminatingProceed => "Warmed:Terminating:Proceed",
        }
    }

    /// It counts towards the desired capacity.
    pub(in crate::model) fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::PendingWait | Self::InService)
    }
}

impl Group {
    pub(super) fn suspends(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// Seconds between two times that simple scaling changes the group.
    pub(super) fn cooldown(&self) -> i64 {
        self.settings
            .kept_number("DefaultCooldown")
            .unwrap_or_default()
    }

    /// Instances that count towards the desired capacity.
    pub(in crate::model) fn counted(&self) -> impl Iterator<Item = (&String, &Member)> + Clone {
        self.members
            .iter()
            .filter(|(_, member)| member.state.counts())
    }

    /// What others may see of it.
    pub(in crate::model) fn view(&self, name: &str) -> GroupView {
        let member = |(id, member): (&String, &Member)| MemberView {
            instance: id.clone(),
            zone: member.zone.clone(),
            image: member.image.clone(),
            state: member.state.name(),
            healthy: member.sick.is_none(),
            protected: member.protected,
            version: member.template.as_ref().map(|template| template.version),
        };
        let settings = &self.settings;
        GroupView {
            name: name.to_owned(),
            min: settings.min,
            max: settings.max,
            desired: settings.desired,
            template: settings
                .template
                .as_ref()
                .map(|template| (template.id.clone(), template.version.clone())),
            zones: settings.zones.clone(),
            members: self.members.iter().map(member).collect(),
            pool: (self.pool.iter().flat_map(|pool| &pool.members))
                .map(member)
                .collect(),
            pool_is: self.pool.as_ref().map(Pool::view),
            target_groups: self.targets(),
            suspended: self.suspended.keys().cloned().collect(),
            tags: self
                .tags
                .iter()
                .map(|(key, (value, _))| (key.clone(), value.clone()))
                .collect(),
            deleting: self.deleting.is_some(),
        }
    }

    /// Target groups that new instances are registered in.
    pub(super) fn targets(&self) -> Vec<String> {
        let kept = self
            .sources
            .iter()
            .filter(|(_, source)| **source != Source::Removing);
        kept.map(|(arn, _)| arn.clone()).collect()
    }
}
