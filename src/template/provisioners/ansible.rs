//! `ansible-local` (anchors/packer.md 4.3; ansible plugin `provisioner/ansible-local`): the schema. Running it comes later.

use super::super::options::{Key, Options, not_yet, on};
use super::super::provisioner::AnsibleLocal;
use super::Build;
use crate::source::Spanned;
use std::path::PathBuf;

pub(super) const KEYS: &[Key] = &[
    on("playbook_file"),
    on("playbook_files"),
    on("playbook_dir"),
    on("playbook_paths"),
    on("role_paths"),
    on("collection_paths"),
    on("group_vars"),
    on("host_vars"),
    on("inventory_file"),
    on("inventory_groups"),
    on("galaxy_file"),
    on("galaxy_command"),
    on("command"),
    on("extra_arguments"),
    on("staging_directory"),
    on("clean_staging_directory"),
    not_yet("galaxy_force_install"),
    not_yet("galaxy_roles_path"),
    not_yet("galaxy_collections_path"),
];

/// Packer's default.
const COMMAND: &str = "ANSIBLE_FORCE_COLOR=1 PYTHONUNBUFFERED=1 ansible-playbook";

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<AnsibleLocal> {
    let expect = |name: &str, path: Spanned<String>| build.local.expect_file(options, name, path);
    let one = |name: &str| options.text(name).map(|path| expect(name, path));
    let many = |name: &str| -> Vec<Spanned<PathBuf>> {
        options
            .list(name)
            .into_iter()
            .map(|path| expect(name, path))
            .collect()
    };
    options.exclusive("playbook_file", "playbook_files");
    if !options.has("playbook_file") && !options.has("playbook_files") {
        options.missing("playbook_file", "name the playbook to run");
        return None;
    }
    let mut playbooks: Vec<_> = one("playbook_file").into_iter().collect();
    playbooks.extend(many("playbook_files"));
    Some(AnsibleLocal {
        playbooks,
        playbook_dir: one("playbook_dir"),
        playbook_paths: many("playbook_paths"),
        role_paths: many("role_paths"),
        collection_paths: many("collection_paths"),
        group_vars: one("group_vars"),
        host_vars: one("host_vars"),
        inventory_file: one("inventory_file"),
        inventory_groups: options
            .list("inventory_groups")
            .into_iter()
            .map(|group| group.value)
            .collect(),
        galaxy_file: one("galaxy_file"),
        galaxy_command: options
            .text("galaxy_command")
            .map_or_else(|| "ansible-galaxy".to_owned(), |text| text.value),
        command: options
            .text("command")
            .map_or_else(|| COMMAND.to_owned(), |text| text.value),
        extra_arguments: options.lates("extra_arguments", &["build"]).items,
        staging_directory: options.text("staging_directory").map(|text| text.value),
        clean_staging_directory: options.flag("clean_staging_directory"),
    })
}
