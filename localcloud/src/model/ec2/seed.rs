//! What an account has from the start: the default VPC in its zones, its security group, the public images.

use super::{
    super::{Config, SourceImage, ids::Ids},
    Ec2,
    images::{Image, ImageState, Mapping, Protection},
    network::{GroupRule, Peer, SecurityGroup, Subnet, Vpc},
};
use crate::model::Cidr;
use std::{collections::BTreeMap, net::Ipv4Addr};

/// A default subnet is a /20 of a /16 (VPC user guide, "Default VPC components"); a smaller VPC is cut in the same proportion.
/// Each region has three of the sixteen, so that machines of all regions have addresses of one bridge.
const SUBNET_BITS: u8 = 4;

impl Ec2 {
    pub(in crate::model) fn seeded(config: &Config, ids: &mut Ids) -> Self {
        let vpc = Vpc {
            id: ids.resource("vpc"),
            cidr: config.vpc,
            internet_gateway: ids.resource("igw"),
            route_table: ids.resource("rtb"),
        };
        let subnets = ["a", "b", "c", "d"]
            .into_iter()
            .take(config.zones)
            .zip(0..)
            .filter_map(|(letter, index)| subnet(config, ids, letter, index));
        let subnets = subnets.map(|subnet| (subnet.id.clone(), subnet)).collect();
        let group = default_group(ids);
        Self {
            vpc,
            subnets,
            security_groups: BTreeMap::from([(group.id.clone(), group)]),
            keys: BTreeMap::new(),
            images: config
                .images
                .iter()
                .map(|image| (image.id.clone(), public_image(image, ids)))
                .collect(),
            snapshots: BTreeMap::new(),
            volumes: BTreeMap::new(),
            instances: BTreeMap::new(),
            root_tasks: BTreeMap::new(),
            templates: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }
}

fn subnet(config: &Config, ids: &mut Ids, letter: &str, index: u64) -> Option<Subnet> {
    let prefix = config.vpc.prefix.saturating_add(SUBNET_BITS).min(28);
    Some(Subnet {
        id: ids.resource("subnet"),
        zone: format!("{}{letter}", config.region),
        zone_id: format!("{}-az{}", short_region(&config.region), index + 1),
        cidr: config.vpc.part(prefix, config.region_index * 3 + index)?,
        cursor: 0,
    })
}

/// `euc1` for `eu-central-1`: two letters of the continent, one a direction, the number.
fn short_region(region: &str) -> String {
    let mut parts = region.split('-');
    let continent = parts.next().unwrap_or_default();
    let rest: String = parts.filter_map(|part| part.chars().next()).collect();
    format!("{continent}{rest}")
}

/// Everything within the group may come in, everything may go out.
fn default_group(ids: &mut Ids) -> SecurityGroup {
    let id = ids.resource("sg");
    let rules = vec![
        all(ids, false, Peer::Group(id.clone())),
        everything_out(ids),
    ];
    SecurityGroup {
        id,
        name: "default".into(),
        description: "default VPC security group".into(),
        rules,
    }
}

/// The rule that every new group starts with.
pub(super) fn everything_out(ids: &mut Ids) -> GroupRule {
    all(ids, true, Peer::V4(Cidr::new(Ipv4Addr::UNSPECIFIED, 0)))
}

fn all(ids: &mut Ids, egress: bool, peer: Peer) -> GroupRule {
    GroupRule {
        id: ids.resource("sgr"),
        egress,
        protocol: "-1".into(),
        ports: None,
        peer,
        description: None,
    }
}

fn public_image(source: &SourceImage, ids: &mut Ids) -> Image {
    let root = Mapping {
        device: source.root_device.clone(),
        snapshot: Some(ids.resource("snap")),
        size: source.root_size,
        kind: "gp3".into(),
        delete_on_termination: true,
        encrypted: false,
        kms_key: None,
    };
    Image {
        id: source.id.clone(),
        name: source.name.clone(),
        description: source.description.clone(),
        owner: source.owner.clone(),
        created: source.created,
        architecture: source.architecture.clone(),
        root_device: source.root_device.clone(),
        mappings: vec![root],
        state: ImageState::Available,
        public: true,
        shared_with: Vec::new(),
        shared_with_arns: Vec::new(),
        protection: Protection::Off,
        ena: true,
        sriov: true,
        tokens_required: false,
        source_instance: None,
        source_image: None,
        copied: false,
        deprecated: None,
        launched: None,
    }
}
