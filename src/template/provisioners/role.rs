//! `role`: names of folders, looked up in `roles/` beside the working directory, then beside the template and its parents
//! up to the project's root (the first folder with `.git`). What is in a role is `provision`'s matter.

use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::provisioner::{RoleRef, Roles};
use super::Build;
use crate::source::{Diagnostic, Spanned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(super) const KEYS: &[Key] = &[on("roles"), on("vars")];

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<Roles> {
    let names = options.some_list("roles");
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        options.missing(
            "roles",
            "name the roles, for example \"roles\": [\"nginx\"]",
        );
        return None;
    };
    let count = names.len();
    let roles: Vec<_> = names
        .into_iter()
        .filter_map(|name| find(options, build, name))
        .collect();
    let vars = vars(options, build);
    (roles.len() == count).then_some(Roles { roles, vars })
}

fn find(options: &Options<'_>, build: &Build<'_>, name: Spanned<String>) -> Option<RoleRef> {
    let local = build.local;
    let simple = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    let dir = simple
        .then(|| {
            local
                .role_folders
                .iter()
                .map(|folder| folder.join(&name.value))
                .find(|dir| is_role(build, dir))
        })
        .flatten();
    if dir.is_none() {
        let known: Vec<String> = local
            .role_folders
            .iter()
            .flat_map(|folder| {
                let names = local.disk.names(folder).into_iter();
                names.filter(|name| is_role(build, &folder.join(name)))
            })
            .collect();
        let folders: Vec<_> = local
            .role_folders
            .iter()
            .map(|folder| format!("`{}`", folder.display()))
            .collect();
        let other = format!(
            "a role is a folder with `role.json` or `scripts/`; looked in {}",
            folders.join(", ")
        );
        options.report(
            Diagnostic::error(
                "template::unknown_role",
                format!("there is no role `{name}`"),
            )
            .at_value(&name, "no such role")
            .help(near::or_else(
                &name,
                known.iter().map(String::as_str),
                &other,
            )),
        );
    }
    Some(RoleRef { dir: dir?, name })
}

fn is_role(build: &Build<'_>, dir: &std::path::Path) -> bool {
    let has = |name: &str| build.local.disk.exists(&PathBuf::from(dir).join(name));
    has("role.json") || has("scripts")
}

fn vars(options: &Options<'_>, build: &Build<'_>) -> BTreeMap<String, Value> {
    let mut vars = build.interpolator.variables().clone();
    // The role's files may use any of them.
    let names = vars.keys().cloned();
    build.interpolator.used.borrow_mut().extend(names);
    if let Some(json) = options.get("vars")
        && let Some(Value::Object(own)) = options.interpolator.settle_all(json)
    {
        vars.extend(own);
    }
    if let Some(family) = build.family {
        let version = family.version.as_ref().map(|version| version.value.clone());
        vars.insert(
            "kiln".to_owned(),
            serde_json::json!({ "family": family.name.value, "version": version }),
        );
    }
    vars
}
