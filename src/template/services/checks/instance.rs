//! The check `instance`: a command, and the words of a communicator for the way to the machines.

use super::super::super::amazon::ssh;
use super::super::super::bake::{Login, Ssh};
use super::super::super::local::Local;
use super::super::super::options::{Key, Options, on};
use super::super::super::service::InstanceCheck;
use crate::source::Diagnostic;

/// First what belongs to several machines.
const INSTANCE: &[Key] = &[
    on("on"),
    on("command"),
    on("ssh_username"),
    on("ssh_port"),
    on("ssh_private_key_file"),
    on("ssh_certificate_file"),
    on("ssh_agent_auth"),
    on("ssh_interface"),
    on("ssh_bastion_host"),
    on("ssh_bastion_port"),
    on("ssh_bastion_username"),
    on("ssh_bastion_private_key_file"),
    on("ssh_bastion_certificate_file"),
    on("ssh_bastion_agent_auth"),
];
/// Of a command on a machine that is known.
pub(in super::super) const ON_MACHINE: &[Key] = INSTANCE.split_at(1).1;
const ON: [(&str, bool); 2] = [("one", false), ("each", true)];

pub(super) fn read(check: &Options<'_>, local: &Local<'_>) -> Option<InstanceCheck> {
    let options = check.object("instance", "`instance`", INSTANCE)?;
    let each = options.choice("on", &ON);
    let (command, ssh) = on_machine(&options, local, "systemctl is-active web")?;
    Some(InstanceCheck {
        command,
        each: each.unwrap_or_default(),
        ssh,
    })
}

/// A command, such as `example`, and the way to the machine.
pub(in super::super) fn on_machine(
    options: &Options<'_>,
    local: &Local<'_>,
    example: &str,
) -> Option<(String, Ssh)> {
    let command = options.need_text("command", &format!("for instance \"{example}\""));
    let ssh = ssh::read(options, local)?;
    if ssh.session_manager.is_some() {
        let json = options.get("ssh_interface")?;
        let text = "machines in service are reached at an address, not by Session Manager";
        let finding = Diagnostic::error("template::wrong_value", text).at(json.span, "this way");
        options.report(
            finding
                .help("write \"private_ip\", and `ssh_bastion_host` where a bastion leads there"),
        );
        return None;
    }
    if let Login::Temporary { .. } = ssh.login {
        // A key file that is misspelt or not here has been told of.
        if !options.has("ssh_private_key_file") {
            options.missing_all(
                &["ssh_private_key_file", "ssh_agent_auth"],
                "machines in service let in who is known there: name a key file, or say \"ssh_agent_auth\": true",
            );
        }
        return None;
    }
    Some((command?.value, ssh))
}
