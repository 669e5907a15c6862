//! What production traffic does at each step of a plan.

use std::time::Duration;

use super::{Plan, ProductionRule, Traffic};
use crate::cloud::{Action, RulePlace, TargetGroupArn, longest_follow};
use crate::template::service::{CanaryStep, Check, CheckKind, Service, Strategy};
use crate::undo::serving::percent;

/// How long the service file has traffic held and watched.
pub(super) fn held(service: &Service) -> Duration {
    let (count, steps) = match &service.strategy {
        Strategy::Canary(steps) | Strategy::Dns(steps) => {
            (steps.len(), steps.iter().map(|step| step.hold).sum())
        }
        Strategy::Rolling(rolling) => {
            let delays = rolling.checkpoints.iter();
            (0, delays.map(|_| rolling.checkpoint_delay).sum())
        }
        Strategy::BlueGreen | Strategy::ReplaceRoot(_) => (0, Duration::ZERO),
        Strategy::Replace(replace) => (0, replace.drain.unwrap_or_default()),
    };
    let hold = service.checks.on_unknown.hold;
    let time = |check: &Check| {
        if let CheckKind::Soak(time) = check.kind {
            time
        } else {
            check.timeout + hold
        }
    };
    let sum = |checks: &[Check]| checks.iter().map(time).sum::<Duration>();
    // Before the swap, before each step and behind it.
    let rounds = u32::try_from(count + 1).unwrap_or(u32::MAX);
    let watches = service.checks.watch.iter().map(time).max();
    let checks = &service.checks;
    steps
        + rounds * (sum(&checks.before) + watches.unwrap_or_default())
        + sum(&checks.after)
        + service
            .hooks
            .before_swap
            .iter()
            .chain(&service.hooks.after_swap)
            .chain(&service.hooks.activate)
            .map(|hook| hook.timeout)
            .sum::<Duration>()
        + watches.unwrap_or_default()
}

/// How long a plan has traffic or machines held, whatever answers.
pub(super) fn watched(service: &Service, plan: &Plan) -> Duration {
    let checks = &service.checks;
    let all = checks.before.iter().chain(&checks.after);
    let soaks = all.filter_map(|check| match check.kind {
        CheckKind::Soak(time) => Some(time),
        _ => None,
    });
    let holds = plan.steps().iter().map(|step| plan.hold(step));
    // Without steps clients follow all at once.
    let follow = plan.traffic.iter().map(Traffic::follows);
    let follow = follow.filter(|_| plan.steps().is_empty());
    let waits = plan.in_place.iter().flat_map(|in_place| {
        let delay = in_place.rolling.checkpoint_delay;
        in_place.rolling.checkpoints.iter().map(move |_| delay)
    });
    soaks.chain(holds).chain(waits).chain(follow).sum()
}

impl Plan {
    /// The steps of a canary; none of another strategy, and none of a first roll, which has nothing to share with.
    pub fn steps(&self) -> &[CanaryStep] {
        match &self.strategy {
            Strategy::Canary(steps) | Strategy::Dns(steps) if self.previous.is_some() => steps,
            _ => &[],
        }
    }

    /// How long clients may go by records that led elsewhere; nothing where no records lead.
    pub fn follows(&self) -> Duration {
        let follow = self.traffic.as_ref().map(Traffic::follows);
        follow.unwrap_or_default()
    }

    /// How long a step is held: at least until clients follow.
    pub fn hold(&self, step: &CanaryStep) -> Duration {
        step.hold.max(self.follows())
    }

    /// What production traffic does at each step, in order; the last is all of it for `next`, and the only one where there
    /// are no steps.
    pub fn stages(&self, traffic: &Traffic, next: &TargetGroupArn) -> Vec<Doing> {
        let shares = traffic.previous.iter().flat_map(|previous| {
            let steps = self.steps().iter().filter(|step| *step.weight < 100);
            steps.map(|step| traffic.each(|rule| rule.shared((previous, next), *step.weight)))
        });
        let all = traffic.each(|rule| rule.led_to(next));
        shares.chain([all]).collect()
    }
}

/// What each production rule does, in the order of the plan's rules.
pub type Doing = Vec<Vec<Action>>;

impl Traffic {
    /// What each rule does, as `of` says.
    pub fn each(&self, of: impl Fn(&ProductionRule) -> Vec<Action>) -> Doing {
        self.rules.iter().map(of).collect()
    }

    /// The rules that are there.
    pub fn places(&self) -> impl Iterator<Item = &RulePlace> {
        self.rules.iter().filter_map(|rule| rule.place.as_ref())
    }

    /// How long clients may go by what was led elsewhere.
    pub fn follows(&self) -> Duration {
        longest_follow(self.places())
    }

    /// The name of the records that lead traffic, where these do.
    pub fn records(&self) -> Option<&str> {
        let mut records = self.places().filter_map(RulePlace::record);
        records.next().map(|record| record.name.as_str())
    }

    /// Whether both target groups are named for good: no rule need put one in use.
    pub fn names_on(&self) -> bool {
        self.network || self.places().any(RulePlace::names_on)
    }

    /// What each rule does now.
    pub fn now(&self) -> Doing {
        self.each(|rule| rule.now.clone())
    }

    /// Whether a run that died has led requests elsewhere.
    pub fn is_moved(&self) -> bool {
        self.rules.iter().any(|rule| rule.now != rule.before)
    }

    /// The largest share of a rule's requests that a target group has, in percent.
    pub fn reached(&self, target_group: &TargetGroupArn) -> u32 {
        let shares = self.rules.iter();
        let shares = shares.map(|rule| percent(&rule.now, target_group));
        shares.max().unwrap_or_default()
    }
}
