//! Tags of groups, each with a word on whether new instances get it.

use super::{groups, groups::PAGES, stored::Group};
use crate::model::{Fault, Tree, args::Args, state::State};
use std::collections::BTreeMap;

/// Tags that one group may have (Quotas for Amazon EC2 Auto Scaling).
const TAGS: usize = 50;

type Tags = BTreeMap<String, (String, bool)>;

fn read(entry: &Args<'_>) -> Result<(String, (String, bool)), Fault> {
    entry.only("ResourceId ResourceType Key Value PropagateAtLaunch")?;
    let key = entry.text("Key")?;
    if key.to_ascii_lowercase().starts_with("aws:") || key.chars().count() > 128 {
        return Err(Fault::validation(format!(
            "Tag key '{key}' must have at most 128 characters and not begin with aws:"
        )));
    }
    let value = entry.maybe_text("Value")?.unwrap_or_default();
    if value.chars().count() > 256 {
        return Err(Fault::validation(format!(
            "The value of tag '{key}' must have at most 256 characters"
        )));
    }
    Ok((
        key.to_owned(),
        (
            value.to_owned(),
            entry.flag("PropagateAtLaunch")?.unwrap_or(false),
        ),
    ))
}

/// Reads the tags of `CreateAutoScalingGroup`; a resource id, where one is given, must be the group itself.
pub(super) fn read_for_create(args: &Args<'_>, name: &str) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for entry in args.maps("Tags")? {
        if entry.maybe_text("ResourceId")?.is_some_and(|id| id != name) {
            return Err(Fault::validation(format!(
                "A tag's ResourceId is not the group '{name}'"
            )));
        }
        let (key, value) = read(&entry)?;
        tags.insert(key, value);
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &Tags) -> Result<(), Fault> {
    if tags.len() > TAGS {
        return Err(Fault::new(
            "LimitExceeded",
            "The maximum number of tags for the Auto Scaling group has been reached",
        ));
    }
    Ok(())
}

/// The group that a tag is for.
fn group<'a>(state: &'a mut State, entry: &Args<'_>) -> Result<&'a mut Group, Fault> {
    entry.text("ResourceType")?;
    entry.word("ResourceType", "auto-scaling-group")?;
    let name = entry.text("ResourceId")?;
    groups::find(state, name)?;
    state
        .scaling
        .groups
        .get_mut(name)
        .ok_or_else(|| entry.missing("ResourceId"))
}

/// Sets tags on groups, all or none.
pub(super) fn create_or_update(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let entries = args.maps("Tags")?;
    if entries.is_empty() {
        return Err(args.missing("Tags"));
    }
    for entry in &entries {
        let (key, value) = read(entry)?;
        let mut tags = group(state, entry)?.tags.clone();
        tags.insert(key, value);
        check_count(&tags)?;
    }
    for entry in &entries {
        let (key, value) = read(entry)?;
        group(state, entry)?.tags.insert(key, value);
    }
    Ok(Tree::new())
}

/// Removes tags by their key; one with a value goes only when the value is the same.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    for entry in args.maps("Tags")? {
        let key = entry.text("Key")?;
        let value = entry.maybe_text("Value")?;
        let tags = &mut group(state, &entry)?.tags;
        if tags
            .get(key)
            .is_some_and(|(old, _)| value.is_none_or(|value| value == old))
        {
            tags.remove(key);
        }
    }
    Ok(Tree::new())
}

/// The tags of one group.
pub(super) fn trees(name: &str, group: &Group) -> Vec<Tree> {
    let tag = |(key, (value, propagate)): (&String, &(String, bool))| {
        Tree::new()
            .put("ResourceId", name)
            .put("ResourceType", "auto-scaling-group")
            .put("Key", key)
            .put("Value", value)
            .put("PropagateAtLaunch", *propagate)
    };
    group.tags.iter().map(tag).collect()
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let mut filters = Vec::new();
    for entry in args.maps("Filters")? {
        entry.text("Name")?;
        let name = entry
            .word("Name", "auto-scaling-group key value propagate-at-launch")?
            .unwrap_or_default();
        let field = match name {
            "auto-scaling-group" => "ResourceId",
            "key" => "Key",
            "value" => "Value",
            _ => "PropagateAtLaunch",
        };
        filters.push((field, entry.texts("Values")?));
    }
    let all = state
        .scaling
        .groups
        .iter()
        .flat_map(|(name, group)| trees(name, group));
    let text = |tree: &Tree, field: &str| tree.get(field).and_then(Tree::text).unwrap_or_default();
    let passes = |tree: &Tree| {
        filters
            .iter()
            .all(|(field, values)| values.contains(&text(tree, field).as_str()))
    };
    let entry = |tree: Tree| {
        (
            format!("{}\n{}", text(&tree, "ResourceId"), text(&tree, "Key")),
            tree,
        )
    };
    let (shown, token) = page.cut(all.filter(passes).map(entry).collect());
    Ok(Tree::new().put("Tags", shown).put_some("NextToken", token))
}
