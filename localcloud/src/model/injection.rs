//! Faults as data: which call fails and how, and which launches do.

use super::{Fault, Request, Service, state::State, throttling::Buckets};
use jiff::Timestamp;

/// Trouble to come, in the order in which it is to be met.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    calls: Vec<CallFault>,
    launches: Vec<Fault>,
    request_limits: bool,
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
        self.launches.extend((0..times).map(|_| fault.clone()));
        self
    }
}

/// Launches that are to fail. Lives in the state, where launching looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Launches {
    next: Vec<Fault>,
}

impl Launches {
    /// Takes the next trouble, if there is any.
    pub(super) fn take(&mut self) -> Option<Fault> {
        (!self.next.is_empty()).then(|| self.next.remove(0))
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
