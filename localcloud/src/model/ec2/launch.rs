//! Launching: every check first, then the records, then the machine.

use super::{
    super::{
        Boot, Effect, Fault,
        injection::Wanted,
        state::{Change, State},
    },
    address, devices, images,
    images::{Image, ImageState, Mapping},
    instance::{Attached, Instance, InstanceState},
    metadata, network,
    spec::LaunchSpec,
    spot, types,
    volumes::Volume,
};
use std::net::Ipv4Addr;

/// Launches `count` instances into a subnet, all or none, and gives their ids.
///
/// `subnet` wins over the one of the specification. Refuses as `RunInstances` does; a group turns the refusal into a failed
/// activity. Each instance is announced as pending.
pub(in crate::model) fn launch(
    state: &mut State,
    spec: &LaunchSpec,
    subnet: Option<&str>,
    count: usize,
) -> Result<Vec<String>, Fault> {
    let ready = check(state, spec, subnet)?;
    if address::available(state, &ready.subnet) < count as u64 {
        let message = "There are not enough free addresses in the subnet to satisfy the requested number of instances.";
        return Err(Fault::new("InsufficientFreeAddressesInSubnet", message));
    }
    let wanted = Wanted {
        spot: spec.spot,
        instance_type: &spec.instance_type,
        zone: &ready.zone,
    };
    if let Some(fault) = state.launches.take(wanted) {
        return Err(fault);
    }
    let reservation = state.ids.resource("r");
    (0..count)
        .map(|index| start(state, spec, &ready, &reservation, index))
        .collect()
}

/// A specification whose every name was looked up.
#[derive(Clone, Debug)]
struct Ready {
    image: Image,
    subnet: String,
    zone: String,
    groups: Vec<String>,
    profile: Option<String>,
    public_key: Option<String>,
    disks: Vec<Mapping>,
    public: bool,
    address: Option<Ipv4Addr>,
}

/// Refuses what AWS refuses, and changes nothing.
pub(in crate::model) fn check_launch(
    state: &State,
    spec: &LaunchSpec,
    subnet: Option<&str>,
) -> Result<(), Fault> {
    check(state, spec, subnet).map(|_| ())
}

fn check(state: &State, spec: &LaunchSpec, subnet: Option<&str>) -> Result<Ready, Fault> {
    let image = launchable_image(state, &spec.image)?;
    check_type(&image, &spec.instance_type)?;
    spec.hardware.check(&spec.instance_type, spec.spot)?;
    let subnet = match subnet.or(spec.subnet.as_deref()) {
        Some(id) => network::subnet(state, id)?,
        None => network::default_subnet(state, spec.zone.as_deref())?,
    };
    if let Some(zone) = spec.zone.as_ref().filter(|zone| **zone != subnet.zone) {
        let message = format!(
            "The requested Availability Zone {zone} does not match that of the subnet ({}).",
            subnet.zone
        );
        return Err(Fault::new("InvalidParameterValue", message));
    }
    if let Some(address) = spec
        .address
        .filter(|address| !subnet.cidr.contains(*address))
    {
        let message = format!("Address {address} does not fall within the subnet's address range");
        return Err(Fault::new("InvalidParameterValue", message));
    }
    Ok(Ready {
        subnet: subnet.id.clone(),
        zone: subnet.zone.clone(),
        groups: groups(state, spec)?,
        profile: profile(state, spec)?,
        public_key: public_key(state, spec)?,
        disks: devices::of(state, &image, &spec.disks)?,
        public: spec.public.unwrap_or(true),
        address: spec.address,
        image,
    })
}

fn launchable_image(state: &State, id: &str) -> Result<Image, Fault> {
    if id.is_empty() {
        return Err(Fault::missing(super::super::Service::Ec2, "ImageId"));
    }
    let image = images::image(state, id)?;
    match &image.state {
        ImageState::Available => Ok(image.clone()),
        ImageState::Pending | ImageState::Failed(_) => {
            let message = format!(
                "The image ID '{id}' is not available for launch; its state is {}.",
                image.state.name()
            );
            Err(Fault::new("InvalidAMIID.Unavailable", message))
        }
    }
}

fn check_type(image: &Image, name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::missing(super::super::Service::Ec2, "InstanceType"));
    }
    let Some(kind) = types::find(name) else {
        return Err(Fault::new(
            "InvalidParameterValue",
            format!("Invalid value '{name}' for InstanceType."),
        ));
    };
    if kind.architecture != image.architecture {
        let message = format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified AMI. \
             Specify an instance type and an AMI that have matching architectures, and try again.",
            kind.architecture, image.architecture
        );
        return Err(Fault::new("InvalidParameterValue", message));
    }
    Ok(())
}

fn groups(state: &State, spec: &LaunchSpec) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for id in &spec.groups {
        found.push(network::security_group(state, id)?.id.clone());
    }
    for name in &spec.group_names {
        let missing = || {
            Fault::new(
                "InvalidGroup.NotFound",
                format!("The security group '{name}' does not exist"),
            )
        };
        found.push(
            network::security_group_named(state, name)
                .ok_or_else(missing)?
                .id
                .clone(),
        );
    }
    if found.is_empty() {
        found.extend(network::security_group_named(state, "default").map(|group| group.id.clone()));
    }
    Ok(found)
}

fn profile(state: &State, spec: &LaunchSpec) -> Result<Option<String>, Fault> {
    let Some(given) = &spec.profile else {
        return Ok(None);
    };
    let prefix = format!("arn:aws:iam::{}:instance-profile/", state.config.account);
    let (name, field) = match given.strip_prefix(&prefix) {
        // A path may stand before the name.
        Some(path) => (path.rsplit('/').next().unwrap_or(path), "arn"),
        None => (given.as_str(), "name"),
    };
    if state.iam.launches(name, state.now) {
        return Ok(Some(name.into()));
    }
    let message = format!(
        "Value ({given}) for parameter iamInstanceProfile.{field} is invalid. Invalid IAM Instance Profile {field}"
    );
    Err(Fault::new("InvalidParameterValue", message))
}

