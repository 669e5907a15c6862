//! Sessions against Debian's own sshd, started here on loopback and ended by its id.

mod commands;
mod connecting;
mod dying;
mod methods;
pub mod proving;
mod reboot;
pub mod server;
pub mod stub;
mod transfers;
mod ways;
