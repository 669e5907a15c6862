//! Auto Scaling groups in our words: what one is made of, what it did, and the trait that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::cloud::{
    GroupName, ImageId, InstanceId, LaunchTemplateId, LaunchTemplateVersion, Result, SubnetId,
    Tags, TargetGroupArn, WarmPool, Zone,
};

/// An Auto Scaling group as the cloud describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: GroupName,
    pub starts_from: StartsFrom,
    /// Its machines are of several types, or spot.
    pub mixed: Option<Mixed>,
    /// Machines that wait beside it, which are no members.
    pub pool: Option<WarmPool>,
    pub size: Size,
    pub subnets: Vec<SubnetId>,
    pub zones: Vec<Zone>,
    pub target_groups: Vec<TargetGroupArn>,
    pub grace: Duration,
    /// Target groups have a say in the health of its machines.
    pub asks_balancers: bool,
    pub members: Vec<Member>,
    pub protections: Vec<Protection>,
    /// Names of suspended processes.
    pub suspended: BTreeSet<String>,
    pub tags: Tags,
    /// It is being deleted.
    pub deleting: bool,
    /// Settings that a copy of this group would lose, as a user would name them.
    pub not_copied: Vec<String>,
}

/// What keeps a group, or what it starts, from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// It may not be deleted, or not by force.
    Deletion,
    /// Machines that it starts are protected from scale-in.
    NewInstances,
}

impl std::fmt::Display for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deletion => "a deletion protection",
            Self::NewInstances => "a protection of new instances from scale-in",
        })
    }
}

/// What a group starts instances from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartsFrom {
    Template {
        id: LaunchTemplateId,
        version: VersionRef,
    },
    /// A launch configuration, by its words.
    Other(String),
}

/// Instance types of a group, on demand and spot ("`API_MixedInstancesPolicy`").
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mixed {
    /// In the order of preference; none: the launch template's own.
    pub types: Vec<String>,
    /// So many machines are on demand.
    pub on_demand_base: u32,
    /// And so many percent of the others; the rest is spot.
    pub on_demand_percent: u32,
    /// On demand a type is taken where none before it can be had.
    #[serde(skip)]
    pub in_order: bool,
    /// What single types are started from, instead of the group's own.
    #[serde(skip)]
    pub of_types: Vec<StartsFrom>,
}

impl Mixed {
    /// Some of its machines are spot.
    pub fn asks_for_spot(&self) -> bool {
        self.on_demand_percent < 100
    }
}

impl std::fmt::Display for Mixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.types.is_empty() {
            write!(f, "{}: ", self.types.join(", "))?;
        }
        match (self.on_demand_base, self.on_demand_percent) {
            (_, 100) => f.write_str("all on demand"),
            (0, percent) => write!(f, "{percent} % on demand, the others spot"),
            (base, percent) => {
                write!(
                    f,
                    "{base} on demand, and {percent} % of the others; the rest spot"
                )
            }
        }
    }
}

/// How a launch template's version is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionRef {
    Latest,
    Default,
    Number(LaunchTemplateVersion),
}

impl std::fmt::Display for VersionRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latest => f.write_str("$Latest"),
            Self::Default => f.write_str("$Default"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A group's sizes, in instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    pub min: u32,
    pub max: u32,
    pub desired: u32,
}

/// One instance of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub instance: InstanceId,
    pub zone: Zone,
    pub stage: Stage,
    /// By the group's own checks.
    pub healthy: bool,
    pub protected: bool,
    /// The version of a launch template that it was started from.
    pub from: Option<(LaunchTemplateId, LaunchTemplateVersion)>,
}

/// Where in its life a member is (`LifecycleState`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Pending,
    InService,
    Terminating,
    /// Standby, warmed and whatever comes later.
    Other(String),
}

/// One scaling activity: what the group tried and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub id: String,
    pub outcome: ActivityOutcome,
    pub description: String,
    /// The reason in the cloud's words; empty when all is well.
    pub message: String,
    pub began: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityOutcome {
    Running,
    Done,
    Failed,
    Cancelled,
}

/// A tag of a group; `launched` ones go to its instances too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTag {
    pub key: String,
    pub value: String,
    pub launched: bool,
}

/// A group to make, at size 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    pub name: GroupName,
    /// The group whose every setting is copied but for those named here.
    pub like: Option<GroupName>,
    pub template: LaunchTemplateId,
    pub version: LaunchTemplateVersion,
    pub max: u32,
    pub subnets: Vec<SubnetId>,
    /// `None`: no load balancer leads to its machines.
    pub target_group: Option<TargetGroupArn>,
    /// `None`: as copied.
    pub grace: Option<Duration>,
    pub warmup: Option<Duration>,
    /// Types of its machines, the first that can be had; empty: as copied.
    pub types: Vec<String>,
    /// Beside the copied ones, which do not include kiln's own.
    pub tags: Vec<GroupTag>,
}

/// From which group to which a policy, schedule or notification is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copying {
    pub from: GroupName,
    pub to: GroupName,
    /// Resource labels of policies that follow a target group's load, rewritten from the first to the second.
    pub target_groups: Option<(TargetGroupArn, TargetGroupArn)>,
}

/// What a group does beside starting instances: how many things of each kind, as a user would name the kind.
pub type Behaviour = BTreeMap<String, usize>;

/// Auto Scaling groups.
pub trait Groups {
    /// Every group of the region.
    fn groups(&self) -> impl Future<Output = Result<Vec<Group>>>;

