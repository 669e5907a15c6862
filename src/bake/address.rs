//! The address by which a build machine will see us, for the temporary security group.
//!
//! When it cannot be found out the bake refuses: a group open to everyone is never what is made instead.

use std::io;
use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

/// Answers with the caller's address and nothing else; Packer asks it for `temporary_security_group_source_public_ip` too.
const CHECK_IP: &str = "https://checkip.amazonaws.com/";
/// It answers in well under a second, or something is in the way.
const LIMIT: Duration = Duration::from_secs(10);
/// Connecting a UDP socket sends no packet, so that any port will do.
const DISCARD: u16 = 9;

/// Why our own address is not known.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("cannot ask {CHECK_IP} for this host's public address")]
    Ask(#[source] reqwest::Error),
    #[error("{CHECK_IP} answered {0:?}, which is no address")]
    Answer(String),
    #[error("cannot find the address by which this host reaches {host}")]
    Local {
        host: String,
        #[source]
        source: io::Error,
    },
}

/// The one address that reaches machines beside `endpoint`, as a CIDR block.
pub(super) async fn own_sources(endpoint: Option<&str>) -> Result<Vec<String>, AddressError> {
    let address = match endpoint.and_then(near) {
        Some(host) => local(&host)?,
        None => public().await?,
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    Ok(vec![format!("{address}/{bits}")])
}

/// The host of an endpoint when it is near: an address of this host or of a private network. AWS's own interface
/// endpoints have names, and behind them the machines still see our public address or none.
fn near(endpoint: &str) -> Option<String> {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let near = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => host == "localhost",
    };
    near.then(|| host.to_owned())
}

fn local(host: &str) -> Result<IpAddr, AddressError> {
    let find = || {
        let far = (host, DISCARD).to_socket_addrs()?.next();
        let far = far.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let any = if far.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(far)?;
        Ok(socket.local_addr()?.ip())
    };
    find().map_err(|source| AddressError::Local {
        host: host.to_owned(),
        source,
    })
}

async fn public() -> Result<IpAddr, AddressError> {
    let ask = async {
        let client = reqwest::Client::builder().timeout(LIMIT).build()?;
        let answer = client.get(CHECK_IP).send().await?.error_for_status()?;
        answer.text().await
    };
    let text = ask.await.map_err(AddressError::Ask)?;
    let text = text.trim();
    text.parse()
        .map_err(|_| AddressError::Answer(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_beside_us_are_near() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:5000", Some("127.0.0.1")),
            ("http://10.83.0.1:4566/path", Some("10.83.0.1")),
            ("http://[::1]:5000/", Some("::1")),
            ("http://localhost:5000", Some("localhost")),
            ("https://ec2.eu-central-1.amazonaws.com", None),
            ("https://203.0.113.7", None),
        ] {
            assert_eq!(near(endpoint).as_deref(), expected, "{endpoint}");
        }
    }

    #[tokio::test]
    async fn beside_this_host_we_are_the_loopback() {
        let sources = own_sources(Some("http://127.0.0.1:5000")).await.unwrap();
        assert_eq!(sources, ["127.0.0.1/32"]);
    }
}
