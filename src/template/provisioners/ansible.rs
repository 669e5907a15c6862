//! `ansible-local` and `ansible` (anchors/packer.md 4.3 and 4.4; the ansible plugin's two provisioners).

use super::super::clear;
use super::super::late::Late;
use super::super::options::{Key, Options, idle, on};
use super::super::provisioner::{Ansible, AnsibleLocal, Galaxy, exposed};
use super::{Build, environment};
use crate::source::{Diagnostic, Spanned};
use std::path::PathBuf;

pub(super) const LOCAL_KEYS: &[Key] = &[
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
    on("galaxy_force_install"),
    on("galaxy_roles_path"),
    on("galaxy_collections_path"),
    on("command"),
    on("extra_arguments"),
    on("staging_directory"),
    on("clean_staging_directory"),
];

/// Why the options of Packer's own SSH server have no effect.
const NO_PROXY: &str = "Ansible goes to the machine itself, with the bake's own key";

pub(super) const KEYS: &[Key] = &[
    on("playbook_file"),
    on("command"),
    on("extra_arguments"),
    on("ansible_env_vars"),
    on("ansible_ssh_extra_args"),
    on("groups"),
    on("empty_groups"),
    on("host_alias"),
    on("inventory_file"),
    on("inventory_directory"),
    on("inventory_file_template"),
    on("keep_inventory_file"),
    on("user"),
    on("use_proxy"),
    on("galaxy_file"),
    on("galaxy_command"),
    on("galaxy_force_install"),
    on("galaxy_force_with_deps"),
    on("roles_path"),
    on("collections_path"),
    on("skip_version_check"),
    idle("local_port", NO_PROXY),
    idle("ssh_host_key_file", NO_PROXY),
    idle("ssh_authorized_key_file", NO_PROXY),
    idle("ansible_proxy_key_type", NO_PROXY),
    idle("sftp_command", NO_PROXY),
    idle("use_sftp", "Ansible chooses how it sends files"),
    idle("ansible_winrm_use_http", "kiln's machines have SSH"),
];

/// Packer's defaults.
const LOCAL_COMMAND: &str = "ANSIBLE_FORCE_COLOR=1 PYTHONUNBUFFERED=1 ansible-playbook";
const COMMAND: &str = "ansible-playbook";
const GALAXY: &str = "ansible-galaxy";
const ALIAS: &str = "default";
const INVENTORY: &str =
    "{{ .HostAlias }} ansible_host={{ .Host }} ansible_user={{ .User }} ansible_port={{ .Port }}\n";
const SSH_ARGUMENTS: &str = "-o IdentitiesOnly=yes";

/// Where else this host's Ansible finds a secret.
const OR_ENVIRONMENT: &str =
    "; or set it in `ansible_env_vars`, where the playbook reads it with `lookup('env', …)`";

/// Late data of every field, and of a line of the inventory.
const DATA: &[&str] = &["build"];
const INVENTORY_DATA: &[&str] = &["HostAlias", "Host", "User", "Port", "build"];

