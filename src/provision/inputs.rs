//! What provisioners take from this host: the files and values that an image comes of, for its fingerprint.

use std::io;
use std::path::PathBuf;

use serde_json::Value;

use crate::provision::roles;
use crate::template::provisioner::{Ansible, AnsibleLocal, Kind, Scripts, Transfer};

/// The files and folders that a provisioner reads here. What a bake itself makes on the way is not among them.
///
/// Errors when a role cannot be read.
pub fn local_files(kind: &Kind) -> io::Result<Vec<PathBuf>> {
    Ok(match kind {
        Kind::Shell(shell) => scripts(&shell.scripts),
        Kind::ShellLocal(shell) => scripts(&shell.scripts),
        Kind::File(file) => match &file.what {
            Transfer::Upload {
                sources,
                generated: false,
            } => sources
                .iter()
                .filter_map(|source| source.text())
                .map(PathBuf::from)
                .collect(),
            Transfer::Upload { .. } | Transfer::Content(_) | Transfer::Download { .. } => {
                Vec::new()
            }
        },
        Kind::Role(named) => roles::folders(named).map_err(io::Error::other)?,
        Kind::AnsibleLocal(ansible) => playbooks(ansible),
        Kind::Ansible(ansible) => around_playbook(ansible),
        Kind::Reboot(_) | Kind::Sleep(_) | Kind::Breakpoint(_) => Vec::new(),
    })
}

/// The values of a provisioner that it does not print.
pub fn values(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Role(roles) => serde_json::to_value(&roles.vars).ok(),
        _ => None,
    }
}

fn scripts(scripts: &Scripts) -> Vec<PathBuf> {
    match scripts {
        Scripts::Inline { .. } => Vec::new(),
        Scripts::Files(files) => files.iter().map(|file| file.value.clone()).collect(),
    }
}

fn playbooks(ansible: &AnsibleLocal) -> Vec<PathBuf> {
    let lists = [
        &ansible.playbooks,
        &ansible.playbook_paths,
        &ansible.role_paths,
        &ansible.collection_paths,
    ];
    let galaxy = ansible.galaxy.as_ref().map(|galaxy| galaxy.file.clone());
    let single = [
        &ansible.playbook,
        &ansible.playbook_dir,
        &ansible.group_vars,
        &ansible.host_vars,
        &ansible.inventory_file,
        &galaxy,
    ];
    let lists = lists.into_iter().flatten();
    let all = lists.chain(single.into_iter().flatten());
    all.map(|path| path.value.clone()).collect()
}

/// Roles in `roles_path` but for those that ansible-galaxy put there, which the requirements tell: it marks its own.
fn own_roles(ansible: &Ansible) -> Vec<PathBuf> {
    let path = ansible
        .galaxy
        .as_ref()
        .and_then(|galaxy| galaxy.roles_path.as_ref());
    let found = path.and_then(|path| std::fs::read_dir(path).ok());
    let found = found.into_iter().flatten().flatten();
    found
        .map(|entry| entry.path())
        .filter(|role| !role.join("meta/.galaxy_install_info").exists())
        .collect()
}

/// What Ansible looks for beside a playbook, as far as it is there (Ansible's documentation, "Playbook directory structure").
fn around_playbook(ansible: &Ansible) -> Vec<PathBuf> {
    let playbook = &ansible.playbook.value;
    let mut all = vec![playbook.clone()];
    all.extend(
        ansible
            .galaxy
            .iter()
            .map(|galaxy| galaxy.file.value.clone()),
    );
    all.extend(own_roles(ansible));
    all.extend(ansible.inventory_file.iter().map(|file| file.value.clone()));
    let beside = [
        "roles",
        "group_vars",
        "host_vars",
        "vars",
        "files",
        "templates",
        "tasks",
        "library",
    ];
    let beside = beside.map(|name| playbook.with_file_name(name));
    let inventories = ansible.inventory_directory.iter();
    let inventories = inventories
        .flat_map(|folder| ["group_vars", "host_vars"].map(|name| folder.value.join(name)));
    let beside = beside.into_iter().chain(inventories);
    all.extend(beside.filter(|path| path.exists()));
    all
}
