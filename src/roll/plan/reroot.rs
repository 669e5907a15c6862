//! What is planned where the one machine of the group that serves stays and gets another root (`replace_root`).

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::in_place::{refuse_refreshing, refuse_settings, serving};
use super::{Plan, Refusal};
use crate::cloud::{
    Cloud, Group, Image, InstanceId, InstanceState, LaunchTemplateVersion, Result, Rooted, Stage,
    VolumeId,
};
use crate::roll::facts::Facts;
use crate::source::Diagnostic;
use crate::template::service::{Service, Strategy};
use crate::undo::root::{BLIND, Rerooting};

/// Until a root is given up that does not come: a volume made from a snapshot takes minutes.
pub(in crate::roll) const COMES: Duration = Duration::from_mins(30);
/// What it takes where nothing is in its way, the machine's start included.
const USUAL: Duration = Duration::from_mins(2);
/// Processes that would end or replace the machine, or start another, which would take its address and its volumes. `Launch`:
/// a second machine, whatever asks for it. `Terminate`: the machine, whatever asks for it. `HealthCheck` and
/// `ReplaceUnhealthy`: it is not well while it restarts. `AZRebalance`, `AlarmNotification`, `ScheduledActions` and
/// `InstanceRefresh`: what asks for either.
pub(in crate::roll) const MEANWHILE: [&str; 8] = [
    "Launch",
    "Terminate",
    "HealthCheck",
    "ReplaceUnhealthy",
    "AZRebalance",
    "AlarmNotification",
    "ScheduledActions",
    "InstanceRefresh",
];

/// How the root of the machine is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reroot {
    /// What the group runs without this roll.
    pub before: LaunchTemplateVersion,
    pub instance: InstanceId,
    /// The root that it has without this roll.
    pub root: VolumeId,
    /// It stays when the machine goes.
    pub lasts: bool,
    /// How often it had been replaced before.
    pub replaced: usize,
    /// The machine's other volumes.
    pub data: Vec<VolumeId>,
    pub keep_snapshots: Duration,
}

/// A machine as far as its root goes.
#[derive(Clone, Debug)]
pub struct Machine {
    pub rooted: Rooted,
    /// How often its root has been replaced.
    pub replaced: usize,
}

/// The machine of a group of one, where it is to get another root.
pub(in crate::roll) async fn machine(
    service: &Service,
    group: &Group,
    cloud: &impl Cloud,
) -> Result<Option<Machine>> {
    let (Strategy::ReplaceRoot(_), [one]) = (&service.strategy, group.members.as_slice()) else {
        return Ok(None);
    };
    let rooted = match cloud.rooted(&one.instance).await {
        Err(error) if error.is_not_found() => return Ok(None),
        rooted => rooted?,
    };
    let replaced = cloud.root_replacements(&one.instance).await?.len();
    Ok(Some(Machine { rooted, replaced }))
}

/// A replacement that a run began and has not finished.
pub(in crate::roll) fn unfinished(facts: &Facts) -> Option<(&Group, Rerooting)> {
    let group = serving(facts)?;
    Some((group, Rerooting::of(group)?))
}

/// The unfinished replacement that the same roll goes on with.
pub(in crate::roll) fn resumed(service: &Service, facts: &Facts) -> Option<Rerooting> {
    let (_, of) = unfinished(facts)?;
    let is_same = matches!(service.strategy, Strategy::ReplaceRoot(_))
        && of.image == facts.image.id
        && facts.machine.as_ref()?.rooted.instance == of.instance;
    is_same.then_some(of)
}

/// A first group that would not be one of one machine.
pub(super) fn refuse_initial(
    service: &Service,
    previous: Option<&Group>,
    refused: &mut Vec<Refusal>,
) {
    let (Strategy::ReplaceRoot(_), None, Some(initial)) =
        (&service.strategy, previous, &service.groups.initial)
    else {
        return;
    };
    for size in [&initial.max, &initial.desired] {
        if **size > 1 {
            let text = "the strategy `replace_root` is for one machine";
            let finding = Diagnostic::error("roll::one_machine", text);
            let finding = finding.at_value(size, "more than one");
            refused.push(Refusal::input(finding.help(
                "write 1: a second one would take its address and its volumes",
            )));
        }
    }
}

