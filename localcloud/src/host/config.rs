//! Where a local cloud lies on its host, so that several do not meet.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::Cidr;
use crate::{machines, network};

use super::{Error, Pace};

/// What the cloud is called, and the addresses and folders that it uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// First part of the name of everything that stands on the host.
    pub name: String,
    /// The bridge's own address, in the range that the VPC gets.
    pub router: Ipv4Addr,
    pub bits: u8,
    /// Port of the endpoint, on the bridge and on loopback.
    pub port: u16,
    pub region: String,
    /// The least that things take; no time of its own by default.
    #[serde(default)]
    pub pace: Pace,
    /// Folder for what is there while the cloud is up.
    pub run: PathBuf,
    /// Folder for what outlives it: the base image, which clouds share, and the log.
    pub cache: PathBuf,
    /// The program and arguments that run the supervisor, without the folder that they are given at the end.
    pub supervisor: Vec<String>,
}

impl Config {
    /// A cloud of this name where users have theirs; `program` is run again as the supervisor.
    pub fn new(name: &str, program: &Path) -> Self {
        let supervisor = [&program.display().to_string(), "local", "serve"]
            .map(ToString::to_string)
            .to_vec();
        Self {
            name: name.to_owned(),
            router: Ipv4Addr::new(172, 31, 0, 1),
            bits: 16,
            // The port that users of such endpoints know from LocalStack.
            port: 4566,
            region: "eu-central-1".to_owned(),
            pace: Pace::default(),
            run: PathBuf::from(format!("/run/{name}-local")),
            cache: PathBuf::from("/var/lib/kiln-local"),
            supervisor,
        }
    }

    /// The address that AWS clients are given.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addresses()[0])
    }

    /// Where the endpoint listens: for the machines, and for the host.
    pub(super) fn addresses(&self) -> [SocketAddr; 2] {
        [
            (self.router, self.port).into(),
            (Ipv4Addr::LOCALHOST, self.port).into(),
        ]
    }

    /// Where names are answered, to whoever reaches the bridge. No client can be told of another port.
    pub(super) fn name_server(&self) -> SocketAddr {
        (self.router, 53).into()
    }

    pub(super) fn vpc(&self) -> Cidr {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
        Cidr::new(Ipv4Addr::from_bits(self.router.to_bits() & mask), self.bits)
    }

    pub(super) fn network(&self) -> network::Config {
        network::Config {
            prefix: self.name.clone(),
            router: self.router,
            bits: self.bits,
            ..network::Config::default()
        }
    }

    pub(super) fn machines(&self) -> machines::Config {
        machines::Config {
            prefix: self.name.clone(),
            state: self.cache.join(format!("{}.state", self.name)),
            ..machines::Config::default()
        }
    }

    pub(super) fn base(&self) -> PathBuf {
        self.cache.join("base")
    }

    pub(super) fn control(&self) -> PathBuf {
        self.run.join("control.sock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.cache.join(format!("{}.log", self.name))
    }

    pub(super) fn failure(&self) -> PathBuf {
        self.run.join("failure")
    }

    pub(super) fn balancers(&self) -> PathBuf {
        self.run.join("balancers")
    }

    /// Held while someone changes whether the cloud is up.
    pub(super) fn door(&self) -> PathBuf {
        self.cache.join(format!("{}.door", self.name))
    }

    /// Held by the supervisor for its life: a free lock proves its death, also across pid namespaces.
    pub(super) fn alive(&self) -> PathBuf {
        self.cache.join(format!("{}.alive", self.name))
    }

    fn file(run: &Path) -> PathBuf {
        run.join("config.json")
    }

    /// Leaves the configuration for the supervisor.
    pub(super) fn write(&self) -> Result<(), Error> {
        let path = Self::file(&self.run);
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|source| Error::Unreadable {
            path: path.clone(),
            source,
        })?;
        std::fs::write(&path, text).map_err(Error::file(path))
    }

    /// Reads what `up` has left in the folder.
    pub(super) fn read(run: &Path) -> Result<Self, Error> {
        let path = Self::file(run);
        let text = std::fs::read_to_string(&path).map_err(Error::file(path.clone()))?;
        serde_json::from_str(&text).map_err(|source| Error::Unreadable { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vpc_is_the_range_of_the_router() {
        let mut config = Config::new("kiln", Path::new("/bin/kiln"));
        assert_eq!(config.vpc().to_string(), "172.31.0.0/16");
        (config.router, config.bits) = (Ipv4Addr::new(10, 77, 5, 1), 20);
        assert_eq!(config.vpc().to_string(), "10.77.0.0/20");
        assert_eq!(config.endpoint(), "http://10.77.5.1:4566");
    }
}
