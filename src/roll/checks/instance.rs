//! The check `instance`: a command on machines of the new version over SSH. Their host keys are taken from their consoles,
//! which nobody can forge from the network.

use std::time::Duration;

use super::super::error::Error;
use super::super::making::group;
use super::super::plan::Plan;
use super::super::probe::{Probe, Ran};
use super::super::run_roll::Tools;
use super::Said;
use crate::cloud::{Cloud, Filter, Instance, Kind, Member};
use crate::reach;
use crate::run::Events;
use crate::ssh::{Auth, HostKeys, Target, console};
use crate::template::bake::{Interface, Login, Ssh};
use crate::template::service::InstanceCheck;

/// Asks once: one machine, or each, until one says no.
pub(super) async fn ask<C: Cloud, P: Probe, S>(
    check: &InstanceCheck,
    limit: Duration,
    (plan, on): (&Plan, &Tools<'_, C, P, S>),
) -> Result<Said, Error> {
    let machines = match machines(check, plan, on.cloud).await {
        Ok(machines) => machines,
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Said::Unknown(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    if machines.is_empty() {
        let text = "no machine of the new version is in service".to_owned();
        return Ok(Said::Unknown(text));
    }
    for machine in machines {
        match one(check, limit, &machine, on).await? {
            Said::Pass => {}
            Said::Fail(text) => return Ok(Said::Fail(format!("{}: {text}", machine.id))),
            Said::Unknown(text) => return Ok(Said::Unknown(format!("{}: {text}", machine.id))),
        }
    }
    Ok(Said::Pass)
}

/// The machines that are asked, in the order of their ids.
async fn machines(
    check: &InstanceCheck,
    plan: &Plan,
    cloud: &impl Cloud,
) -> Result<Vec<Instance>, Error> {
    let next = group(cloud, &plan.next.group).await?;
    let fresh = next.in_service().filter(|member| is_new(plan, member));
    let mut ids: Vec<String> = fresh.map(|member| member.instance.to_string()).collect();
    ids.sort();
    if !check.each {
        ids.truncate(1);
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter {
        name: "instance-id".to_owned(),
        values: ids,
    };
    Ok(cloud.find_instances(&[filter]).await?)
}

/// Where machines are replaced in place, those of the version before are still among them.
fn is_new(plan: &Plan, member: &Member) -> bool {
    let (Some(in_place), Some(previous)) = (&plan.in_place, &plan.previous) else {
        return true;
    };
    member.from != Some((previous.template.clone(), in_place.before))
}

async fn one<C: Cloud, P: Probe, S>(
    check: &InstanceCheck,
    limit: Duration,
    machine: &Instance,
    on: &Tools<'_, C, P, S>,
) -> Result<Said, Error> {
    let ran = run(&check.command, &check.ssh, machine, (on, on.events));
    Ok(match tokio::time::timeout(limit, ran).await {
        Err(_) => Said::Unknown(format!("no end within {} s", limit.as_secs())),
        Ok(Err(Unrun::Never(error))) => return Err(error),
        Ok(Err(Unrun::Now(text))) => Said::Unknown(text),
        Ok(Ok(Ran { code: Some(0), .. })) => Said::Pass,
        Ok(Ok(Ran { code: None, tail })) => Said::Unknown(format!("a signal ended it: {tail}")),
        Ok(Ok(Ran {
            code: Some(code),
            tail,
        })) => Said::Fail(format!("exit {code}: {tail}")),
    })
}

/// Why a command was not run on a machine.
pub(in crate::roll) enum Unrun {
    /// It may be another time.
    Now(String),
    Never(Error),
}

/// Runs a command on a machine to its end, and tells `events` what it says.
pub(in crate::roll) async fn run<C: Cloud, P: Probe, S>(
    command: &str,
    ssh: &Ssh,
    machine: &Instance,
    (on, events): (&Tools<'_, C, P, S>, &dyn Events),
) -> Result<Ran, Unrun> {
    let console = match on.cloud.console_output(&machine.id).await {
        Err(error) if error.is_passing() || error.kind == Kind::Denied => {
            let text = format!("its console cannot be read: {error}");
            return Err(Unrun::Now(text));
        }
        console => console.map_err(|error| Unrun::Never(error.into()))?,
    };
    let keys = console::host_keys(&console);
    if keys.is_empty() {
        let text = "its console shows no host key yet".to_owned();
        return Err(Unrun::Now(text));
    }
    let host = address(ssh, machine);
    let host = host.ok_or_else(|| Unrun::Now("it has no such address".to_owned()))?;
    let target = target(ssh, host, HostKeys::Known(keys));
    let ran = on.probe.on_machine(target, command, events).await;
    ran.map_err(|none| Unrun::Now(none.0))
}

fn address(ssh: &Ssh, machine: &Instance) -> Option<String> {
    let all = &machine.addresses;
    match ssh.interface {
        Some(Interface::PublicIp) => all.public_ip.clone(),
        Some(Interface::PublicDns) => all.public_dns.clone(),
        Some(Interface::PrivateDns) => all.private_dns.clone(),
        Some(Interface::Ipv6) => all.ipv6.clone(),
        // What serves behind a load balancer is mostly private.
        Some(Interface::PrivateIp) | None => all.private_ip.clone(),
    }
}

fn target(ssh: &Ssh, host: String, keys: HostKeys) -> Target {
    let auth = match &ssh.login {
        Login::KeyFile {
            file, certificate, ..
        } => Auth::File {
            path: file.value.clone(),
            passphrase: None,
            certificate: certificate.as_ref().map(|file| file.value.clone()),
        },
        Login::Password(password) => Auth::Password(password.value.reveal().to_owned()),
        Login::Agent { .. } | Login::Temporary { .. } => Auth::Agent { socket: None },
    };
    let mut target = Target::new(host, ssh.port, ssh.username.value.as_str(), auth, keys);
    target.route = reach::route(ssh);
    target
}
