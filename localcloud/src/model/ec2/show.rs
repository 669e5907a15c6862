//! Instances as the describe calls show them.

use super::{
    super::{Tree, state::State, tags},
    instance::{Attached, Instance, InstanceState},
    types,
};

/// One launch: a reservation with its instances.
pub(super) fn reservation(state: &State, ids: &[String]) -> Tree {
    let instances: Vec<&Instance> = ids
        .iter()
        .filter_map(|id| state.ec2.instances.get(id))
        .collect();
    let reservation = instances
        .first()
        .map_or("", |instance| instance.reservation.as_str());
    Tree::new()
        .put("reservationId", reservation)
        .put("ownerId", &state.config.account)
        .put("groupSet", Vec::new())
        .put(
            "instancesSet",
            instances
                .into_iter()
                .map(|instance| show(state, instance))
                .collect::<Vec<_>>(),
        )
}

/// `instanceState`, `currentState`, `previousState`.
pub(super) fn state_of(state: InstanceState) -> Tree {
    Tree::new()
        .put("code", state.code())
        .put("name", state.name())
}

fn show(state: &State, instance: &Instance) -> Tree {
    let tree = Tree::new()
        .put("instanceId", &instance.id)
        .put("imageId", &instance.image)
        .put("instanceState", state_of(instance.state))
        .put("privateDnsName", private_name(state, instance))
        .put("dnsName", public_address(instance).unwrap_or_default())
        .put("reason", transition(instance))
        .put_some("keyName", instance.key_name.as_ref())
        .put(
            "amiLaunchIndex",
            Tree::Int(i64::try_from(instance.index).unwrap_or_default()),
        )
        .put("productCodes", Vec::new())
        .put("instanceType", &instance.instance_type)
        .put("launchTime", instance.launched)
        .put("placement", placement(instance))
        .put(
            "monitoring",
            Tree::new().put(
                "state",
                if instance.monitored {
                    "enabled"
                } else {
                    "disabled"
                },
            ),
        )
        .put("architecture", &instance.architecture)
        .put("rootDeviceType", "ebs")
        .put("rootDeviceName", &instance.root_device)
        .put("virtualizationType", "hvm")
        .put("hypervisor", "xen")
        .put("ebsOptimized", instance.ebs_optimized)
        .put("enaSupport", instance.ena)
        .put_some("sriovNetSupport", instance.sriov.then_some("simple"))
        .put_some(
            "instanceLifecycle",
            instance.spot_request.is_some().then_some("spot"),
        )
        .put_some("spotInstanceRequestId", instance.spot_request.as_ref())
        .put(
            "clientToken",
            instance.client_token.as_deref().unwrap_or_default(),
        )
        .put_some("stateReason", reason(instance))
        .put_some("iamInstanceProfile", profile(state, instance))
        .put("metadataOptions", metadata_options(instance))
        .put("cpuOptions", cpus(instance))
        .put("platformDetails", "Linux/UNIX")
        .put("usageOperation", "RunInstances")
        .put("tagSet", tags::show(&state.ec2.tags_of(&instance.id)));
    let tree = instance.hardware.show(tree);
    if instance.holds_resources() {
        with_resources(state, instance, tree)
    } else {
        tree
    }
}

/// What an instance has until it is terminated.
fn with_resources(state: &State, instance: &Instance, tree: Tree) -> Tree {
    tree.put("privateIpAddress", instance.address.to_string())
        .put_some("ipAddress", public_address(instance))
        .put("subnetId", &instance.subnet)
        .put("vpcId", &state.ec2.vpc.id)
        .put("sourceDestCheck", instance.source_dest_check)
        .put("groupSet", groups(state, instance))
        .put(
            "blockDeviceMapping",
            instance
                .volumes
                .iter()
                .map(|v| device(instance, v))
                .collect::<Vec<_>>(),
        )
        .put("networkInterfaceSet", vec![interface(state, instance)])
}

/// As on AWS, the public address is there while the instance is up.
pub(super) fn public_address(instance: &Instance) -> Option<String> {
    let up = matches!(
        instance.state,
        InstanceState::Pending | InstanceState::Running
    );
    (instance.public && up).then(|| instance.address.to_string())
}

pub(super) fn private_name(state: &State, instance: &Instance) -> String {
    if !instance.holds_resources() {
        return String::new();
    }
    format!(
        "{}.{}.compute.internal",
        instance.host_label(),
        state.config.region
    )
}

