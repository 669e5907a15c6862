//! Notification configurations, kept and shown; nothing here sends them.

use super::{NAME, groups, groups::PAGES};
use crate::model::{Fault, Tree, args::Args, state::State};

/// `DescribeAutoScalingNotificationTypes`.
const TYPES: &str = "autoscaling:EC2_INSTANCE_LAUNCH autoscaling:EC2_INSTANCE_LAUNCH_ERROR autoscaling:EC2_INSTANCE_TERMINATE \
    autoscaling:EC2_INSTANCE_TERMINATE_ERROR autoscaling:TEST_NOTIFICATION";

/// Replaces the notification types of a topic.
pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let topic = args.text("TopicARN")?;
    let types = args.texts("NotificationTypes")?;
    if types.is_empty() {
        return Err(args.missing("NotificationTypes"));
    }
    if let Some(unknown) = types
        .iter()
        .find(|kind| TYPES.split_whitespace().all(|known| known != **kind))
    {
        return Err(Fault::validation(format!(
            "'{unknown}' is not a valid Notification Type"
        )));
    }
    let notifications = &mut groups::named(state, args)?.notifications;
    notifications.retain(|(old, _)| old != topic);
    notifications.extend(
        types
            .into_iter()
            .map(|kind| (topic.to_owned(), kind.to_owned())),
    );
    Ok(Tree::new())
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let names = args.texts("AutoScalingGroupNames")?;
    let mut found = Vec::new();
    for (name, group) in &state.scaling.groups {
        if !names.is_empty() && !names.contains(&name.as_str()) {
            continue;
        }
        for (topic, kind) in &group.notifications {
            let tree = Tree::new()
                .put(NAME, name)
                .put("TopicARN", topic)
                .put("NotificationType", kind);
            found.push((format!("{name}\n{topic}\n{kind}"), tree));
        }
    }
    let (shown, token) = page.cut(found);
    Ok(Tree::new()
        .put("NotificationConfigurations", shown)
        .put_some("NextToken", token))
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let topic = args.text("TopicARN")?;
    groups::named(state, args)?
        .notifications
        .retain(|(old, _)| old != topic);
    Ok(Tree::new())
}
