//! Renders a load balancer's wanted state as the proxy's configuration. Pure.
//!
//! Each target stands twice in its group's backend: with the health check, and as an unchecked backup. The backups are used
//! when no target is healthy, as an ALB fails open (`ELBv2` user guide, "Health checks for target groups"). Asking `nbsrv` for
//! that in the frontend was tried: it is 0 in a process that is finishing, and the last requests went to unhealthy targets.

use std::fmt::Write as _;
use std::path::Path;

use crate::model::{Asks, Balancer, Listener, Probe, Protocol, Rule, Share, Target, TargetGroup};

use super::{conditions, shares};

/// What cannot be said to the proxy.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("a control character stands in {0}")]
    Control(String),
    #[error("{0} is no header name")]
    Header(String),
}

/// A configuration and the bodies of its fixed responses (file name and text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub text: String,
    pub bodies: Vec<(String, String)>,
}

/// What the name of a target's unchecked double begins with.
pub(super) const OPEN: &str = "open:";

/// A target's name in the proxy. The health check reads its Host header out of it.
pub(super) fn server(target: &Target) -> String {
    format!("{}:{}:{}", target.id, target.address, target.port)
}

pub(super) fn shares_file(folder: &Path) -> String {
    folder.join("shares.map").display().to_string()
}

pub(super) fn state_file(folder: &Path) -> String {
    folder.join("state").display().to_string()
}

/// Renders the configuration of the process that has this socket.
pub(super) fn render(wanted: &Balancer, folder: &Path, socket: &Path) -> Result<Rendered, Error> {
    let mut rendered = Rendered {
        text: head(wanted, folder, socket),
        bodies: Vec::new(),
    };
    let mut number = 0;
    for listener in &wanted.listeners {
        match listener.protocol {
            Protocol::Http => frontend(&mut rendered, wanted, listener, folder, &mut number)?,
            Protocol::Tcp => tcp_frontend(&mut rendered, wanted, listener, folder, &mut number),
        }
    }
    for group in &wanted.groups {
        backends(&mut rendered.text, group)?;
    }
    Ok(rendered)
}

/// Configuration that is there whatever the load balancer does. Timeouts are those of its type: its idle timeout on both
/// sides, ten seconds to connect. With `idle-close-on-response` a reload loses no kept-alive connection of HTTP; one of TCP
/// stays with its process for as long as it lasts.
fn head(wanted: &Balancer, folder: &Path, socket: &Path) -> String {
    let (state, socket, idle) = (
        state_file(folder),
        socket.display(),
        wanted.idle_timeout_seconds,
    );
    format!(
        "global
    user haproxy
    group haproxy
    maxconn 4000
    nbthread 1
    max-spread-checks 500ms
    stats socket {socket} mode 600 level admin expose-fd listeners
    stats timeout 24d
    server-state-file {state}
defaults
    mode http
    balance roundrobin
    timeout connect 10s
    timeout client {idle}s
    timeout server {idle}s
    timeout tunnel {idle}s
    load-server-state-from-file global
"
    )
}

fn frontend(
    rendered: &mut Rendered,
    wanted: &Balancer,
    listener: &Listener,
    folder: &Path,
    number: &mut usize,
) -> Result<(), Error> {
    let port = listener.port;
    let mut lines = vec![
        format!("frontend listener:{port}"),
        format!("    bind {}:{port}", wanted.address),
        "    option idle-close-on-response".to_owned(),
        "    acl decided var(txn.base) -m found".to_owned(),
        "    acl forwarded req.hdr(x-forwarded-for) -m found".to_owned(),
        "    http-request set-header X-Forwarded-For '%[req.fhdr(x-forwarded-for)], %[src]' if forwarded".to_owned(),
        "    http-request set-header X-Forwarded-For %[src] unless forwarded".to_owned(),
        "    http-request set-header X-Forwarded-Proto http".to_owned(),
        format!("    http-request set-header X-Forwarded-Port {port}"),
    ];
    for rule in &listener.rules {
        let (lists, condition) = conditions::of_rule(*number, rule)?;
        lines.extend(lists.into_iter().map(|list| format!("    {list}")));
        lines.push(format!(
            "    {} if !decided {condition}",
            action(rendered, rule, listener, folder, *number)?
        ));
        *number += 1;
    }
    lines.push(choice("http-request", "txn.base", folder));
    rendered.text.push_str(&lines.join("\n"));
    Ok(())
}

