//! `ansible`: this host's Ansible reaches the machine over SSH, with the bake's own key and the host key that the bake knows
//! (anchors/packer.md 4.4). Packer puts a server of its own between the two; nothing is between them here.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::process::{self, Program};
use crate::provision::ansible::{arguments, galaxy_runs};
use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{Auth, Exit, HostKeys, Known, Remote, Route, Target, quote};
use crate::template::provisioner::Ansible;

/// Finds an Ansible that is not here.
pub fn check(ansible: &Ansible) -> Result<(), Error> {
    if ansible.skip_version_check {
        return Ok(());
    }
    let asked = std::process::Command::new(&ansible.command)
        .arg("--version")
        .output();
    match asked {
        Ok(answer) if answer.status.success() => Ok(()),
        Ok(answer) => Err(Error::Unfit(format!(
            "`{} --version` failed: {}",
            ansible.command,
            String::from_utf8_lossy(&answer.stderr).trim()
        ))),
        Err(source) => Err(Error::Program {
            name: ansible.command.clone(),
            source,
        }),
    }
}

/// Fetches from Galaxy, and plays.
pub async fn run(
    ansible: &Ansible,
    remote: &impl Remote,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    let target = remote.target().ok_or_else(|| {
        Error::Unfit("nothing but this connection leads to the machine".to_owned())
    })?;
    if !matches!(target.route, Route::Direct) {
        let text = "Ansible goes to the machine itself, and this one is behind a bastion or proxy: use `ansible-local`";
        return Err(Error::Unfit(text.to_owned()));
    }
    let mut environment = vec![
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        // The host key is known: whoever has another is another.
        ("ANSIBLE_HOST_KEY_CHECKING".to_owned(), "True".to_owned()),
    ];
    for (name, value) in &ansible.environment {
        environment.push((name.clone(), value.render(&context.data())?));
    }
    let program = async |what: &str, words: &[String]| {
        let program = Program {
            words,
            environment: &environment,
        };
        let failed = Error::program(program.words);
        let ended = process::run(program, &mut Sink::new(events)).await;
        match ended.map_err(failed)? {
            Exit::Code(0) => Ok(()),
            exit => Err(Error::Exit {
                what: what.to_owned(),
                exit,
            }),
        }
    };
    if let Some(galaxy) = &ansible.galaxy {
        let file = galaxy.file.value.to_string_lossy();
        let (roles, collections) = (&galaxy.roles_path, &galaxy.collections_path);
        for mut words in galaxy_runs(galaxy, &file, roles.as_deref(), collections.as_deref())? {
            words.insert(0, galaxy.command.clone());
            program("ansible-galaxy", &words).await?;
        }
    }
    // Removed with this future, however it ends.
    let folder = Folder::new()?;
    let inventory = inventory(ansible, target, &folder, context)?;
    let words = words(ansible, target, &folder, &inventory.path, context)?;
    let what = format!("Ansible's playbook {}", ansible.playbook.value.display());
    program(&what, &words).await
}

fn words(
    ansible: &Ansible,
    target: &Target,
    folder: &Folder,
    inventory: &Path,
    context: &Context,
) -> Result<Vec<String>, Error> {
    let extra = arguments(&ansible.extra_arguments, false, context)?;
    let about = serde_json::json!({
        "packer_build_name": context.build_name, "packer_builder_type": context.builder_type
    });
    let mut words = vec![ansible.command.clone(), "-e".to_owned(), about.to_string()];
    let ssh = ssh_arguments(ansible, target, folder)?;
    words.extend(["--ssh-extra-args".to_owned(), ssh]);
    words.extend(extra.words);
    let mut hidden = extra.variables;
    hidden.extend(login(&target.auth, folder)?);
    for (at, variables) in hidden.into_iter().enumerate() {
        let text = serde_json::Value::Object(variables).to_string();
        let path = folder.write(&format!("variables-{at}.json"), &text)?;
        words.extend(["-e".to_owned(), format!("@{}", path.display())]);
    }
    words.extend(["-i".to_owned(), inventory.display().to_string()]);
    words.push(ansible.playbook.value.display().to_string());
    Ok(words)
}

/// What `ssh` is told besides. Ansible takes the text apart as a shell would.
fn ssh_arguments(ansible: &Ansible, target: &Target, folder: &Folder) -> Result<String, Error> {
    let known = folder.write("known_hosts", &known_hosts(target)?)?;
    let pinned = [
        format!("-o UserKnownHostsFile={}", known.display()),
        "-o GlobalKnownHostsFile=/dev/null".to_owned(),
        "-o StrictHostKeyChecking=yes".to_owned(),
    ];
    let mut all = ansible.ssh_arguments.clone();
    if let Auth::Agent { .. } = target.auth {
        // Of an agent's keys none is named, and with this none would be tried.
        all.retain(|argument| !argument.contains("IdentitiesOnly"));
    }
    if let Auth::File {
        certificate: Some(path),
        ..
    } = &target.auth
    {
        all.push(format!("-o CertificateFile={}", path.display()));
    }
    let quoted = all.iter().chain(&pinned).map(|argument| quote(argument));
    Ok(quoted.collect::<Vec<_>>().join(" "))
}

