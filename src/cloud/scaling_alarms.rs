//! Alarms that set off a group's step and simple scaling policies. Whoever made them made them by hand, with the policy's ARN
//! among their actions: a copy of the policy has none (target tracking makes its own).

use serde::Serialize;

use crate::cloud::{Copying, GroupName, InstanceId, Result, Tags};

/// An alarm that sets off scaling policies of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingAlarm {
    pub name: String,
    /// The policies of the group that it sets off, by name.
    pub policies: Vec<String>,
    /// Machines whose metrics it goes by.
    pub machines: Vec<InstanceId>,
    /// Why no copy of it would do the same, as a user would name it.
    pub not_copied: Option<String>,
}

/// An alarm to make like another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmCopy {
    pub from: String,
    /// It names the next group, whose name may be another one when an approved plan is carried out.
    #[serde(skip)]
    pub to: String,
    /// The policies that it sets off, by name.
    pub policies: Vec<String>,
}

/// Which actions a copy of an alarm has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// Those that set off scaling policies.
    Scaling,
    /// The others too, which tell people and other services.
    Fully,
}

/// An alarm by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAlarm {
    pub name: String,
    pub arn: String,
}

/// Alarms of scaling policies.
pub trait ScalingAlarms {
    /// The alarms that set off a group's step and simple policies, in the order of their names.
    fn scaling_alarms(&self, group: &GroupName) -> impl Future<Output = Result<Vec<ScalingAlarm>>>;

    /// Makes alarms like others: their dimensions name the next group and its target group, their actions the policies of the
    /// next group, which must be there. One of that name is overwritten when its tags name the same group, and is an error
    /// otherwise. One that is gone is left out: it sets nothing off.
    fn copy_alarms(
        &self,
        copies: &[AlarmCopy],
        copying: &Copying,
        acting: Acting,
        tags: &Tags,
    ) -> impl Future<Output = Result<()>>;

    /// Every alarm whose name begins so.
    fn alarms_beginning(&self, prefix: &str) -> impl Future<Output = Result<Vec<NamedAlarm>>>;

    /// An alarm's tags.
    fn alarm_tags(&self, alarm: &NamedAlarm) -> impl Future<Output = Result<Tags>>;

    /// Removes tags of an alarm; absent ones are no error.
    fn untag_alarm(&self, alarm: &NamedAlarm, keys: &[&str]) -> impl Future<Output = Result<()>>;

    /// Deletes an alarm.
    fn delete_alarm(&self, name: &str) -> impl Future<Output = Result<()>>;
}
