//! Instances, images and what belongs to them, and Auto Scaling groups.

use super::Tags;
use crate::model::{Model, ec2, state::State};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// An instance; terminated ones are shown for as long as the API shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    pub id: String,
    /// `pending`, `running`, …
    pub state: &'static str,
    pub image: String,
    pub instance_type: String,
    pub zone: String,
    pub subnet: String,
    pub address: Ipv4Addr,
    pub launched: Timestamp,
    /// Launch template id and the version that was really used.
    pub template: Option<(String, u64)>,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    pub volumes: Vec<String>,
    pub tags: Tags,
}

/// An image of this account or a public one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageView {
    pub id: String,
    pub name: String,
    pub owner: String,
    /// `pending`, `available`, `failed`.
    pub state: &'static str,
    pub snapshots: Vec<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotView {
    pub id: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeView {
    pub id: String,
    /// The instance that it is on.
    pub instance: Option<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPairView {
    pub id: String,
    pub name: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupView {
    pub id: String,
    pub name: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetView {
    pub id: String,
    pub vpc: String,
    pub zone: String,
}

/// A launch template and the image of each of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateView {
    pub id: String,
    pub name: String,
    pub default: u64,
    pub versions: BTreeMap<u64, Option<String>>,
    pub tags: Tags,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    pub name: String,
    pub min: i64,
    pub max: i64,
    pub desired: i64,
    /// Launch template id and version as the group names it.
    pub template: Option<(String, String)>,
    pub zones: Vec<String>,
    pub members: Vec<MemberView>,
    /// Instances of its warm pool.
    pub pool: Vec<MemberView>,
    /// What that is made with, where there is one.
    pub pool_is: Option<PoolView>,
    pub target_groups: Vec<String>,
    pub suspended: Vec<String>,
    pub tags: Tags,
    pub deleting: bool,
}

/// What a warm pool is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    pub prepared: Option<i64>,
    pub min: i64,
    /// `Stopped` or `Running`.
    pub state: &'static str,
    pub deleting: bool,
}

/// An instance of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    pub instance: String,
    pub zone: String,
    pub image: String,
    /// `Pending`, `InService`, …
    pub state: &'static str,
    pub healthy: bool,
    pub protected: bool,
    /// The version that was really used.
    pub version: Option<u64>,
}

impl Model {
    /// Tells the VPC's id.
    pub fn view_vpc(&self) -> &str {
        &self.state.ec2.vpc.id
    }

    pub fn view_subnets(&self) -> Vec<SubnetView> {
        let subnets = self.state.ec2.subnets.values();
        let view = |subnet: &ec2::network::Subnet| SubnetView {
            id: subnet.id.clone(),
            vpc: self.state.ec2.vpc.id.clone(),
            zone: subnet.zone.clone(),
        };
        subnets.map(view).collect()
    }

    /// The machines of every region, which share one host.
    pub fn view_instances(&self) -> Vec<InstanceView> {
        self.states().flat_map(instances).collect()
    }

    /// The images of every region.
    pub fn view_images(&self) -> Vec<ImageView> {
        self.states().flat_map(images).collect()
    }

    /// The snapshots of every region.
    pub fn view_snapshots(&self) -> Vec<SnapshotView> {
        self.states().flat_map(snapshots).collect()
    }

    /// The volumes of every region.
    pub fn view_volumes(&self) -> Vec<VolumeView> {
        self.states().flat_map(volumes).collect()
    }

    pub fn view_key_pairs(&self) -> Vec<KeyPairView> {
        let pairs = self.state.ec2.keys.values();
        let view = |pair: &ec2::keys::KeyPair| KeyPairView {
            id: pair.id.clone(),
            name: pair.name.clone(),
            tags: self.state.ec2.tags_of(&pair.id),
        };
        pairs.map(view).collect()
    }

    pub fn view_security_groups(&self) -> Vec<SecurityGroupView> {
        let groups = self.state.ec2.security_groups.values();
        let view = |group: &ec2::network::SecurityGroup| SecurityGroupView {
            id: group.id.clone(),
            name: group.name.clone(),
            tags: self.state.ec2.tags_of(&group.id),
        };
        groups.map(view).collect()
    }

    pub fn view_templates(&self) -> Vec<TemplateView> {
        let image = |version: &ec2::templates::Version| match version.data.get("ImageId") {
            Some(crate::model::Params::Text(image)) => Some(image.clone()),
            _ => None,
        };
        let view = |template: &ec2::templates::Template| TemplateView {
            id: template.id.clone(),
            name: template.name.clone(),
            default: template.default,
            versions: template
                .versions
                .iter()
                .map(|(number, version)| (*number, image(version)))
                .collect(),
            tags: self.state.ec2.tags_of(&template.id),
        };
        self.state.ec2.templates.values().map(view).collect()
    }

    pub fn view_groups(&self) -> Vec<GroupView> {
        let groups = self.state.scaling.groups.iter();
        groups.map(|(name, group)| group.view(name)).collect()
    }
}

fn instances(state: &State) -> impl Iterator<Item = InstanceView> + '_ {
    let view = |instance: &ec2::Instance| InstanceView {
        id: instance.id.clone(),
        state: instance.state.name(),
        image: instance.image.clone(),
        instance_type: instance.instance_type.clone(),
        zone: instance.zone.clone(),
        subnet: instance.subnet.clone(),
        address: instance.address,
        launched: instance.launched,
        template: instance
            .template
            .as_ref()
            .map(|template| (template.id.clone(), template.version)),
        key_name: instance.key_name.clone(),
        security_groups: instance.groups.clone(),
        volumes: instance
            .volumes
            .iter()
            .map(|attached| attached.volume.clone())
            .collect(),
        tags: state.ec2.tags_of(&instance.id),
    };
    state.ec2.instances.values().map(view)
}

fn images(state: &State) -> impl Iterator<Item = ImageView> + '_ {
    let view = |image: &ec2::images::Image| ImageView {
        id: image.id.clone(),
        name: image.name.clone(),
        owner: image.owner.clone(),
        state: image.state.name(),
        snapshots: image
            .mappings
            .iter()
            .filter_map(|mapping| mapping.snapshot.clone())
            .collect(),
        tags: state.ec2.tags_of(&image.id),
    };
    state.ec2.images.values().map(view)
}

fn snapshots(state: &State) -> impl Iterator<Item = SnapshotView> + '_ {
    state.ec2.snapshots.keys().map(|id| SnapshotView {
        id: id.clone(),
        tags: state.ec2.tags_of(id),
    })
}

fn volumes(state: &State) -> impl Iterator<Item = VolumeView> + '_ {
    let view = |(id, volume): (&String, &ec2::volumes::Volume)| VolumeView {
        id: id.clone(),
        instance: volume
            .attached
            .as_ref()
            .map(|(instance, _)| instance.clone()),
        tags: state.ec2.tags_of(id),
    };
    state.ec2.volumes.iter().map(view)
}
