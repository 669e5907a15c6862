//! The health of machines that no load balancer asks: what the group and EC2's status checks say, in the load balancer's words.

use crate::cloud::{
    Group, InstanceId, Instances, Member, Result, StatusCheck, TargetHealth, TargetState,
};

/// The health of the members that serve.
pub(in crate::roll) async fn of_members(
    group: &Group,
    cloud: &impl Instances,
) -> Result<Vec<TargetHealth>> {
    let ids: Vec<InstanceId> = (group.in_service())
        .map(|member| member.instance.clone())
        .collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let checks = cloud.status_checks(&ids).await?;
    let health = |member| of(member, &checks);
    Ok(group.in_service().map(health).collect())
}

fn of(member: &Member, checks: &[(InstanceId, StatusCheck)]) -> TargetHealth {
    let mut own = checks.iter().filter(|(id, _)| *id == member.instance);
    let check = own.next().map(|(_, check)| *check);
    let (state, reason) = match check {
        _ if !member.healthy => (TargetState::Unhealthy, "its group calls it unhealthy"),
        Some(StatusCheck::Passed) => (TargetState::Healthy, ""),
        Some(StatusCheck::Failed) => (TargetState::Unhealthy, "a status check of EC2 has failed"),
        Some(StatusCheck::Unknown) | None => (
            TargetState::Initial,
            "the status checks of EC2 have not passed yet",
        ),
    };
    TargetHealth {
        instance: member.instance.clone(),
        state,
        reason: reason.to_owned(),
        description: String::new(),
    }
}
