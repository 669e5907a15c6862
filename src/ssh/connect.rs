//! From an address to a session: reach it, shake hands, check its host key, prove who we are.

use std::net::TcpStream;
use std::time::Duration;

use crate::ssh::algorithms::prefer;
use crate::ssh::auth::authenticate;
use crate::ssh::{
    Algorithms, Auth, ConnectError, HostKey, HostKeys, Route, Session, Tunnel, known_hosts, route,
    session,
};

/// Where to, as whom, and how patiently.
#[derive(Clone, Debug)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub auth: Auth,
    pub host_keys: HostKeys,
    pub route: Route,
    pub algorithms: Algorithms,
    /// Of reaching the address.
    pub connect_timeout: Duration,
    /// Of each of handshake and authentication.
    pub handshake_timeout: Duration,
    /// How often the server is asked for a sign of life; never otherwise.
    pub keep_alive: Option<Duration>,
    /// The connection counts as lost when there was no sign of life for so long; never otherwise.
    pub silence: Option<Duration>,
    /// Whether commands that allow it run on a terminal.
    pub terminal: bool,
    pub tunnels: Vec<Tunnel>,
    pub transfer: Transfer,
}

/// How files are sent and fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// As streams through `cat` and `tar`, and trees by SFTP where there is no `tar`.
    #[default]
    Stream,
    Scp,
    Sftp,
}

impl Target {
    /// With packer's limits: 15 s to reach, 60 s to shake hands, a sign of life every 5 s (anchors/packer.md 2.6), and
    /// after six missed ones the connection is lost.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        auth: Auth,
        host_keys: HostKeys,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            auth,
            host_keys,
            route: Route::Direct,
            algorithms: Algorithms::default(),
            connect_timeout: Duration::from_secs(15),
            handshake_timeout: Duration::from_mins(1),
            keep_alive: Some(Duration::from_secs(5)),
            silence: Some(Duration::from_secs(30)),
            terminal: false,
            tunnels: Vec::new(),
            transfer: Transfer::Stream,
        }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        route::address(&self.host, self.port)
    }
}

/// Connects once. [`ConnectError::verdict`] tells whether trying again can help.
pub async fn connect(target: Target) -> Result<Session, ConnectError> {
    session::open(target).await
}

/// A connection on which commands can be run; it does not block.
pub(super) struct Connection {
    pub session: ssh2::Session,
    /// The same socket, for waiting on it.
    pub socket: TcpStream,
    pub host_key: HostKey,
}

/// Does all of it, blocking.
pub(super) fn establish(target: &Target) -> Result<Connection, ConnectError> {
    let host_keys = target.host_keys.settle(&target.host, target.port);
    let stream = route::reach(target)?;
    let socket = stream.try_clone().map_err(ConnectError::Local)?;
    let mut session = ssh2::Session::new().map_err(|error| ConnectError::Local(error.into()))?;
    session.set_timeout(milliseconds(target.handshake_timeout));
    target.algorithms.set(&session)?;
    if let Some(methods) = host_keys.preference() {
        prefer(&session, ssh2::MethodType::HostKey, &methods)?;
    }
    session.set_tcp_stream(stream);
    session
        .handshake()
        .map_err(|source| ConnectError::Handshake {
            address: target.address(),
            source,
        })?;
    let host_key = check_host_key(&session, target, &host_keys)?;
    authenticate(&session, &target.user, &target.address(), &target.auth)?;
    session.set_timeout(0);
    session.set_blocking(false);
    Ok(Connection {
        session,
        socket,
        host_key,
    })
}

fn check_host_key(
    session: &ssh2::Session,
    target: &Target,
    host_keys: &HostKeys,
) -> Result<HostKey, ConnectError> {
    let seen = session
        .host_key()
        .and_then(|(bytes, _)| HostKey::from_bytes(bytes))
        .ok_or_else(|| ConnectError::BadHostKey {
            address: target.address(),
        })?;
    if host_keys.accept(&seen) {
        return Ok(seen);
    }
    let known = host_keys.count();
    Err(match &target.host_keys {
        HostKeys::Files(files) if known == 0 => ConnectError::UnknownHost {
            address: target.address(),
            line: format!(
                "{} {}",
                known_hosts::name(&target.host, target.port),
                seen.line()
            ),
            seen: Box::new(seen),
            files: files.clone(),
        },
        _ => ConnectError::WrongHostKey {
            address: target.address(),
            seen: Box::new(seen),
            known,
        },
    })
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
