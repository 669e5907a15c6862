//! Scheduled actions: sizes that a group gets at a time, once or again and again.

use super::{
    Due, NAME,
    cron::Cron,
    groups::{self, PAGES},
    launching, reconcile,
};
use crate::model::{Fault, Tree, agenda, args::Args, state::State};
use jiff::{Timestamp, tz::TimeZone};

pub(super) const TAKES_PUT: &str = "AutoScalingGroupName ScheduledActionName Time StartTime EndTime Recurrence MinSize MaxSize \
    DesiredCapacity TimeZone";
pub(super) const TAKES_DESCRIBE: &str =
    "AutoScalingGroupName ScheduledActionNames StartTime EndTime NextToken MaxRecords";

/// Scheduled actions that one group may have (Quotas for Amazon EC2 Auto Scaling).
const SCHEDULES: usize = 125;

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    arn: String,
    /// When it runs next.
    next: Timestamp,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    recurrence: Option<(String, Cron)>,
    zone: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    desired: Option<i64>,
}

pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (group, name) = (args.text(NAME)?, args.text("ScheduledActionName")?);
    let found = groups::find(state, group)?;
    groups::refuse_deleting(found, group)?;
    if found.schedules.len() >= SCHEDULES && !found.schedules.contains_key(name) {
        return Err(Fault::new(
            "LimitExceeded",
            "The maximum number of scheduled actions for the group has been reached",
        ));
    }
    let arn = found.schedules.get(name).map(|old| old.arn.clone());
    let id = state.ids.uuid();
    let new = state.arn("autoscaling", &format!("scheduledUpdateGroupAction:{id}:autoScalingGroupName/{group}:scheduledActionName/{name}"));
    let schedule = read(args, arn.unwrap_or(new), state.now)?;
    enter(state, group, name, schedule.next);
    groups::named(state, args)?
        .schedules
        .insert(name.to_owned(), schedule);
    Ok(Tree::new())
}

fn read(args: &Args<'_>, arn: String, now: Timestamp) -> Result<Schedule, Fault> {
    let size = |name| args.int_in(name, 0..=i64::from(i32::MAX));
    let (min, max, desired) = (size("MinSize")?, size("MaxSize")?, size("DesiredCapacity")?);
    if min.or(max).or(desired).is_none() {
        return Err(Fault::validation(
            "At least one of MinSize, MaxSize and DesiredCapacity must be given",
        ));
    }
    let start = time(args, "StartTime")?.or(time(args, "Time")?);
    let end = time(args, "EndTime")?;
    if start.is_some_and(|start| start <= now) {
        return Err(Fault::validation("Given start time is in the past"));
    }
    if end.is_some_and(|end| end <= start.unwrap_or(now)) {
        return Err(Fault::validation(
            "The end time must be after the start time",
        ));
    }
    let zone = args
        .maybe_text("TimeZone")?
        .filter(|zone| !zone.is_empty())
        .map(String::from);
    let recurrence = match args
        .maybe_text("Recurrence")?
        .filter(|text| !text.is_empty())
    {
        Some(text) => {
            let cron = Cron::read(text).ok_or_else(|| {
                Fault::validation(format!("Given recurrence string: {text} is invalid"))
            })?;
            Some((text.to_owned(), cron))
        }
        None => None,
    };
    let (None, None) = (&start, &recurrence) else {
        let mut schedule = Schedule {
            arn,
            next: now,
            start,
            end,
            recurrence,
            zone,
            min,
            max,
            desired,
        };
        schedule.next = schedule.first(now)?;
        return Ok(schedule);
    };
    Err(Fault::validation(
        "Either StartTime or Recurrence must be given",
    ))
}

fn time(args: &Args<'_>, name: &str) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = args.maybe_text(name)? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| args.invalid(name, text, "It must be a UTC time in ISO 8601"))
}

impl Schedule {
    fn first(&self, now: Timestamp) -> Result<Timestamp, Fault> {
        match (self.start, &self.recurrence) {
            (Some(start), _) => Ok(start),
            (None, _) => self
                .following(now)?
                .ok_or_else(|| Fault::validation("The recurrence never comes")),
        }
    }

