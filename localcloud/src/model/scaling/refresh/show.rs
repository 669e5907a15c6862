//! `DescribeInstanceRefreshes`.

use super::{Configuration, Refresh};
use crate::model::{
    Fault, Tree,
    args::Args,
    scaling::{NAME, echo::echo, groups},
    state::State,
};

/// The newest first.
pub(in crate::model::scaling) fn describe(
    state: &mut State,
    args: &Args<'_>,
) -> Result<Tree, Fault> {
    let page = groups::PAGES.read(args)?;
    let ids = args.texts("InstanceRefreshIds")?;
    let name = args.text(NAME)?;
    let group = groups::find(state, name)?;
    if let Some(unknown) = ids
        .iter()
        .find(|id| group.refreshes.iter().all(|one| one.id != **id))
    {
        return Err(Fault::validation(format!(
            "Instance refresh ids [{unknown}] not found for the group"
        )));
    }
    let numbered = group.refreshes.iter().enumerate().rev();
    let wanted = numbered.filter(|(_, one)| ids.is_empty() || ids.contains(&one.id.as_str()));
    let mut found = Vec::new();
    for (index, refresh) in wanted {
        found.push((format!("{:020}", usize::MAX - index), tree(name, refresh)?));
    }
    let (shown, token) = page.cut(found);
    Ok(Tree::new()
        .put("InstanceRefreshes", shown)
        .put_some("NextToken", token))
}

fn tree(group: &str, refresh: &Refresh) -> Result<Tree, Fault> {
    let desired = refresh.desired.as_ref().map(configuration).transpose()?;
    let back = refresh.back.as_ref().map(|back| {
        Tree::new()
            .put("RollbackReason", &back.reason)
            .put("RollbackStartTime", back.started)
            .put("PercentageCompleteOnRollback", back.percentage)
            .put("InstancesToUpdateOnRollback", back.to_update)
    });
    Ok(Tree::new()
        .put("InstanceRefreshId", &refresh.id)
        .put("AutoScalingGroupName", group)
        .put("Status", refresh.status.name())
        .put_some("StatusReason", refresh.reason.as_ref())
        .put("StartTime", refresh.started)
        .put_some("EndTime", refresh.ended)
        .put("PercentageComplete", refresh.percentage())
        .put("InstancesToUpdate", refresh.to_update())
        .put("Preferences", refresh.preferences.tree())
        .put_some("ProgressDetails", refresh.waiting.details(refresh))
        .put_some("DesiredConfiguration", desired)
        .put_some("RollbackDetails", back)
        .put("Strategy", "Rolling"))
}

fn configuration(of: &Configuration) -> Result<Tree, Fault> {
    Ok(match &of.mixed {
        Some(mixed) => Tree::new().put("MixedInstancesPolicy", echo(&mixed.raw)?),
        None => Tree::new().put("LaunchTemplate", of.template.tree()),
    })
}
