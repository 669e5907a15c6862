use kiln::ssh::{Command, ConnectError, Error, Lasting, Remote, connect};

use super::server::Server;

/// The shell's parent is the server's own process for this connection.
const CUT: &str = "kill -9 $PPID; sleep 600";

#[tokio::test]
async fn a_lost_session_is_made_anew() {
    let server = Server::start();
    let target = server.target();
    let machine = Lasting::new(connect(target.clone()).await.unwrap(), target);
    let error = machine.capture(Command::new(CUT)).await.unwrap_err();
    assert!(error.is_lost() && !error.is_unreachable(), "{error:?}");
    assert_eq!(
        machine.capture(Command::new("echo in")).await.unwrap(),
        b"in\n"
    );
    machine.close().await;
}

#[tokio::test]
async fn the_same_machine_must_come_back() {
    let (server, impostor) = (Server::start(), Server::start());
    let session = server.connect().await;
    let mut target = server.target();
    target.port = impostor.port;
    let machine = Lasting::new(session, target);
    machine.capture(Command::new(CUT)).await.unwrap_err();
    let error = machine.capture(Command::new("true")).await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable(ConnectError::WrongHostKey { .. })),
        "{error:?}"
    );
    assert!(!error.is_unreachable(), "no use in trying again");
}

#[tokio::test]
async fn a_machine_that_is_still_away_may_come_later() {
    let server = Server::start();
    let target = server.target();
    let machine = Lasting::new(connect(target.clone()).await.unwrap(), target);
    machine.capture(Command::new(CUT)).await.unwrap_err();
    drop(server);
    let error = machine.capture(Command::new("true")).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
}