fn public_key(state: &State, spec: &LaunchSpec) -> Result<Option<String>, Fault> {
    let Some(name) = spec.key_name.as_ref().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let missing = || {
        Fault::new(
            "InvalidKeyPair.NotFound",
            format!("The key pair '{name}' does not exist"),
        )
    };
    state
        .ec2
        .keys
        .get(name)
        .map(|key| Some(key.public.clone()))
        .ok_or_else(missing)
}

fn start(
    state: &mut State,
    spec: &LaunchSpec,
    ready: &Ready,
    reservation: &str,
    index: usize,
) -> Result<String, Fault> {
    let address = match ready.address {
        Some(address) => address,
        None => address::allocate(state, &ready.subnet)?,
    };
    let id = state.ids.resource("i");
    let volumes = ready
        .disks
        .iter()
        .map(|disk| volume(state, spec, ready, &id, disk))
        .collect();
    let instance = record(
        state,
        spec,
        ready,
        Launch {
            id: id.clone(),
            reservation,
            index,
            address,
            volumes,
        },
    );
    let mut tags = spec.instance_tags.clone();
    if let Some(template) = &spec.template {
        tags.insert("aws:ec2launchtemplate:id".into(), template.id.clone());
        tags.insert(
            "aws:ec2launchtemplate:version".into(),
            template.version.to_string(),
        );
    }
    state.ec2.tag(&id, &tags);
    if let Some(request) = &instance.spot_request {
        state.ec2.tag(request, &spec.spot_tags);
    }
    if let Some(image) = state.ec2.images.get_mut(&ready.image.id) {
        image.launched = Some(state.now);
    }
    boot(state, &instance, ready.public_key.as_ref());
    state.ec2.instances.insert(id.clone(), instance);
    if spec.spot
        && let Some(after) = state.launches.lasts()
    {
        spot::interrupt(state, &id, after);
    }
    state.hide_for_a_while(&id);
    state.announce(Change::Instance {
        id: id.clone(),
        from: None,
        to: InstanceState::Pending,
    });
    Ok(id)
}

struct Launch<'a> {
    id: String,
    reservation: &'a str,
    index: usize,
    address: Ipv4Addr,
    volumes: Vec<Attached>,
}

fn record(state: &mut State, spec: &LaunchSpec, ready: &Ready, launch: Launch<'_>) -> Instance {
    let default = super::instance::MetadataOptions {
        tokens_required: ready.image.tokens_required,
        ..Default::default()
    };
    Instance {
        id: launch.id,
        reservation: launch.reservation.into(),
        index: launch.index,
        image: ready.image.id.clone(),
        architecture: ready.image.architecture.clone(),
        root_device: ready.image.root_device.clone(),
        instance_type: spec.instance_type.clone(),
        key_name: spec.key_name.clone().filter(|name| !name.is_empty()),
        launched: state.now,
        state: InstanceState::Pending,
        since: state.now,
        reason: None,
        subnet: ready.subnet.clone(),
        zone: ready.zone.clone(),
        address: launch.address,
        public: ready.public,
        interface: (state.ids.resource("eni"), state.ids.resource("eni-attach")),
        groups: ready.groups.clone(),
        volumes: launch.volumes,
        on_shutdown: spec.on_shutdown,
        metadata: spec.metadata.clone().unwrap_or(default),
        user_data: spec.user_data.clone(),
        profile: ready.profile.clone(),
        template: spec.template.clone(),
        spot_request: spec.spot.then(|| state.ids.resource("sir")),
        interruption: None,
        hardware: spec.hardware.clone(),
        ebs_optimized: spec.ebs_optimized,
        monitored: spec.monitored,
        ena: ready.image.ena,
        sriov: ready.image.sriov,
        source_dest_check: true,
        protected: spec.protected,
        client_token: spec.client_token.clone(),
        ran: false,
        rerooted: false,
        impaired: false,
        console: None,
        freezing: Vec::new(),
        to_freeze: Vec::new(),
        waiting: Vec::new(),
    }
}

fn volume(
    state: &mut State,
    spec: &LaunchSpec,
    ready: &Ready,
    instance: &str,
    disk: &Mapping,
) -> Attached {
    let id = state.ids.resource("vol");
    let volume = Volume {
        id: id.clone(),
        size: disk.size,
        kind: disk.kind.clone(),
        zone: ready.zone.clone(),
        snapshot: disk.snapshot.clone(),
        encrypted: disk.encrypted,
        kms_key: disk.kms_key.clone(),
        created: state.now,
        attached: Some((instance.into(), disk.device.clone())),
        put_away: false,
    };
    state.ec2.volumes.insert(id.clone(), volume);
    state.ec2.tag(&id, &spec.volume_tags);
    Attached {
        device: disk.device.clone(),
        volume: id,
        delete_on_termination: disk.delete_on_termination,
    }
}

fn boot(state: &mut State, instance: &Instance, public_key: Option<&String>) {
    let boot = Boot {
        instance: instance.id.clone(),
        image: instance.image.clone(),
        address: instance.address,
        hostname: instance.host_label(),
        public_keys: public_key.cloned().into_iter().collect(),
        user_data: instance.user_data.clone(),
        metadata: metadata::of(state, instance, public_key),
    };
    state.emit(Effect::Boot(Box::new(boot)));
}
