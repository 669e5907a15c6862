//! Protection of images against being deregistered.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    image_attributes::mine,
    images::{Image, Protection},
};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "EnableImageDeregistrationProtection",
        "ImageId WithCooldown",
        enable,
    ),
    Action::new(
        Service::Ec2,
        "DisableImageDeregistrationProtection",
        "ImageId",
        disable,
    ),
];

/// How long a protection with cooldown lasts after it was switched off ("Protect an AMI from deregistration").
const COOLDOWN: SignedDuration = SignedDuration::from_hours(24);

fn in_force(state: &State, image: &Image) -> Protection {
    match image.protection {
        Protection::CoolingDown(end) if end <= state.now => Protection::Off,
        protection => protection,
    }
}

/// The word that `DescribeImages` has for it.
pub(super) fn word(state: &State, image: &Image) -> &'static str {
    match in_force(state, image) {
        Protection::Off => "disabled",
        Protection::On { cooldown: false } => "enabled-without-cooldown",
        Protection::On { cooldown: true } | Protection::CoolingDown(_) => "enabled-with-cooldown",
    }
}

/// The refusal to deregister a protected image.
pub(super) fn refuse_protected(state: &State, image: &Image) -> Result<(), Fault> {
    if in_force(state, image) == Protection::Off {
        return Ok(());
    }
    let text = format!("{} is protected from deregistration.", image.id);
    Err(Fault::new("OperationNotPermitted", text))
}

fn enable(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let cooldown = args.flag("WithCooldown")?.unwrap_or_default();
    let image = mine(state, args.text("ImageId")?)?;
    image.protection = Protection::On { cooldown };
    let word = if cooldown {
        "enabled-with-cooldown"
    } else {
        "enabled-without-cooldown"
    };
    Ok(Tree::new().put("return", word))
}

fn disable(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let end = state.now.checked_add(COOLDOWN).unwrap_or(state.now);
    let image = mine(state, args.text("ImageId")?)?;
    let off = match image.protection {
        Protection::On { cooldown: true } => Protection::CoolingDown(end),
        Protection::CoolingDown(end) => Protection::CoolingDown(end),
        Protection::Off | Protection::On { cooldown: false } => Protection::Off,
    };
    image.protection = off;
    let word = match off {
        Protection::CoolingDown(_) => "disabling",
        _ => "disabled",
    };
    Ok(Tree::new().put("return", word))
}
