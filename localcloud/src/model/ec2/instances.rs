//! Looking at instances: `DescribeInstances`, `DescribeInstanceStatus`, `GetConsoleOutput`.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    describe::{Kind, PAGED, one},
    instance::{Instance, InstanceState},
    show,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeInstances",
        "InstanceId Filter MaxResults NextToken",
        describe_instances,
    ),
    Action::new(
        Service::Ec2,
        "DescribeInstanceStatus",
        "InstanceId Filter MaxResults NextToken IncludeAllInstances",
        describe_instance_status,
    ),
    Action::new(
        Service::Ec2,
        "GetConsoleOutput",
        "InstanceId Latest",
        get_console_output,
    ),
];

/// Two status checks a minute pass before AWS says ok; here one short one, so that waiting code is exercised.
const FIRST_CHECK: SignedDuration = SignedDuration::from_secs(5);

const INSTANCES: Kind = Kind {
    ids: "InstanceId",
    set: "reservationSet",
    filters: "architecture availability-zone client-token dns-name group-id group-name iam-instance-profile.arn image-id \
        instance-group-id instance-id instance-lifecycle instance-state-code instance-state-name instance-type \
        instance.group-id instance.group-name ip-address key-name launch-time network-interface.subnet-id owner-id \
        private-dns-name private-ip-address reservation-id root-device-name root-device-type spot-instance-request-id \
        subnet-id virtualization-type vpc-id",
    paging: PAGED,
    all: |state| state.ec2.instances.keys().cloned().collect(),
    missing: |id| super::no_such("InvalidInstanceID", "instance ID", "i-", id),
    field,
    show: |state, id| show::reservation(state, &[id.into()]),
};

const STATUSES: Kind = Kind {
    set: "instanceStatusSet",
    filters: "availability-zone instance-state-code instance-state-name instance-status.status system-status.status",
    show: status,
    ..INSTANCES
};

fn describe_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if args.has("MaxResults") && args.has("InstanceId") {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults in the same call";
        return Err(Fault::new("InvalidParameterCombination", message));
    }
    let (ids, token) = INSTANCES.select(state, args, |_, _| true)?;
    Ok(Tree::new()
        .put("reservationSet", reservations(state, &ids))
        .put_some("nextToken", token))
}

fn reservations(state: &State, ids: &[String]) -> Vec<Tree> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for instance in ids.iter().filter_map(|id| state.ec2.instances.get(id)) {
        match groups
            .iter_mut()
            .find(|(reservation, _)| *reservation == instance.reservation)
        {
            Some((_, ids)) => ids.push(instance.id.clone()),
            None => groups.push((&instance.reservation, vec![instance.id.clone()])),
        }
    }
    groups
        .into_iter()
        .map(|(_, ids)| show::reservation(state, &ids))
        .collect()
}

fn field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(instance) = state.ec2.instances.get(id) else {
        return Vec::new();
    };
    let gone = !instance.holds_resources();
    match name {
        "architecture" => one(&instance.architecture),
        "availability-zone" => one(&instance.zone),
        "client-token" => instance.client_token.clone().into_iter().collect(),
        "dns-name" | "ip-address" => show::public_address(instance).into_iter().collect(),
        "group-id" | "instance.group-id" | "instance-group-id" => instance.groups.clone(),
        "group-name" | "instance.group-name" => group_names(state, instance),
        "iam-instance-profile.arn" => {
            let arn = |name: &String| {
                format!(
                    "arn:aws:iam::{}:instance-profile{}",
                    state.config.account,
                    state.iam.profile_path(name)
                )
            };
            instance.profile.as_ref().map(arn).into_iter().collect()
        }
        "image-id" => one(&instance.image),
        "instance-id" => one(&instance.id),
        "instance-lifecycle" => instance
            .spot_request
            .as_ref()
            .map(|_| "spot".into())
            .into_iter()
            .collect(),
        "instance-state-code" => one(instance.state.code()),
        "instance-state-name" => one(instance.state.name()),
        "instance-type" => one(&instance.instance_type),
        "instance-status.status" | "system-status.status" => one(check(state, instance).0),
        "key-name" => instance.key_name.clone().into_iter().collect(),
        "launch-time" => one(instance.launched.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")),
        "owner-id" => one(&state.config.account),
        "private-dns-name" => one(show::private_name(state, instance)),
        "private-ip-address" if !gone => one(instance.address),
        "reservation-id" => one(&instance.reservation),
        "root-device-name" => one(&instance.root_device),
        "root-device-type" => one("ebs"),
        "spot-instance-request-id" => instance.spot_request.clone().into_iter().collect(),
        "subnet-id" | "network-interface.subnet-id" if !gone => one(&instance.subnet),
        "virtualization-type" => one("hvm"),
        "vpc-id" if !gone => one(&state.ec2.vpc.id),
        _ => Vec::new(),
    }
}

fn group_names(state: &State, instance: &Instance) -> Vec<String> {
    let groups = instance
        .groups
        .iter()
        .filter_map(|id| state.ec2.security_groups.get(id));
    groups.map(|group| group.name.clone()).collect()
}

fn describe_instance_status(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let all = args.flag("IncludeAllInstances")?.unwrap_or_default();
    let shown = move |state: &State, id: &str| {
        all || state
            .ec2
            .instances
            .get(id)
            .is_some_and(|instance| instance.state == InstanceState::Running)
    };
    let (ids, token) = STATUSES.select(state, args, shown)?;
    Ok(STATUSES.list(state, &ids, token))
}

fn status(state: &State, id: &str) -> Tree {
    let Some(instance) = state.ec2.instances.get(id) else {
        return Tree::new();
    };
    let (summary, detail) = check(state, instance);
    let checks = || {
        let one = Tree::new()
            .put("name", "reachability")
            .put("status", detail);
        Tree::new().put("status", summary).put("details", vec![one])
    };
    Tree::new()
        .put("instanceId", id)
        .put("availabilityZone", &instance.zone)
        .put("instanceState", show::state_of(instance.state))
        .put("systemStatus", checks())
        .put("instanceStatus", checks())
}

fn check(state: &State, instance: &Instance) -> (&'static str, &'static str) {
    match instance.state {
        InstanceState::Running if instance.impaired => ("impaired", "failed"),
        InstanceState::Running if state.now.duration_since(instance.since) < FIRST_CHECK => {
            ("initializing", "initializing")
        }
        InstanceState::Running => ("ok", "passed"),
        _ => ("not-applicable", "insufficient-data"),
    }
}

fn get_console_output(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let instance = super::instance(state, args.text("InstanceId")?)?;
    let (at, text) = instance
        .console
        .clone()
        .unwrap_or((instance.launched, String::new()));
    let output = (!text.is_empty()).then(|| STANDARD.encode(text));
    Ok(Tree::new()
        .put("instanceId", &instance.id)
        .put("timestamp", at)
        .put_some("output", output))
}