fn transition(instance: &Instance) -> String {
    let by_user = instance
        .reason
        .as_ref()
        .is_some_and(|reason| reason.code == "Client.UserInitiatedShutdown");
    if by_user {
        format!(
            "User initiated ({})",
            instance.since.strftime("%Y-%m-%d %H:%M:%S GMT")
        )
    } else {
        String::new()
    }
}

fn placement(instance: &Instance) -> Tree {
    let placement = Tree::new()
        .put("availabilityZone", &instance.zone)
        .put("groupName", "");
    instance.hardware.place(placement)
}

fn reason(instance: &Instance) -> Option<Tree> {
    let reason = instance.reason.as_ref()?;
    Some(
        Tree::new()
            .put("code", reason.code)
            .put("message", &reason.message),
    )
}

fn profile(state: &State, instance: &Instance) -> Option<Tree> {
    let name = instance.profile.as_ref()?;
    let arn = format!(
        "arn:aws:iam::{}:instance-profile{}",
        state.config.account,
        state.iam.profile_path(name)
    );
    Some(
        Tree::new()
            .put("arn", arn)
            .put("id", "AIPALOCALCLOUD00000000"),
    )
}

fn metadata_options(instance: &Instance) -> Tree {
    let options = &instance.metadata;
    let on = |flag| if flag { "enabled" } else { "disabled" };
    Tree::new()
        .put("state", "applied")
        .put(
            "httpTokens",
            if options.tokens_required {
                "required"
            } else {
                "optional"
            },
        )
        .put("httpPutResponseHopLimit", options.hop_limit)
        .put("httpEndpoint", on(options.enabled))
        .put("httpProtocolIpv6", "disabled")
        .put("instanceMetadataTags", on(options.tags))
}

fn cpus(instance: &Instance) -> Tree {
    let count = types::find(&instance.instance_type).map_or(1, |kind| kind.cpus);
    let threads = if count > 1 { 2 } else { 1 };
    Tree::new()
        .put("coreCount", count / threads)
        .put("threadsPerCore", threads)
}

pub(super) fn groups(state: &State, instance: &Instance) -> Vec<Tree> {
    let groups = instance
        .groups
        .iter()
        .filter_map(|id| state.ec2.security_groups.get(id));
    groups
        .map(|group| {
            Tree::new()
                .put("groupId", &group.id)
                .put("groupName", &group.name)
        })
        .collect()
}

pub(super) fn device(instance: &Instance, attached: &Attached) -> Tree {
    let ebs = Tree::new()
        .put("volumeId", &attached.volume)
        .put("status", "attached")
        .put("attachTime", instance.launched)
        .put("deleteOnTermination", attached.delete_on_termination);
    Tree::new()
        .put("deviceName", &attached.device)
        .put("ebs", ebs)
}

fn interface(state: &State, instance: &Instance) -> Tree {
    let association = public_address(instance).map(|address| {
        Tree::new()
            .put("publicIp", &address)
            .put("publicDnsName", &address)
            .put("ipOwnerId", "amazon")
    });
    let attachment = Tree::new()
        .put("attachmentId", &instance.interface.1)
        .put("deviceIndex", 0_i64)
        .put("networkCardIndex", 0_i64)
        .put("status", "attached")
        .put("attachTime", instance.launched)
        .put("deleteOnTermination", true);
    let address = Tree::new()
        .put("privateIpAddress", instance.address.to_string())
        .put("privateDnsName", private_name(state, instance))
        .put("primary", true)
        .put_some("association", association.clone());
    Tree::new()
        .put("networkInterfaceId", &instance.interface.0)
        .put("subnetId", &instance.subnet)
        .put("vpcId", &state.ec2.vpc.id)
        .put("description", "")
        .put("ownerId", &state.config.account)
        .put("status", "in-use")
        .put("macAddress", mac(instance))
        .put("privateIpAddress", instance.address.to_string())
        .put("privateDnsName", private_name(state, instance))
        .put("sourceDestCheck", instance.source_dest_check)
        .put("interfaceType", "interface")
        .put("groupSet", groups(state, instance))
        .put("attachment", attachment)
        .put_some("association", association)
        .put("privateIpAddressesSet", vec![address])
}

fn mac(instance: &Instance) -> String {
    let [a, b, c, d] = instance.address.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
