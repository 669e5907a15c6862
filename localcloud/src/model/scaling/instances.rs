//! Instances of groups: shown, protected, called unhealthy, and terminated one by one.

use super::{
    NAME, activities, ending, groups,
    groups::PAGES,
    launching,
    reconcile::{self, group_of},
    stored::{Lifecycle, Member, Sickness},
};
use crate::model::{Fault, Tree, args::Args, state::State};

/// An instance as a group shows it.
pub(super) fn tree(id: &str, member: &Member) -> Tree {
    let template = member.template.as_ref().map(|template| {
        Tree::new()
            .put("LaunchTemplateId", &template.id)
            .put("LaunchTemplateName", &template.name)
            .put("Version", template.version.to_string())
    });
    Tree::new()
        .put("InstanceId", id)
        .put("InstanceType", &member.instance_type)
        .put("AvailabilityZone", &member.zone)
        .put("LifecycleState", member.state.name())
        .put(
            "HealthStatus",
            if member.sick.is_none() {
                "Healthy"
            } else {
                "Unhealthy"
            },
        )
        .put_some("LaunchTemplate", template)
        .put("ImageId", &member.image)
        .put("ProtectedFromScaleIn", member.protected)
}

/// Ids that are in no group are left out without a word.
pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let ids = args.texts("InstanceIds")?;
    let mut found = Vec::new();
    for (name, group) in &state.scaling.groups {
        let warm = group.pool.iter().flat_map(|pool| &pool.members);
        for (id, member) in group.members.iter().chain(warm) {
            if ids.is_empty() || ids.contains(&id.as_str()) {
                let mut shown = tree(id, member).put("AutoScalingGroupName", name);
                if let Tree::Map(fields) = &mut shown {
                    // Here, unlike inside a group, health is written in capitals.
                    for (_, value) in fields
                        .iter_mut()
                        .filter(|(field, _)| *field == "HealthStatus")
                    {
                        *value = Tree::from(value.text().unwrap_or_default().to_uppercase());
                    }
                }
                found.push((id.clone(), shown));
            }
        }
    }
    let (shown, token) = page.cut(found);
    Ok(Tree::new()
        .put("AutoScalingInstances", shown)
        .put_some("NextToken", token))
}

fn member<'a>(state: &'a mut State, id: &str) -> Result<(String, &'a mut Member), Fault> {
    let missing = || {
        Fault::validation(format!(
            "Instance Id not found - No managed instance found for instance ID: {id}"
        ))
    };
    let name = group_of(state, id).ok_or_else(missing)?;
    let group = state.scaling.groups.get_mut(&name);
    let member = group
        .and_then(|group| group.members.get_mut(id))
        .ok_or_else(missing)?;
    Ok((name, member))
}

pub(super) fn set_health(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("InstanceId")?;
    args.text("HealthStatus")?;
    let healthy = args.word("HealthStatus", "Healthy Unhealthy")? == Some("Healthy");
    let respect = args.flag("ShouldRespectGracePeriod")?.unwrap_or(true);
    let now = state.now;
    let (name, member) = member(state, id)?;
    let (in_service, sick) = (member.in_service, (!healthy).then_some(Sickness::User));
    let grace = groups::find(state, &name)?.settings.grace;
    // While its grace period lasts, or before it is in service at all, an instance cannot be called unhealthy.
    let in_grace = in_service.is_none_or(|since| now.duration_since(since).as_secs() < grace);
    if healthy || !respect || grace == 0 || !in_grace {
        self::member(state, id)?.1.sick = sick;
        reconcile::touch(state, &name);
    }
    Ok(Tree::new())
}

pub(super) fn set_protection(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let ids = args.texts("InstanceIds")?;
    let protect = args
        .flag("ProtectedFromScaleIn")?
        .ok_or_else(|| args.missing("ProtectedFromScaleIn"))?;
    if ids.len() > 50 {
        return Err(Fault::validation(
            "At most 50 instances can be protected at once",
        ));
    }
    let name = args.text(NAME)?;
    let group = groups::named(state, args)?;
    if let Some(id) = ids.iter().find(|id| !group.members.contains_key(**id)) {
        return Err(Fault::validation(format!(
            "The instance {id} is not part of Auto Scaling group {name}."
        )));
    }
    for id in ids {
        if let Some(member) = group.members.get_mut(id) {
            member.protected = protect;
        }
    }
    reconcile::touch(state, name);
    Ok(Tree::new())
}

pub(super) fn terminate(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("InstanceId")?;
    let decrement = args
        .flag("ShouldDecrementDesiredCapacity")?
        .ok_or_else(|| args.missing("ShouldDecrementDesiredCapacity"))?;
    let (name, member) = member(state, id)?;
    if !matches!(
        member.state,
        Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::InService
    ) {
        let message = format!(
            "The instance {id} is in state {} and cannot be terminated again.",
            member.state.name()
        );
        return Err(Fault::new("ScalingActivityInProgress", message));
    }
    let now = state.now;
    let group = groups::find(state, &name)?;
    let (min, desired) = (group.settings.min, group.settings.desired);
    if decrement && desired <= min {
        let message = format!(
            "Currently, desiredSize equals minSize ({min}). Terminating instance without replacement will violate group's min size constraint."
        );
        return Err(Fault::validation(message));
    }
    let why = format!(
        "At {} instance {id} was taken out of service in response to a user request.",
        launching::instant(now)
    );
    if decrement && let Some(group) = state.scaling.groups.get_mut(&name) {
        group.settings.desired -= 1;
    }
    let activity = ending::begin(state, &name, id, why);
    reconcile::touch(state, &name);
    Ok(Tree::new().put_some("Activity", activities::one(state, &activity)))
}
