//! Looking at versions of launch templates, and deleting them.

use super::{
    super::{
        Fault, Service, Tree, actions::Action, args::Args, filter::Filters, paging::Paging,
        state::State,
    },
    describe::one,
    template_calls::{named, number, show_version},
    templates::{Template, Version},
};
use crate::model::Params;
use std::collections::BTreeMap;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeLaunchTemplateVersions",
        "LaunchTemplateId LaunchTemplateName LaunchTemplateVersion MinVersion MaxVersion Filter MaxResults NextToken ResolveAlias",
        describe,
    ),
    Action::new(
        Service::Ec2,
        "DeleteLaunchTemplateVersions",
        "LaunchTemplateId LaunchTemplateName LaunchTemplateVersion",
        delete,
    ),
];

const PAGED: Paging = Paging {
    size: "MaxResults",
    token: "NextToken",
    range: (1, 200),
    usual: 200,
};

fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let filters = Filters::read(args)?;
    filters.only("create-time ebs-optimized image-id instance-type is-default-version key-name")?;
    let mut found = Vec::new();
    for (template, version) in asked(state, args)? {
        if filters.pass(&BTreeMap::new(), |name| {
            Some(field(template, version, name))
        })? {
            // Newest first.
            let key = format!("{} {:020}", template.id, u64::MAX - version.number);
            found.push((key, show_version(state, template, version)));
        }
    }
    let (page, token) = PAGED.read(args)?.cut(found);
    Ok(Tree::new()
        .put("launchTemplateVersionSet", page)
        .put_some("nextToken", token))
}

fn asked<'a>(state: &'a State, args: &Args<'_>) -> Result<Vec<(&'a Template, &'a Version)>, Fault> {
    let versions = args.texts("LaunchTemplateVersion")?;
    let one_template = args.has("LaunchTemplateId") || args.has("LaunchTemplateName");
    if !one_template {
        if versions.is_empty()
            || versions
                .iter()
                .any(|version| !["$Latest", "$Default"].contains(version))
        {
            return Err(args.missing("LaunchTemplateId"));
        }
        let all = state.ec2.templates.values().flat_map(|template| {
            versions
                .iter()
                .filter_map(move |version| Some((template, template.version(Some(version)).ok()?)))
        });
        return Ok(all.collect());
    }
    let template = named(state, args)?;
    if !versions.is_empty() {
        return versions
            .iter()
            .map(|version| Ok((template, template.version(Some(version))?)))
            .collect();
    }
    let (least, most) = (
        args.int("MinVersion")?.unwrap_or(0),
        args.int("MaxVersion")?.unwrap_or(i64::MAX),
    );
    let in_range = |version: &&Version| {
        i64::try_from(version.number).is_ok_and(|n| (least..=most).contains(&n))
    };
    Ok(template
        .versions
        .values()
        .filter(in_range)
        .map(|version| (template, version))
        .collect())
}

fn field(template: &Template, version: &Version, name: &str) -> Vec<String> {
    let text = |name: &str| match version.data.get(name) {
        Some(Params::Text(text)) => one(text),
        _ => Vec::new(),
    };
    match name {
        "ebs-optimized" => text("EbsOptimized"),
        "image-id" => text("ImageId"),
        "instance-type" => text("InstanceType"),
        "key-name" => text("KeyName"),
        "is-default-version" => one(version.number == template.default),
        _ => one(version.created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")),
    }
}

/// Each version is deleted or not for itself; the default one never is.
fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let template = named(state, args)?.clone();
    let versions = args.texts("LaunchTemplateVersion")?;
    // DeleteLaunchTemplateVersions: up to 200 in a request.
    if versions.is_empty() || versions.len() > 200 {
        return Err(args.missing("LaunchTemplateVersion"));
    }
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for text in versions {
        let tree = Tree::new()
            .put("launchTemplateId", &template.id)
            .put("launchTemplateName", &template.name);
        match deletable(&template, text) {
            Ok(version) => {
                if let Some(template) = state.ec2.templates.get_mut(&template.id) {
                    template.versions.remove(&version);
                }
                deleted.push(tree.put("versionNumber", number(version)));
            }
            Err((code, message)) => {
                let error = Tree::new().put("code", code).put("message", message);
                kept.push(tree.put("versionNumber", text).put("responseError", error));
            }
        }
    }
    Ok(Tree::new()
        .put("successfullyDeletedLaunchTemplateVersionSet", deleted)
        .put("unsuccessfullyDeletedLaunchTemplateVersionSet", kept))
}

fn deletable(template: &Template, text: &str) -> Result<u64, (&'static str, String)> {
    let known = text
        .parse()
        .ok()
        .filter(|number| template.versions.contains_key(number));
    let Some(version) = known else {
        return Err((
            "launchTemplateVersionDoesNotExist",
            format!("Could not find launch template version {text}"),
        ));
    };
    if version == template.default {
        return Err((
            "unexpectedError",
            "The default version of a launch template cannot be deleted.".into(),
        ));
    }
    Ok(version)
}
