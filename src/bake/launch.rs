//! What the build machine is launched as, and the ways to get it in the order in which they are tried. Pure.

use std::fmt;

use serde::Serialize;

use crate::bake::settings::named_key_pair;
use crate::bake::{BakeFacts, BakePlan, Ground, preflight, tags::BakeTags};
use crate::cloud::{
    BlockDevice, Choice, Image, KeyPairName, Metadata, NewInstance, Placement, Reservation,
    SnapshotId, Spot, Subnet, Zone,
};
use crate::run::RunId;
use crate::source::Spanned;
use crate::template::bake::{self, Build, Instance, ShutdownBehavior};

/// One way to get the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Spare capacity; bought when there is none.
    pub spot: Option<Spot>,
    /// What would do, the first preferred. Several are asked for at once, through a fleet.
    pub choices: Vec<Choice>,
    /// The same token never launches twice.
    pub token: String,
}

impl Attempt {
    /// Whether EC2 is to choose.
    pub fn is_fleet(&self) -> bool {
        let asks = |spot: &Spot| spot.allocation_strategy.is_some() || spot.asks_for_fleet;
        self.choices.len() > 1 || self.spot.as_ref().is_some_and(asks)
    }

    /// The token of a try. One that EC2 refused launches anew with the same token; a fleet that launched nothing has spent
    /// it, and answers with what it said before ("Ensuring idempotency in Amazon EC2 API requests").
    pub(super) fn token(&self, earlier: u32) -> String {
        match earlier {
            0 => self.token.clone(),
            _ if self.is_fleet() => format!("{}-again-{earlier}", self.token),
            _ => self.token.clone(),
        }
    }

    /// The machine that this way asks for, as far as one choice says it.
    pub fn instance(&self, base: &NewInstance) -> NewInstance {
        let mut wanted = base.clone();
        wanted.spot.clone_from(&self.spot);
        wanted.token.clone_from(&self.token);
        if self.spot.is_some() {
            // Reserved capacity is bought, and a one-time spot machine can only end ("RunInstances").
            wanted.reservation = None;
            wanted.terminate_on_shutdown = false;
        }
        if let Some(choice) = self.choices.first() {
            wanted.choose(choice);
        }
        wanted
    }
}

impl BakePlan {
    /// The first way and its machine as a dry run asks for it: without what is made before the launch, but for the profile.
    pub(super) fn rehearsed(&self) -> Option<(&Attempt, NewInstance)> {
        let attempt = self.attempts.first()?;
        let mut wanted = attempt.instance(&self.instance);
        wanted.token = format!("{}-dry", wanted.token);
        if self.key_pair.is_some() {
            wanted.key_pair = None;
        }
        Some((attempt, wanted))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices: Vec<_> = self.choices.iter().map(ToString::to_string).collect();
        let market = if self.spot.is_some() {
            "spot"
        } else {
            "on-demand"
        };
        write!(f, "{market} {}", choices.join(", "))
    }
}

/// The machine without what differs from one attempt to the next.
pub(super) fn instance(
    build: &Build,
    (source, ground, first): (&Image, &Ground, Option<&Choice>),
    run: RunId,
    temporary: Option<&KeyPairName>,
    tags: &BakeTags,
) -> NewInstance {
    let wanted = &build.builder.instance;
    let mut instance = NewInstance {
        image: source.id.clone(),
        instance_type: String::new(),
        profile: text(wanted.profile.as_ref()).or_else(|| {
            let policy = wanted.temporary_profile_policy.as_ref();
            policy.map(|_| format!("kiln-{run}"))
        }),
        key_pair: temporary
            .cloned()
            .or_else(|| named_key_pair(&build.builder.ssh.login)),
        security_groups: ground.security_groups.clone(),
        subnet: None,
        zone: None,
        public_address: wanted.associate_public_ip_address,
        devices: wanted.block_devices.iter().map(device).collect(),
        user_data: text(wanted.user_data.as_ref()),
        metadata: Metadata {
            enabled: wanted.metadata.endpoint_enabled,
            tokens_required: wanted.metadata.tokens_required,
            hop_limit: wanted.metadata.hop_limit,
            instance_tags: wanted.metadata.instance_tags,
        },
        ebs_optimized: wanted.ebs_optimized,
        unlimited_credits: wanted.enable_unlimited_credits,
        enclave: wanted.enable_nitro_enclave,
        placement: Placement {
            tenancy: text(wanted.placement.tenancy.as_ref()),
            host: text(wanted.placement.host.as_ref()),
            host_group: text(wanted.placement.host_group.as_ref()),
        },
        reservation: wanted.reservation.as_ref().map(reservation),
        licenses: wanted
            .licenses
            .iter()
            .map(|arn| arn.value.clone())
            .collect(),
        terminate_on_shutdown: terminates(wanted),
        spot: None,
        token: token(run, 0),
        tags: tags.scratch.clone(),
        volume_tags: tags.volumes.clone(),
    };
    if let Some(first) = first {
        instance.choose(first);
    }
    instance
}

