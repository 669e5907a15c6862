//! I5: what a finished run must not leave.

use std::collections::BTreeSet;

use kiln::undo::lease::Leased;
use kiln::undo::tested::LEASE;
use kiln::undo::{Change, Undo};
use localcloud::model::Model;
use localcloud::model::view::GroupView;

use super::invariants::suspended;

/// I5: what a finished run has left beyond what the due-list names, in words.
pub fn left_over(model: &Model, due: &[kiln::run::Later<Undo>]) -> Vec<String> {
    let kept: BTreeSet<String> = (due.iter())
        .filter_map(|later| match &later.undo {
            Undo::Retire(retire) => Some(retire.group.to_string()),
            _ => None,
        })
        .collect();
    let held: BTreeSet<String> = (due.iter())
        .filter_map(|later| match &later.undo {
            Undo::Roll(of) => match &of.change {
                Change::Lease { group, .. } => Some(group.to_string()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let mut left = Vec::new();
    let groups = model.view_groups();
    for group in &groups {
        let state = group.tags.get("kiln:state").map(String::as_str);
        let named = kept.contains(&group.name);
        // What others made is emptied, never deleted, and says what became of it.
        let spent = group.desired == 0 && !group.tags.contains_key("kiln:made-by");
        let gone = spent && state == Some("retiring");
        if !named && !gone && !matches!(state, Some("live") | None) {
            left.push(format!("group {} is {state:?} and not due", group.name));
        }
        if !named {
            let leases = group
                .tags
                .keys()
                .filter(|key| key.starts_with("kiln:lease:"))
                .filter(|key| {
                    let what = Leased::LowAlarm.tag();
                    key.as_str() != what || !held.contains(&group.name)
                });
            left.extend(leases.map(|key| format!("{key} on {}", group.name)));
            left.extend(
                suspended(group)
                    .into_iter()
                    .map(|name| format!("{name} suspended on {}", group.name)),
            );
        }
        // It would fill itself up to the group's maximum. One that is on its way out has its machines' hooks to wait for.
        let has_pool = group.pool_is.as_ref().is_some_and(|pool| !pool.deleting);
        if has_pool && group.desired == 0 && state != Some("live") {
            left.push(format!("a warm pool on {}, which is empty", group.name));
        }
        if group.tags.contains_key("kiln:expires") {
            left.push(format!("group {} expires", group.name));
        }
    }
    let listeners = model.view_listeners().into_iter();
    let led = listeners.filter(|one| one.tags.contains_key(LEASE));
    left.extend(led.map(|one| format!("a test listener, {}", one.arn)));
    for rule in model
        .view_listeners()
        .iter()
        .flat_map(|listener| &listener.rules)
    {
        match rule.tags.get("kiln:rule").map(String::as_str) {
            Some("watch") if !kept.is_empty() => {}
            Some(other) => left.push(format!("a {other} rule")),
            None => {}
        }
    }
    left.extend(instances_of_nobody(model, &groups));
    left.extend(alarms_of_nobody(model, &groups));
    left
}

/// Copies of alarms that have outlived their group.
fn alarms_of_nobody(model: &Model, groups: &[GroupView]) -> Vec<String> {
    let alarms = model.view_alarms().into_iter();
    let nobodys = alarms.filter(|alarm| {
        let of = alarm.tags.get("kiln:group");
        of.is_some_and(|of| groups.iter().all(|group| group.name != *of))
    });
    nobodys
        .map(|alarm| format!("alarm {}", alarm.name))
        .collect()
}

fn instances_of_nobody(model: &Model, groups: &[GroupView]) -> Vec<String> {
    let running = model.view_instances().into_iter();
    let running = running.filter(|one| !matches!(one.state, "terminated" | "shutting-down"));
    let nobodys = running.filter(|one| {
        !groups
            .iter()
            .flat_map(|group| group.members.iter().chain(&group.pool))
            .any(|member| member.instance == one.id)
    });
    nobodys.map(|one| format!("instance {}", one.id)).collect()
}

/// Versions that no group starts from: those of failed rolls go, those of retired groups are kept.
pub fn unused_versions(model: &Model) -> Vec<String> {
    let groups = model.view_groups();
    let used: BTreeSet<(String, String)> = groups
        .iter()
        .filter_map(|group| group.template.clone())
        .collect();
    let mut unused = Vec::new();
    for template in model.view_templates() {
        for number in template.versions.keys() {
            let key = (template.id.clone(), number.to_string());
            if !used.contains(&key) && *number != template.default {
                unused.push(format!("version {number} of {}", template.name));
            }
        }
    }
    unused
}