fn unknown() -> Error {
    Error::Unfit("the machine's host key is not known whole, and Ansible needs it".to_owned())
}

fn known_hosts(target: &Target) -> Result<String, Error> {
    let name = match target.port {
        22 => target.host.clone(),
        port => format!("[{}]:{port}", target.host),
    };
    let HostKeys::Known(keys) = &target.host_keys else {
        return Err(unknown());
    };
    let line = |known: &Known| match known {
        Known::Key(key) => Some(format!("{name} {}\n", key.line())),
        Known::Fingerprint { .. } => None,
    };
    let lines: String = keys.iter().filter_map(line).collect();
    if lines.is_empty() {
        return Err(unknown());
    }
    Ok(lines)
}

/// The variables that prove to the machine who we are.
fn login(
    auth: &Auth,
    folder: &Folder,
) -> Result<Option<serde_json::Map<String, serde_json::Value>>, Error> {
    let one = |name: &str, value: String| {
        Some(serde_json::Map::from_iter([(
            name.to_owned(),
            value.into(),
        )]))
    };
    let key = |path: &Path| one("ansible_ssh_private_key_file", path.display().to_string());
    Ok(match auth {
        Auth::Memory { private_key } => key(&folder.write("key", private_key)?),
        Auth::File {
            passphrase: Some(_),
            ..
        } => {
            let text =
                "Ansible cannot open a key with a passphrase by itself: use an agent".to_owned();
            return Err(Error::Unfit(text));
        }
        Auth::File { path, .. } => key(&std::path::absolute(path).map_err(at(path))?),
        // Nothing to say ahead: the agent proves it, or somebody answers what is asked.
        Auth::Agent { .. } | Auth::Terminal(_) => None,
        Auth::Password(password) => one("ansible_password", password.clone()),
        Auth::Any(ways) => match ways.first() {
            Some(first) => login(first, folder)?,
            None => None,
        },
    })
}

/// An inventory; one of our own goes with its handle, unless it is to be kept.
struct Inventory {
    path: PathBuf,
    _made: Option<NamedTempFile>,
}

fn inventory(
    ansible: &Ansible,
    target: &Target,
    folder: &Folder,
    context: &Context,
) -> Result<Inventory, Error> {
    if let Some(file) = &ansible.inventory_file {
        let path = file.value.clone();
        return Ok(Inventory { path, _made: None });
    }
    let data = context
        .data()
        .with("HostAlias", ansible.host_alias.as_str())
        .with("Host", target.host.as_str())
        .with("Port", target.port)
        .with("User", ansible.user.as_deref().unwrap_or(&target.user));
    let host = ansible.inventory_file_template.render(&data)?;
    let groups = ansible.groups.iter();
    let groups = groups.map(|group| format!("[{group}]\n{host}"));
    let empty = ansible.empty_groups.iter();
    let empty = empty.map(|group| format!("[{group}]\n"));
    let text: String = [host.clone()]
        .into_iter()
        .chain(groups)
        .chain(empty)
        .collect();
    let beside = ansible.inventory_directory.as_ref();
    let dir = beside.map_or(folder.0.path(), |dir| dir.value.as_path());
    let dir = if ansible.keep_inventory_file && beside.is_none() {
        std::env::temp_dir()
    } else {
        dir.to_owned()
    };
    let mut made = tempfile::Builder::new()
        .prefix("packer-provisioner-ansible")
        .tempfile_in(&dir)
        .map_err(at(&dir))?;
    made.write_all(text.as_bytes()).map_err(at(&dir))?;
    let path = made.path().to_owned();
    if ansible.keep_inventory_file {
        made.keep().map_err(|error| at(&dir)(error.error))?;
        return Ok(Inventory { path, _made: None });
    }
    let made = Some(made);
    Ok(Inventory { path, _made: made })
}

/// A folder of our own that nobody else may look into, gone with its handle.
struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Self, Error> {
        let made = tempfile::Builder::new()
            .prefix("kiln-ansible-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        Ok(Self(made.map_err(at(&std::env::temp_dir()))?))
    }

    /// Writes a file that only its owner may read.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.0.path().join(name);
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&path);
        let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(at(&path))?;
        Ok(path)
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Local {
        path: path.to_owned(),
        source,
    }
}
