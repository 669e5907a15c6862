use std::time::Duration;

use kiln::ssh::{
    Auth, Command, ConnectError, HostKey, HostKeys, Known, Remote, Verdict, connect, keys,
};
use tokio::time::Instant;

use super::server::{Server, free_port, write_key};
use super::stub::{Mute, Relay};

#[tokio::test]
async fn a_known_host_key_is_accepted_and_another_one_is_never() {
    let server = Server::start();
    let session = server.connect().await;
    assert_eq!(session.host_key().line(), server.host_key.line());

    let mut target = server.target();
    let other = HostKey::parse(keys::generate("x").unwrap().public()).unwrap();
    target.host_keys = HostKeys::Known(vec![Known::Key(other)]);
    let error = connect(target).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::WrongHostKey { known: 1, .. }),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::Never);
    assert!(
        error.to_string().contains(&server.host_key.fingerprint()),
        "{error}"
    );
}

#[tokio::test]
async fn no_known_key_means_no_server() {
    let server = Server::start();
    let mut target = server.target();
    target.host_keys = HostKeys::Known(vec![]);
    let error = connect(target).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Never, "{error}");
}

#[tokio::test]
async fn a_pinned_key_holds_for_the_next_connection() {
    let server = Server::start();
    let mut target = server.target();
    target.host_keys = HostKeys::PinFirst;
    let first = connect(target.clone()).await.unwrap();
    target.host_keys = HostKeys::Known(vec![Known::Key(first.host_key().clone())]);
    connect(target.clone()).await.unwrap();

    let impostor = Server::start();
    target.port = impostor.port;
    let error = connect(target).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::WrongHostKey { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_server_is_asked_for_the_kind_of_key_that_is_known() {
    let keys = tempfile::tempdir().unwrap();
    let path = keys.path().join("ecdsa");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ecdsa", "-N", "", "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let server = Server::start_with(&format!("HostKey {}", path.display()));
    let line = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let known = HostKey::parse(&line).unwrap();
    let mut target = server.target();
    target.host_keys = HostKeys::Known(vec![Known::Key(known.clone())]);
    let session = connect(target).await.unwrap();
    assert_eq!(session.host_key().fingerprint(), known.fingerprint());
}

#[tokio::test]
async fn a_refused_key_may_be_accepted_later() {
    let server = Server::start();
    let mut target = server.target();
    target.auth = Auth::Memory {
        private_key: keys::generate("other").unwrap().private().unwrap(),
    };
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
    assert_eq!(error.verdict(), Verdict::NotYet);
}

#[tokio::test]
async fn keys_from_files() {
    let server = Server::start();
    let path = server.folder.path().join("client");
    let file = |path: &std::path::Path| Auth::File {
        path: path.to_owned(),
        passphrase: None,
        certificate: None,
    };
    let mut target = server.target();
    target.auth = file(&path);
    let error = connect(target.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::KeyFile { .. }), "{error}");
    assert_eq!(error.verdict(), Verdict::Never);

    write_key(&path, "no key at all\n");
    let error = connect(target.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::BadKey { .. }), "{error:?}");
    assert_eq!(error.verdict(), Verdict::Never);

    write_key(&path, &server.client.private().unwrap());
    connect(target).await.unwrap();
}

#[tokio::test]
async fn keys_in_pem_as_ec2_makes_them() {
    let server = Server::start();
    let path = server.folder.path().join("rsa");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::copy(
        path.with_extension("pub"),
        server.folder.path().join("authorized"),
    )
    .unwrap();
    let mut target = server.target();
    target.auth = Auth::Memory {
        private_key: std::fs::read_to_string(&path).unwrap(),
    };
    let session = connect(target).await.unwrap();
    assert_eq!(
        session.capture(Command::new("echo in")).await.unwrap(),
        b"in\n"
    );
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::start();
    let mut target = server.target();
    target.port = free_port();
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert_eq!(error.verdict(), Verdict::NotYet);
}

#[tokio::test]
async fn a_server_without_a_banner_times_out() {
    let (server, mute) = (Server::start(), Mute::start());
    let mut target = server.target();
    target.port = mute.port();
    target.handshake_timeout = Duration::from_millis(300);
    let began = Instant::now();
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error}");
    assert_eq!(error.verdict(), Verdict::NotYet);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_late_banner_is_waited_for() {
    let server = Server::start();
    let relay = Relay::start(server.port);
    let mut target = server.target();
    target.port = relay.port;
    let connecting = connect(target);
    tokio::pin!(connecting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut connecting).await;
    assert!(early.is_err(), "connected through a closed relay");
    relay.open();
    let session = connecting.await.unwrap();
    assert_eq!(
        session.capture(Command::new("echo in")).await.unwrap(),
        b"in\n"
    );
}
