//! Checks that ask neither the load balancer nor the cloud: a Prometheus server, and a person.

use super::super::late::Late;
use super::Bound;
use serde::Serialize;
use std::fmt;

/// A query to a Prometheus server, against a number. Late data as of any check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrometheusCheck {
    pub server: Server,
    pub query: Late,
    pub bound: Bound,
    #[serde(skip)]
    pub login: Option<Login>,
}

/// Where a server is, as its URL says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// Below which its API is; without a slash at the end.
    pub path: String,
}

/// How kiln says to a server who it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    Basic { username: Late, password: Late },
    Bearer(Late),
}

impl Server {
    /// Reads `http://host[:port][/path]` or `https://…`. Errors with what is wrong with it.
    pub fn read(url: &str) -> Result<Self, &'static str> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err("it begins with `http://` or `https://`");
        };
        if rest.contains(['?', '#']) {
            return Err("it has no query: that stands under `query`");
        }
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err("it has no login: that stands under `basic` or `bearer`");
        }
        let (host, port) = match place.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| "its port is no number")?)
            }
            _ => (place, if tls { 443 } else { 80 }),
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err("it names no host");
        }
        let path = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}
