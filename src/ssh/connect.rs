//! From an address to a session: reach it, shake hands, check its host key, prove who we are.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::ssh::algorithms::prefer;
use crate::ssh::auth::authenticate;
use crate::ssh::{Algorithms, Auth, ConnectError, HostKey, HostKeys, Session, session};

/// Where to, as whom, and how patiently.
#[derive(Clone, Debug)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub auth: Auth,
    pub host_keys: HostKeys,
    pub algorithms: Algorithms,
    /// Of reaching the address.
    pub connect_timeout: Duration,
    /// Of each of handshake and authentication.
    pub handshake_timeout: Duration,
    /// How often the server is asked for a sign of life.
    pub keep_alive: Duration,
    /// The connection counts as lost when there was no sign of life for so long.
    pub silence: Duration,
    /// Whether commands that allow it run on a terminal.
    pub terminal: bool,
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
            algorithms: Algorithms::default(),
            connect_timeout: Duration::from_secs(15),
            handshake_timeout: Duration::from_mins(1),
            keep_alive: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            terminal: false,
        }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
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
    let stream = reach(target)?;
    let socket = stream.try_clone().map_err(ConnectError::Local)?;
    let mut session = ssh2::Session::new().map_err(|error| ConnectError::Local(error.into()))?;
    session.set_timeout(milliseconds(target.handshake_timeout));
    target.algorithms.set(&session)?;
    if let Some(methods) = target.host_keys.preference() {
        prefer(&session, ssh2::MethodType::HostKey, &methods)?;
    }
    session.set_tcp_stream(stream);
    session
        .handshake()
        .map_err(|source| ConnectError::Handshake {
            address: target.address(),
            source,
        })?;
    let host_key = check_host_key(&session, target)?;
    authenticate(&session, &target.user, &target.address(), &target.auth)?;
    session.set_timeout(0);
    session.set_blocking(false);
    Ok(Connection {
        session,
        socket,
        host_key,
    })
}

/// Tries each address of the name; the last one's error counts.
fn reach(target: &Target) -> Result<TcpStream, ConnectError> {
    let addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map_err(|source| ConnectError::Resolve {
            host: target.host.clone(),
            source,
        })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match reach_one(&address, target.connect_timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Unreachable {
        address: target.address(),
        source: last,
    })
}

fn reach_one(address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, limit)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn check_host_key(session: &ssh2::Session, target: &Target) -> Result<HostKey, ConnectError> {
    let seen = session
        .host_key()
        .and_then(|(bytes, _)| HostKey::from_bytes(bytes))
        .ok_or_else(|| ConnectError::BadHostKey {
            address: target.address(),
        })?;
    match &target.host_keys {
        HostKeys::Known(known) if !target.host_keys.accept(&seen) => {
            Err(ConnectError::WrongHostKey {
                address: target.address(),
                seen: Box::new(seen),
                known: known.len(),
            })
        }
        _ => Ok(seen),
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
