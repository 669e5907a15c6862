//! EC2, Auto Scaling, `ELBv2`, `CloudWatch` and Route 53 as one deterministic state machine in virtual time.
//!
//! The model does no I/O and has no clock: every entry point takes the time and returns the effects that the world must
//! carry out. The world answers with facts. `wire` and the physics of the simulation are its only users.

mod actions;
mod agenda;
mod args;
mod caller;
mod config;
mod dns;
mod ec2;
mod effect;
mod elb;
mod fault;
mod filter;
mod iam;
mod idempotency;
mod ids;
mod injection;
mod kms;
mod paging;
mod policy;
mod regions;
mod request;
mod scaling;
mod sessions;
mod ssm;
mod state;
mod sts;
mod tags;
mod throttling;
mod tree;
pub mod view;
mod watch;

pub use actions::Action;
pub use caller::Caller;
pub use config::{Cidr, Config, SourceImage};
pub use dns::{Asked, Code, Given, Said, labels, read};
pub use effect::{
    Asks, Balancer, Boot, Closes, Effect, Fact, Listener, Metadata, Probe, Protocol, Root, Rule,
    Share, Target, TargetGroup, Verdict,
};
pub use elb::Reach;
pub use injection::{At, FaultPlan, Scarcity, Trouble};
pub use request::{Answer, Request};
pub use tree::{Fault, Params, Real, Service, Tree};

use injection::Injected;
use jiff::{SignedDuration, Timestamp};
use state::State;
use std::collections::BTreeMap;

/// The cloud: everything that AWS would know about one account.
#[derive(Clone, Debug)]
pub struct Model {
    /// The home region's.
    state: State,
    /// Other regions, by name.
    away: BTreeMap<String, State>,
    injected: Injected,
}

impl Model {
    /// Opens an account with a default VPC in three zones and the source images of the configuration.
    pub fn new(config: Config) -> Self {
        Self {
            away: regions::away(&config),
            state: State::new(config),
            injected: Injected::default(),
        }
    }

    /// Lists every action that is answered, as data for tests and documentation.
    pub fn actions() -> impl Iterator<Item = &'static Action> {
        actions::all()
    }

    /// Tells which account, region and images the model was opened with.
    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// Adds trouble to come; what was injected before stays.
    pub fn inject(&mut self, plan: FaultPlan) {
        self.injected.add(plan, &mut self.state);
    }

    /// Takes a spot instance back `after` from now; its notice comes two minutes before, or at once. Whether there is such
    /// an instance that has not ended.
    pub fn interrupt(
        &mut self,
        instance: &str,
        after: SignedDuration,
        now: Timestamp,
    ) -> (bool, Vec<Effect>) {
        self.turn(now);
        let state = self.state_of(&Fact::Gone {
            instance: instance.to_owned(),
        });
        let known = ec2::interrupt(state, instance, after);
        self.turn(now);
        (known, self.take_effects())
    }

    /// Answers one API call to the home region. What was due before `now` happens first.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        let home = self.state.config.region.clone();
        self.call_in(&home, request, now)
    }

    /// Answers one API call of the account's user to a region that is served.
    pub fn call_in(&mut self, region: &str, request: &Request, now: Timestamp) -> Answer {
        self.call_as(&Caller::default(), region, request, now)
    }

    /// Answers one API call that is made with these credentials.
    pub fn call_as(
        &mut self,
        caller: &Caller,
        region: &str,
        request: &Request,
        now: Timestamp,
    ) -> Answer {
        self.turn(now);
        let request_id = self.state.ids.request();
        let trouble = self.injected.next_call(region, request, now);
        let session = self.state.callers.of(caller, request, now);
        let lent = self.lend(region, request);
        let state = self.state_in(region, request.service);
        state.lent = lent;
        let dispatch = || {
            state.caller = session?;
            actions::dispatch(state, request)
        };
        let result = match trouble {
            Some(Trouble::Before(fault)) => Err(fault),
            Some(Trouble::After(fault)) => dispatch().and(Err(fault)),
            None => dispatch(),
        };
        (state.lent, state.caller) = (None, None);
        // What only tells how things are leaves load balancers nothing new to do.
        if !request.action.starts_with("Describe") {
            state.settle();
        }
        Answer {
            request_id,
            result,
            effects: self.take_effects(),
        }
    }

    /// Counts a call that is refused before the model can read it, and gives the id of its answer.
    pub fn refuse(&mut self, now: Timestamp) -> (String, Vec<Effect>) {
        self.turn(now);
        (self.state.ids.request(), self.take_effects())
    }

    /// Takes in what was seen in the world.
    #[expect(clippy::needless_pass_by_value, reason = "a fact is handed over once")]
    pub fn observe(&mut self, fact: Fact, now: Timestamp) -> Vec<Effect> {
        self.turn(now);
        let state = self.state_of(&fact);
        ec2::observe(state, &fact);
        elb::observe(state, &fact);
        watch::observe(state, &fact);
        state.settle();
        self.take_effects()
    }

    /// Lets time pass up to `now`.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Effect> {
        self.turn(now);
        self.take_effects()
    }

    /// Tells when `advance` must be called next; `None` while nothing waits for time alone.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.states().filter_map(|state| state.agenda.next()).min()
    }
}
