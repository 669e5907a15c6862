//! Identity and Access Management, as far as launches need it: which instance profiles exist.

use super::{Fault, Service, Tree, actions::Action, args::Args, state::State};

pub(super) const ACTIONS: &[Action] = &[Action::new(
    Service::Iam,
    "GetInstanceProfile",
    "InstanceProfileName",
    get_instance_profile,
)];

fn get_instance_profile(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("InstanceProfileName")?;
    if !state.config.profiles.iter().any(|profile| profile == name) {
        let message = format!("Instance Profile {name} cannot be found.");
        return Err(Fault::new("NoSuchEntity", message).with_status(404));
    }
    let arn = |kind: &str| format!("arn:aws:iam::{}:{kind}/{name}", state.config.account);
    let role = Tree::new()
        .put("Path", "/")
        .put("RoleName", name)
        .put("RoleId", "AROALOCALCLOUD00000000")
        .put("Arn", arn("role"))
        .put("CreateDate", state.config.opened);
    let profile = Tree::new()
        .put("Path", "/")
        .put("InstanceProfileName", name)
        .put("InstanceProfileId", "AIPALOCALCLOUD00000000")
        .put("Arn", arn("instance-profile"))
        .put("CreateDate", state.config.opened)
        .put("Roles", vec![role]);
    Ok(Tree::new().put("InstanceProfile", profile))
}
