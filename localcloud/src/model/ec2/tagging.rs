//! Tags of every resource of EC2: `CreateTags`, `DeleteTags`, `DescribeTags`.

use super::super::{
    Fault, Service, Tree,
    actions::Action,
    args::Args,
    filter::Filters,
    paging,
    state::State,
    tags::{self, Tags},
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(Service::Ec2, "CreateTags", "ResourceId Tag", create_tags),
    Action::new(Service::Ec2, "DeleteTags", "ResourceId Tag", delete_tags),
    Action::new(
        Service::Ec2,
        "DescribeTags",
        "Filter MaxResults NextToken",
        describe_tags,
    ),
];

/// The types of resources that can have tags, by the prefix of their ids.
const TYPES: &[(&str, &str)] = &[
    ("ami-", "image"),
    ("eni-", "network-interface"),
    ("fleet-", "fleet"),
    ("i-", "instance"),
    ("igw-", "internet-gateway"),
    ("key-", "key-pair"),
    ("lt-", "launch-template"),
    ("replacevol-", "replace-root-volume-task"),
    ("rtb-", "route-table"),
    ("sg-", "security-group"),
    ("sgr-", "security-group-rule"),
    ("sir-", "spot-instances-request"),
    ("snap-", "snapshot"),
    ("subnet-", "subnet"),
    ("vol-", "volume"),
    ("vpc-", "vpc"),
];

fn type_of(id: &str) -> Option<&'static str> {
    TYPES
        .iter()
        .find(|(prefix, _)| id.starts_with(prefix))
        .map(|(_, kind)| *kind)
}

/// Refuses an id that names nothing, in the words of its kind.
fn check(state: &State, id: &str) -> Result<(), Fault> {
    let ec2 = &state.ec2;
    let invalid = || Fault::new("InvalidID", format!("The ID '{id}' is not valid"));
    let known = match type_of(id).ok_or_else(invalid)? {
        "instance" => return super::instance(state, id).map(|_| ()),
        "image" => return super::images::image(state, id).map(|_| ()),
        "snapshot" => return super::snapshot(state, id).map(|_| ()),
        "volume" => return super::volumes::volume(state, id).map(|_| ()),
        "security-group" => return super::network::security_group(state, id).map(|_| ()),
        "subnet" => return super::network::subnet(state, id).map(|_| ()),
        "launch-template" => return super::templates::find(state, Some(id), None).map(|_| ()),
        "vpc" => ec2.vpc.id == id,
        "internet-gateway" => ec2.vpc.internet_gateway == id,
        "route-table" => ec2.vpc.route_table == id,
        "replace-root-volume-task" => ec2.root_tasks.contains_key(id),
        "key-pair" => ec2.keys.values().any(|key| key.id == id),
        "network-interface" => ec2
            .instances
            .values()
            .any(|instance| instance.interface.0 == id),
        "spot-instances-request" => ec2
            .instances
            .values()
            .any(|i| i.spot_request.as_deref() == Some(id)),
        _ => ec2
            .security_groups
            .values()
            .flat_map(|group| &group.rules)
            .any(|rule| rule.id == id),
    };
    if known { Ok(()) } else { Err(invalid()) }
}

fn resources<'a>(state: &State, args: &Args<'a>) -> Result<Vec<&'a str>, Fault> {
    let ids = args.texts("ResourceId")?;
    if ids.is_empty() {
        return Err(args.missing("resourceIdSet"));
    }
    ids.iter().try_for_each(|id| check(state, id))?;
    Ok(ids)
}

fn create_tags(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let ids = resources(state, args)?;
    let tags = tags::read(args, "Tag")?;
    if tags.is_empty() {
        return Err(args.missing("tagSet"));
    }
    let merged: Vec<(&str, Tags)> = ids
        .into_iter()
        .map(|id| {
            let mut all = state.ec2.tags_of(id);
            tags::merge(&mut all, &tags, Service::Ec2).map(|()| (id, all))
        })
        .collect::<Result<_, _>>()?;
    for (id, all) in merged {
        state.ec2.tags.insert(id.into(), all);
    }
    Ok(Tree::new().put("return", true))
}

/// A tag goes when its key is named alone or with the value that it has; without tags, all of the user's go.
fn delete_tags(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let ids = resources(state, args)?;
    let mut named: Vec<(&str, Option<&str>)> = Vec::new();
    for entry in args.maps("Tag")? {
        named.push((entry.text("Key")?, entry.maybe_text("Value")?));
    }
    for id in ids {
        let Some(tags) = state.ec2.tags.get_mut(id) else {
            continue;
        };
        tags.retain(|key, value| {
            let hit = |(name, wanted): &(&str, Option<&str>)| {
                *name == key && wanted.is_none_or(|wanted| wanted == value)
            };
            key.starts_with("aws:") || !(named.is_empty() || named.iter().any(hit))
        });
    }
    Ok(Tree::new().put("return", true))
}

fn describe_tags(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let filters = Filters::read(args)?;
    filters.only("key resource-id resource-type value")?;
    let mut entries = Vec::new();
    for (id, tags) in &state.ec2.tags {
        let kind = type_of(id).unwrap_or("resource");
        for (key, value) in tags {
            let field = |name: &str| {
                Some(match name {
                    "key" => vec![key.clone()],
                    "value" => vec![value.clone()],
                    "resource-id" => vec![id.clone()],
                    _ => vec![kind.into()],
                })
            };
            let own = Tags::from([(key.clone(), value.clone())]);
            if filters.pass(&own, field)? {
                let tree = Tree::new()
                    .put("resourceId", id)
                    .put("resourceType", kind)
                    .put("key", key)
                    .put("value", value);
                entries.push((format!("{id} {key}"), tree));
            }
        }
    }
    let (page, token) = paging::EC2.read(args)?.cut(entries);
    Ok(Tree::new().put("tagSet", page).put_some("nextToken", token))
}
