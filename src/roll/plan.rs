//! From facts to what will be done, or every reason why not. Pure: the time and the run id are arguments.

mod alarms;
mod carried;
mod cast;
mod checks;
mod image;
pub mod in_place;
mod led;
mod make_way;
mod network;
mod outlook;
mod pair;
mod pool;
mod previous;
pub mod reroot;
mod room;
mod rules;
mod settings;
mod stages;
mod target_groups;
mod test_listener;
mod text;
mod timing;
mod traffic;
mod types;
pub(super) mod unused;

pub use in_place::InPlace;
pub use led::{led_to, shared};
pub use outlook::Outlook;
pub use pair::Idle;
pub use reroot::Reroot;
pub(super) use settings::is_live;
pub use stages::Doing;
pub use test_listener::TestListener;
pub use timing::Timing;
pub use traffic::{NextTargetGroup, ProductionRule, Traffic};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::facts::Facts;
use super::facts::pair::idle;
use super::{names, takeback};
use crate::cloud::{
    AlarmCopy, Group, GroupName, Image, ImageId, LaunchTemplateId, LaunchTemplateVersion, Mixed,
    Size, SubnetId, TargetGroupArn, TemplateChange, VersionRef, WarmPool, Zone,
};
use crate::run::RunId;
use crate::source::Diagnostic;
use crate::template::service::{Checks, Hooks, Service, Strategy};
use crate::undo::OfRoll;
use cast::Cast;

/// One reason not to roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub finding: Diagnostic,
    /// The service file is wrong, rather than the account not ready.
    pub is_input: bool,
}

impl Refusal {
    /// The service file asks for what cannot be.
    pub fn input(finding: Diagnostic) -> Self {
        let is_input = true;
        Self { finding, is_input }
    }

    /// The account is in no state to roll.
    pub fn account(finding: Diagnostic) -> Self {
        let is_input = false;
        Self { finding, is_input }
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The image serves already, with these settings.
    Nothing {
        live: GroupName,
    },
    Roll(Box<Plan>),
    /// A dead run's half-made roll is taken back first; the plan comes after.
    TakeBack(Box<takeback::Dead>),
}

/// What will be done. Everything that the steps need and no more.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub service: String,
    pub region: String,
    /// The run that its things are tagged with: the dead run's, when this one goes on with it.
    pub run: RunId,
    pub resumed: bool,
    /// What there is of the roll that is gone on with, newest first.
    #[serde(skip)]
    pub inherited: Vec<OfRoll>,
    /// The dead run has made the swap already.
    pub swapped: bool,
    pub image: ImageId,
    #[serde(skip)]
    pub image_facts: Image,
    pub previous: Option<Previous>,
    pub next: Next,
    /// Alarms that set off the previous group's policies, and their copies for the next one's.
    pub alarms: Vec<AlarmCopy>,
    /// What leads requests to the machines; `None` of a service without a load balancer.
    pub traffic: Option<Traffic>,
    /// A group that is kept to go back to, and must go since its target group is needed.
    pub make_way: Option<MakeWay>,
    /// Shares of the traffic on the way to all of it.
    pub strategy: Strategy,
    pub checks: Checks,
    /// Alarms of these checks that are passed over by force, since they are red already: since when.
    #[serde(skip)]
    pub red: BTreeMap<String, Option<Timestamp>>,
    pub hooks: Hooks,
    /// The machines of the group that serves are replaced, and `next` is that group.
    pub in_place: Option<InPlace>,
    /// The one machine of the group that serves gets another root, and `next` is that group.
    pub reroot: Option<Reroot>,
    pub keep: Duration,
    pub patience: Timing,
    /// What it will take.
    pub outlook: Outlook,
    /// When scratch of this run may be swept without its journal.
    pub expires: Timestamp,
}

/// The group that serves now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Previous {
    pub group: GroupName,
    pub image: Option<String>,
    pub template: LaunchTemplateId,
    pub version: LaunchTemplateVersion,
    /// It follows `$Latest` or `$Default` and is pinned to `version` first.
    pub pin: Option<VersionRef>,
    pub size: Size,
    pub suspended: BTreeSet<String>,
}

