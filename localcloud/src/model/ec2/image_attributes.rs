//! Single attributes of images: description and who may launch them.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    images::{self, Image},
};
use jiff::{SignedDuration, Timestamp};

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
        "ImageId Attribute Value Description LaunchPermission OperationType UserId UserGroup OrganizationArn OrganizationalUnitArn \
         ProductCode ImdsSupport",
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
pub(super) fn mine<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Image, Fault> {
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
            let bodies = image.shared_with_arns.iter().map(|arn| {
                let unit = arn.contains(":ou/");
                let name = if unit {
                    "organizationalUnitArn"
                } else {
                    "organizationArn"
                };
                Tree::new().put(name, arn)
            });
            let list: Vec<Tree> = users.chain(all).chain(bodies).collect();
            tree.put("launchPermission", list)
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
        if text != "v2.0" {
            return Err(args.invalid("ImdsSupport", text, "Only v2.0 can be set."));
        }
        image.tokens_required = true;
    }
    if let Some(permission) = args.map("LaunchPermission")? {
        for (name, add) in [("Add", true), ("Remove", false)] {
            for entry in permission.maps(name)? {
                entry.only("UserId Group OrganizationArn OrganizationalUnitArn")?;
                let arn = entry.maybe_text("OrganizationArn")?;
                let arn = arn.or(entry.maybe_text("OrganizationalUnitArn")?);
                let (user, group) = (entry.maybe_text("UserId")?, entry.maybe_text("Group")?);
                share(&mut image, user, group, arn, add)?;
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
    if !args.texts("ProductCode")?.is_empty() {
        // Codes are given to sellers by AWS Marketplace, of which this account is none.
        let text = "This account does not own the product code.";
        return Err(Fault::new("InvalidProductInfo", text));
    }
    shareable(state, &image)?;
    state.ec2.images.insert(id.into(), image);
    Ok(Tree::new().put("return", true))
}

/// What is true of each of its snapshots is true of the image ("Share an AMI with specific AWS accounts").
fn shareable(state: &State, image: &Image) -> Result<(), Fault> {
    if !image.public && image.shared_with.is_empty() && image.shared_with_arns.is_empty() {
        return Ok(());
    }
    for id in image.mappings.iter().filter_map(|m| m.snapshot.as_deref()) {
        if let Some(snapshot) = state.ec2.snapshots.get(id) {
            let mut as_image = snapshot.clone();
            as_image.public = image.public;
            super::snapshot_attributes::shareable(state, &as_image)?;
        }
    }
    Ok(())
}

/// Twelve digits, or a refusal.
pub(super) fn account_number(user: &str) -> Result<(), Fault> {
    if user.len() == 12 && user.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let text = format!("Invalid attribute item value \"{user}\" for userId item type.");
    Err(Fault::new("InvalidAMIAttributeItemValue", text))
}

fn flat(args: &Args<'_>, image: &mut Image) -> Result<(), Fault> {
    let add = args.word("OperationType", "add remove")? != Some("remove");
    for user in args.texts("UserId")? {
        share(image, Some(user), None, None, add)?;
    }
    for group in args.texts("UserGroup")? {
        share(image, None, Some(group), None, add)?;
    }
    for name in ["OrganizationArn", "OrganizationalUnitArn"] {
        for arn in args.texts(name)? {
            share(image, None, None, Some(arn), add)?;
        }
    }
    Ok(())
}

fn share(
    image: &mut Image,
    user: Option<&str>,
    group: Option<&str>,
    arn: Option<&str>,
    add: bool,
) -> Result<(), Fault> {
    match group {
        None => {}
        Some("all") => image.public = add,
        Some(other) => {
            let text = format!("Invalid attribute item value \"{other}\" for group item type.");
            return Err(Fault::new("InvalidAMIAttributeItemValue", text));
        }
    }
    if let Some(arn) = arn {
        let whole = arn.starts_with("arn:") && arn.contains(":organizations::");
        if !whole {
            let text = format!("Invalid attribute item value \"{arn}\".");
            return Err(Fault::new("InvalidAMIAttributeItemValue", text));
        }
        image.shared_with_arns.retain(|known| known != arn);
        if add {
            image.shared_with_arns.push(arn.into());
        }
    }
    if let Some(user) = user {
        account_number(user)?;
        image.shared_with.retain(|known| known != user);
        if add {
            image.shared_with.push(user.into());
        }
    }
    Ok(())
}

fn enable_image_deprecation(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let at = args.text("DeprecateAt")?;
    let when: Timestamp = at
        .parse()
        .map_err(|_| args.invalid("DeprecateAt", at, "A time in ISO 8601 is expected."))?;
    let now = state.now;
    let image = mine(state, args.text("ImageId")?)?;
    // Two years for a public image, ten for any other ("EnableImageDeprecation").
    let years = if image.public { 2 } else { 10 };
    let latest = now.checked_add(SignedDuration::from_hours(24 * 366 * years));
    if when <= now || latest.is_ok_and(|latest| when > latest) {
        return Err(args.invalid("DeprecateAt", at, "The time is past or too far ahead."));
    }
    image.deprecated = Some(when);
    Ok(Tree::new().put("return", true))
}

fn disable_image_deprecation(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    mine(state, args.text("ImageId")?)?.deprecated = None;
    Ok(Tree::new().put("return", true))
}
