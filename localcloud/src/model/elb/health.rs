//! What `DescribeTargetHealth` says of a target, in AWS's own words (`TargetHealth` in the API reference).

use super::{
    ground,
    kind::Kind,
    stored::{Group, Registration},
};
use crate::model::{Verdict, ec2::InstanceState, state::State};

/// State, reason and description of a target's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Health {
    pub(in crate::model) state: &'static str,
    pub(in crate::model) reason: Option<&'static str>,
    pub(in crate::model) description: Option<String>,
}

impl Health {
    fn new(state: &'static str, reason: &'static str, description: impl Into<String>) -> Self {
        Self {
            state,
            reason: Some(reason),
            description: Some(description.into()),
        }
    }
}

/// Why a load balancer does not look at a target at all.
pub(super) fn unused(state: &State, arn: &str, instance: &str) -> Option<Health> {
    let Some(balancer) = state.elb.balancers_of(arn).pop_first() else {
        let text = "Target group is not configured to receive traffic from the load balancer";
        return Some(Health::new("unused", "Target.NotInUse", text));
    };
    let invalid = |text: &str| Some(Health::new("unused", "Target.InvalidState", text));
    let Some(seen) = ground::instance(state, instance) else {
        return invalid("Target is in the terminated state");
    };
    match seen.state {
        InstanceState::Running => {}
        InstanceState::Pending => return invalid("Target is in the pending state"),
        InstanceState::Stopping | InstanceState::Stopped => {
            return invalid("Target is in the stopped state");
        }
        InstanceState::ShuttingDown | InstanceState::Terminated => {
            return invalid("Target is in the terminated state");
        }
    }
    let zones = &state.elb.balancers.get(balancer)?.zones;
    if zones.iter().any(|(zone, _)| *zone == seen.zone) {
        return None;
    }
    let text = "Target is in an Availability Zone that is not enabled for the load balancer";
    Some(Health::new("unused", "Target.NotInUse", text))
}

/// The health of a target, registered or not.
pub(in crate::model) fn health_of(state: &State, arn: &str, target: &(String, u16)) -> Health {
    let found = state.elb.groups.get(arn).and_then(|group: &Group| {
        let registration = group.targets.get(target)?;
        Some((registration, group.kind()))
    });
    let Some((registration, kind)) = found else {
        return Health::new(
            "unused",
            "Target.NotRegistered",
            "Target is not registered to the target group",
        );
    };
    if registration.draining_until.is_some() {
        return Health::new(
            "draining",
            "Target.DeregistrationInProgress",
            "Target deregistration is in progress",
        );
    }
    unused(state, arn, &target.0).unwrap_or_else(|| checked(registration, kind))
}

/// A network load balancer tells of no status and no time (`TargetHealth`, "Applies only to Application Load Balancers").
fn checked(registration: &Registration, kind: Kind) -> Health {
    match &registration.verdict {
        None => Health::new(
            "initial",
            "Elb.RegistrationInProgress",
            "Target registration is in progress",
        ),
        Some(Verdict::Checking) => Health::new(
            "initial",
            "Elb.InitialHealthChecking",
            "Initial health checks in progress",
        ),
        Some(Verdict::Healthy) => Health {
            state: "healthy",
            reason: None,
            description: None,
        },
        Some(Verdict::WrongStatus(status)) if kind == Kind::Application => {
            let text = format!("Health checks failed with these codes: [{status}]");
            Health::new("unhealthy", "Target.ResponseCodeMismatch", text)
        }
        Some(Verdict::Timeout) if kind == Kind::Application => {
            Health::new("unhealthy", "Target.Timeout", "Request timed out")
        }
        Some(Verdict::WrongStatus(_) | Verdict::Timeout | Verdict::Failed) => Health::new(
            "unhealthy",
            "Target.FailedHealthChecks",
            "Health checks failed",
        ),
    }
}

/// Whether a target group says this of an instance, on any port.
pub(in crate::model) fn says(state: &State, arn: &str, instance: &str, word: &str) -> bool {
    let mut targets = state
        .elb
        .groups
        .get(arn)
        .into_iter()
        .flat_map(|group| group.targets.keys());
    targets.any(|target| target.0 == instance && health_of(state, arn, target).state == word)
}

/// How many targets of a group are healthy.
pub(in crate::model) fn healthy(state: &State, arn: &str) -> usize {
    let mut targets = state
        .elb
        .groups
        .get(arn)
        .into_iter()
        .flat_map(|group| group.targets.keys());
    let healthy = targets
        .by_ref()
        .filter(|target| health_of(state, arn, target).state == "healthy");
    healthy.count()
}

/// Whether a load balancer is healthy as a target of an alias: each of its target groups has a healthy target (`EvaluateTargetHealth` of
/// Route 53's `AliasTarget`).
pub(in crate::model) fn is_healthy(state: &State, balancer: &str) -> bool {
    let groups = state.elb.groups.keys();
    let mut behind = groups.filter(|group| state.elb.balancers_of(group).contains(balancer));
    behind.all(|group| healthy(state, group) > 0)
}
