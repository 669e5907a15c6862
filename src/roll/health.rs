//! Is the next group healthy? Judged from what group, load balancer and activities say at one moment and said before.
//!
//! Pure but for the time, which is an argument. Only targets that the load balancer itself calls healthy count.

pub(super) mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::error::Error;
use super::launches::{self, Class};
use super::plan::Timing;
use crate::cloud::{Activity, Group, InstanceId, Stage, TargetHealth, TargetState};
use crate::run::Readiness;
use crate::undo::floor::{self, Floor, Lack};

/// A target may be `unused` for a moment after a rule was made; longer, and its zone is not the load balancer's.
const UNUSED: Duration = Duration::from_mins(2);
/// What IAM takes at the most until all of AWS knows of a change.
const FRESH: Duration = Duration::from_mins(2);
/// Machines that are asked for their log: users may wait meanwhile.
const ASKED: usize = 3;
/// A group that replaces its machines is given up after this many more than it needs.
const CHURN: usize = 3;

/// What was seen of a group so far.
#[derive(Debug)]
pub struct Health {
    timing: Timing,
    since: Timestamp,
    began: Instant,
    seen: BTreeMap<InstanceId, Seen>,
    first_failure: Option<Instant>,
    /// Machines that were asked for their log, and what is kept of it: the log, or why there is none.
    asked: BTreeSet<InstanceId>,
    log: Option<Result<String, String>>,
    /// How long that has kept the roll waiting.
    listened: Duration,
}

#[derive(Debug)]
struct Seen {
    in_service: Instant,
    was_healthy: bool,
    last: String,
    gone: bool,
    unhealthy: bool,
    /// The end of its console when it was unhealthy first: of a machine that is gone, the console tells how it shut down.
    console: Option<String>,
}

impl Health {
    /// Begins to watch at `now`; activities before `since` do not count.
    pub fn new(timing: Timing, since: Timestamp, now: Instant) -> Self {
        Self {
            timing,
            since,
            began: now,
            seen: BTreeMap::new(),
            first_failure: None,
            asked: BTreeSet::new(),
            log: None,
            listened: Duration::ZERO,
        }
    }

    /// Begins a new wait with what is known of the machines.
    pub fn again(&mut self, now: Instant) {
        self.began = now;
        self.first_failure = None;
    }

    /// Judges one moment.
    ///
    /// Errors with [`Error::Unhealthy`] or [`Error::Launch`] when it will not get healthy.
    pub fn judge(
        &mut self,
        floor: &Floor,
        group: &Group,
        targets: &[TargetHealth],
        activities: &[Activity],
        now: Instant,
    ) -> Result<Readiness<BTreeSet<InstanceId>>, Error> {
        self.launches(activities, now)?;
        self.note(group, targets, now);
        self.unhealthy(group, targets, now)?;
        self.churn(floor)?;
        let healthy = floor::healthy(group, targets);
        let lack = floor.lack(&healthy);
        let Some(reason) = lack.map(|lack| missing(&lack, group, targets)) else {
            let ids = healthy.into_iter().map(|member| member.instance.clone());
            return Ok(Readiness::Ready(ids.collect()));
        };
        // A launch that fails for a reason that passes has a limit of its own.
        if now - self.began > self.timing.healthy && self.first_failure.is_none() {
            return Err(self.too_late(&reason, group, targets));
        }
        Ok(Readiness::NotYet(reason))
    }

