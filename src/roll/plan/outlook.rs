//! What a roll will take: its time, the way back's, and the hours of machines that run beside each other.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Plan, Refusal, pool, reroot, stages, timing, unused};
use crate::cloud::{Validity, tag};
use crate::roll::facts::{Facts, Side};
use crate::source::Diagnostic;
use crate::template::service::{Service, Strategy};
use crate::undo::root;

/// Of a write that leads traffic back: it is read until it shows, at most so long (`swap::write`).
const WRITE: Duration = Duration::from_secs(15);
/// AWS's default ("Edit target group attributes": deregistration delay).
const DRAINS: Duration = Duration::from_mins(5);
/// Seconds of an hour.
const HOUR: u64 = 3600;

/// What it will take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// Without any trouble, and without what nobody has seen yet.
    pub least: Duration,
    /// After so long it has ended, one way or the other.
    pub longest: Duration,
    /// So long the credentials must be good.
    pub credentials: Duration,
    /// From a failure until traffic is where it was.
    pub back: Duration,
    /// From a machine's start to its health, as the last roll has seen it.
    pub seen: Option<Duration>,
    /// How often a start is waited for: a pilot, then the others.
    pub starts: u32,
    /// Machines that run beside those that serve.
    pub machines: u32,
    pub instance_type: Option<String>,
    /// For how long, the time included for which the previous group is kept.
    pub beside: Duration,
    /// What is not known, and may matter.
    pub notes: Vec<String>,
    /// What spoke against it and is passed over by force.
    pub by_force: Vec<String>,
}

/// The outlook of a plan.
pub(super) fn of(service: &Service, facts: &Facts, plan: &Plan) -> Outlook {
    let count = plan.next.size.desired;
    let (good, _) = timing::checks(service, facts);
    let seen = seen(facts, plan);
    let watched = stages::watched(service, plan);
    let held = stages::held(service);
    let kind = plan.next.change.instance_type.clone();
    let from = facts.template.as_ref();
    let kind = kind.or_else(|| from?.source.instance_type.clone());
    let mixed = plan.next.mixed.as_ref();
    let is_mixed = mixed.is_some_and(|mixed| !mixed.types.is_empty());
    let mut outlook = Outlook {
        seen,
        machines: count,
        instance_type: kind.filter(|_| !is_mixed),
        notes: unknown(facts)
            .into_iter()
            .chain(pool::lost(facts, plan))
            .chain(unused::of(service, plan).into_iter().map(ToOwned::to_owned))
            .collect(),
        ..Outlook::default()
    };
    if let Some(in_place) = &plan.in_place {
        let ahead = in_place.ahead(count);
        let whole = in_place.warmup * count.div_ceil(ahead.max(1));
        outlook.machines = ahead;
        outlook.back = whole;
        outlook.least = whole + watched;
        outlook.longest = in_place.limit() + held;
        // There and back. Without us Auto Scaling goes on with a refresh, and takes back what fails.
        outlook.credentials = 2 * whole + plan.patience.healthy + held;
        outlook.beside = outlook.least;
    } else if plan.reroot.is_some() {
        let (least, longest) = reroot::down(plan);
        outlook.machines = 0;
        outlook.back = least;
        // What is seen of it before counts for nothing.
        outlook.least = least + root::BLIND + watched;
        outlook.longest = longest + held;
        outlook.credentials = outlook.longest + root::LIMIT;
    } else {
        outlook.starts = count.min(2);
        let follow = plan.follows();
        let stages = u32::try_from(plan.steps().len().max(1)).unwrap_or(u32::MAX);
        outlook.back = WRITE * writes(plan) + follow;
        let slow = plan.slow_start().unwrap_or_default();
        outlook.least = outlook.starts * seen.unwrap_or(good) + slow + watched;
        let start = |trouble| outlook.starts * (plan.patience.healthy + trouble);
        let rest = slow + held + follow * stages;
        outlook.longest = start(plan.patience.tried()) + rest;
        // Behind the write that leads traffic back the next group drains before it goes. Nobody needs credentials for a want of
        // capacity that the file does not speak of: most rolls meet none.
        let asked = start(timing::asked(service)) + rest;
        outlook.credentials = asked + outlook.back + drains(service, facts);
        let after = match &plan.strategy {
            Strategy::Replace(replace) if !replace.keep_running => {
                replace.drain.unwrap_or_default()
            }
            _ => plan.keep,
        };
        outlook.beside = outlook.least + after;
    }
    outlook
}

/// How many writes lead traffic back: one a rule.
fn writes(plan: &Plan) -> u32 {
    let rules = plan.traffic.as_ref().map(|traffic| traffic.rules.len());
    u32::try_from(rules.unwrap_or_default().max(1)).unwrap_or(u32::MAX)
}

