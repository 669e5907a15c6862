//! `ansible-local`: everything goes to the machine as one tar stream, and Ansible runs there (anchors/packer.md 4.3).

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::provision::ansible::{arguments, galaxy_runs};
use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{Command, Entry, Exit, Remote, Tree, quote};
use crate::template::provisioner::{AnsibleLocal, Hidden};

/// Packer's, with a folder of the run's below it.
const STAGING: &str = "/tmp/packer-provisioner-ansible-local";
/// Where an inventory of our own stands.
const INVENTORY: &str = "packer-provisioner-ansible-local-inventory";
/// What a shell says of a command that it does not know.
const UNKNOWN: i32 = 127;

/// Stages, fetches from Galaxy, plays, and cleans up.
pub async fn run(
    ansible: &AnsibleLocal,
    remote: &impl Remote,
    context: &Context,
    mark: &str,
    events: &dyn Events,
) -> Result<(), Error> {
    let own = format!("{STAGING}/{mark}");
    let playing = Playing {
        ansible,
        remote,
        staging: ansible.staging_directory.as_ref().unwrap_or(&own),
        mark,
        events,
    };
    let arguments = arguments(&ansible.extra_arguments, true, context)?;
    let mut sink = Sink::new(events);
    let tree = tree(ansible, &arguments)?;
    sink.note(format!("staging Ansible's files in {}", playing.staging));
    remote
        .upload_tree(&tree, playing.staging, false, &mut sink)
        .await?;
    let played = playing.play(&arguments, context).await;
    if !ansible.clean_staging_directory {
        return played;
    }
    let text = format!("rm -rf {}", quote(playing.staging));
    let removed = remote.capture(Command::new(text)).await;
    // What failed first is what counts.
    played.and(removed.map(drop).map_err(Error::from))
}

/// One playing of playbooks.
struct Playing<'a, R> {
    ansible: &'a AnsibleLocal,
    remote: &'a R,
    staging: &'a str,
    mark: &'a str,
    events: &'a dyn Events,
}

impl<R: Remote> Playing<'_, R> {
    async fn play(&self, arguments: &Hidden, context: &Context) -> Result<(), Error> {
        let ansible = self.ansible;
        let paths = self.fetch().await?;
        let inventory = match &ansible.inventory_file {
            Some(file) => base(&file.value),
            None => INVENTORY.into(),
        };
        let about = json!({
            "packer_build_name": context.build_name, "packer_builder_type": context.builder_type
        });
        let hidden =
            (0..arguments.variables.len()).map(|at| format!(" --extra-vars @{}", secret(at)));
        for playbook in playbooks(ansible)? {
            let text = format!(
                "{paths}{} {} --extra-vars {}{} {} -c local -i {}",
                ansible.command,
                quote(&playbook.to_string_lossy()),
                quote(&about.to_string()),
                hidden.clone().collect::<String>(),
                arguments.words.join(" "),
                quote(&inventory.to_string_lossy()),
            );
            let what = format!("Ansible's playbook {}", playbook.display());
            self.command(&what, &text).await?;
        }
        Ok(())
    }

    /// Fetches from Galaxy, and returns what tells Ansible where that is.
    async fn fetch(&self) -> Result<String, Error> {
        let Some(galaxy) = &self.ansible.galaxy else {
            return Ok(String::new());
        };
        let staged = |name: &str| format!("{}/{name}", self.staging);
        let roles = galaxy
            .roles_path
            .clone()
            .unwrap_or_else(|| staged("galaxy_roles"));
        let collections = galaxy.collections_path.clone();
        let collections = collections.unwrap_or_else(|| staged("galaxy_collections"));
        let file = base(&galaxy.file.value);
        let runs = galaxy_runs(
            galaxy,
            &file.to_string_lossy(),
            Some(&roles),
            Some(&collections),
        )?;
        for words in runs {
            let words: Vec<_> = words.iter().map(|word| quote(word)).collect();
            let text = format!("{} {}", galaxy.command, words.join(" "));
            self.command("ansible-galaxy", &text).await?;
        }
        Ok(format!(
            "export ANSIBLE_ROLES_PATH={}:\"$HOME\"/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles \
             ANSIBLE_COLLECTIONS_PATH={}:\"$HOME\"/.ansible/collections:/usr/share/ansible/collections; ",
            quote(&roles),
            quote(&collections)
        ))
    }

    async fn command(&self, what: &str, text: &str) -> Result<(), Error> {
        // The word tells `attempt` what to end when this is given up.
        let text = format!(": {}; cd {} && {text}", self.mark, quote(self.staging));
        let command = Command::new(text).terminal();
        match self
            .remote
            .run(command, &mut Sink::new(self.events))
            .await?
        {
            Exit::Code(0) => Ok(()),
            Exit::Code(UNKNOWN) => Err(Error::Unfit(format!(
                "`{}` is not on the machine: `ansible-local` needs Ansible there, installed by a provisioner before it",
                self.ansible.command
            ))),
            exit => Err(Error::Exit {
                what: what.to_owned(),
                exit,
            }),
        }
    }
}