/// The plan for a machine that stays, with every reason against it.
pub(super) fn of(
    service: &Service,
    facts: &Facts,
    group: &Group,
    changes: &[(String, String, String)],
    refused: &mut Vec<Refusal>,
) -> Option<Reroot> {
    let Strategy::ReplaceRoot(options) = &service.strategy else {
        return None;
    };
    refuse_settings(service, group, refused);
    refuse_changes(service, changes, refused);
    refuse_refreshing(facts, group, refused);
    let noted = resumed(service, facts);
    if noted.is_none() {
        refuse_group(group, refused);
    }
    let Some(machine) = facts.machine.as_ref() else {
        // Of several, or none, it is told above.
        if group.members.len() == 1 {
            let text = format!("the machine of group {} cannot be looked at", group.name);
            let finding = Diagnostic::error("roll::root", text);
            refused.push(Refusal::account(finding.help("wait until it can be")));
        }
        return None;
    };
    let rooted = &machine.rooted;
    if noted.is_none() {
        refuse_machine(rooted, &facts.image, refused);
    }
    let root = rooted.root();
    let noted_root = noted.as_ref().map(|of| of.root.clone());
    let old = noted_root.or_else(|| Some(root?.volume.clone()))?;
    let data = rooted.disks.iter();
    let data = data.filter(|disk| disk.device != rooted.root_device);
    Some(Reroot {
        before: match &noted {
            Some(of) => of.before,
            None => facts.template.as_ref()?.source.number,
        },
        instance: rooted.instance.clone(),
        root: old,
        lasts: match &noted {
            Some(of) => of.lasts,
            None => root?.lasts,
        },
        replaced: noted.map_or(machine.replaced, |of| of.replaced),
        data: data.map(|disk| disk.volume.clone()).collect(),
        keep_snapshots: options.keep_snapshots,
    })
}

/// A second machine would take the first one's address and volumes.
fn refuse_group(group: &Group, refused: &mut Vec<Refusal>) {
    let name = &group.name;
    let mut refuse = |text: String, help: String| {
        let finding = Diagnostic::error("roll::one_machine", text);
        refused.push(Refusal::account(finding.help(help)));
    };
    if group.size.max != 1 || group.size.desired != 1 {
        let (desired, max) = (group.size.desired, group.size.max);
        let text = format!(
            "the strategy `replace_root` is for one machine: group {name} wants {desired}, and may have {max}"
        );
        let mend = format!(
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --max-size 1"
        );
        refuse(text, mend);
    }
    let mut serve = group.members.iter();
    let is_one =
        group.members.len() == 1 && serve.all(|one| one.stage == Stage::InService && one.healthy);
    if !is_one {
        let text = format!(
            "group {name} has not one machine that is in service, and it alone: {} are there",
            group.members.len()
        );
        refuse(text, "wait until it has".to_owned());
    }
}

/// Why the root of the machine cannot be one of the image.
fn refuse_machine(rooted: &Rooted, image: &Image, refused: &mut Vec<Refusal>) {
    let id = &rooted.instance;
    let mut refuse = |text: String, help: &str| {
        let finding = Diagnostic::error("roll::root", text);
        refused.push(Refusal::account(finding.help(help)));
    };
    if rooted.state != InstanceState::Running {
        let text = format!("{id} is {}", rooted.state.word());
        refuse(text, "EC2 replaces the roots of running machines alone");
    }
    if rooted.root().is_none() {
        let text = format!("{id} has no volume of EBS at {}", rooted.root_device);
        refuse(text, "a root on the host's own disks cannot be replaced");
    }
    if rooted.spot {
        let text = format!("{id} is spare capacity (spot)");
        refuse(
            text,
            "it cannot be stopped to get its old root back by hand, and may be taken back in the middle",
        );
    }
    if rooted.hibernates {
        let text = format!("{id} may be put to sleep, with its memory on its root");
        refuse(text, "launch it without hibernation");
    }
    for (what, has, of) in differences(rooted, image) {
        let text = format!("{id} has {what} {has}, and image {} {of}", image.id);
        refuse(
            text,
            "EC2 gives a machine roots of its own kind alone (CreateReplaceRootVolumeTask)",
        );
    }
    let mut devices = image.devices.iter();
    let root = devices.find(|device| device.device == image.root_device);
    if root.is_none_or(|root| root.snapshot.is_none()) {
        let text = format!("image {} has no snapshot of a root", image.id);
        refuse(text, "an image on instance store cannot become a root");
    }
}

