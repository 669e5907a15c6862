//! kiln bakes machine images and rolls them out.
//!
//! The way of a run is load, check, look up, plan, run, take back. ARCHITECTURE.md is the map of these modules, and
//! `tests/layers.rs` keeps each of them from looking where it may not.

pub mod aws;
pub mod bake;
pub mod cli;
pub mod cloud;
pub mod post;
pub mod process;
pub mod provision;
pub mod reach;
pub mod report;
pub mod resume;
pub mod roll;
pub mod run;
pub mod source;
pub mod ssh;
pub mod store;
pub mod sweep;
pub mod template;
pub mod undo;
