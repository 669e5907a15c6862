//! Provisioners with every option settled, in the order they run. How they are carried out is `provision`'s matter.

pub use self::ansible::{Ansible, AnsibleLocal, Galaxy};
pub(super) use self::words::exposed;
pub use self::words::{Hidden, hide};
use super::late::Late;
use super::seconds;
use crate::source::{Place, Spanned};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

mod ansible;
mod words;

/// One provisioner of one build; `only`, `except` and `override` are applied already.
#[derive(Debug, Clone, Serialize)]
pub struct Provisioner {
    pub kind: Kind,
    /// Where its object stands.
    #[serde(skip)]
    pub place: Place,
    #[serde(serialize_with = "seconds::plain")]
    pub pause_before: Duration,
    /// Of one attempt.
    #[serde(serialize_with = "seconds::optional")]
    pub timeout: Option<Duration>,
    /// How often it is tried again after a failure.
    pub max_retries: u32,
    /// The connection may end with it, as it does when a machine restarts.
    pub expect_disconnect: bool,
}

/// What a provisioner does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Shell(Shell),
    File(FileTransfer),
    Role(Roles),
    ShellLocal(ShellLocal),
    Reboot(Reboot),
    Sleep(Sleep),
    Breakpoint(Breakpoint),
    AnsibleLocal(AnsibleLocal),
    Ansible(Ansible),
}

impl Kind {
    /// The type, as templates write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shell(_) => "shell",
            Self::File(_) => "file",
            Self::Role(_) => "role",
            Self::ShellLocal(_) => "shell-local",
            Self::Reboot(_) => "reboot",
            Self::Sleep(_) => "sleep",
            Self::Breakpoint(_) => "breakpoint",
            Self::AnsibleLocal(_) => "ansible-local",
            Self::Ansible(_) => "ansible",
        }
    }
}

/// `shell`: scripts run on the machine. Late data of every [`Late`] here: see [`BUILD_DATA`].
#[derive(Debug, Clone, Serialize)]
pub struct Shell {
    pub scripts: Scripts,
    /// Sorted by name; exported to every script after the `PACKER_*` ones.
    pub environment: Vec<(String, Late)>,
    /// `%s='%s' ` or the user's; two `%s`, name then value with its single quotes escaped.
    pub env_var_format: String,
    /// Whether the environment goes into a file that the script sources.
    pub use_env_var_file: bool,
    /// Late data: `Vars`, `Path`, `EnvVarFile`, besides [`BUILD_DATA`].
    pub execute_command: Late,
    pub remote_folder: String,
    /// Unset: a name of our own.
    pub remote_file: Option<String>,
    /// Unset: folder and file.
    pub remote_path: Option<String>,
    /// Line endings are left alone.
    pub binary: bool,
    #[serde(serialize_with = "seconds::plain")]
    pub start_retry_timeout: Duration,
    /// Never empty.
    pub valid_exit_codes: Vec<i32>,
    pub skip_clean: bool,
    #[serde(serialize_with = "seconds::plain")]
    pub pause_after: Duration,
}

/// What `shell` runs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scripts {
    /// All lines become one script under the shebang, which is left out when the first line has one and the user set none.
    Inline { lines: Vec<Late>, shebang: String },
    /// Local files, run one after the other. They exist.
    Files(Vec<Spanned<PathBuf>>),
}

/// Names of the late data that every provisioner field may use as ``{{build `ID`}}``; rendered as `build.ID`, so hand in
/// `Data::new().with("build", json!({"ID": …}))`.
pub const BUILD_DATA: &[&str] = &[
    "ID",
    "Host",
    "Port",
    "User",
    "Password",
    "ConnType",
    "PackerRunUUID",
    "PackerHTTPPort",
    "PackerHTTPIP",
    "PackerHTTPAddr",
    "SSHPublicKey",
    "SSHPrivateKey",
    "WinRMPassword",
    "SourceAMI",
    "SourceAMIName",
    "SourceAMICreationDate",
    "SourceAMIOwner",
    "SourceAMIOwnerName",
    "BuildRegion",
];

