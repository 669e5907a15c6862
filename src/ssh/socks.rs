//! Asking a SOCKS5 proxy for a connection (RFC 1928), with a user and a password where it wants them (RFC 1929).

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};

use crate::ssh::{ConnectError, Proxy, Target};

const VERSION: u8 = 5;
/// Of the sub-negotiation with a password.
const PASSWORD_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Turns a connection to the proxy into one to the target.
pub(super) fn ask(
    mut stream: TcpStream,
    proxy: &Proxy,
    target: &Target,
) -> Result<TcpStream, ConnectError> {
    let address = super::route::address(&proxy.host, proxy.port);
    let broken = |source| ConnectError::Unreachable {
        address: format!("{} through the proxy {address}", target.address()),
        source,
    };
    let refused = |why: &'static str| ConnectError::Proxy {
        address: address.clone(),
        why,
    };
    let limit = Some(target.connect_timeout);
    stream.set_read_timeout(limit).map_err(broken)?;
    match greet(&mut stream, proxy).map_err(broken)? {
        Greeting::Welcome => {}
        Greeting::Refused(why) => return Err(refused(why)),
    }
    match connect(&mut stream, &target.host, target.port).map_err(broken)? {
        0 => {}
        1 => return Err(broken(io::Error::other("the proxy failed"))),
        2 => return Err(refused("its rules do not allow the connection")),
        3 => return Err(broken(io::ErrorKind::NetworkUnreachable.into())),
        4 => return Err(broken(io::ErrorKind::HostUnreachable.into())),
        5 => return Err(broken(io::ErrorKind::ConnectionRefused.into())),
        6 => return Err(broken(io::ErrorKind::TimedOut.into())),
        _ => return Err(refused("it does not know how to connect there")),
    }
    stream.set_read_timeout(None).map_err(broken)?;
    Ok(stream)
}

enum Greeting {
    Welcome,
    Refused(&'static str),
}

fn greet(stream: &mut TcpStream, proxy: &Proxy) -> io::Result<Greeting> {
    let methods: &[u8] = match proxy.login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    stream.write_all(methods)?;
    let [version, method] = read(stream)?;
    if version != VERSION {
        return Ok(Greeting::Refused("it does not speak SOCKS5"));
    }
    match (method, &proxy.login) {
        (NO_LOGIN, _) => Ok(Greeting::Welcome),
        (PASSWORD, Some((user, password))) => {
            let mut words = vec![PASSWORD_VERSION];
            push(&mut words, user)?;
            push(&mut words, password)?;
            stream.write_all(&words)?;
            let [_, status] = read(stream)?;
            Ok(match status {
                0 => Greeting::Welcome,
                _ => Greeting::Refused("it does not accept the user and password"),
            })
        }
        _ => Ok(Greeting::Refused("it wants a login of another kind")),
    }
}

/// Asks for the connection; gives the proxy's answer.
fn connect(stream: &mut TcpStream, host: &str, port: u16) -> io::Result<u8> {
    let mut words = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            words.push(IPV4);
            words.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            words.push(IPV6);
            words.extend(address.octets());
        }
        Err(_) => {
            words.push(NAME);
            push(&mut words, host)?;
        }
    }
    words.extend(port.to_be_bytes());
    stream.write_all(&words)?;
    let [_, answer, _, kind] = read(stream)?;
    // The address that the proxy connects from follows, and is of no use here.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        _ => usize::from(read::<1>(stream)?[0]),
    };
    stream.read_exact(&mut vec![0; length + size_of::<u16>()])?;
    Ok(answer)
}

fn push(words: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len());
    words.push(length.map_err(|_| io::Error::other("SOCKS5 takes no more than 255 bytes"))?);
    words.extend(text.as_bytes());
    Ok(())
}

fn read<const COUNT: usize>(stream: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
