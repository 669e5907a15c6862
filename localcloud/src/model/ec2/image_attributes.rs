//! Single attributes of images: description and who may launch them.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    images::{self, Image},
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeImageAttribute",
        "ImageId Attribute",
        describe_image_attribute,
    ),
    Action::new(
        Service::Ec2,
        "ModifyImageAttribute",
        "ImageId Attribute Value Description LaunchPermission OperationType UserId UserGroup ImdsSupport",
        modify_image_attribute,
    ),
    Action::new(
        Service::Ec2,
        "EnableImageDeprecation",
        "ImageId DeprecateAt",
        enable_image_deprecation,
    ),
    Action::new(
        Service::Ec2,
        "DisableImageDeprecation",
        "ImageId",
        disable_image_deprecation,
    ),
];

/// An image of this account; what others own cannot be changed.
fn mine<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Image, Fault> {
    let account = state.config.account.clone();
    let image = state
        .ec2
        .images
        .get_mut(id)
        .ok_or_else(|| images::no_such_image(id))?;
    if image.owner != account {
        return Err(Fault::new(
            "AuthFailure",
            format!("Not authorized for image:{id}"),
        ));
    }
    Ok(image)
}

fn describe_image_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let image = mine(state, args.text("ImageId")?)?;
    let tree = Tree::new().put("imageId", &image.id);
    let value = |text: &str| Tree::new().put("value", text);
    let name = args.text("Attribute")?;
    Ok(match name {
        "description" => tree.put("description", value(&image.description)),
        "launchPermission" => {
            let all = image.public.then(|| Tree::new().put("group", "all"));
            let users = image
                .shared_with
                .iter()
                .map(|user| Tree::new().put("userId", user));
            tree.put("launchPermission", users.chain(all).collect::<Vec<_>>())
        }
        "blockDeviceMapping" => tree.put(
            "blockDeviceMapping",
            image
                .mappings
                .iter()
                .map(images::mapping)
                .collect::<Vec<_>>(),
        ),
        "sriovNetSupport" if image.sriov => tree.put("sriovNetSupport", value("simple")),
        "imdsSupport" if image.tokens_required => tree.put("imdsSupport", value("v2.0")),
        "sriovNetSupport" | "imdsSupport" | "productCodes" | "kernel" | "ramdisk" => tree,
        _ => return Err(args.invalid("attribute", name, "Unknown attribute.")),
    })
}

fn modify_image_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("ImageId")?;
    let mut image = mine(state, id)?.clone();
    if let Some(text) = args.value("Description")? {
        image.description = text.into();
    }
    if let Some(text) = args.value("ImdsSupport")? {
        image.tokens_required = text == "v2.0";
    }
    if let Some(permission) = args.map("LaunchPermission")? {
        for (name, add) in [("Add", true), ("Remove", false)] {
            for entry in permission.maps(name)? {
                entry.only("UserId Group")?;
                share(
                    &mut image,
                    entry.maybe_text("UserId")?,
                    entry.maybe_text("Group")?,
                    add,
                );
            }
        }
    }
    match (args.maybe_text("Attribute")?, args.maybe_text("Value")?) {
        (Some("description"), Some(text)) => image.description = text.into(),
        (Some("launchPermission") | None, _) => flat(args, &mut image)?,
        (Some("description"), None) => {}
        (Some(other), _) => {
            return Err(args.invalid("attribute", other, "It cannot be changed here."));
        }
    }
    state.ec2.images.insert(id.into(), image);
    Ok(Tree::new().put("return", true))
}

fn flat(args: &Args<'_>, image: &mut Image) -> Result<(), Fault> {
    let add = args.word("OperationType", "add remove")? != Some("remove");
    for user in args.texts("UserId")? {
        share(image, Some(user), None, add);
    }
    for group in args.texts("UserGroup")? {
        share(image, None, Some(group), add);
    }
    Ok(())
}

fn share(image: &mut Image, user: Option<&str>, group: Option<&str>, add: bool) {
    if group == Some("all") {
        image.public = add;
    }
    if let Some(user) = user {
        image.shared_with.retain(|known| known != user);
        if add {
            image.shared_with.push(user.into());
        }
    }
}

fn enable_image_deprecation(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let at = args.text("DeprecateAt")?;
    let when = at
        .parse()
        .map_err(|_| args.invalid("DeprecateAt", at, "A time in ISO 8601 is expected."))?;
    mine(state, args.text("ImageId")?)?.deprecated = Some(when);
    Ok(Tree::new().put("return", true))
}

fn disable_image_deprecation(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    mine(state, args.text("ImageId")?)?.deprecated = None;
    Ok(Tree::new().put("return", true))
}
