//! Provisioners on a real machine: this one, over its own sshd.

mod away;
mod files;
mod here;
mod retries;
mod roles;
mod shell;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kiln::provision::{Context, Failure, apply};
use kiln::run::{Event, Events, Stream};
use kiln::source::SourceMap;
use kiln::ssh::Lasting;
use kiln::template::load::{self, Request, World};
use kiln::template::provisioner::{Kind, Provisioner};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ssh::server::Server;

/// A machine, a folder on it, and the build that is being made there.
pub struct Bench {
    pub server: Server,
    pub folder: TempDir,
    pub context: Context,
}

/// Remembers every event.
#[derive(Default)]
pub struct Heard(RefCell<Vec<Event>>);

impl Bench {
    pub fn new() -> Self {
        let build = json!({"ID": "i-123", "Host": "127.0.0.1"});
        Self {
            server: Server::start(),
            folder: tempfile::Builder::new()
                .prefix("kiln-bench-")
                .tempdir()
                .unwrap(),
            context: Context {
                build_name: "web's build".into(),
                builder_type: "amazon-ebs".into(),
                run: uuid::Uuid::new_v4().simple().to_string(),
                build: build.as_object().unwrap().clone(),
                artifact: None,
            },
        }
    }

    /// A path in the folder, as text.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.path(name)
    }

    /// Carries out provisioners, written as in a template.
    pub async fn apply(&self, provisioners: Value) -> (Result<(), Failure>, Heard) {
        self.carry_out(&self.read(provisioners)).await
    }

    /// Carries out provisioners that may use the secret variable `key`.
    pub async fn apply_secret(&self, provisioners: &Value) -> (Result<(), Failure>, Heard) {
        self.carry_out(&self.read_secret(provisioners)).await
    }

    async fn carry_out(&self, provisioners: &[Provisioner]) -> (Result<(), Failure>, Heard) {
        let heard = Heard::default();
        let target = self.server.target();
        let machine = Lasting::new(self.server.connect().await, target);
        let result = apply(
            &self.in_folder(provisioners),
            &machine,
            &self.context,
            &heard,
        )
        .await;
        (result, heard)
    }

    /// The same with scripts that go into the folder where the template names none: those of a provisioner that fails stay
    /// on the machine, as with Packer, and the machine is this host.
    fn in_folder(&self, provisioners: &[Provisioner]) -> Vec<Provisioner> {
        let mut all = provisioners.to_vec();
        for provisioner in &mut all {
            if let Kind::Shell(shell) = &mut provisioner.kind
                && shell.remote_folder == "/tmp"
            {
                shell.remote_folder = self.path("");
            }
        }
        all
    }

    /// Carries out provisioners that must succeed, and returns what they wrote.
    pub async fn lines(&self, provisioners: Value) -> Vec<String> {
        let (result, heard) = self.apply(provisioners).await;
        result.unwrap_or_else(|error| panic!("{}: {:?}", chain(&error), heard.0));
        heard.lines()
    }

    /// Carries out provisioners that must fail, and returns why.
    pub async fn error(&self, provisioners: Value) -> String {
        chain(&self.apply(provisioners).await.0.unwrap_err())
    }

    /// Reads provisioners as a template has them; `roles/` is looked for in the folder.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write `json!` in place"
    )]
    pub fn read(&self, provisioners: Value) -> Vec<Provisioner> {
        self.read_template(json!({ "provisioners": provisioners }))
    }

    /// The same, with a variable `key` that is secret: `hunter2`.
    pub fn read_secret(&self, provisioners: &Value) -> Vec<Provisioner> {
        self.read_template(json!({
            "variables": {"key": "hunter2"}, "sensitive-variables": ["key"], "provisioners": provisioners
        }))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write `json!` in place"
    )]
    fn read_template(&self, more: Value) -> Vec<Provisioner> {
        let mut template = json!({
            "builders": [{
                "type": "amazon-ebs", "region": "eu-central-1", "source_ami": "ami-0123456789abcdef0",
                "instance_type": "t3.small", "ssh_username": "admin", "ami_name": "test"
            }],
        });
        for (name, value) in more.as_object().unwrap() {
            template[name] = value.clone();
        }
        let file = self.write("template.json", &template.to_string());
        let (mut provisioners, _) = read(self.folder.path(), vec![file]);
        // Folders are relative to the working directory, which all tests share.
        for provisioner in &mut provisioners {
            if let Kind::Role(roles) = &mut provisioner.kind {
                for role in &mut roles.roles {
                    role.dir = self.folder.path().join(&role.dir);
                }
            }
        }
        provisioners
    }
}

/// Reads a template with its var files; everything that was found comes too, in words.
pub fn read(directory: &Path, files: Vec<String>) -> (Vec<Provisioner>, Vec<String>) {
    let request = request(directory, files);
    let mut sources = SourceMap::new();
    let (template, findings) = load::bake(&request, &mut sources).unwrap_or_else(|errors| {
        panic!(
            "{:#?}",
            errors
                .iter()
                .map(|error| &error.message)
                .collect::<Vec<_>>()
        )
    });
    let messages = findings.into_iter().map(|finding| finding.message);
    (template.builds[0].provisioners.clone(), messages.collect())
}

pub fn request(directory: &Path, files: Vec<String>) -> Request {
    Request {
        files,
        var_files: vec![],
        vars: vec![],
        only: vec![],
        except: vec![],
        strict: true,
        running: true,
        stdin: None,
        world: World {
            now: jiff::Timestamp::UNIX_EPOCH,
            environment: BTreeMap::new(),
            uuid: Arc::new(|| "00000000-0000-4000-8000-000000000000".into()),
            directory: directory.to_str().unwrap().to_owned(),
            template_directory: String::new(),
            stores: kiln::template::stores::Stores::default(),
        },
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

impl Events for Heard {
    fn emit(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

impl Heard {
    /// The lines of standard output.
    pub fn lines(&self) -> Vec<String> {
        self.pick(|event| match event {
            Event::Output {
                stream: Stream::Out,
                line,
                ..
            } => Some(line.clone()),
            _ => None,
        })
    }

    pub fn notes(&self) -> Vec<String> {
        self.pick(|event| match event {
            Event::Note { text } => Some(text.clone()),
            _ => None,
        })
    }

    pub fn warnings(&self) -> Vec<String> {
        self.pick(|event| match event {
            Event::Warning { text } => Some(text.clone()),
            _ => None,
        })
    }

    fn pick(&self, one: impl Fn(&Event) -> Option<String>) -> Vec<String> {
        self.0.borrow().iter().filter_map(one).collect()
    }
}