/// A second net under a bake that dies, unless the template says otherwise. Not where the machine is to shut itself down
/// to be imaged.
fn terminates(wanted: &Instance) -> bool {
    match wanted.shutdown_behavior {
        Some(ShutdownBehavior::Stop) => false,
        Some(ShutdownBehavior::Terminate) => true,
        None => !wanted.disable_stop_instance,
    }
}

/// The ways in order: each spot machine, or all at once where EC2 is to choose, then each that could be bought.
pub(super) fn attempts(
    build: &Build,
    choices: Vec<Choice>,
    run: RunId,
    tags: &BakeTags,
) -> Vec<Attempt> {
    let wanted = &build.builder.instance;
    let mut ways: Vec<(Option<Spot>, Vec<Choice>)> = Vec::new();
    if let Some(spot) = &wanted.spot {
        let asked = Spot {
            max_price: text(spot.max_price.as_ref()),
            tags: tags.spot.clone(),
            fleet_tags: tags.fleet.clone(),
            asks_for_fleet: !spot.fleet_tags.is_empty(),
            allocation_strategy: spot.allocation_strategy.clone(),
        };
        if asked.allocation_strategy.is_some() || asked.asks_for_fleet {
            ways.push((Some(asked), choices.clone()));
        } else {
            let one = |choice: &Choice| (Some(asked.clone()), vec![choice.clone()]);
            ways.extend(choices.iter().map(one));
        }
    }
    if wanted.spot.as_ref().is_none_or(|spot| spot.fall_back) {
        ways.extend(choices.into_iter().map(|choice| (None, vec![choice])));
    }
    let numbered = ways.into_iter().enumerate();
    numbered
        .map(|(number, (spot, choices))| Attempt {
            spot,
            choices,
            token: token(run, number),
        })
        .collect()
}

fn token(run: RunId, number: usize) -> String {
    match number {
        0 => format!("kiln-{run}"),
        number => format!("kiln-{run}-{number}"),
    }
}

/// Every type in every subnet, but where the zone does not have the type. What stands against a type by itself is left out.
pub(super) fn choices(wanted: &Instance, ground: &Ground, facts: &BakeFacts) -> Vec<Choice> {
    let zone = wanted.availability_zone.as_ref();
    let zone = zone.map(|zone| Zone::new(zone.value.as_str()));
    let places: Vec<Option<&Subnet>> = match ground.subnets.as_slice() {
        [] => vec![None],
        subnets => subnets.iter().map(Some).collect(),
    };
    let mut choices = Vec::new();
    for kind in preflight::fitting(wanted, facts) {
        for subnet in &places {
            let choice = Choice {
                instance_type: kind.value.clone(),
                subnet: subnet.map(|subnet| subnet.id.clone()),
                zone: zone.clone(),
            };
            let zone = subnet.map(|subnet| &subnet.zone).or(zone.as_ref());
            if zone.is_none_or(|zone| facts.offers(kind, zone)) {
                choices.push(choice);
            }
        }
    }
    choices
}

fn text(value: Option<&Spanned<String>>) -> Option<String> {
    value.map(|value| value.value.clone())
}

fn reservation(reservation: &bake::Reservation) -> Reservation {
    match reservation {
        bake::Reservation::Open => Reservation::Open,
        bake::Reservation::None => Reservation::None,
        bake::Reservation::Id(id) => Reservation::Id(id.value.clone()),
        bake::Reservation::Group(arn) => Reservation::Group(arn.value.clone()),
    }
}

pub(super) fn device(device: &bake::BlockDevice) -> BlockDevice {
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.value.clone());
    BlockDevice {
        device: device.device_name.value.clone(),
        delete_on_termination: device.delete_on_termination,
        encrypted: device.encrypted,
        kms_key: text(&device.kms_key_id),
        iops: device.iops.as_ref().map(|value| value.value),
        throughput: device.throughput.as_ref().map(|value| value.value),
        size: device.volume_size.as_ref().map(|value| value.value),
        volume_type: text(&device.volume_type),
        snapshot: text(&device.snapshot_id).map(SnapshotId::new),
        virtual_name: text(&device.virtual_name),
        no_device: device.no_device,
    }
}
