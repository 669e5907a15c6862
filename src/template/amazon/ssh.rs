//! The communicator options: how the build machine is reached, and what proves to it who we are.

use super::super::bake::{Bastion, Interface, Login, Ssh};
use super::super::local::Local;
use super::super::options::Options;
use super::super::secret::Secret;
use crate::source::{Diagnostic, Spanned};
use std::path::PathBuf;
use std::time::Duration;

/// Packer's `ssh_timeout` when neither it nor the attempts are set.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Packer's `ssh_keep_alive_interval`.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Where sshd listens.
const PORT: u16 = 22;

pub(super) fn read(options: &Options<'_>, local: &Local<'_>) -> Option<Ssh> {
    if let Some(kind) = options.text("communicator")
        && kind.value != "ssh"
    {
        options.report(
            Diagnostic::error(
                "template::not_yet",
                format!("the communicator `{kind}` is not supported"),
            )
            .at_value(&kind, "kiln bakes over SSH")
            .help("write \"ssh\", or leave it out"),
        );
        return None;
    }
    let username = options.need_text(
        "ssh_username",
        "name the user to log in as: `admin` on Debian, `ubuntu` on Ubuntu",
    );
    let duration = |name, default| options.duration(name).map_or(default, |value| value.value);
    let timeout = options
        .duration("ssh_timeout")
        .or_else(|| options.duration("ssh_wait_timeout"));
    let login = login(options, local);
    let bastion = bastion(options, local);
    Some(Ssh {
        host: options.text("ssh_host"),
        port: options.number("ssh_port").map_or(PORT, |port| port.value),
        interface: interface(options),
        login,
        timeout: timeout.map_or(TIMEOUT, |timeout| timeout.value),
        handshake_attempts: options.number("ssh_handshake_attempts").map(|n| n.value),
        keep_alive_interval: duration("ssh_keep_alive_interval", KEEP_ALIVE),
        read_write_timeout: options
            .duration("ssh_read_write_timeout")
            .map(|value| value.value)
            .filter(|value| !value.is_zero()),
        pause_before_connecting: duration("pause_before_connecting", Duration::ZERO),
        pty: options.flag("ssh_pty"),
        clear_authorized_keys: options.flag("ssh_clear_authorized_keys"),
        bastion,
        username: username?,
    })
}

fn interface(options: &Options<'_>) -> Option<Interface> {
    options.choice(
        "ssh_interface",
        &[
            ("public_ip", Interface::PublicIp),
            ("private_ip", Interface::PrivateIp),
            ("public_dns", Interface::PublicDns),
            ("private_dns", Interface::PrivateDns),
            ("ipv6", Interface::Ipv6),
        ],
    )
}

fn login(options: &Options<'_>, local: &Local<'_>) -> Login {
    let key_pair_name = options.text("ssh_keypair_name");
    let key_file = key_file(options, local, "ssh_private_key_file");
    let password = options.text("ssh_password");
    if let Some(file) = key_file {
        return Login::KeyFile {
            file,
            key_pair_name,
        };
    }
    if options.flag("ssh_agent_auth") {
        return Login::Agent { key_pair_name };
    }
    if let Some(password) = password {
        return Login::Password(password.map(Secret::new));
    }
    if let Some(name) = &key_pair_name
        && !options.has("ssh_private_key_file")
    {
        options.report(
            Diagnostic::error("template::missing_option", "`ssh_keypair_name` needs the private key that belongs to it")
                .at_value(name, "this key pair")
                .help("add `ssh_private_key_file` or `ssh_agent_auth`, or leave both out for a key of kiln's own"),
        );
    }
    Login::Temporary {
        key_pair_name: options.text("temporary_key_pair_name"),
    }
}

fn key_file(options: &Options<'_>, local: &Local<'_>, name: &str) -> Option<Spanned<PathBuf>> {
    let path = options.text(name)?;
    Some(local.expect_file(options, name, path))
}

fn bastion(options: &Options<'_>, local: &Local<'_>) -> Option<Bastion> {
    let host = options.text("ssh_bastion_host")?;
    let username = options.need_text(
        "ssh_bastion_username",
        "name the user to log in as on the bastion",
    );
    Some(Bastion {
        host,
        port: options
            .number("ssh_bastion_port")
            .map_or(PORT, |port| port.value),
        password: options
            .text("ssh_bastion_password")
            .map(|password| Secret::new(password.value)),
        key_file: key_file(options, local, "ssh_bastion_private_key_file"),
        agent: options.flag("ssh_bastion_agent_auth"),
        username: username?,
    })
}
