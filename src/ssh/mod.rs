//! Machines at the other end of an SSH connection: the [`Remote`] trait and its one implementation, [`Session`].
//!
//! It owns connecting, host keys, key pairs, commands, and files and folders on their way there and back. What is run and
//! why, and how long one waits for a machine to answer, is its callers' matter; it knows nothing else of ours.

mod algorithms;
mod auth;
mod carrier;
mod channel;
mod connect;
pub mod console;
mod error;
mod host_key;
pub mod keys;
mod known_hosts;
mod lasting;
mod lines;
mod packing;
mod quote;
mod remote;
mod route;
mod scp;
mod session;
mod sftp;
mod socks;
mod terminal;
mod transfer;
mod tree;
mod tunnel;
mod worker;

pub use algorithms::Algorithms;
pub use auth::{Auth, is_encrypted};
pub use connect::{Target, Transfer, connect};
pub use error::{ConnectError, Error, Verdict};
pub use host_key::{HostKey, HostKeys, Known};
pub use known_hosts::fits;
pub use lasting::Lasting;
pub use lines::Lines;
pub use quote::quote;
pub use remote::{AS_ROOT, Chunk, Command, Exit, Output, Remote, Silent, Stdin, Stream};
pub use route::{Proxy, Route};
pub use session::Session;
pub use terminal::Answers;
pub use tree::{Entry, Tree};
pub use tunnel::Tunnel;