    fn following(&self, after: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let zone = self.zone.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(zone)
            .map_err(|_| Fault::validation(format!("Given time zone: {zone} is invalid")))?;
        Ok(self
            .recurrence
            .as_ref()
            .and_then(|(_, cron)| cron.next(after, &zone)))
    }
}

fn enter(state: &mut State, group: &str, action: &str, at: Timestamp) {
    let due = Due::Scheduled {
        group: group.to_owned(),
        action: action.to_owned(),
        at,
    };
    state.agenda.add(at, agenda::Due::Scaling(due));
}

/// Runs an action whose time has come. What is missed while the process is suspended is not made up for.
pub(super) fn run(state: &mut State, name: &str, action: &str, at: Timestamp) {
    let now = state.now;
    let Some(group) = state
        .scaling
        .groups
        .get_mut(name)
        .filter(|group| group.deleting.is_none())
    else {
        return;
    };
    let Some(schedule) = group
        .schedules
        .get(action)
        .filter(|schedule| schedule.next == at)
        .cloned()
    else {
        return;
    };
    let over = schedule.end.is_some_and(|end| end <= at);
    if !over && !group.suspends("ScheduledActions") {
        let settings = &mut group.settings;
        settings.min = schedule.min.unwrap_or(settings.min);
        settings.max = schedule.max.unwrap_or(settings.max).max(settings.min);
        let (low, high) = (settings.min, settings.max);
        let desired = schedule
            .desired
            .unwrap_or(settings.desired)
            .clamp(low, high);
        let why = format!(
            "a scheduled action update of AutoScalingGroup constraints to min: {low}, max: {high}, desired: {desired}"
        );
        groups::set_capacity(group, desired, now, &why);
    }
    match schedule
        .following(at)
        .ok()
        .flatten()
        .filter(|next| schedule.end.is_none_or(|end| *next < end))
    {
        Some(next) => {
            if let Some(schedule) = group.schedules.get_mut(action) {
                schedule.next = next;
            }
            enter(state, name, action, next);
        }
        None => drop(group.schedules.remove(action)),
    }
    reconcile::touch(state, name);
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let names = args.texts("ScheduledActionNames")?;
    let only = args.maybe_text(NAME)?.filter(|name| !name.is_empty());
    let (from, to) = (time(args, "StartTime")?, time(args, "EndTime")?);
    if let Some(name) = only {
        groups::find(state, name)?;
    }
    let mut found = Vec::new();
    for (group, stored) in state
        .scaling
        .groups
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name))
    {
        for (name, schedule) in &stored.schedules {
            let in_time = from.is_none_or(|from| schedule.next >= from)
                && to.is_none_or(|to| schedule.next <= to);
            if in_time && (names.is_empty() || names.contains(&name.as_str())) {
                found.push((format!("{group}\n{name}"), tree(group, name, schedule)));
            }
        }
    }
    let (shown, token) = page.cut(found);
    Ok(Tree::new()
        .put("ScheduledUpdateGroupActions", shown)
        .put_some("NextToken", token))
}

fn tree(group: &str, name: &str, schedule: &Schedule) -> Tree {
    Tree::new()
        .put("AutoScalingGroupName", group)
        .put("ScheduledActionName", name)
        .put("ScheduledActionARN", &schedule.arn)
        .put("Time", launching::instant(schedule.next))
        .put("StartTime", launching::instant(schedule.next))
        .put_some("EndTime", schedule.end.map(launching::instant))
        .put_some(
            "Recurrence",
            schedule.recurrence.as_ref().map(|(text, _)| text),
        )
        .put_some("TimeZone", schedule.zone.as_ref())
        .put_some("MinSize", schedule.min)
        .put_some("MaxSize", schedule.max)
        .put_some("DesiredCapacity", schedule.desired)
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("ScheduledActionName")?;
    match groups::named(state, args)?.schedules.remove(name) {
        Some(_) => Ok(Tree::new()),
        None => Err(Fault::validation(format!(
            "Scheduled action name not found: {name}"
        ))),
    }
}