/// What of the machine is not what the image needs: what, the machine's, the image's.
fn differences(rooted: &Rooted, image: &Image) -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    let mut compare = |what, has: &str, of: &str| {
        if has != of {
            all.push((what, has.to_owned(), of.to_owned()));
        }
    };
    compare("architecture", &rooted.architecture, &image.architecture);
    compare(
        "virtualization",
        &rooted.virtualization,
        &image.virtualization,
    );
    compare("root device", &rooted.root_device, &image.root_device);
    let free = |billed: &Option<String>| billed.clone().unwrap_or_else(|| "none".to_owned());
    compare("billing", &free(&rooted.billed), &free(&image.billed));
    // An image may leave it to the machine, and a machine may not say.
    let mode = image.boot_mode.as_deref();
    if let Some(mode) =
        mode.filter(|mode| *mode != "uefi-preferred" && !rooted.boot_mode.is_empty())
    {
        compare("boot mode", &rooted.boot_mode, mode);
    }
    all
}

/// The machine is what it was launched as.
fn refuse_changes(
    service: &Service,
    changes: &[(String, String, String)],
    refused: &mut Vec<Refusal>,
) {
    for (what, before, after) in changes.iter().filter(|(what, _, _)| what != "image") {
        let text = format!(
            "the machine has {what} {before}, the file says {after}, and another root does not change that"
        );
        let finding = Diagnostic::error("roll::in_place", text);
        let finding = finding.at_place(service.groups.place, "for this group");
        refused.push(Refusal::input(finding.help(
            "leave it out of `set`; what names the run or the image is another one each time",
        )));
    }
}

impl Plan {
    /// Whether the group that serves stays.
    pub fn stays(&self) -> bool {
        self.in_place.is_some() || self.reroot.is_some()
    }
}

/// How long the service is down, at the least and at the most.
pub(super) fn down(plan: &Plan) -> (Duration, Duration) {
    let hooks = plan.hooks.before_swap.iter().map(|hook| hook.timeout);
    (USUAL, hooks.sum::<Duration>() + COMES + well(plan))
}

/// Until a machine that has restarted from another root is given up.
pub(in crate::roll) fn well(plan: &Plan) -> Duration {
    BLIND + 2 * plan.patience.healthy
}

/// The root that is replaced, as a user reads it.
pub(super) fn show(plan: &Plan, reroot: &Reroot, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (instance, root, group) = (&reroot.instance, &reroot.root, &plan.next.group);
    super::checks::before_swap(plan, f)?;
    if !reroot.data.is_empty() {
        let ids: Vec<_> = reroot.data.iter().map(ToString::to_string).collect();
        let (ids, keep) = (ids.join(", "), reroot.keep_snapshots.as_secs());
        writeln!(f, "+ snapshots of {ids}: kept for {keep} s")?;
    }
    writeln!(
        f,
        "~ {instance} of group {group}: its root {root} replaced by one of the image; address and volumes stay"
    )?;
    let (least, longest) = down(plan);
    let stopped = if plan.hooks.before_swap.is_empty() {
        ""
    } else {
        " from the first command on"
    };
    writeln!(
        f,
        "  the service is down{stopped}: for about {} s, and at the most {} s until its old root begins to come back",
        least.as_secs(),
        longest.as_secs()
    )?;
    writeln!(
        f,
        "  meanwhile group {group} neither starts nor ends machines ({} suspended)",
        MEANWHILE.join(", ")
    )?;
    writeln!(
        f,
        "  the way back is the old root, which is kept for {} s: the service is down for about {} s once more",
        plan.keep.as_secs(),
        least.as_secs()
    )
}
