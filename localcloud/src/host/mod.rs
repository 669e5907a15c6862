//! The local cloud as one background service on this host: up, down, status, reset.
//!
//! A supervisor in a mount and pid namespace of its own holds the model, serves HTTP and DNS, carries out the model's effects and
//! feeds it facts; when it dies, the kernel ends everything it started. `up` starts it and `down` ends it and sweeps what
//! has a name. Security groups are kept by the model and not enforced: every port of a machine can be reached.

mod config;
mod control;
mod down;
mod http;
mod leftovers;
mod lock;
mod names;
mod pace;
mod pulse;
mod seed;
mod status;
mod supervisor;
mod trouble;
mod up;
mod world;

use std::io;
use std::path::PathBuf;

pub use config::Config;
pub use down::down;
pub use leftovers::leftovers;
pub use pace::Pace;
pub use status::{Balancer, Image, Instance, Status};
pub use supervisor::serve;
pub use trouble::Trouble;
pub use up::{Up, up};

use crate::{command, machines, model, network};

/// Why the local cloud did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Missing(String),
    #[error("use {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("read {path}")]
    Unreadable {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("start the local cloud: {reason}; its log is {log}")]
    NotStarted { reason: String, log: PathBuf },
    #[error("listen on {address}")]
    Listen {
        address: std::net::SocketAddr,
        source: io::Error,
    },
    #[error("set up the seeded account")]
    Seed(#[source] model::Fault),
    #[error("set up the network")]
    Network(#[from] network::Error),
    #[error("set up the machines")]
    Machines(#[from] machines::Error),
    #[error("build the base image")]
    Base(#[from] machines::base::Error),
    #[error(transparent)]
    Command(#[from] command::Error),
    #[error("the local cloud is down; `kiln local up` starts it")]
    Down,
    #[error("the supervisor {0}")]
    Supervisor(String),
}

impl Error {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}

/// What the local cloud has and what it takes.
///
/// # Errors
/// It is down, or does not answer.
pub async fn status(config: &Config) -> Result<Status, Error> {
    let answer = control::ask(config, &control::Command::Status).await?;
    serde_json::from_str(&answer).map_err(|source| Error::Unreadable {
        path: config.control(),
        source,
    })
}

/// Takes the local cloud back to what it was after `up`: no instance, group or image of users is left.
///
/// # Errors
/// It is down, or cannot start again.
pub async fn reset(config: &Config) -> Result<(), Error> {
    control::ask(config, &control::Command::Reset)
        .await
        .map(drop)
}

/// Has something go wrong.
///
/// # Errors
/// The local cloud is down, or there is nothing that it could happen to.
pub async fn trouble(config: &Config, trouble: Trouble) -> Result<(), Error> {
    let answer = control::ask(config, &control::Command::Trouble(trouble)).await?;
    match answer.trim() {
        trouble::DONE => Ok(()),
        said => Err(Error::Supervisor(said.to_owned())),
    }
}
