//! What an account is opened with.

use jiff::Timestamp;
use std::{collections::BTreeMap, net::Ipv4Addr};

/// The account, its network and what is in it from the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// Up to four more, each empty but for a default VPC of its own.
    pub other_regions: Vec<String>,
    /// Which part of the network is this region's: 0 for the home region.
    pub region_index: u64,
    /// Every id, key and drawn delay comes from it.
    pub seed: u64,
    /// The default VPC; a subnet for each zone is cut from it.
    pub vpc: Cidr,
    /// One to four.
    pub zones: usize,
    pub images: Vec<SourceImage>,
    /// Names of the instance profiles that exist.
    pub profiles: Vec<String>,
    /// EC2 learns of a new instance profile up to this many seconds late.
    pub late_profiles: u32,
    /// Every name server has a change of records up to this many seconds late, and a second late at least; 0 is at once.
    pub late_records: u32,
    /// Public SSM parameters beyond those that follow from `images`.
    pub parameters: BTreeMap<String, String>,
    /// A fresh resource stays invisible to describe calls for up to this many polls; 0 shows everything at once.
    pub late_polls: u32,
    /// When the account was opened; creation times of what it came with.
    pub opened: Timestamp,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: "012345678901".into(),
            region: "eu-central-1".into(),
            other_regions: Vec::new(),
            region_index: 0,
            seed: 0,
            vpc: Cidr::new(Ipv4Addr::new(172, 31, 0, 0), 16),
            zones: 3,
            images: Vec::new(),
            profiles: vec!["kiln-instance".into()],
            late_profiles: 0,
            late_records: 60,
            parameters: BTreeMap::new(),
            late_polls: 0,
            opened: Timestamp::UNIX_EPOCH,
        }
    }
}

/// A public image that is there before anyone bakes; the world holds its layer under `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceImage {
    pub id: String,
    pub name: String,
    /// Account id of the publisher, 136693071363 for Debian.
    pub owner: String,
    pub description: String,
    pub created: Timestamp,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// `/dev/xvda` for Debian, `/dev/sda1` for Ubuntu.
    pub root_device: String,
    /// Size of the root snapshot in GiB.
    pub root_size: u32,
}

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub base: Ipv4Addr,
    pub prefix: u8,
}

impl Cidr {
    pub const fn new(base: Ipv4Addr, prefix: u8) -> Self {
        Self { base, prefix }
    }

    /// Reads `10.0.0.0/16`; the bits after the prefix must be zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, prefix) = text.split_once('/')?;
        let cidr = Self {
            base: base.parse().ok()?,
            prefix: prefix.parse().ok().filter(|bits| *bits <= 32)?,
        };
        (u64::from(cidr.base.to_bits()) % cidr.size() == 0).then_some(cidr)
    }

    /// How many addresses the block has.
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix.min(32)))
    }

    /// The address at an offset into the block.
    pub fn address(self, offset: u64) -> Option<Ipv4Addr> {
        let offset = u32::try_from(offset)
            .ok()
            .filter(|_| offset < self.size())?;
        self.base
            .to_bits()
            .checked_add(offset)
            .map(Ipv4Addr::from_bits)
    }

    /// The `index`-th block of a longer prefix inside this one.
    pub fn part(self, prefix: u8, index: u64) -> Option<Self> {
        let size = Self::new(self.base, prefix).size();
        self.address(index * size)
            .map(|base| Self::new(base, prefix))
    }

    pub fn contains(self, address: Ipv4Addr) -> bool {
        let first = u64::from(self.base.to_bits());
        (first..first + self.size()).contains(&u64::from(address.to_bits()))
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}
