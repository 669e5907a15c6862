//! Provisioners, from their objects to [`Provisioner`]: which build each applies to, what an override changes, and the
//! options they all share. One file a kind.

mod ansible;
mod environment;
mod file;
mod role;
mod shell;
pub(super) mod shell_local;
mod waiting;

use super::clear;
use super::interpolate::Interpolator;
use super::local::Local;
use super::near;
use super::options::{Key, Options, on};
use super::provisioner::{Kind, Provisioner};
use super::read::without_type;
use crate::source::json::{Json, Member, Value};
use crate::source::{Diagnostic, Place};
use std::time::Duration;

/// What every provisioner may have besides its own options.
const SHARED: &[Key] = &[
    on("type"),
    on("only"),
    on("except"),
    on("override"),
    on("pause_before"),
    on("max_retries"),
    on("timeout"),
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

/// Reports `only`, `except` and `override` that name no builder. Once for all builds.
pub(super) fn check_names(interpolator: &Interpolator, json: &Json, builders: &[&str]) {
    let check = |name: &str, span| {
        if !builders.contains(&name) {
            let known = format!("the builders are {}", near::list(builders.iter().copied()));
            interpolator.report(
                Diagnostic::error(
                    "template::unknown_builder",
                    format!("no builder is named `{name}`"),
                )
                .at(span, "names no builder")
                .help(near::or_else(name, builders.iter().copied(), &known)),
            );
        }
    };
    for option in ["only", "except"] {
        match json.get(option).map(|value| &value.value) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(Json::text)
                .for_each(|text| check(&text.value, text.span)),
            Some(Value::String(text)) => text
                .value
                .split(',')
                .for_each(|name| check(name, text.span)),
            _ => {}
        }
    }
    for Member { key, .. } in json
        .get("override")
        .and_then(Json::members)
        .unwrap_or_default()
    {
        check(&key.value, key.span);
    }
    if let (Some(only), Some(except)) = (json.get("only"), json.get("except")) {
        interpolator.report(
            Diagnostic::error(
                "template::exclusive",
                "`only` and `except` exclude each other",
            )
            .at(except.span, "this")
            .at(only.span, "and this")
            .help("keep one of them"),
        );
    }
}

/// Whether `only` and `except` let something apply to a builder; they match the name as written.
pub(super) fn applies(json: &Json, raw_name: &str) -> bool {
    let names = |option| {
        json.get(option).map(|value| match &value.value {
            Value::List(items) => items
                .iter()
                .filter_map(Json::text)
                .map(|text| text.value.clone())
                .collect(),
            Value::String(text) => text.value.split(',').map(str::to_owned).collect(),
            _ => Vec::new(),
        })
    };
    let listed = |names: Vec<String>| names.iter().any(|name| name == raw_name);
    names("only").is_none_or(listed) && !names("except").is_some_and(listed)
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

/// The object with the override for a builder laid over it.
fn overridden(json: &Json, raw_name: &str) -> Json {
    let over = json
        .get("override")
        .and_then(|all| all.get(raw_name))
        .and_then(Json::members);
    let (Some(members), Some(over)) = (json.members(), over) else {
        return json.clone();
    };
    let replaced = |member: &&Member| !over.iter().any(|new| new.key == member.key);
    let merged = members
        .iter()
        .filter(replaced)
        .chain(over)
        .cloned()
        .collect();
    Json {
        value: Value::Object(merged),
        span: json.span,
    }
}
