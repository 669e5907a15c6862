//! The network that the machines share: one bridge, a network namespace for each machine, and the way outside.
//!
//! Everything that stands on the host is named after `Config::prefix` and can be removed by that name alone, whoever
//! made it and however it died (`sweep`). Which addresses exist and who gets them is the model's business; what runs
//! in a namespace is that of `machines`.

mod bridge;
mod firewall;
mod forwarding;
mod namespace;
mod sweep;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::command;

pub use sweep::sweep;

/// The address at which machines find the metadata service, as on EC2 (EC2 User Guide, "Instance metadata").
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// What the network is called and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// First part of every name; `kiln` makes the bridge `kiln0`. At most eight letters, because interface names end
    /// at fifteen.
    pub prefix: String,
    /// The bridge's own address: the router of the VPC that the machines see.
    pub router: Ipv4Addr,
    /// Length of the range's prefix in bits.
    pub bits: u8,
    /// Port of the router's address that requests to the metadata address are sent to.
    pub metadata_port: u16,
    /// Folder for the note on the host's own forwarding setting; the same for all clouds of a host, since they share
    /// that setting.
    pub notes: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: "kiln".to_owned(),
            router: Ipv4Addr::new(172, 31, 0, 1),
            bits: 16,
            metadata_port: 8254,
            notes: PathBuf::from("/run"),
        }
    }
}

impl Config {
    /// Name of the bridge.
    pub fn bridge(&self) -> String {
        format!("{}0", self.prefix)
    }

    /// The range as text, such as `172.31.0.0/16`.
    pub fn range(&self) -> String {
        format!(
            "{}/{}",
            bridge::network_of(self.router, self.bits),
            self.bits
        )
    }

    /// Name of a machine's network namespace.
    pub fn namespace(&self, instance: &str) -> String {
        format!("{}-{instance}", self.prefix)
    }

    /// Name of the host's end of a machine's cable: the prefix and as much of the id's end as fits.
    fn cable(&self, instance: &str) -> String {
        let room = 15 - (self.prefix.len() + 1);
        let id: Vec<char> = instance
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let end: String = id[id.len().saturating_sub(room)..].iter().collect();
        format!("{}-{end}", self.prefix)
    }
}

/// Why the network cannot be had as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the network prefix `{0}` is not one to eight small letters")]
    BadPrefix(String),
    #[error(
        "{range} is in use on this host (route to {route} by {device}); choose another range for the local cloud"
    )]
    RangeInUse {
        range: String,
        route: String,
        device: String,
    },
    #[error(
        "this host's own rules drop packets by policy ({hook}), so machines would not reach {unreachable}; allow them with {remedy}"
    )]
    PacketsDropped {
        hook: &'static str,
        unreachable: &'static str,
        remedy: String,
    },
    #[error("read what `{0}` says")]
    Unreadable(&'static str, #[source] serde_json::Error),
    #[error("use {path}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Command(#[from] command::Error),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// The network while it is up.
#[derive(Debug)]
pub struct Network {
    config: Config,
    /// Largest packet that the way outside takes, in bytes.
    mtu: u32,
}

impl Network {
    /// Makes the bridge, the way outside and the way to the metadata service; first removes what a dead one left.
    pub async fn up(config: &Config) -> Result<Self, Error> {
        check_prefix(&config.prefix)?;
        sweep(config).await?;
        bridge::check_range_is_free(config).await?;
        firewall::check_others(&config.bridge()).await?;
        let network = Self {
            mtu: bridge::outside_mtu().await?,
            config: config.clone(),
        };
        match network.build().await {
            Ok(()) => Ok(network),
            Err(error) => {
                sweep(config).await?;
                Err(error)
            }
        }
    }

    async fn build(&self) -> Result<(), Error> {
        forwarding::switch_on(&self.config)?;
        bridge::create(&self.config, self.mtu).await?;
        firewall::install(&self.config).await
    }

    /// Removes all of it and gives the host its forwarding setting back.
    pub async fn down(self) -> Result<(), Error> {
        sweep(&self.config).await.map(drop)
    }

    /// What the network was asked to be.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Gives a machine a network namespace with the address on its `eth0`; returns the namespace's name.
    /// One that the machine had before is replaced.
    pub async fn attach(&self, instance: &str, address: Ipv4Addr) -> Result<String, Error> {
        namespace::detach(&self.config, instance).await?;
        namespace::attach(&self.config, self.mtu, instance, address).await
    }

    /// Removes a machine's network namespace, if there is one.
    pub async fn detach(&self, instance: &str) -> Result<(), Error> {
        namespace::detach(&self.config, instance).await
    }

    /// Gives the host a further address on the bridge, for a load balancer; twice is as good as once.
    pub async fn add_address(&self, address: Ipv4Addr) -> Result<(), Error> {
        bridge::add_address(&self.config, address).await
    }

    /// Takes such an address away again; one that is not there is gone already.
    pub async fn remove_address(&self, address: Ipv4Addr) -> Result<(), Error> {
        bridge::remove_address(&self.config, address).await
    }
}

fn check_prefix(prefix: &str) -> Result<(), Error> {
    let good = (1..=8).contains(&prefix.len()) && prefix.chars().all(|c| c.is_ascii_lowercase());
    if good {
        Ok(())
    } else {
        Err(Error::BadPrefix(prefix.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_prefix_and_fit_an_interface() {
        let config = Config::default();
        assert_eq!(config.bridge(), "kiln0");
        assert_eq!(config.range(), "172.31.0.0/16");
        assert_eq!(
            config.namespace("i-0123456789abcdef0"),
            "kiln-i-0123456789abcdef0"
        );
        assert_eq!(config.cable("i-0123456789abcdef0"), "kiln-789abcdef0");
        let long = Config {
            prefix: "kilntest".to_owned(),
            ..Config::default()
        };
        assert_eq!(long.cable("i-0123456789abcdef0"), "kilntest-bcdef0");
        assert!(long.cable("i-1").len() <= 15);
    }

    #[test]
    fn a_prefix_that_would_not_fit_is_refused() {
        for bad in ["", "Kiln", "kiln-x", "kilnkilnk"] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
        assert!(check_prefix("kiln").is_ok());
    }
}
