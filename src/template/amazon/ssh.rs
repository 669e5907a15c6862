//! The communicator options: how the build machine is reached, and what proves to it who we are.

use super::super::bake::{
    Also, Bastion, CIPHERS, Interface, KEY_EXCHANGES, Login, Proxy, Ssh, Transfer,
};
use super::super::local::Local;
use super::super::near;
use super::super::options::Options;
use super::super::secret::Secret;
use super::{key_pair, session_manager, tunnel};
use crate::source::{Diagnostic, Spanned};
use std::path::PathBuf;
use std::time::Duration;

/// Packer's `ssh_timeout` when neither it nor the attempts are set.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Packer's attempts count without a limit of time then; a day is one all the same.
const NO_TIMEOUT: Duration = Duration::from_hours(24);
/// Packer's `ssh_keep_alive_interval`.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Where sshd listens.
const PORT: u16 = 22;
/// Where SOCKS proxies listen (RFC 1928).
const PROXY_PORT: u16 = 1080;
/// Where OpenSSH keeps host keys, of the user and of all users (ssh(1), FILES).
const KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];
/// What may prove to a bastion who we are.
const PROOFS: [&str; 4] = [
    "ssh_bastion_private_key_file",
    "ssh_bastion_agent_auth",
    "ssh_bastion_password",
    "ssh_bastion_interactive",
];

/// Reads how a machine is reached.
pub(in super::super) fn read(options: &Options<'_>, local: &Local<'_>) -> Option<Ssh> {
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
    let (login, also) = login(options, local);
    let bastion = bastion(options, local, &login);
    let proxy = proxy(options);
    let handshake_attempts = options.number("ssh_handshake_attempts").map(|n| n.value);
    let session_manager = session_manager::read(options);
    let ssh = Ssh {
        host: options.text("ssh_host"),
        port: options.number("ssh_port").map_or(PORT, |port| port.value),
        interface: interface(options),
        login,
        also,
        timeout: timeout(options, handshake_attempts),
        handshake_attempts,
        keep_alive_interval: keep_alive(options),
        read_write_timeout: options
            .duration("ssh_read_write_timeout")
            .map(|value| value.value)
            .filter(|value| !value.is_zero()),
        pause_before_connecting: duration("pause_before_connecting", Duration::ZERO),
        pty: options.flag("ssh_pty"),
        clear_authorized_keys: options.flag("ssh_clear_authorized_keys"),
        wait_for_cloud_init: options.trilean("wait_for_cloud_init").unwrap_or(true),
        ciphers: algorithms(options, "ssh_ciphers", CIPHERS),
        key_exchanges: algorithms(options, "ssh_key_exchange_algorithms", KEY_EXCHANGES),
        transfer: transfer(options),
        bastion,
        proxy,
        local_tunnels: tunnel::read(options, "ssh_local_tunnels"),
        remote_tunnels: tunnel::read(options, "ssh_remote_tunnels"),
        session_manager,
        username: username?,
    };
    check_route(options, &ssh);
    Some(ssh)
}

/// There is one way to a machine.
fn check_route(options: &Options<'_>, ssh: &Ssh) {
    if let (Some(bastion), Some(proxy)) = (&ssh.bastion, &ssh.proxy) {
        let message = "`ssh_bastion_host` and `ssh_proxy_host` are two ways to one machine";
        options.report(
            Diagnostic::error("template::exclusive", message)
                .at_value(&proxy.host, "this proxy")
                .at_value(&bastion.host, "this bastion")
                .help("keep the one that leads there"),
        );
    }
}

/// 0 is Packer's word for its own choice too.
fn timeout(options: &Options<'_>, attempts: Option<u32>) -> Duration {
    let set = options
        .duration("ssh_timeout")
        .or_else(|| options.duration("ssh_wait_timeout"))
        .map(|timeout| timeout.value)
        .filter(|timeout| !timeout.is_zero());
    set.unwrap_or(if attempts.is_some_and(|count| count > 0) {
        NO_TIMEOUT
    } else {
        TIMEOUT
    })
}

/// A negative interval switches keep-alive off, 0 is the default.
fn keep_alive(options: &Options<'_>) -> Option<Duration> {
    const NAME: &str = "ssh_keep_alive_interval";
    let text = options.interpolator.quietly(|| options.any_text(NAME));
    let negative = text.as_ref().and_then(|text| text.value.strip_prefix('-'));
    if negative.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let set = options.duration(NAME).map(|interval| interval.value);
    Some(
        set.filter(|interval| !interval.is_zero())
            .unwrap_or(KEEP_ALIVE),
    )
}

/// None where the address is not what counts, too.
fn interface(options: &Options<'_>) -> Option<Interface> {
    let chosen = options.choice(
        "ssh_interface",
        &[
            ("public_ip", Some(Interface::PublicIp)),
            ("private_ip", Some(Interface::PrivateIp)),
            ("public_dns", Some(Interface::PublicDns)),
            ("private_dns", Some(Interface::PrivateDns)),
            ("ipv6", Some(Interface::Ipv6)),
            ("session_manager", None),
        ],
    );
    chosen.flatten()
}

fn transfer(options: &Options<'_>) -> Transfer {
    let choices = [("scp", Transfer::Scp), ("sftp", Transfer::Sftp)];
    let chosen = options.choice("ssh_file_transfer_method", &choices);
    chosen.unwrap_or_default()
}

