//! The two provisioners that run Ansible. Late data of every [`Late`]: see [`BUILD_DATA`](super::BUILD_DATA).

use super::super::late::Late;
use crate::source::Spanned;
use serde::Serialize;
use std::path::PathBuf;

/// `ansible-local`: Ansible runs on the machine, where it must be installed. One of `playbook` and `playbooks` is there.
#[derive(Debug, Clone, Serialize)]
pub struct AnsibleLocal {
    /// Stands in the staging folder under its own name.
    pub playbook: Option<Spanned<PathBuf>>,
    /// Stand where they do in `playbook_dir`, or under their whole path.
    pub playbooks: Vec<Spanned<PathBuf>>,
    /// What is in it is in the staging folder.
    pub playbook_dir: Option<Spanned<PathBuf>>,
    pub playbook_paths: Vec<Spanned<PathBuf>>,
    pub role_paths: Vec<Spanned<PathBuf>>,
    pub collection_paths: Vec<Spanned<PathBuf>>,
    pub group_vars: Option<Spanned<PathBuf>>,
    pub host_vars: Option<Spanned<PathBuf>>,
    /// Unset: the machine alone, in each of `inventory_groups`.
    pub inventory_file: Option<Spanned<PathBuf>>,
    pub inventory_groups: Vec<String>,
    pub galaxy: Option<Galaxy>,
    /// Shell text.
    pub command: String,
    /// Shell text, too.
    pub extra_arguments: Vec<Late>,
    /// Unset: one of our own.
    pub staging_directory: Option<String>,
    pub clean_staging_directory: bool,
}

/// `ansible`: Ansible runs here and reaches the machine over SSH.
#[derive(Debug, Clone, Serialize)]
pub struct Ansible {
    pub playbook: Spanned<PathBuf>,
    /// A program.
    pub command: String,
    /// Not for a shell.
    pub extra_arguments: Vec<Late>,
    pub environment: Vec<(String, Late)>,
    /// Each is one argument of `ssh`.
    pub ssh_arguments: Vec<String>,
    pub groups: Vec<String>,
    pub empty_groups: Vec<String>,
    pub host_alias: String,
    /// Unset: one is made.
    pub inventory_file: Option<Spanned<PathBuf>>,
    /// Where it is made; unset: in a folder of its own.
    pub inventory_directory: Option<Spanned<PathBuf>>,
    /// Late data: `HostAlias`, `Host`, `User`, `Port`.
    pub inventory_file_template: Late,
    pub keep_inventory_file: bool,
    /// Unset: the user of the bake's own connection.
    pub user: Option<String>,
    pub galaxy: Option<Galaxy>,
    pub skip_version_check: bool,
}

/// What is fetched from Galaxy before the playbook runs.
#[derive(Debug, Clone, Serialize)]
pub struct Galaxy {
    pub file: Spanned<PathBuf>,
    pub command: String,
    pub force: bool,
    pub force_with_deps: bool,
    pub roles_path: Option<String>,
    pub collections_path: Option<String>,
}