/// The group that will serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    pub group: GroupName,
    /// It is the idle one of a pair; `None`: it is made.
    pub idle: Option<Idle>,
    pub template: NextTemplate,
    #[serde(skip)]
    pub change: TemplateChange,
    /// What `change` says, for the reader: setting, before, after.
    pub changes: Vec<(String, String, String)>,
    /// Of the group once it serves; `desired` grows with the live one.
    pub size: Size,
    pub subnets: Vec<SubnetId>,
    pub zones: Vec<Zone>,
    pub grace: Option<Duration>,
    pub warmup: Option<Duration>,
    pub tags: Vec<(String, String)>,
    /// The types that its machines are to be of, the first that can be had; empty: as those of the group that it is made like.
    #[serde(skip)]
    pub types: Vec<String>,
    /// Its machines are of several types, or spot, as those of the group that it is made like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixed: Option<Mixed>,
    /// It gets the warm pool of the group that it is made like, once it has passed its checks; one that stays has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<WarmPool>,
}

/// Where the next version comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NextTemplate {
    /// A version made from another.
    Version {
        id: LaunchTemplateId,
        name: String,
        source: LaunchTemplateVersion,
    },
    /// The first roll of all: a template of that name.
    New { name: String },
}

/// A kept group that goes before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MakeWay {
    pub group: GroupName,
    pub target_group: TargetGroupArn,
    pub kept_until: Option<Timestamp>,
}

impl Plan {
    /// What is suspended on the next group for good: of a pair its own, else what it takes over.
    pub fn lasting(&self) -> Option<&BTreeSet<String>> {
        match (&self.next.idle, &self.previous) {
            (Some(idle), _) => Some(&idle.suspended),
            (None, Some(previous)) => Some(&previous.suspended),
            (None, None) => None,
        }
    }

    /// Zones of the load balancer of which each needs a machine of the next group.
    pub fn zonal(&self) -> &[Zone] {
        self.traffic
            .as_ref()
            .map_or(&[], |traffic| traffic.zonal.as_slice())
    }
}

/// Decides what to do.
///
/// Errors with every reason against it at once.
pub fn plan(
    service: &Service,
    facts: &Facts,
    run: RunId,
    now: Timestamp,
    force: Option<&str>,
) -> Result<Decision, Vec<Refusal>> {
    let mut refused = Vec::new();
    let mut passed_over = Vec::new();
    refused.extend(image::unavailable(&facts.image));
    let quarantined = image::quarantined(service, &facts.image);
    unless_forced(force, quarantined, &mut refused, &mut passed_over);
    traffic::refuse(service, facts, &mut refused);
    types::refuse(service, facts, &mut refused);
    refused.extend(previous::several(service, facts));
    refused.extend(previous::going(service, facts));
    pair::refuse(service, facts, &mut refused);
    if !refused.is_empty() {
        return Err(refused);
    }
    let flying: Vec<&Group> = facts.in_flight(&service.name).collect();
    if let Some(dead) = takeback::dead(service, facts, &flying) {
        return Ok(Decision::TakeBack(Box::new(dead)));
    }
    let resumed = flying.first().and_then(|group| names::run_of(group));
    let resumed = resumed.or_else(|| Some(in_place::resumed(service, facts)?.run));
    let resumed = resumed.or_else(|| Some(reroot::resumed(service, facts)?.run));
    let cast = cast::of(service, facts, flying.first().copied(), &mut refused);
    if let (Some(live), None) = (cast.previous, resumed)
        && settings::is_live(service, facts, live, &facts.image)
    {
        let live = live.name.clone();
        return if refused.is_empty() {
            Ok(Decision::Nothing { live })
        } else {
            Err(refused)
        };
    }
    let red = super::alarms::red(service, facts, resumed);
    // It is worse to leave a roll half-made: one that is gone on with looks at them before it moves traffic.
    let waits = resumed.is_some() && force.is_none();
    let (noted, red) = if waits {
        (red, Vec::new())
    } else {
        (Vec::new(), red)
    };
    unless_forced(force, red, &mut refused, &mut passed_over);
    let run = resumed.unwrap_or(run);
    let mut plan = assemble(service, facts, &cast, run, now, &mut refused);
    if let Some(plan) = &mut plan {
        plan.resumed = resumed.is_some();
        if plan.resumed {
            plan.inherited = takeback::goes_on(service, facts, run);
        }
        if force.is_some() {
            plan.red = super::alarms::red_since(facts);
        }
        plan.outlook = outlook::of(service, facts, plan);
        let noted = noted.into_iter().map(|one| one.finding.message);
        plan.outlook.notes.extend(noted);
        room::refuse(service, facts, plan, now, &mut refused);
        let outlook = &mut plan.outlook;
        let ends = outlook::too_long(&facts.room.validity, outlook, plan.resumed, now);
        unless_forced(force, ends, &mut refused, &mut passed_over);
        outlook.by_force = passed_over;
    }
    match plan {
        Some(plan) if refused.is_empty() => Ok(Decision::Roll(Box::new(plan))),
        _ => Err(refused),
    }
}

