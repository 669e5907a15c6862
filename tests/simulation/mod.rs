//! Flows on the model in virtual time: kiln's own `aws` on the real SDK, whose calls the model answers in this process.

pub mod bake;
mod bake_kills;
mod cloud;
mod machines;