/// How long requests to targets that leave may last, at the most.
fn drains(service: &Service, facts: &Facts) -> Duration {
    let wanted = service.traffic.as_ref().map(|traffic| &traffic.target);
    let made = wanted.map_or(Duration::ZERO, |target| {
        target.deregistration_delay.unwrap_or(DRAINS)
    });
    let of = |side: &Side| match side.target_group {
        Some(_) => side.habits.drains,
        None => made,
    };
    facts.sides.iter().map(of).max().unwrap_or_default()
}

/// What the last roll has seen of the machines' start.
fn seen(facts: &Facts, plan: &Plan) -> Option<Duration> {
    let previous = plan.previous.as_ref()?;
    let mut groups = facts.groups.iter();
    let group = groups.find(|group| group.name == previous.group)?;
    let seconds = group.tag(tag::HEALTHY_AFTER)?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unknown(facts: &Facts) -> Vec<String> {
    let mut notes = facts.room.unknown.clone();
    if let Validity::Unknown(whose) = facts.room.validity {
        notes.push(format!("the credentials are {whose}"));
    }
    let records = facts.production().filter_map(|one| one.place.record());
    let by_health = records.filter(|record| {
        let mut ends = record.ends.iter().map(|end| &end.rest);
        ends.any(|rest| {
            rest.health_check.is_some()
                || rest.alias.as_ref().is_some_and(|(_, evaluates)| *evaluates)
        })
    });
    notes.extend(by_health.map(|record| {
        format!(
            "Route 53 looks at the health of what {} ({}) leads to: while all of it is sick, it answers with the record of weight 0",
            record.name, record.kind
        )
    }));
    let second = facts.balancer.iter().filter_map(|one| one.second.as_ref());
    for second in second {
        let Some(names) = &second.also_named else {
            notes.push("other names of the zone could not be looked at".to_owned());
            continue;
        };
        notes.extend(names.looked_at.map(|count| {
            format!(
                "the zone is large, and {count} of its records were looked at: whether one behind these leads to one of the two load balancers is not known"
            )
        }));
        notes.extend(names.found.iter().map(|name| {
            format!(
                "{name} leads to one of the two load balancers whatever this roll does: who goes by it stays with the group there, until it is retired"
            )
        }));
    }
    notes
}

/// Credentials must outlast the roll and its way back, or nobody could take it. Of one that goes on it is a note: it is worse
/// to leave it half-made.
pub(super) fn too_long(
    validity: &Validity,
    outlook: &mut Outlook,
    resumed: bool,
    now: Timestamp,
) -> Option<Refusal> {
    let Validity::Until(end) = *validity else {
        return None;
    };
    let need = outlook.credentials;
    let left = end.duration_since(now).max(SignedDuration::ZERO);
    if left.unsigned_abs() >= need {
        return None;
    }
    let (left, need) = (left.as_secs(), need.as_secs());
    let text = format!(
        "the credentials end in {left} s, at {end}, and this roll with its way back may take {need} s"
    );
    if resumed {
        outlook.notes.push(text);
        return None;
    }
    let help = format!(
        "get ones that last: `aws sts assume-role --duration-seconds {}` or more, or a profile with `role_arn`, whose \
         credentials are renewed by themselves",
        need.next_multiple_of(900)
    );
    let finding = Diagnostic::error("roll::credentials", text).help(help);
    Some(Refusal::input(finding))
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, longest) = (self.least.as_secs(), self.longest.as_secs());
        write!(f, "  it takes {least} s at the least")?;
        match self.seen {
            _ if self.starts == 0 => {}
            Some(seen) => {
                let (seen, starts) = (seen.as_secs(), self.starts);
                write!(
                    f,
                    " ({starts} starts; last time a machine was healthy {seen} s after its own)"
                )?;
            }
            None => {
                let starts = self.starts;
                write!(f, " and {starts} times what a machine takes to start")?;
            }
        }
        writeln!(f, ", {longest} s at the most")?;
        if self.machines == 0 {
            return self.notes(f);
        }
        let beside = self.beside.as_secs();
        let tenths = u64::from(self.machines) * beside * 10 / HOUR;
        let (whole, tenth, machines) = (tenths / 10, tenths % 10, self.machines);
        let kind = self.instance_type.as_deref().unwrap_or("machine");
        writeln!(
            f,
            "  {machines} {kind} more for {beside} s: {whole}.{tenth} instance-hours"
        )?;
        self.notes(f)
    }
}

impl Outlook {
    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notes = self.notes.iter().chain(&self.by_force);
        notes.try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_end_too_soon_keep_no_half_made_roll_from_its_end() {
        let now = Timestamp::UNIX_EPOCH;
        let end = Validity::Until(now + Duration::from_mins(5));
        let mut outlook = Outlook {
            credentials: Duration::from_mins(10),
            ..Outlook::default()
        };
        assert!(too_long(&end, &mut outlook, false, now).is_some());
        assert!(outlook.notes.is_empty());
        assert!(too_long(&end, &mut outlook, true, now).is_none());
        let note = "the credentials end in 300 s";
        assert!(outlook.notes[0].starts_with(note), "{:?}", outlook.notes);
    }
}
