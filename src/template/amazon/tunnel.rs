//! Tunnels as OpenSSH's `-L` and `-R` write them: `[address:]port:host:port`, an IPv6 address in brackets.

use super::super::bake::Tunnel;
use super::super::options::Options;
use crate::source::{Diagnostic, Spanned};

/// Where a tunnel without an address listens.
const LOOPBACK: &str = "127.0.0.1";

/// Reads a list of tunnels; those that cannot be read are reported.
pub(super) fn read(options: &Options<'_>, name: &str) -> Vec<Tunnel> {
    let texts = options.list(name);
    let read = |text: &Spanned<String>| {
        let tunnel = parse(&text.value);
        if tunnel.is_none() {
            let message = format!("`{name}` has no tunnel in `{text}`");
            options.report(
                Diagnostic::error("template::wrong_value", message)
                    .at_value(text, "this tunnel")
                    .help(
                        "write `PORT:HOST:PORT` or `ADDRESS:PORT:HOST:PORT`, as `ssh -L` takes it",
                    ),
            );
        }
        tunnel
    };
    texts.iter().filter_map(read).collect()
}

fn parse(text: &str) -> Option<Tunnel> {
    let mut words = split(text)?;
    let to_port = words.pop()?.parse().ok()?;
    let to_host = words.pop()?;
    let listen_port = words.pop()?.parse().ok()?;
    let listen_host = words.pop().unwrap_or_else(|| LOOPBACK.to_owned());
    let whole = words.is_empty() && !to_host.is_empty() && !listen_host.is_empty() && to_port != 0;
    whole.then_some(Tunnel {
        listen: (listen_host, listen_port),
        to: (to_host, to_port),
    })
}

/// Splits at colons that are not within brackets, and takes the brackets off.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut within = false;
    for sign in text.chars() {
        match sign {
            '[' if !within => within = true,
            ']' if within => within = false,
            ':' if !within => words.push(String::new()),
            sign => words.last_mut()?.push(sign),
        }
    }
    (!within).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_as_openssh_writes_them() {
        let tunnel = |listen: &str, a, to: &str, b| {
            Some(Tunnel {
                listen: (listen.to_owned(), a),
                to: (to.to_owned(), b),
            })
        };
        assert_eq!(parse("8080:db:5432"), tunnel(LOOPBACK, 8080, "db", 5432));
        assert_eq!(parse("0.0.0.0:80:h:81"), tunnel("0.0.0.0", 80, "h", 81));
        assert_eq!(
            parse("[::1]:80:[fe80::1]:81"),
            tunnel("::1", 80, "fe80::1", 81)
        );
        for bad in [
            "",
            "80",
            "80:h",
            "80:h:x",
            "a:80:h:81:1",
            "80::81",
            "70000:h:1",
            "[80:h:1",
            "1:h:0",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