pub(super) fn read_local(options: &Options<'_>, build: &Build<'_>) -> Option<AnsibleLocal> {
    let files = Files { options, build };
    options.exclusive("playbook_file", "playbook_files");
    if !options.says("playbook_file") && !options.says("playbook_files") {
        let names = ["playbook_file", "playbook_files"];
        options.missing_all(&names, "name the playbook to run");
        return None;
    }
    let staging_directory = text(options, "staging_directory");
    let clean = options.trilean("clean_staging_directory");
    Some(AnsibleLocal {
        playbook: files.one("playbook_file"),
        playbooks: files.many("playbook_files"),
        playbook_dir: files.one("playbook_dir"),
        playbook_paths: files.many("playbook_paths"),
        role_paths: files.many("role_paths"),
        collection_paths: files.many("collection_paths"),
        group_vars: files.one("group_vars"),
        host_vars: files.one("host_vars"),
        inventory_file: files.one("inventory_file"),
        inventory_groups: names(options, "inventory_groups"),
        galaxy: galaxy(&files, "galaxy_roles_path", "galaxy_collections_path"),
        command: text(options, "command").unwrap_or_else(|| LOCAL_COMMAND.to_owned()),
        extra_arguments: arguments(options, true, ""),
        // A folder of our own has secrets of the run in it and is of no use to anybody.
        clean_staging_directory: clean.unwrap_or(staging_directory.is_none()),
        staging_directory,
    })
}

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<Ansible> {
    let files = Files { options, build };
    let playbook = options.need_text("playbook_file", "name the playbook to run");
    let use_proxy = options.trilean("use_proxy");
    if use_proxy == Some(true) {
        note_proxy(options);
    }
    let user = text(options, "user");
    let ssh_arguments = names(options, "ansible_ssh_extra_args");
    Some(Ansible {
        command: text(options, "command").unwrap_or_else(|| COMMAND.to_owned()),
        extra_arguments: arguments(options, false, OR_ENVIRONMENT),
        environment: environment::pairs(options, "ansible_env_vars"),
        ssh_arguments: if ssh_arguments.is_empty() {
            vec![SSH_ARGUMENTS.to_owned()]
        } else {
            ssh_arguments
        },
        groups: names(options, "groups"),
        empty_groups: names(options, "empty_groups"),
        host_alias: text(options, "host_alias").unwrap_or_else(|| ALIAS.to_owned()),
        inventory_file: files.one("inventory_file"),
        inventory_directory: files.one("inventory_directory"),
        inventory_file_template: match options.get("inventory_file_template") {
            Some(_) => options.late("inventory_file_template", INVENTORY_DATA)?,
            None => options.standard(INVENTORY, INVENTORY_DATA)?,
        },
        keep_inventory_file: options.flag("keep_inventory_file"),
        // Packer's proxy takes any name, the machine does not.
        user: user.filter(|_| use_proxy == Some(false)),
        galaxy: galaxy(&files, "roles_path", "collections_path"),
        skip_version_check: options.flag("skip_version_check"),
        playbook: build.local.expect_file(options, "playbook_file", playbook?),
    })
}

fn note_proxy(options: &Options<'_>) {
    if let Some(value) = options.get("use_proxy") {
        let message = format!("`use_proxy` has no effect: {NO_PROXY}");
        let finding = Diagnostic::note("template::idle_option", message);
        options.report(finding.at(value.span, "no proxy"));
    }
}

fn galaxy(files: &Files<'_>, roles: &str, collections: &str) -> Option<Galaxy> {
    let options = files.options;
    Some(Galaxy {
        file: files.one("galaxy_file")?,
        command: text(options, "galaxy_command").unwrap_or_else(|| GALAXY.to_owned()),
        force: options.flag("galaxy_force_install"),
        force_with_deps: options.flag("galaxy_force_with_deps"),
        roles_path: text(options, roles),
        collections_path: text(options, collections),
    })
}

/// Arguments of the playbook, which show no secret. `quoted` ones are text for a shell.
fn arguments(options: &Options<'_>, quoted: bool, instead: &str) -> Vec<Late> {
    let all = options.lates("extra_arguments", DATA).items;
    if let Some(argument) = exposed(&all, quoted) {
        clear::refuse_argument(options, argument, instead);
    }
    all
}

fn text(options: &Options<'_>, name: &str) -> Option<String> {
    options.text(name).map(|text| text.value)
}

fn names(options: &Options<'_>, name: &str) -> Vec<String> {
    options
        .list(name)
        .into_iter()
        .map(|name| name.value)
        .collect()
}

/// Local paths that options name.
struct Files<'a> {
    options: &'a Options<'a>,
    build: &'a Build<'a>,
}

impl Files<'_> {
    fn one(&self, name: &str) -> Option<Spanned<PathBuf>> {
        let path = self.options.text(name)?;
        Some(self.build.local.expect_file(self.options, name, path))
    }

    fn many(&self, name: &str) -> Vec<Spanned<PathBuf>> {
        let paths = self.options.list(name).into_iter();
        paths
            .map(|path| self.build.local.expect_file(self.options, name, path))
            .collect()
    }
}