/// A listener that passes connections on; its one rule forwards.
fn tcp_frontend(
    rendered: &mut Rendered,
    wanted: &Balancer,
    listener: &Listener,
    folder: &Path,
    number: &mut usize,
) {
    let port = listener.port;
    let base = *number as u64 * shares::SPAN;
    *number += listener.rules.len();
    let lines = [
        format!("frontend listener:{port}"),
        "    mode tcp".to_owned(),
        format!("    bind {}:{port}", wanted.address),
        choice("tcp-request content", &base.to_string(), folder),
    ];
    rendered.text.push_str(&lines.join("\n"));
}

/// Draws the target group in the shares of a rule.
fn choice(when: &str, base: &str, folder: &Path) -> String {
    let (span, file) = (shares::SPAN, shares_file(folder));
    format!(
        "    {when} set-var(txn.group) rand({span}),add({base}),map_int({file})
    use_backend %[var(txn.group)]
"
    )
}

/// What a rule does with a request that nothing before it took.
fn action(
    rendered: &mut Rendered,
    rule: &Rule,
    listener: &Listener,
    folder: &Path,
    number: usize,
) -> Result<String, Error> {
    Ok(match &rule.action {
        Share::Forward(_) => format!(
            "http-request set-var(txn.base) int({})",
            number as u64 * shares::SPAN
        ),
        Share::Redirect { status, location } => {
            format!(
                "http-request redirect location {} code {status}",
                self::location(location, listener.port)?
            )
        }
        Share::Fixed { status, body, .. } if body.is_empty() => {
            format!("http-request return status {status} hdr Server awselb/2.0")
        }
        Share::Fixed {
            status,
            content_type,
            body,
        } => {
            let name = format!("body-{number}");
            let file = folder.join(&name);
            rendered.bodies.push((name, body.clone()));
            let (file, kind) = (
                conditions::quote(&file.display().to_string())?,
                conditions::quote(content_type)?,
            );
            format!(
                "http-request return status {status} content-type {kind} file {file} hdr Server awselb/2.0"
            )
        }
    })
}

/// A redirect's location with `ELBv2`'s variables in the proxy's words (API type `RedirectActionConfig`).
fn location(location: &str, port: u16) -> Result<String, Error> {
    let escaped = location.replace('%', "%%").replace('[', "%5B");
    let words = [
        ("#{protocol}", "http".to_owned()),
        ("#{host}", "%[req.hdr(host),field(1,:)]".to_owned()),
        ("#{port}", port.to_string()),
        ("#{path}", "%[path,regsub(^/,)]".to_owned()),
        ("#{query}", "%[query]".to_owned()),
    ];
    conditions::quote(
        &words
            .into_iter()
            .fold(escaped, |text, (name, value)| text.replace(name, &value)),
    )
}

fn backends(text: &mut String, group: &TargetGroup) -> Result<(), Error> {
    let Probe {
        asks,
        port,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
    } = &group.probe;
    let port = port.map(|port| format!(" port {port}")).unwrap_or_default();
    let tls = match asks {
        Asks::Http {
            encrypted: true, ..
        } => " check-ssl verify none",
        _ => "",
    };
    let check = format!(
        "check{port}{tls} inter {interval_seconds}s rise {healthy_threshold} fall {unhealthy_threshold}"
    );
    let mut lines = vec![
        format!("backend {}", group.name),
        format!("    mode {}", mode(group.protocol)),
        format!("    timeout check {timeout_seconds}s"),
    ];
    if let Asks::Http { path, matcher, .. } = asks {
        let (path, matcher) = (conditions::quote(path)?, conditions::quote(matcher)?);
        lines.extend([
            "    option httpchk".to_owned(),
            format!(
                "    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host '%[srv_name,field(2,:)]:%[srv_name,field(3,:)]' hdr User-Agent ELB-HealthChecker/2.0"
            ),
            format!("    http-check expect status {matcher}"),
        ]);
    }
    lines.extend(
        group
            .targets
            .iter()
            .map(|target| format!("{} {check}", line(target, ""))),
    );
    lines.push("    option allbackups".to_owned());
    lines.extend(
        group
            .targets
            .iter()
            .map(|target| format!("{} backup", line(target, OPEN))),
    );
    writeln!(text, "{}", lines.join("\n")).map_err(|_| Error::Control(group.name.clone()))
}

fn mode(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "http",
        Protocol::Tcp => "tcp",
    }
}

fn line(target: &Target, prefix: &str) -> String {
    let weight = u8::from(!target.draining);
    let Target { address, port, .. } = target;
    format!(
        "    server {prefix}{} {address}:{port} weight {weight}",
        server(target)
    )
}
