//! The communicator's options, checked.

use super::super::seconds;
use super::super::secret::Secret;
use crate::source::Spanned;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// How the machine is reached.
#[derive(Debug, Clone, Serialize)]
pub struct Ssh {
    pub username: Spanned<String>,
    /// Fixed address instead of the instance's.
    pub host: Option<Spanned<String>>,
    pub port: u16,
    pub interface: Option<Interface>,
    pub login: Login,
    /// What is tried when the login is not accepted.
    #[serde(skip)]
    pub also: Also,
    /// From the first try to a working session.
    #[serde(serialize_with = "seconds::plain")]
    pub timeout: Duration,
    /// How often the machine may refuse the login; as often as there is time for otherwise.
    pub handshake_attempts: Option<u32>,
    /// None: no sign of life is asked for.
    #[serde(serialize_with = "seconds::optional")]
    pub keep_alive_interval: Option<Duration>,
    #[serde(serialize_with = "seconds::optional")]
    pub read_write_timeout: Option<Duration>,
    #[serde(serialize_with = "seconds::plain")]
    pub pause_before_connecting: Duration,
    pub pty: bool,
    pub clear_authorized_keys: bool,
    pub wait_for_cloud_init: bool,
    /// By their SSH names; empty: kiln's own.
    pub ciphers: Vec<String>,
    pub key_exchanges: Vec<String>,
    pub transfer: Transfer,
    pub bastion: Option<Bastion>,
    pub proxy: Option<Proxy>,
    pub local_tunnels: Vec<Tunnel>,
    pub remote_tunnels: Vec<Tunnel>,
    /// The machine is reached through AWS Systems Manager, not at an address.
    pub session_manager: Option<SessionManager>,
}

impl Ssh {
    /// Passwords that the options hold.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let login = match &self.login {
            Login::Password(password) => Some(&password.value),
            _ => self.also.password.as_ref(),
        };
        let bastion = self
            .bastion
            .as_ref()
            .and_then(|bastion| bastion.password.as_ref());
        let proxy = self
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.password.as_ref());
        [login, bastion, proxy].into_iter().flatten()
    }
}

/// Which of the instance's addresses is used; unset: public, else private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    PublicIp,
    PrivateIp,
    PublicDns,
    PrivateDns,
    Ipv6,
}

/// A session of AWS Systems Manager as the way to the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionManager {
    /// Where the machine's port is carried to on this host; a free one otherwise.
    pub local_port: Option<u16>,
    /// Between the machine's start and the session.
    #[serde(serialize_with = "seconds::plain")]
    pub pause: Duration,
}

/// What kind of key pair is made for a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    #[default]
    Ed25519,
    /// Of so many bits.
    Rsa(u16),
}

/// What proves to the machine who we are.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// kiln makes a key pair for the run; the name is the user's, if one was given.
    Temporary {
        key_pair_name: Option<Spanned<String>>,
        kind: KeyKind,
    },
    /// A key file, with the key pair the instance is launched with.
    KeyFile {
        file: Spanned<PathBuf>,
        certificate: Option<Spanned<PathBuf>>,
        key_pair_name: Option<Spanned<String>>,
    },
    Password(Spanned<Secret>),
    /// The agent at `SSH_AUTH_SOCK`.
    Agent {
        key_pair_name: Option<Spanned<String>>,
    },
}

/// Further ways to prove it.
#[derive(Debug, Clone, Default)]
pub struct Also {
    pub agent: bool,
    pub password: Option<Secret>,
}

/// How files are sent and fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// As streams through `cat` and `tar`.
    #[default]
    Stream,
    Scp,
    Sftp,
}

/// A jump host.
#[derive(Debug, Clone, Serialize)]
pub struct Bastion {
    pub host: Spanned<String>,
    pub port: u16,
    pub username: Spanned<String>,
    #[serde(skip)]
    pub password: Option<Secret>,
    pub key_file: Option<Spanned<PathBuf>>,
    pub certificate: Option<Spanned<PathBuf>>,
    pub agent: bool,
    /// The user answers the bastion's questions at the terminal.
    pub interactive: bool,
    /// Where its host key is looked up.
    pub known_hosts: Vec<PathBuf>,
}

/// A SOCKS5 proxy.
#[derive(Debug, Clone, Serialize)]
pub struct Proxy {
    pub host: Spanned<String>,
    pub port: u16,
    pub username: Option<Spanned<String>>,
    #[serde(skip)]
    pub password: Option<Secret>,
}

/// Connections to one address are carried to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tunnel {
    pub listen: (String, u16),
    pub to: (String, u16),
}

/// What libssh2 can do, by preference of its own.
pub const CIPHERS: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "aes256-cbc",
    "rijndael-cbc@lysator.liu.se",
    "aes192-cbc",
    "aes128-cbc",
];
pub const KEY_EXCHANGES: &[&str] = &[
    "mlkem768x25519-sha256",
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
