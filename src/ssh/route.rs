//! The way to a machine's port: straight, through a SOCKS5 proxy, or through a bastion.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::ssh::carrier::Carrier;
use crate::ssh::connect::{Connection, establish};
use crate::ssh::worker::Wire;
use crate::ssh::{ConnectError, Target, socks};

/// How a target is reached.
#[derive(Clone, Debug, Default)]
pub enum Route {
    #[default]
    Direct,
    Proxy(Proxy),
    /// Another machine that reaches it; with its own keys, host keys and limits.
    Bastion(Box<Target>),
}

/// A SOCKS5 proxy. Names are resolved by it, and not here.
#[derive(Clone)]
pub struct Proxy {
    pub host: String,
    pub port: u16,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A socket on which the target's own bytes come and go.
pub(super) fn reach(target: &Target) -> Result<TcpStream, ConnectError> {
    match &target.route {
        Route::Direct => straight(&target.host, target.port, target.connect_timeout),
        Route::Proxy(proxy) => {
            let stream = straight(&proxy.host, proxy.port, target.connect_timeout)?;
            socks::ask(stream, proxy, target)
        }
        Route::Bastion(bastion) => through(bastion, target),
    }
}

/// Tries each address of the name; the last one's error counts.
fn straight(host: &str, port: u16, limit: Duration) -> Result<TcpStream, ConnectError> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|source| ConnectError::Resolve {
            host: host.to_owned(),
            source,
        })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match reach_one(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Unreachable {
        address: address(host, port),
        source: last,
    })
}

fn reach_one(address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, limit)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// `host:port`, with brackets around an IPv6 address.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Logs in to the bastion and has it open a connection to the target. A thread carries that connection's bytes until our
/// end of it is closed.
fn through(bastion: &Target, target: &Target) -> Result<TcpStream, ConnectError> {
    let connection = establish(bastion).map_err(|source| ConnectError::Bastion {
        address: bastion.address(),
        source: Box::new(source),
    })?;
    let channel =
        open(&connection.session, target).map_err(|source| ConnectError::Unreachable {
            address: target.address(),
            source: io::Error::other(format!("the bastion {}: {source}", bastion.address())),
        })?;
    let (ours, theirs) = pair().map_err(ConnectError::Local)?;
    theirs.set_nonblocking(true).map_err(ConnectError::Local)?;
    let bastion = bastion.clone();
    std::thread::Builder::new()
        .name(format!("ssh {}", bastion.host))
        .spawn(move || carry(connection, &bastion, channel, theirs))
        .map_err(ConnectError::Local)?;
    Ok(ours)
}

fn open(session: &ssh2::Session, target: &Target) -> Result<ssh2::Channel, ssh2::Error> {
    session.set_blocking(true);
    session.set_timeout(u32::try_from(target.connect_timeout.as_millis()).unwrap_or(u32::MAX));
    let channel = session.channel_direct_tcpip(&target.host, target.port, None);
    session.set_timeout(0);
    session.set_blocking(false);
    channel
}

fn carry(connection: Connection, bastion: &Target, channel: ssh2::Channel, socket: TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    // Without a runtime the socket is dropped, and whoever is at its other end hears that the connection is lost.
    if let Ok(runtime) = runtime {
        runtime.block_on(async {
            let wire = Wire::new(connection, bastion);
            let socket = tokio::net::TcpStream::from_std(socket);
            if let (Ok(wire), Ok(socket)) = (wire, socket) {
                let mut carrier = Carrier::new(wire, Vec::new());
                carrier.join(channel, socket);
                carrier.run(std::future::pending()).await;
            }
        });
    }
}

/// Two ends of a connection within this process, which libssh2 takes for any other one.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    ours.set_nodelay(true)?;
    loop {
        // Anybody on this host may knock at a port; only our own other end is let in.
        let (theirs, from) = listener.accept()?;
        if from == ours.local_addr()? {
            return Ok((ours, theirs));
        }
    }
}
