//! What a bake needs beside the cloud: SSH sessions, and the address by which the machine will see us.

use crate::bake::address::{self, AddressError};
use crate::ssh::{self, ConnectError, HostKey, Lasting, Remote, Target};

/// Reaches machines. Simulations, in which there is none, have one of their own.
pub trait Tools {
    type Remote: Remote;

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
}

/// The tools of this host. A session that is lost, as by a reboot, is made anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostTools;

impl Tools for HostTools {
    type Remote = Lasting;

    async fn connect(&self, target: Target) -> Result<(Lasting, HostKey), ConnectError> {
        let session = ssh::connect(target.clone()).await?;
        let key = session.host_key().clone();
        Ok((Lasting::new(session, target), key))
    }

    async fn own_sources(&self, endpoint: Option<&str>) -> Result<Vec<String>, AddressError> {
        address::own_sources(endpoint).await
    }
}