/// Names of algorithms; unknown ones are reported.
fn algorithms(options: &Options<'_>, option: &str, known: &[&str]) -> Vec<String> {
    let names = options.list(option);
    for name in names
        .iter()
        .filter(|name| !known.contains(&name.value.as_str()))
    {
        let all = near::list(known.iter().copied());
        let help = near::or_else(
            &name.value,
            known.iter().copied(),
            &format!("it takes {all}"),
        );
        options.report(
            Diagnostic::error(
                "template::wrong_value",
                format!("`{option}` takes no `{name}`"),
            )
            .at_value(name, "unknown here")
            .help(help),
        );
    }
    names.into_iter().map(|name| name.value).collect()
}

/// What is shown first, and what is tried after it.
fn login(options: &Options<'_>, local: &Local<'_>) -> (Login, Also) {
    let key_pair_name = options.text("ssh_keypair_name");
    let key_file = key_file(options, local, "ssh_private_key_file");
    let certificate = key_file_of(
        options,
        local,
        "ssh_certificate_file",
        "ssh_private_key_file",
    );
    let password = options
        .text("ssh_password")
        .map(|password| password.map(Secret::new));
    let agent = options.flag("ssh_agent_auth");
    let also = |agent| Also {
        agent,
        password: password.as_ref().map(|password| password.value.clone()),
    };
    if let Some(file) = key_file {
        let login = Login::KeyFile {
            file,
            certificate,
            key_pair_name,
        };
        return (login, also(agent));
    }
    if agent {
        return (Login::Agent { key_pair_name }, also(false));
    }
    if let Some(password) = password {
        return (Login::Password(password), Also::default());
    }
    if let Some(name) = &key_pair_name
        && !options.has("ssh_private_key_file")
        && !options.meant(&["ssh_private_key_file", "ssh_agent_auth"])
    {
        options.report(
            Diagnostic::error("template::missing_option", "`ssh_keypair_name` needs the private key that belongs to it")
                .at_value(name, "this key pair")
                .help("add `ssh_private_key_file` or `ssh_agent_auth`, or leave both out for a key of kiln's own"),
        );
    }
    let login = Login::Temporary {
        key_pair_name: options.text("temporary_key_pair_name"),
        kind: key_pair::kind(options),
    };
    (login, Also::default())
}

fn key_file(options: &Options<'_>, local: &Local<'_>, name: &str) -> Option<Spanned<PathBuf>> {
    let path = options.text(name)?;
    Some(local.expect_file(options, name, path))
}

/// A certificate, which is nothing without the key that it vouches for.
fn key_file_of(
    options: &Options<'_>,
    local: &Local<'_>,
    name: &str,
    key: &str,
) -> Option<Spanned<PathBuf>> {
    let file = key_file(options, local, name)?;
    if !options.has(key) && !options.meant(&[key]) {
        options.report(
            Diagnostic::error(
                "template::missing_option",
                format!("`{name}` needs the private key that it vouches for"),
            )
            .at_value(&file, "this certificate")
            .help(format!("add `{key}`")),
        );
    }
    Some(file)
}

fn bastion(options: &Options<'_>, local: &Local<'_>, login: &Login) -> Option<Bastion> {
    let host = options.text("ssh_bastion_host")?;
    let username = options.need_text(
        "ssh_bastion_username",
        "name the user to log in as on the bastion",
    );
    let key = "ssh_bastion_private_key_file";
    let own_key = key_file(options, local, key);
    let own_certificate = key_file(options, local, "ssh_bastion_certificate_file");
    // As Packer does: the machine's key opens the bastion too, unless the bastion has one of its own.
    let (key_file, certificate) = match (own_key, login) {
        (
            None,
            Login::KeyFile {
                file, certificate, ..
            },
        ) => (
            Some(file.clone()),
            own_certificate.or_else(|| certificate.clone()),
        ),
        (own, _) => (own, own_certificate),
    };
    let password = options.text("ssh_bastion_password");
    let (agent, interactive) = (
        options.flag("ssh_bastion_agent_auth"),
        options.flag("ssh_bastion_interactive"),
    );
    let proof = password.is_some() || key_file.is_some() || agent || interactive;
    if !proof && !options.meant(&PROOFS) {
        options.report(
            Diagnostic::error(
                "template::missing_option",
                "the bastion needs something that proves who we are",
            )
            .at_value(&host, "this bastion")
            .help(
                "add `ssh_bastion_private_key_file`, `ssh_bastion_agent_auth`, `ssh_bastion_password` \
                 or `ssh_bastion_interactive`",
            ),
        );
    }
    Some(Bastion {
        host,
        port: options
            .number("ssh_bastion_port")
            .map_or(PORT, |port| port.value),
        password: password.map(|password| Secret::new(password.value)),
        key_file,
        certificate,
        agent,
        interactive,
        known_hosts: KNOWN_HOSTS.map(|file| local.expand(file)).to_vec(),
        username: username?,
    })
}

fn proxy(options: &Options<'_>) -> Option<Proxy> {
    Some(Proxy {
        host: options.text("ssh_proxy_host")?,
        port: options
            .number("ssh_proxy_port")
            .map_or(PROXY_PORT, |port| port.value),
        username: options.text("ssh_proxy_username"),
        password: options
            .text("ssh_proxy_password")
            .map(|password| Secret::new(password.value)),
    })
}
