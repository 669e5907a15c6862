//! Ways to a machine that is not reached straight: bastions, SOCKS proxies; and tunnels on the way.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use kiln::ssh::{
    Auth, Command, ConnectError, HostKeys, Proxy, Remote, Route, Silent, Stdin, Target, Tunnel,
    Verdict, connect,
};

use super::proving::Agent;
use super::server::{Server, free_port, write_key};
use super::stub::Socks;

/// A `known_hosts` file in the server's folder that has its key.
fn known_hosts(server: &Server) -> PathBuf {
    let file = server.folder.path().join("known_hosts");
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key.line());
    fs::write(&file, line).unwrap();
    file
}

/// The machine, reached through the bastion only as far as the target knows.
fn through(bastion: &Server, machine: &Server) -> Target {
    let mut hop = bastion.target();
    hop.host_keys = HostKeys::Files(vec![known_hosts(bastion)]);
    let mut target = machine.target();
    target.route = Route::Bastion(Box::new(hop));
    target
}

#[tokio::test]
async fn a_bastion_leads_to_the_machine_and_carries_much() {
    let (bastion, machine) = (Server::start(), Server::start());
    let session = connect(through(&bastion, &machine)).await.unwrap();
    assert_eq!(session.host_key().line(), machine.host_key.line());
    let path = machine.folder.path().join("much");
    let content: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_be_bytes()[3]).collect();
    let stdin = Stdin::Bytes(content.clone());
    session
        .upload(stdin, path.to_str().unwrap(), 0o600, &mut Silent)
        .await
        .unwrap();
    assert!(fs::read(&path).unwrap() == content);
    let mut back = Vec::new();
    session
        .download(path.to_str().unwrap(), &mut back)
        .await
        .unwrap();
    assert!(back == content);
    session.close().await;
}

#[tokio::test]
async fn an_agent_opens_the_bastion() {
    let (bastion, machine) = (Server::start(), Server::start());
    let agent = Agent::start(bastion.folder.path());
    let key = bastion.folder.path().join("client");
    write_key(&key, &bastion.client.private().unwrap());
    agent.add(&key);
    let mut target = through(&bastion, &machine);
    let Route::Bastion(hop) = &mut target.route else {
        unreachable!()
    };
    hop.auth = Auth::Agent {
        socket: Some(agent.socket.clone()),
    };
    let session = connect(target).await.unwrap();
    assert_eq!(
        session.capture(Command::new("echo in")).await.unwrap(),
        b"in\n"
    );
}

#[tokio::test]
async fn an_unknown_bastion_is_not_trusted_and_says_what_to_write_where() {
    let (bastion, machine) = (Server::start(), Server::start());
    let mut target = through(&bastion, &machine);
    let file = bastion.folder.path().join("known_hosts");
    let right = fs::read_to_string(&file).unwrap();
    fs::write(&file, "").unwrap();
    let error = connect(target.clone()).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Never);
    let ConnectError::Bastion { source, .. } = &error else {
        panic!("{error:?}")
    };
    let said = source.to_string();
    assert!(said.contains(right.trim()), "{said}");
    assert!(said.contains(&bastion.host_key.fingerprint()), "{said}");
    assert!(said.contains(file.to_str().unwrap()), "{said}");

    let other = right.replace(&bastion.host_key.line(), &machine.host_key.line());
    fs::write(&file, other).unwrap();
    let error = connect(target.clone()).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Bastion { source, .. }
            if matches!(**source, ConnectError::WrongHostKey { known: 1, .. })),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Verdict::Never);

    fs::write(&file, right).unwrap();
    target.port = free_port();
    let error = connect(target).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Verdict::NotYet, "the machine still boots");
}

#[tokio::test]
async fn who_the_bastion_does_not_let_in_never_gets_through() {
    let (bastion, machine) = (Server::start(), Server::start());
    let mut target = through(&bastion, &machine);
    let Route::Bastion(hop) = &mut target.route else {
        unreachable!()
    };
    hop.auth = machine.target().auth;
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Bastion { .. }), "{error:?}");
    assert_eq!(error.verdict(), Verdict::Never);
}

#[tokio::test]
async fn a_proxy_with_and_without_a_login() {
    let machine = Server::start();
    for login in [None, Some(("me".to_owned(), "pass word".to_owned()))] {
        let socks = Socks::start(login.clone());
        let proxy = |login| Proxy {
            host: "127.0.0.1".to_owned(),
            port: socks.port,
            login,
        };
        let mut target = machine.target();
        target.route = Route::Proxy(proxy(login.clone()));
        // A name of the proxy's network: it is the proxy that resolves it.
        target.host = "machine.of-the-proxy".to_owned();
        let session = connect(target.clone()).await.unwrap();
        assert_eq!(
            session.capture(Command::new("echo in")).await.unwrap(),
            b"in\n"
        );
        session.close().await;
        if login.is_none() {
            continue;
        }
        for wrong in [None, Some(("me".to_owned(), "wrong".to_owned()))] {
            target.route = Route::Proxy(proxy(wrong));
            let error = connect(target.clone()).await.unwrap_err();
            assert!(matches!(error, ConnectError::Proxy { .. }), "{error:?}");
            assert_eq!(error.verdict(), Verdict::Never);
        }
        target.route = Route::Proxy(proxy(login));
        target.port = free_port();
        let error = connect(target).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Unreachable { .. }),
            "{error:?}"
        );
        assert_eq!(error.verdict(), Verdict::NotYet);
    }
}

/// Sends back what it gets, reversed, to whoever ends the sending.
fn reverser() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            all.reverse();
            stream.write_all(&all).unwrap();
        }
    });
    port
}

fn ask(port: u16, content: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(content).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

/// A process that another test is about to start holds the listener open until it has begun, so that a connection may come
/// about; but nothing comes of it.
fn nobody_serves(port: u16) -> bool {
    let mut answer = Vec::new();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return true;
    };
    let asked = stream
        .write_all(b"anybody?")
        .and_then(|()| stream.shutdown(Shutdown::Write));
    asked
        .and_then(|()| stream.read_to_end(&mut answer))
        .is_err()
        || answer.is_empty()
}

#[tokio::test]
async fn tunnels_lead_both_ways_as_long_as_the_session_lives() {
    let machine = Server::start();
    let far = reverser();
    let (local, remote) = (free_port(), free_port());
    let here = |port| ("127.0.0.1".to_owned(), port);
    let mut target = machine.target();
    target.tunnels = vec![
        Tunnel::Local {
            listen: here(local),
            to: here(far),
        },
        Tunnel::Remote {
            listen: here(remote),
            to: here(far),
        },
    ];
    let session = connect(target.clone()).await.unwrap();
    for port in [local, remote] {
        let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_be_bytes()[3]).collect();
        let mut expected = content.clone();
        expected.reverse();
        let got = tokio::task::spawn_blocking(move || ask(port, &content))
            .await
            .unwrap();
        assert!(got == expected, "{}", got.len());
    }
    // Commands go on beside them.
    assert_eq!(
        session.capture(Command::new("echo in")).await.unwrap(),
        b"in\n"
    );
    session.close().await;
    assert!(nobody_serves(local));
    // Their ports are free again for the next session.
    let again = connect(target.clone()).await.unwrap();
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tunnel { .. }), "{error:?}");
    assert_eq!(error.verdict(), Verdict::Never);
    again.close().await;
}
