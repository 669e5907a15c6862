//! EC2, Auto Scaling and ELBv2 as one deterministic state machine in virtual time.
//!
//! The model does no I/O and has no clock: every entry point takes the time and returns the effects that the world must
//! carry out. The world answers with facts. `wire` and the physics of the simulation are its only users.

mod effect;
mod tree;

pub use effect::{
    Balancer, Boot, Effect, Fact, Listener, Metadata, Probe, Rule, Share, Target, TargetGroup,
    Verdict,
};
pub use tree::{Fault, Params, Service, Tree};
