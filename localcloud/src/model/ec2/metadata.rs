//! What the metadata service tells an instance about itself.

use super::{
    super::{Metadata, state::State},
    instance::Instance,
};
use serde_json::json;

/// The paths of the EC2 user guide, "Instance metadata categories", that apply here.
pub(super) fn of(state: &State, instance: &Instance, public_key: Option<&String>) -> Metadata {
    let mut entries = always(state, instance);
    if instance.public {
        entries.push(entry("public-ipv4", instance.address));
        entries.push(entry("public-hostname", instance.address));
    }
    if let (Some(name), Some(key)) = (&instance.key_name, public_key) {
        entries.push(entry("public-keys/", format!("0={name}")));
        entries.push(entry("public-keys/0/openssh-key", key));
    }
    if let Some(profile) = &instance.profile {
        entries.push(entry("iam/info", profile_info(state, profile)));
    }
    if let Some(at) = instance.interruption {
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let action = json!({ "action": "terminate", "time": at });
        entries.push(entry("spot/instance-action", action));
        entries.push(entry("spot/termination-time", at));
    }
    if instance.metadata.tags {
        let tags = state.ec2.tags_of(&instance.id);
        entries.extend(
            tags.iter()
                .map(|(key, value)| (format!("tags/instance/{key}"), value.clone())),
        );
    }
    Metadata {
        tokens_required: instance.metadata.tokens_required,
        enabled: instance.metadata.enabled,
        entries,
        identity: identity(state, instance),
    }
}

/// What every instance has.
fn always(state: &State, instance: &Instance) -> Vec<(String, String)> {
    let private_name = format!(
        "{}.{}.compute.internal",
        instance.host_label(),
        state.config.region
    );
    vec![
        entry("ami-id", &instance.image),
        entry("ami-launch-index", instance.index),
        entry("ami-manifest-path", "(unknown)"),
        entry("block-device-mapping/ami", &instance.root_device),
        entry("block-device-mapping/root", &instance.root_device),
        entry("hostname", &private_name),
        entry("instance-action", "none"),
        entry("instance-id", &instance.id),
        entry(
            "instance-life-cycle",
            if instance.spot_request.is_some() {
                "spot"
            } else {
                "on-demand"
            },
        ),
        entry("instance-type", &instance.instance_type),
        entry("local-hostname", &private_name),
        entry("local-ipv4", instance.address),
        entry("placement/availability-zone", &instance.zone),
        entry("placement/region", &state.config.region),
        entry("profile", "default-hvm"),
        entry("reservation-id", &instance.reservation),
        entry("security-groups", group_names(state, instance)),
        entry("services/domain", "amazonaws.com"),
        entry("services/partition", "aws"),
    ]
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "texts and numbers are given as they stand"
)]
fn entry(path: &str, value: impl ToString) -> (String, String) {
    (path.into(), value.to_string())
}

fn group_names(state: &State, instance: &Instance) -> String {
    let groups = instance
        .groups
        .iter()
        .filter_map(|id| state.ec2.security_groups.get(id));
    groups
        .map(|group| group.name.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

fn profile_info(state: &State, profile: &str) -> String {
    let arn = format!(
        "arn:aws:iam::{}:instance-profile{}",
        state.config.account,
        state.iam.profile_path(profile)
    );
    json!({ "Code": "Success", "LastUpdated": state.now.to_string(), "InstanceProfileArn": arn })
        .to_string()
}

fn identity(state: &State, instance: &Instance) -> String {
    let document = json!({
        "accountId": state.config.account,
        "architecture": instance.architecture,
        "availabilityZone": instance.zone,
        "imageId": instance.image,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "pendingTime": instance.launched.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "privateIp": instance.address.to_string(),
        "region": state.config.region,
        "version": "2017-09-30",
    });
    format!("{document:#}")
}