    /// Unhealthy machines whose console nobody has kept yet.
    pub fn ailing(&self) -> Vec<InstanceId> {
        let ailing = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.unhealthy && !seen.gone && seen.console.is_none());
        ailing.map(|(id, _)| id.clone()).collect()
    }

    /// Keeps the end of a machine's console for when it is gone.
    pub fn keep_console(&mut self, id: &InstanceId, console: Option<String>) {
        if let Some(seen) = self.seen.get_mut(id) {
            seen.console = console;
        }
    }

    /// The kept end of the console of a machine that is gone.
    pub fn kept_console(&self, id: &InstanceId) -> Option<String> {
        let gone = self.seen.get(id).filter(|seen| seen.gone);
        gone.and_then(|seen| seen.console.clone())
    }

    /// Machines that have been given half of their time and are unhealthy, to be asked for their logs before Auto Scaling replaces
    /// them: each once, so many in all, and none any more when a log is kept.
    pub fn whom_to_ask(&mut self, now: Instant) -> Vec<InstanceId> {
        if matches!(self.log, Some(Ok(_))) {
            return Vec::new();
        }
        let half = self.timing.unhealthy / 2;
        let sick = self.seen.iter().filter(|(id, seen)| {
            seen.unhealthy
                && !seen.gone
                && now - seen.in_service > half
                && !self.asked.contains(*id)
        });
        let left = ASKED.saturating_sub(self.asked.len());
        let ids: Vec<_> = sick.take(left).map(|(id, _)| id.clone()).collect();
        self.asked.extend(ids.iter().cloned());
        ids
    }

    /// Keeps what has come of asking, and how long that took.
    pub fn keep_log(&mut self, log: Result<String, String>, took: Duration) {
        self.log = Some(log);
        self.listened += took;
    }

    /// How long machines were listened to so far.
    pub fn listened(&self) -> Duration {
        self.listened
    }

    /// What was kept of it.
    pub fn kept_log(&self) -> Option<&Result<String, String>> {
        self.log.as_ref()
    }

    fn launches(&mut self, activities: &[Activity], now: Instant) -> Result<(), Error> {
        let failed = launches::failed(activities, self.since);
        if let Some(never) = failed
            .iter()
            .find(|failed| failed.class == Class::Permanent)
        {
            return Err(Error::Launch(never.message.clone()));
        }
        let mut open = (failed.iter()).filter(|one| !launches::is_over(one, activities));
        let short = open.clone().find(|one| one.class == Class::Short);
        if let (Some(short), None) = (short, self.timing.short) {
            return Err(Error::Launch(format!(
                "{} (`capacity`: not waited for)",
                short.message
            )));
        }
        let Some(last) = open.next() else {
            // Time without machines was no time in which one could have got healthy.
            if self.first_failure.take().is_some() {
                self.began = now;
            }
            return Ok(());
        };
        let first = *self.first_failure.get_or_insert(now);
        let limit = match last.class {
            Class::Fresh => FRESH.min(self.timing.launch),
            Class::Short => self.timing.short.unwrap_or_default(),
            Class::Passing | Class::Permanent => self.timing.launch,
        };
        if now - first > limit {
            let tried = limit.as_secs();
            return Err(Error::Launch(format!(
                "{} (tried for {tried} s)",
                last.message
            )));
        }
        Ok(())
    }

    fn note(&mut self, group: &Group, targets: &[TargetHealth], now: Instant) {
        for member in group.in_service() {
            let target = targets
                .iter()
                .find(|target| target.instance == member.instance);
            let seen = self.seen.entry(member.instance.clone()).or_insert(Seen {
                in_service: now,
                was_healthy: false,
                last: String::new(),
                gone: false,
                unhealthy: false,
                console: None,
            });
            seen.unhealthy = target.is_some_and(|target| target.state == TargetState::Unhealthy);
            seen.was_healthy |= target.is_some_and(|target| target.state == TargetState::Healthy);
            seen.last = target.map_or("it is not registered yet".to_owned(), reason);
        }
        for (id, seen) in &mut self.seen {
            seen.gone = !group.in_service().any(|member| member.instance == *id);
        }
    }

    /// A machine that had its time to boot and whose target is bad will not get better.
    fn unhealthy(
        &self,
        group: &Group,
        targets: &[TargetHealth],
        now: Instant,
    ) -> Result<(), Error> {
        for member in group.in_service() {
            let Some(seen) = self.seen.get(&member.instance) else {
                continue;
            };
            let age = now - seen.in_service;
            let id = &member.instance;
            match state(targets, id) {
                Some(TargetState::Unhealthy) if age > self.timing.unhealthy => {
                    return Err(unhealthy(id, &seen.last));
                }
                Some(TargetState::Unused) if age > UNUSED => {
                    let text = format!("target {id} is not in use: {}", seen.last);
                    return Err(Error::Launch(text));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Auto Scaling replaces what its health check refuses, and hides it so.
    fn churn(&self, floor: &Floor) -> Result<(), Error> {
        let lost = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.gone && !seen.was_healthy);
        let lost: Vec<_> = lost.collect();
        let Some((id, seen)) = lost.last() else {
            return Ok(());
        };
        let most = CHURN.max(usize::try_from(floor.count()).unwrap_or(usize::MAX));
        if lost.len() < most {
            return Ok(());
        }
        let count = lost.len();
        let text = format!(
            "{count} machines came and went without once being healthy: {}",
            seen.last
        );
        Err(unhealthy(id, &text))
    }

    fn too_late(&self, reason: &str, group: &Group, targets: &[TargetHealth]) -> Error {
        let waited = self.timing.healthy.as_secs();
        let text = format!("{reason} after {waited} s");
        let mut bad = group
            .in_service()
            .filter(|member| state(targets, &member.instance) != Some(TargetState::Healthy));
        match bad.next() {
            Some(member) => unhealthy(&member.instance, &text),
            // Nothing came up that could be judged.
            None => Error::Launch(text),
        }
    }
}

fn unhealthy(id: &InstanceId, reason: &str) -> Error {
    Error::Unhealthy {
        instance: Some(id.clone()),
        reason: reason.to_owned(),
        console: None,
        log: None,
    }
}

fn state(targets: &[TargetHealth], id: &InstanceId) -> Option<TargetState> {
    let mut of = targets.iter().filter(|target| target.instance == *id);
    of.next().map(|target| target.state)
}

/// `i-1 is unhealthy: Target.ResponseCodeMismatch, health checks failed with these codes: [500]`.
fn reason(target: &TargetHealth) -> String {
    let word = match target.state {
        TargetState::Initial => "initial",
        TargetState::Healthy => return "healthy".to_owned(),
        TargetState::Unhealthy => "unhealthy",
        TargetState::Unused => "unused",
        TargetState::Draining => "draining",
        TargetState::Unavailable => "unavailable",
    };
    let mut text = format!("{} is {word}", target.instance);
    for part in [&target.reason, &target.description] {
        if !part.is_empty() {
            text = format!("{text}, {part}");
        }
    }
    text
}

/// What is still missing, with what keeps it from being there.
fn missing(lack: &Lack, group: &Group, targets: &[TargetHealth]) -> String {
    if matches!(lack, Lack::InZone { .. }) {
        return lack.to_string();
    }
    let starting = group.members.iter();
    let starting = starting.filter(|member| member.stage == Stage::Pending);
    let (mut targets, starting) = (targets.iter(), starting.count());
    let bad = targets.find(|target| {
        target.state != TargetState::Healthy && target.state != TargetState::Draining
    });
    match bad {
        Some(bad) => format!("{lack}: {}", reason(bad)),
        None if starting > 0 => format!("{lack}: {starting} starting"),
        None => lack.to_string(),
    }
}

/// The sickest of a group's machines in words, where fewer of them are healthy than the group is to have.
pub(super) fn lost(group: &Group, targets: &[TargetHealth]) -> Option<String> {
    let lack = Floor::anywhere(group.size.desired).lack(&floor::healthy(group, targets))?;
    Some(missing(&lack, group, targets))
}

#[cfg(test)]
mod tests;
