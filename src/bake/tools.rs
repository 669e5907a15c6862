//! What a bake needs beside the cloud: SSH sessions, and the address by which the machine will see us.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use crate::bake::address::{self, AddressError};
use crate::bake::{HostPlugin, PluginError, plugin, session_manager};
use crate::cloud::PortSession;
use crate::ssh::{self, ConnectError, HostKey, Lasting, Remote, Target};

/// A process that carries a session's port.
pub trait Plugin {
    /// Waits until it has ended, and says why.
    fn ended(&mut self) -> impl Future<Output = String>;
}

/// Reaches machines. Simulations, in which there is none, have one of their own.
pub trait Tools {
    type Remote: Remote;
    type Plugin: Plugin;

    /// Connects once; gives the key that the machine showed too.
    fn connect(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<(Self::Remote, HostKey), ConnectError>>;

    /// The CIDR blocks from which this host reaches machines beside `endpoint`, or on AWS when there is none.
    fn own_sources(
        &self,
        endpoint: Option<&str>,
    ) -> impl Future<Output = Result<Vec<String>, AddressError>>;

    /// Whether Session Manager's plugin is here, and is one that learns of a session without showing it to everybody.
    fn check_plugin(&self) -> impl Future<Output = Result<(), PluginError>>;

    /// Has the plugin carry a session; it ends when it is dropped.
    fn start_plugin(
        &self,
        session: &PortSession,
        profile: Option<&str>,
    ) -> io::Result<Self::Plugin>;

    /// A port of this host on which nobody listens.
    fn free_port(&self) -> io::Result<u16>;

    /// Whether nobody listens on it.
    fn is_free(&self, port: u16) -> bool;
}

/// The tools of this host. A session that is lost, as by a reboot, is made anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostTools;

impl Tools for HostTools {
    type Remote = Lasting;
    type Plugin = HostPlugin;

    async fn connect(&self, target: Target) -> Result<(Lasting, HostKey), ConnectError> {
        let session = ssh::connect(target.clone()).await?;
        let key = session.host_key().clone();
        Ok((Lasting::new(session, target), key))
    }

    async fn own_sources(&self, endpoint: Option<&str>) -> Result<Vec<String>, AddressError> {
        address::own_sources(endpoint).await
    }

    async fn check_plugin(&self) -> Result<(), PluginError> {
        plugin::check().await
    }

    fn start_plugin(&self, session: &PortSession, profile: Option<&str>) -> io::Result<HostPlugin> {
        plugin::start(session, profile)
    }

    fn free_port(&self) -> io::Result<u16> {
        Ok(TcpListener::bind((session_manager::HOST, 0))?
            .local_addr()?
            .port())
    }

    fn is_free(&self, port: u16) -> bool {
        let all = (session_manager::HOST, port).to_socket_addrs();
        let taken = |address: SocketAddr| {
            TcpListener::bind(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        };
        all.is_ok_and(|mut all| !all.any(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_when_nobody_listens_on_it() {
        let somebody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = somebody.local_addr().unwrap().port();
        assert!(!HostTools.is_free(port));
        let free = HostTools.free_port().unwrap();
        assert_ne!(free, port);
        assert!(HostTools.is_free(free));
    }
}
