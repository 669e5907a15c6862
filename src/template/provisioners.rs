//! Provisioners, from their objects to [`Provisioner`]: which build each applies to, what an override changes, and the
//! options they all share. One file a kind.

mod ansible;
mod environment;
mod file;
mod role;
mod selection;
mod shell;
pub(super) mod shell_local;
mod waiting;

use super::clear;
use super::interpolate::Interpolator;
use super::local::Local;
use super::near;
use super::options::{Key, Options, on, own};
use super::provisioner::{Kind, Provisioner};
use super::read::without_type;
use crate::source::json::Json;
use crate::source::{Diagnostic, Place};
use selection::overridden;
pub(super) use selection::{applies, check_names};
use std::time::Duration;

/// What every provisioner may have besides its own options.
const SHARED: &[Key] = &[
    own("type"),
    own("only"),
    own("except"),
    own("override"),
    own("pause_before"),
    own("max_retries"),
    own("timeout"),
    on("expect_disconnect"),
];

const KINDS: &[&str] = &[
    "shell",
    "file",
    "role",
    "shell-local",
    "ansible-local",
    "ansible",
    "reboot",
    "sleep",
    "breakpoint",
];

/// For machines that run Windows, which kiln does not make: what to say of them.
const WINDOWS: &[&str] = &["powershell", "windows-restart", "windows-shell"];

/// Packer's, and others that its templates use, which kiln does not run.
const PACKERS: &[&str] = &[
    "chef-client",
    "chef-solo",
    "converge",
    "goss",
    "hcp-sbom",
    "inspec",
    "puppet-masterless",
    "puppet-server",
    "salt-masterless",
];

/// What reading one build's provisioners needs to know.
pub(super) struct Build<'b> {
    pub interpolator: &'b Interpolator,
    pub local: &'b Local<'b>,
    /// The builder's name as written.
    pub raw_name: &'b str,
    /// The family, for roles.
    pub family: Option<&'b super::bake::Family>,
}

/// Reads a provisioner for a build; `None` when it does not apply, or cannot be read, which is reported.
pub(super) fn read(build: &Build<'_>, json: &Json) -> Option<Provisioner> {
    if json.members().is_some() && !applies(json, build.raw_name) {
        return None;
    }
    let json = overridden(json, build.raw_name);
    let kind_name = kind_name(build.interpolator, &json)?;
    let what = format!("the provisioner `{kind_name}`");
    let keys = keys(kind_name);
    let options = Options::open(build.interpolator, &json, &what, &[SHARED, keys])?;
    clear::check(&options, |option| clear::of_provisioner(kind_name, option));
    let kind = kind(kind_name, &options, build);
    let duration = |name| options.duration(name).map(|value| value.value);
    let pause_before = duration("pause_before").unwrap_or(Duration::ZERO);
    // A reboot has it as its own limit.
    let timeout = (kind_name != "reboot")
        .then(|| duration("timeout"))
        .flatten();
    let max_retries = options
        .number("max_retries")
        .map_or(0, |retries| retries.value);
    Some(Provisioner {
        kind: kind?,
        place: Place::at(json.span.first_byte()),
        pause_before,
        timeout,
        max_retries,
        expect_disconnect: options.flag("expect_disconnect"),
    })
}

/// The options that a kind has of its own.
fn keys(kind: &str) -> &'static [Key] {
    match kind {
        "shell" => shell::KEYS,
        "file" => file::KEYS,
        "role" => role::KEYS,
        "shell-local" => shell_local::KEYS,
        "reboot" => waiting::REBOOT,
        "sleep" => waiting::SLEEP,
        "breakpoint" => waiting::BREAKPOINT,
        "ansible" => ansible::KEYS,
        _ => ansible::LOCAL_KEYS,
    }
}

fn kind(kind: &str, options: &Options<'_>, build: &Build<'_>) -> Option<Kind> {
    Some(match kind {
        "shell" => Kind::Shell(shell::read(options, build)?),
        "file" => Kind::File(file::read(options, build)?),
        "role" => Kind::Role(role::read(options, build)?),
        "shell-local" => Kind::ShellLocal(shell_local::read(options, build)?),
        "reboot" => Kind::Reboot(waiting::reboot(options)),
        "sleep" => Kind::Sleep(waiting::sleep(options)?),
        "breakpoint" => Kind::Breakpoint(waiting::breakpoint(options)),
        "ansible" => Kind::Ansible(ansible::read(options, build)?),
        _ => Kind::AnsibleLocal(ansible::read_local(options, build)?),
    })
}

fn kind_name(interpolator: &Interpolator, json: &Json) -> Option<&'static str> {
    let Some(kind) = json.get("type").and_then(Json::text) else {
        let help = format!("one of {}", near::list(KINDS.iter().copied()));
        interpolator.report(without_type("a provisioner", json, &help));
        return None;
    };
    let found = KINDS.iter().find(|known| **known == kind.value);
    if WINDOWS.contains(&kind.value.as_str()) {
        interpolator.report(
            Diagnostic::error(
                "template::refused",
                format!(
                    "the provisioner `{}` is refused: it is for Windows",
                    kind.value
                ),
            )
            .at(kind.span, "kiln bakes machines with SSH and a POSIX shell")
            .help(match kind.value.as_str() {
                "windows-restart" => "`reboot` restarts a machine and waits until it is up again",
                _ => "use `shell`, or leave this template to Packer",
            }),
        );
    } else if PACKERS.contains(&kind.value.as_str()) {
        interpolator.report(
            Diagnostic::error(
                "template::not_yet",
                format!("the provisioner `{}` is not supported yet", kind.value),
            )
            .at(kind.span, "would be left out")
            .help(format!("kiln runs {}", near::list(KINDS.iter().copied()))),
        );
    } else if found.is_none() {
        let other = format!("kiln runs {}", near::list(KINDS.iter().copied()));
        interpolator.report(
            Diagnostic::error(
                "template::unknown_type",
                format!("there is no provisioner `{}`", kind.value),
            )
            .at(kind.span, "unknown")
            .help(near::or_else(&kind.value, KINDS.iter().copied(), &other)),
        );
    }
    found.copied()
}
