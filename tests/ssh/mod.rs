//! Sessions against Debian's own sshd, started here on loopback and ended by its id.

mod checks;
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

/// What was asked of the machine-id of this host, and was not done.
pub fn spared(server: &server::Server) -> String {
    std::fs::read_to_string(server.folder.path().join("spared")).unwrap_or_default()
}