/// The playbooks, below the staging folder.
fn playbooks(ansible: &AnsibleLocal) -> Result<Vec<PathBuf>, Error> {
    if let Some(playbook) = &ansible.playbook {
        return Ok(vec![base(&playbook.value)]);
    }
    let dir = ansible
        .playbook_dir
        .as_ref()
        .map(|dir| absolute(&dir.value));
    let dir = dir.transpose()?;
    ansible
        .playbooks
        .iter()
        .map(|playbook| Ok(staged(&absolute(&playbook.value)?, dir.as_deref()).0))
        .collect()
}

/// Where a playbook stands, and whether it came with the folder of them all.
fn staged(playbook: &Path, dir: Option<&Path>) -> (PathBuf, bool) {
    match dir.and_then(|dir| playbook.strip_prefix(dir).ok()) {
        Some(below) => (below.to_owned(), true),
        None => (
            playbook.strip_prefix("/").unwrap_or(playbook).to_owned(),
            false,
        ),
    }
}

/// All files, each where Packer puts it. What comes later lies over what came before.
fn tree(ansible: &AnsibleLocal, arguments: &Hidden) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    let dir = ansible.playbook_dir.as_ref().map(|dir| &dir.value);
    if let Some(dir) = dir {
        tree.add_folder(Path::new(""), dir)?;
    }
    let file = |tree: &mut Tree, to: PathBuf, source: &Path| {
        let source = source.to_owned();
        tree.add(
            to,
            Entry::File {
                source,
                mode: 0o644,
            },
        );
    };
    if let Some(playbook) = &ansible.playbook {
        file(&mut tree, base(&playbook.value), &playbook.value);
    }
    let whole = dir.map(|dir| absolute(dir)).transpose()?;
    for playbook in &ansible.playbooks {
        let (to, there) = staged(&absolute(&playbook.value)?, whole.as_deref());
        if !there {
            file(&mut tree, to, &playbook.value);
        }
    }
    if let Some(inventory) = &ansible.inventory_file {
        file(&mut tree, base(&inventory.value), &inventory.value);
    } else {
        let content = inventory(&ansible.inventory_groups).into_bytes();
        tree.add(
            INVENTORY,
            Entry::Bytes {
                content,
                mode: 0o644,
            },
        );
    }
    if let Some(galaxy) = &ansible.galaxy {
        file(&mut tree, base(&galaxy.file.value), &galaxy.file.value);
    }
    for (name, dir) in [
        ("group_vars", &ansible.group_vars),
        ("host_vars", &ansible.host_vars),
    ] {
        if let Some(dir) = dir {
            tree.add_folder(Path::new(name), &dir.value)?;
        }
    }
    for (name, dirs) in [
        ("roles", &ansible.role_paths),
        ("collections", &ansible.collection_paths),
        ("playbooks", &ansible.playbook_paths),
    ] {
        for dir in dirs {
            tree.add_folder(&Path::new(name).join(base(&dir.value)), &dir.value)?;
        }
    }
    for (at, variables) in arguments.variables.iter().enumerate() {
        let content = serde_json::Value::Object(variables.clone()).to_string();
        let content = content.into_bytes();
        tree.add(
            secret(at),
            Entry::Bytes {
                content,
                mode: 0o600,
            },
        );
    }
    Ok(tree)
}

/// The name of a file of variables.
fn secret(at: usize) -> String {
    format!("packer-provisioner-ansible-local-variables-{at}.json")
}

fn inventory(groups: &[String]) -> String {
    if groups.is_empty() {
        return "127.0.0.1\n".to_owned();
    }
    let group = |name: &String| format!("[{name}]\n127.0.0.1\n");
    groups.iter().map(group).collect()
}

fn base(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::Local {
        path: path.to_owned(),
        source,
    })
}