/// What speaks against the roll refuses it; by force it is a note with the reason for that.
fn unless_forced(
    force: Option<&str>,
    against: impl IntoIterator<Item = Refusal>,
    refused: &mut Vec<Refusal>,
    passed_over: &mut Vec<String>,
) {
    match force {
        None => refused.extend(against),
        Some(reason) => passed_over.extend(against.into_iter().map(|one| {
            let what = one.finding.message;
            format!("by force ({reason}): {what}")
        })),
    }
}

fn assemble(
    service: &Service,
    facts: &Facts,
    cast: &Cast<'_>,
    run: RunId,
    now: Timestamp,
    refused: &mut Vec<Refusal>,
) -> Option<Plan> {
    let previous = (cast.previous).and_then(|group| previous::of(service, facts, group, refused));
    let staying = in_place::staying(service, facts);
    let standing = cast.flying.or(staying).or(idle(service, facts));
    let next_name = match standing {
        Some(group) => group.name.clone(),
        None => names::next(&service.name, facts.groups.iter()),
    };
    let copies = staying.is_none() && service.groups.pair.is_none();
    let alarms = cast.previous.filter(|_| copies);
    let alarms = alarms.map(|group| alarms::of(facts, group, &next_name, refused));
    let next = settings::next(service, facts, cast.previous, next_name, run, refused);
    reroot::refuse_initial(service, cast.previous, refused);
    let timing = timing::of(service, facts, cast.previous);
    let changes = next.as_ref().map_or(&[][..], |next| &next.changes);
    let reroot = staying.and_then(|group| reroot::of(service, facts, group, changes, refused));
    let in_place = staying.and_then(|group| in_place::of(service, facts, group, timing, refused));
    Some(Plan {
        service: service.name.value.clone(),
        region: facts.region.clone(),
        run,
        resumed: false,
        inherited: Vec::new(),
        swapped: cast.swapped,
        image: facts.image.id.clone(),
        image_facts: facts.image.clone(),
        previous,
        next: next?,
        alarms: alarms.unwrap_or_default(),
        traffic: traffic::of(
            service,
            facts,
            (cast.previous_side, cast.next_side),
            cast.swapped || facts.is_shared(),
            staying.is_none(),
        ),
        strategy: service.strategy.clone(),
        checks: service.checks.clone(),
        red: BTreeMap::new(),
        hooks: service.hooks.clone(),
        in_place,
        reroot,
        make_way: match cast.flying.or(staying) {
            Some(_) => None,
            // Only a target group has room for one.
            None if facts.balancer.is_none() => None,
            None => make_way::of(facts, &facts.sides[cast.next_side], refused),
        },
        keep: traffic::keep(service, facts, refused),
        patience: timing,
        outlook: Outlook::default(),
        expires: now + EXPIRY + stages::held(service) + 2 * timing::asked(service),
    })
}

/// A day beyond what the service file itself has the roll wait for: far longer than any roll, and short enough that nobody
/// pays for a forgotten group.
const EXPIRY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;
