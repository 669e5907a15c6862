//! Single attributes of snapshots: who may make volumes of them.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, kms, state::State},
    snapshots::Snapshot,
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeSnapshotAttribute",
        "SnapshotId Attribute",
        describe_snapshot_attribute,
    ),
    Action::new(
        Service::Ec2,
        "ModifySnapshotAttribute",
        "SnapshotId Attribute CreateVolumePermission OperationType UserId UserGroup",
        modify_snapshot_attribute,
    ),
];

fn describe_snapshot_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let snapshot = super::snapshot(state, args.text("SnapshotId")?)?;
    let tree = Tree::new().put("snapshotId", &snapshot.id);
    match args.text("Attribute")? {
        "createVolumePermission" => {
            let all = snapshot.public.then(|| Tree::new().put("group", "all"));
            let users = snapshot.shared_with.iter();
            let users = users.map(|user| Tree::new().put("userId", user));
            let list: Vec<Tree> = users.chain(all).collect();
            Ok(tree.put("createVolumePermission", list))
        }
        "productCodes" => Ok(tree.put("productCodes", Vec::new())),
        other => Err(args.invalid("Attribute", other, "Unknown attribute.")),
    }
}

fn modify_snapshot_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("SnapshotId")?;
    let mut snapshot = super::snapshot(state, id)?.clone();
    args.word("Attribute", "createVolumePermission")?;
    let mut given = false;
    if let Some(permission) = args.map("CreateVolumePermission")? {
        permission.only("Add Remove")?;
        for (name, add) in [("Add", true), ("Remove", false)] {
            for entry in permission.maps(name)? {
                entry.only("UserId Group")?;
                given |= add;
                let (user, group) = (entry.maybe_text("UserId")?, entry.maybe_text("Group")?);
                share(&mut snapshot, user, group, add)?;
            }
        }
    }
    let add = args.word("OperationType", "add remove")? != Some("remove");
    for user in args.texts("UserId")? {
        given |= add;
        share(&mut snapshot, Some(user), None, add)?;
    }
    for group in args.texts("UserGroup")? {
        given |= add;
        share(&mut snapshot, None, Some(group), add)?;
    }
    if given {
        shareable(state, &snapshot)?;
    }
    state.ec2.snapshots.insert(id.into(), snapshot);
    Ok(Tree::new().put("return", true))
}

/// Others have no right to AWS's own key, and everyone has a right to none ("Share an Amazon EBS snapshot").
pub(super) fn shareable(state: &State, snapshot: &Snapshot) -> Result<(), Fault> {
    if !snapshot.encrypted {
        return Ok(());
    }
    if snapshot.public {
        let text = "Encrypted snapshots cannot be made public";
        return Err(Fault::new("OperationNotPermitted", text));
    }
    let name = snapshot.kms_key.as_deref().unwrap_or(kms::EBS);
    let key = state.kms.key(&state.config, name);
    if key.is_some_and(|key| key.of_aws) {
        let text = "Encrypted snapshots with EBS default key cannot be shared";
        return Err(Fault::new("InvalidParameter", text));
    }
    Ok(())
}

fn share(
    snapshot: &mut Snapshot,
    user: Option<&str>,
    group: Option<&str>,
    add: bool,
) -> Result<(), Fault> {
    match group {
        None => {}
        Some("all") => snapshot.public = add,
        Some(other) => {
            let text = format!("Invalid group: {other}");
            return Err(Fault::new("InvalidAMIAttributeItemValue", text));
        }
    }
    if let Some(user) = user {
        super::image_attributes::account_number(user)?;
        snapshot.shared_with.retain(|known| known != user);
        if add {
            snapshot.shared_with.push(user.into());
        }
    }
    Ok(())
}
