//! An AWS-compatible cloud whose instances are real Linux machines on one host.
//!
//! `model` decides what the cloud does, `wire` speaks AWS's protocols to it, `machines`, `network` and `balancer`
//! make its decisions real, and `host` keeps all of them running as one background service. `physics` is the world that
//! simulations put in their place.

pub mod balancer;
pub mod command;
mod failure;
pub mod host;
pub mod machines;
pub mod model;
pub mod network;
pub mod physics;
pub mod wire;
