//! Single attributes of instances.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    instance::{Instance, InstanceState, OnShutdown},
    network, show, types,
};
use base64::{Engine, engine::general_purpose::STANDARD};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeInstanceAttribute",
        "InstanceId Attribute",
        describe_instance_attribute,
    ),
    Action::new(
        Service::Ec2,
        "ModifyInstanceAttribute",
        "InstanceId Attribute Value SourceDestCheck DisableApiTermination InstanceType UserData \
         InstanceInitiatedShutdownBehavior GroupId EbsOptimized SriovNetSupport EnaSupport BlockDeviceMapping",
        modify_instance_attribute,
    ),
];

fn value(value: impl Into<Tree>) -> Tree {
    Tree::new().put("value", value)
}

fn describe_instance_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let instance = super::instance(state, args.text("InstanceId")?)?;
    let name = args.text("Attribute")?;
    let tree = Tree::new().put("instanceId", &instance.id);
    Ok(match name {
        "instanceType" => tree.put("instanceType", value(&instance.instance_type)),
        "userData" => tree.put("userData", user_data(instance)),
        "disableApiTermination" => tree.put("disableApiTermination", value(instance.protected)),
        "instanceInitiatedShutdownBehavior" => tree.put(
            "instanceInitiatedShutdownBehavior",
            value(on_shutdown(instance)),
        ),
        "rootDeviceName" => tree.put("rootDeviceName", value(&instance.root_device)),
        "blockDeviceMapping" => {
            let devices = instance
                .volumes
                .iter()
                .map(|attached| show::device(instance, attached));
            tree.put("blockDeviceMapping", devices.collect::<Vec<_>>())
        }
        "sourceDestCheck" => tree.put("sourceDestCheck", value(instance.source_dest_check)),
        "groupSet" => tree.put("groupSet", show::groups(state, instance)),
        "ebsOptimized" => tree.put("ebsOptimized", value(instance.ebs_optimized)),
        "sriovNetSupport" if instance.sriov => tree.put("sriovNetSupport", value("simple")),
        "sriovNetSupport" => tree.put("sriovNetSupport", Tree::new()),
        "enaSupport" => tree.put("enaSupport", value(instance.ena)),
        "disableApiStop" => tree.put("disableApiStop", value(false)),
        _ => return Err(args.invalid("attribute", name, "Unknown attribute.")),
    })
}

fn user_data(instance: &Instance) -> Tree {
    instance
        .user_data
        .as_ref()
        .map_or_else(Tree::new, |bytes| value(STANDARD.encode(bytes)))
}

fn on_shutdown(instance: &Instance) -> &'static str {
    match instance.on_shutdown {
        OnShutdown::Stop => "stop",
        OnShutdown::Terminate => "terminate",
    }
}

/// One attribute to a call, as AWS has it.
fn modify_instance_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("InstanceId")?;
    let mut instance = super::instance(state, id)?.clone();
    let mut given: Vec<(&str, &str)> = Vec::new();
    for name in [
        "SourceDestCheck",
        "DisableApiTermination",
        "InstanceType",
        "UserData",
        "InstanceInitiatedShutdownBehavior",
        "EbsOptimized",
        "SriovNetSupport",
        "EnaSupport",
    ] {
        if let Some(value) = args.value(name)? {
            given.push((name, value));
        }
    }
    let legacy = args.maybe_text("Attribute")?.map(capital);
    if let (Some(name), Some(value)) = (&legacy, args.maybe_text("Value")?) {
        given.push((name, value));
    }
    let groups = args.texts("GroupId")?;
    let devices = args.maps("BlockDeviceMapping")?;
    match (&given[..], &groups[..]) {
        ([], []) if !devices.is_empty() => keep_or_delete(&mut instance, &devices)?,
        ([(name, value)], []) => set(args, &mut instance, name, value)?,
        ([], [_, ..]) => {
            for group in &groups {
                network::security_group(state, group)?;
            }
            instance.groups = groups.into_iter().map(String::from).collect();
        }
        ([], []) => {
            return Err(Fault::new(
                "InvalidParameterCombination",
                "No attributes specified.",
            ));
        }
        _ => {
            let message = "Fields for multiple attribute types specified";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
    }
    state.ec2.instances.insert(id.into(), instance);
    Ok(Tree::new().put("return", true))
}

/// Which volumes go with the instance.
fn keep_or_delete(instance: &mut Instance, devices: &[Args<'_>]) -> Result<(), Fault> {
    for device in devices {
        let name = device.text("DeviceName")?;
        let goes = match device.map("Ebs")? {
            Some(ebs) => ebs.flag("DeleteOnTermination")?,
            None => None,
        };
        let mut volumes = instance.volumes.iter_mut();
        let Some(on) = volumes.find(|on| on.device == name) else {
            let message = format!("No device is currently mapped at {name}");
            return Err(Fault::new("InvalidInstanceAttributeValue", message));
        };
        on.delete_on_termination = goes.unwrap_or(on.delete_on_termination);
    }
    Ok(())
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}

fn set(args: &Args<'_>, instance: &mut Instance, name: &str, value: &str) -> Result<(), Fault> {
    let flag = || match value {
        "true" | "True" => Ok(true),
        "false" | "False" => Ok(false),
        _ => Err(args.invalid(name, value, "A boolean is expected.")),
    };
    match name {
        "SourceDestCheck" => instance.source_dest_check = flag()?,
        "DisableApiTermination" => instance.protected = flag()?,
        "EnaSupport" | "SriovNetSupport" | "InstanceType" | "UserData" | "EbsOptimized"
            if instance.state != InstanceState::Stopped =>
        {
            let message = format!(
                "The instance '{}' is not in the 'stopped' state.",
                instance.id
            );
            return Err(Fault::new("IncorrectInstanceState", message));
        }
        "EnaSupport" => instance.ena = flag()?,
        "EbsOptimized" => instance.ebs_optimized = flag()?,
        "SriovNetSupport" if value == "simple" => instance.sriov = true,
        "InstanceType"
            if types::find(value)
                .is_some_and(|kind| kind.architecture == instance.architecture) =>
        {
            instance.instance_type = value.into();
        }
        "UserData" => {
            let malformed = |_| {
                Fault::new(
                    "InvalidUserData.Malformed",
                    "Invalid BASE64 encoding of user data.",
                )
            };
            instance.user_data = Some(STANDARD.decode(value).map_err(malformed)?);
        }
        "InstanceInitiatedShutdownBehavior" if value == "stop" => {
            instance.on_shutdown = OnShutdown::Stop;
        }
        "InstanceInitiatedShutdownBehavior" if value == "terminate" => {
            instance.on_shutdown = OnShutdown::Terminate;
        }
        _ => return Err(args.invalid(name, value, "Unknown attribute or value.")),
    }
    Ok(())
}
