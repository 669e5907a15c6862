//! Flows on the model in virtual time: kiln's own `aws` on the real SDK, whose calls the model answers in this process.

mod bake;
mod bake_kills;
pub mod bench;
mod cloud;
mod connecting;
mod fleet;
mod hardware;
mod interruption;
mod key_pair;
mod launch;
mod launch_trouble;
mod machines;
mod many;
mod on_error;
mod ordeal;
mod preflight;
mod publish;
mod publish_kills;
mod publish_options;
mod publish_sharing;
mod publish_users;
mod reach;
mod resume;
mod roll;
mod sent;
mod sessions;
mod takeover;