    /// One group, if it is there.
    fn group(&self, name: &GroupName) -> impl Future<Output = Result<Option<Group>>>;

    /// Makes a group of size 0. `CreateAutoScalingGroup` knows no client token: a second call says `AlreadyExists`.
    fn create_group(&self, new: &NewGroup) -> impl Future<Output = Result<()>>;

    /// Copies scaling policies, scheduled actions that are still to come, notifications and collected metrics.
    /// Each has a name, so that a second copy replaces the first.
    fn copy_behaviour(&self, copying: &Copying) -> impl Future<Output = Result<()>>;

    /// Gives a group such a warm pool; one that it has becomes like it.
    fn put_pool(&self, name: &GroupName, pool: &WarmPool) -> impl Future<Output = Result<()>>;

    /// Asks for the deletion of a group's warm pool; with `force` nobody waits for its machines and their lifecycle hooks.
    fn delete_pool(&self, name: &GroupName, force: bool) -> impl Future<Output = Result<()>>;

    /// Sets the minimum alone, so that a scale-out or a maximum of somebody else is not taken back with it. A desired
    /// capacity below it is raised to it (`UpdateAutoScalingGroup`).
    fn set_min(&self, name: &GroupName, min: u32) -> impl Future<Output = Result<()>>;

    /// Sets the maximum alone.
    fn set_max(&self, name: &GroupName, max: u32) -> impl Future<Output = Result<()>>;

    /// What the group does by itself and at the starts and ends of its instances.
    fn behaviour(&self, name: &GroupName) -> impl Future<Output = Result<Behaviour>>;

    /// Sets all three sizes, of a group that serves nobody.
    fn resize_group(&self, name: &GroupName, size: Size) -> impl Future<Output = Result<()>>;

    /// Makes the group start instances from `version` from now on.
    fn follow_version(
        &self,
        name: &GroupName,
        template: &LaunchTemplateId,
        version: VersionRef,
    ) -> impl Future<Output = Result<()>>;

    /// Suspends processes by name.
    fn suspend(
        &self,
        name: &GroupName,
        processes: &BTreeSet<String>,
    ) -> impl Future<Output = Result<()>>;

    /// Resumes processes by name.
    fn resume(
        &self,
        name: &GroupName,
        processes: &BTreeSet<String>,
    ) -> impl Future<Output = Result<()>>;

    /// Sets tags that do not go to instances.
    fn tag_group(&self, name: &GroupName, tags: &Tags) -> impl Future<Output = Result<()>>;

    /// Removes tags; absent ones are no error.
    fn untag_group(&self, name: &GroupName, keys: &[&str]) -> impl Future<Output = Result<()>>;

    /// Asks for the group's deletion; with `force` its instances go with it.
    fn delete_group(&self, name: &GroupName, force: bool) -> impl Future<Output = Result<()>>;

    /// Lets a machine that is being terminated go, whatever its lifecycle hooks still wait for.
    fn let_go(&self, name: &GroupName, instance: &InstanceId) -> impl Future<Output = Result<()>>;

    /// How long the lifecycle hooks of a machine that is being terminated may hold it where nobody answers them.
    fn longest_hook(&self, name: &GroupName) -> impl Future<Output = Result<Duration>>;

    /// What the group tried in the last six weeks, newest first.
    fn activities(&self, name: &GroupName) -> impl Future<Output = Result<Vec<Activity>>>;
}

impl Group {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Everything that machines are started from: the group's own, and what single types of its mix have.
    pub fn starts(&self) -> impl Iterator<Item = &StartsFrom> {
        let of_types = self.mixed.iter().flat_map(|mixed| &mixed.of_types);
        std::iter::once(&self.starts_from).chain(of_types)
    }

    /// It has a warm pool that is to stay.
    pub fn keeps_pool(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| !pool.leaving)
    }

    /// What of it is not gone: machines of its own and of its warm pool, or a pool without any; `None` once nothing is left.
    pub fn remains(&self) -> Option<String> {
        let machines = |count: usize| match count {
            1 => "1 machine".to_owned(),
            _ => format!("{count} machines"),
        };
        let own = (!self.members.is_empty()).then(|| machines(self.members.len()));
        let pool = self.pool.as_ref().map(|pool| match pool.machines {
            0 => "a warm pool without machines".to_owned(),
            waiting => {
                let waiting = machines(usize::try_from(waiting).unwrap_or(usize::MAX));
                format!("{waiting} in its warm pool")
            }
        });
        let all: Vec<_> = own.into_iter().chain(pool).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    /// The members that may serve.
    pub fn in_service(&self) -> impl Iterator<Item = &Member> {
        let members = self.members.iter();
        members.filter(|member| member.stage == Stage::InService)
    }

    /// The image that kiln's tag names.
    pub fn image(&self, key: &str) -> Option<ImageId> {
        self.tag(key).map(ImageId::new)
    }
}

#[cfg(test)]
impl Group {
    /// One of `count` machines, none of which is there yet.
    pub(crate) fn example(name: &str, count: u32) -> Self {
        Self {
            name: GroupName::new(name),
            starts_from: StartsFrom::Other("a template".to_owned()),
            mixed: None,
            pool: None,
            size: Size {
                min: count,
                max: count,
                desired: count,
            },
            subnets: Vec::new(),
            zones: Vec::new(),
            target_groups: Vec::new(),
            grace: Duration::from_mins(1),
            asks_balancers: true,
            protections: Vec::new(),
            members: Vec::new(),
            suspended: BTreeSet::new(),
            tags: Tags::new(),
            deleting: false,
            not_copied: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
