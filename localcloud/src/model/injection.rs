//! Faults as data: which call fails and how, and which launches do.

use super::{Fault, Request, Service, state::State, throttling::Buckets};
use jiff::{SignedDuration, Timestamp};

/// Trouble to come, in the order in which it is to be met.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    calls: Vec<CallFault>,
    launches: Vec<Refusal>,
    interruptions: Vec<SignedDuration>,
    request_limits: bool,
}

/// Capacity that is not there; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scarcity {
    /// How many launches meet it.
    pub times: u32,
    /// Spare capacity, or capacity to be bought.
    pub spot: Option<bool>,
    pub instance_type: Option<String>,
    pub zone: Option<String>,
}

/// What is about to be launched, as far as capacity goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) spot: bool,
    pub(super) instance_type: &'a str,
    pub(super) zone: &'a str,
}

impl Scarcity {
    fn meets(&self, wanted: Wanted<'_>) -> bool {
        let is = |asked: &Option<String>, given: &str| asked.as_deref().is_none_or(|a| a == given);
        self.times > 0
            && self.spot.is_none_or(|spot| spot == wanted.spot)
            && is(&self.instance_type, wanted.instance_type)
            && is(&self.zone, wanted.zone)
    }
}

/// Launches that are refused; without a fault of its own, for want of capacity.
#[derive(Clone, Debug)]
struct Refusal {
    of: Scarcity,
    fault: Option<Fault>,
}

/// Which call meets the trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The k-th call from now, counted from 1, whatever it is.
    Call(u64),
    /// The next calls of one action.
    Action(Service, String),
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Refused, nothing happened.
    Before(Fault),
    /// It happened, and the answer is an error all the same.
    After(Fault),
}

#[derive(Clone, Debug)]
struct CallFault {
    at: At,
    times: u32,
    trouble: Trouble,
}

impl FaultPlan {
    /// Makes calls fail; `times` counts for `At::Action` and is 1 for `At::Call`.
    #[must_use]
    pub fn call(mut self, at: At, times: u32, trouble: Trouble) -> Self {
        self.calls.push(CallFault { at, times, trouble });
        self
    }

    /// Throttles the next calls of one action.
    #[must_use]
    pub fn throttle(self, service: Service, action: &str, times: u32) -> Self {
        let fault = Fault::throttled(service);
        self.call(
            At::Action(service, action.into()),
            times,
            Trouble::Before(fault),
        )
    }

    /// Holds every call to EC2 against the request limits that AWS gives an account, from now on.
    #[must_use]
    pub fn request_limits(mut self) -> Self {
        self.request_limits = true;
        self
    }

    /// Makes the next launches fail, of groups and of `RunInstances` alike.
    #[must_use]
    pub fn launches(mut self, times: u32, fault: &Fault) -> Self {
        let of = Scarcity {
            times,
            ..Scarcity::default()
        };
        let fault = Some(fault.clone());
        self.launches.push(Refusal { of, fault });
        self
    }

    /// Makes launches fail for want of capacity, in the order in which scarcities were added.
    #[must_use]
    pub fn scarce(mut self, of: Scarcity) -> Self {
        self.launches.push(Refusal { of, fault: None });
        self
    }

    /// Takes the next spot instance back so long after its launch; its notice comes two minutes before, or at once.
    #[must_use]
    pub fn interruption(mut self, after: SignedDuration) -> Self {
        self.interruptions.push(after);
        self
    }
}

/// Launches that are to fail, and those that are not to last. Lives in the state, where launching looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Launches {
    next: Vec<Refusal>,
    interruptions: Vec<SignedDuration>,
}

impl Launches {
    /// Takes the next trouble of such a launch, if there is any.
    pub(super) fn take(&mut self, wanted: Wanted<'_>) -> Option<Fault> {
        let at = self.next.iter().position(|one| one.of.meets(wanted))?;
        let refusal = &mut self.next[at];
        refusal.of.times -= 1;
        let fault = refusal.fault.clone();
        if refusal.of.times == 0 {
            self.next.remove(at);
        }
        Some(fault.unwrap_or_else(|| {
            if wanted.spot {
                Fault::no_spot_capacity()
            } else {
                Fault::insufficient_capacity(wanted.instance_type, wanted.zone)
            }
        }))
    }

    /// After how long the spot instance that is launched now is taken back.
    pub(super) fn lasts(&mut self) -> Option<SignedDuration> {
        (!self.interruptions.is_empty()).then(|| self.interruptions.remove(0))
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Injected {
    calls: Vec<CallFault>,
    buckets: Option<Buckets>,
}

impl Injected {
    pub(super) fn add(&mut self, plan: FaultPlan, state: &mut State) {
        self.calls.extend(plan.calls);
        state.launches.next.extend(plan.launches);
        state.launches.interruptions.extend(plan.interruptions);
        if plan.request_limits {
            self.buckets.get_or_insert_default();
        }
    }

    /// Counts one call and gives the trouble that it meets.
    pub(super) fn next_call(
        &mut self,
        region: &str,
        request: &Request,
        now: Timestamp,
    ) -> Option<Trouble> {
        if let Some(buckets) = &mut self.buckets
            && let Err(fault) = buckets.take(region, request, now)
        {
            return Some(Trouble::Before(fault));
        }
        let hit = self.calls.iter_mut().position(|fault| fault.meets(request));
        for fault in &mut self.calls {
            if let At::Call(left) = &mut fault.at {
                *left = left.saturating_sub(1);
            }
        }
        let index = hit?;
        let fault = &mut self.calls[index];
        fault.times = fault.times.saturating_sub(1);
        let trouble = fault.trouble.clone();
        if fault.times == 0 || matches!(fault.at, At::Call(_)) {
            self.calls.remove(index);
        }
        Some(trouble)
    }
}

impl CallFault {
    fn meets(&self, request: &Request) -> bool {
        match &self.at {
            At::Call(left) => *left == 1,
            At::Action(service, action) => *service == request.service && *action == request.action,
        }
    }
}