/// `file`: files and folders to or from the machine. The trailing slash of a source stays as written.
#[derive(Debug, Clone, Serialize)]
pub struct FileTransfer {
    pub what: Transfer,
    pub destination: Late,
    /// As root, on the machine.
    pub become_root: bool,
    /// `user` or `user:group` that everything sent belongs to.
    pub owner: Option<String>,
    /// Permission bits of every file sent.
    pub mode: Option<u32>,
}

/// What is moved, and which way.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// Local paths; those not `generated` were there at load.
    Upload { sources: Vec<Late>, generated: bool },
    /// Text that becomes a file.
    Content(Late),
    /// Remote paths.
    Download { sources: Vec<Late> },
}

/// `role`: folders of DESIGN.md section 6, in the order given.
#[derive(Debug, Clone, Serialize)]
pub struct Roles {
    pub roles: Vec<RoleRef>,
    /// What the roles' templates and scripts see: the template's variables, over them the provisioner's `vars`, and
    /// `kiln.family` and `kiln.version`. A role's own defaults lie under all of them.
    ///
    /// Only their names are printed.
    #[serde(serialize_with = "names")]
    pub vars: BTreeMap<String, serde_json::Value>,
}

fn names<S: serde::Serializer>(
    vars: &BTreeMap<String, serde_json::Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(vars.keys())
}

/// A role that is there.
#[derive(Debug, Clone, Serialize)]
pub struct RoleRef {
    pub name: Spanned<String>,
    /// Its folder, with `role.json` or `scripts/`.
    pub dir: PathBuf,
}

/// `shell-local`: scripts run here. Late data besides [`BUILD_DATA`]: `Vars`, `Script`, `Command` in `execute_command`.
#[derive(Debug, Clone, Serialize)]
pub struct ShellLocal {
    pub scripts: Scripts,
    /// Sorted by name, as for [`Shell`].
    pub environment: Vec<(String, Late)>,
    /// Two `%s`, as for [`Shell`].
    pub env_var_format: String,
    /// The program and its arguments; at least two.
    pub execute_command: Vec<Late>,
    /// At the end of the name of the file that inline commands are put into.
    pub tempfile_extension: String,
    /// Never empty.
    pub valid_exit_codes: Vec<i32>,
    /// Operating systems, as Go names them; empty: all.
    pub only_on: Vec<String>,
}

impl ShellLocal {
    /// Whether the command is text for a shell that holds a secret: it goes into a file, which the shell then reads.
    pub fn hides_text(&self) -> bool {
        let [.., shell, flag, text] = self.execute_command.as_slice() else {
            return false;
        };
        let takes_text =
            |flag: &str| flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c');
        shell.text().is_some_and(|name| name.ends_with("sh"))
            && flag.text().is_some_and(takes_text)
            && self.is_secret(text)
    }

    /// A word of the command that would show a secret to everybody on this host.
    pub fn exposed(&self) -> Option<&Late> {
        let hidden = usize::from(self.hides_text());
        let shown = self.execute_command.iter().rev().skip(hidden);
        shown.rev().find(|word| self.is_secret(word))
    }

    /// A word may hold the script itself.
    fn is_secret(&self, word: &Late) -> bool {
        let script_is = || match &self.scripts {
            Scripts::Inline { lines, .. } => lines.iter().any(Late::is_secret),
            Scripts::Files(_) => false,
        };
        word.is_secret() || (word.reads("Command") && script_is())
    }
}

/// `reboot`: the machine restarts, and the next provisioner finds it up again.
#[derive(Debug, Clone, Serialize)]
pub struct Reboot {
    /// Unset: `systemctl reboot`, or `reboot` where that is missing, as root.
    pub command: Option<Late>,
    /// From the command to the first answer of the new boot.
    #[serde(serialize_with = "seconds::plain")]
    pub limit: Duration,
}

/// `sleep`.
#[derive(Debug, Clone, Serialize)]
pub struct Sleep {
    #[serde(serialize_with = "seconds::plain")]
    pub duration: Duration,
}

/// `breakpoint`: waits for somebody to press Enter.
#[derive(Debug, Clone, Serialize)]
pub struct Breakpoint {
    pub note: Option<Late>,
    pub disabled: bool,
}
