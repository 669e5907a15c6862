use std::time::Duration;

use kiln::ssh::{Command, Error, Remote, Stdin, Stream, connect};
use tokio::time::Instant;

use super::server::Server;
use super::stub::Relay;

#[tokio::test]
async fn a_connection_that_breaks_is_lost() {
    let server = Server::start();
    let session = server.connect().await;
    // The shell's parent is the server's own process for this connection.
    let mut seen = Vec::new();
    let mut output = |_: Stream, line: &str| seen.push(line.to_owned());
    let error = session
        .run(Command::new("kill -9 $PPID; sleep 600"), &mut output)
        .await
        .unwrap_err();
    assert!(error.is_lost(), "{error:?}");
    let again = session
        .capture(Command::new("echo again"))
        .await
        .unwrap_err();
    assert!(again.is_lost(), "{again:?}");
    server
        .connect()
        .await
        .capture(Command::new("echo new"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_peer_that_goes_silent_is_noticed() {
    let server = Server::start();
    let relay = Relay::start(server.port);
    relay.open();
    let mut target = server.target();
    target.port = relay.port;
    target.keep_alive = Some(Duration::from_millis(200));
    target.silence = Some(Duration::from_millis(600));
    let session = connect(target).await.unwrap();
    let began = Instant::now();
    let mut output = |_: Stream, line: &str| {
        assert_eq!(line, "begun");
        relay.freeze();
    };
    let command = Command::new("echo begun; exec sleep 600");
    let error = session.run(command, &mut output).await.unwrap_err();
    assert!(matches!(error, Error::Silent { .. }), "{error:?}");
    assert!(error.is_lost());
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// Many at once, since an answer that came just after the look for it, and before libssh2's own, once went unnoticed.
#[tokio::test]
async fn quiet_commands_are_not_silent_peers() {
    let server = Server::start_with("MaxStartups 100");
    let quiet = async || {
        let mut target = server.target();
        // Keep-alive answers are the only signs of life: libssh2 asks every 2 s at the most often, and a busy host is late.
        target.keep_alive = Some(Duration::from_secs(2));
        target.silence = Some(Duration::from_secs(6));
        let session = connect(target).await.unwrap();
        let command = Command::new("sleep 8; echo awake");
        session.capture(command).await.unwrap()
    };
    let outputs = futures_util::future::join_all((0..24).map(|_| quiet())).await;
    assert!(outputs.iter().all(|out| out == b"awake\n"), "{outputs:?}");
}

#[tokio::test]
async fn an_upload_into_silence_ends() {
    let server = Server::start();
    let relay = Relay::start(server.port);
    relay.open();
    let mut target = server.target();
    target.port = relay.port;
    target.keep_alive = Some(Duration::from_millis(200));
    target.silence = Some(Duration::from_millis(600));
    let session = connect(target).await.unwrap();
    let endless = Stdin::Reader {
        reader: Box::new(std::io::repeat(7)),
        total: None,
    };
    let mut frozen = false;
    let error = session
        .exec(Command::new("cat > /dev/null").stdin(endless), &mut |_| {
            if !frozen {
                relay.freeze();
                frozen = true;
            }
        })
        .await
        .unwrap_err();
    assert!(error.is_lost(), "{error:?}");
}

#[tokio::test]
async fn a_closed_session_says_so() {
    let server = Server::start();
    let session = server.connect().await;
    session.close().await;
    let error = session.capture(Command::new("true")).await.unwrap_err();
    assert!(error.is_lost(), "{error:?}");
    session.close().await;
}

#[tokio::test]
async fn without_keep_alive_a_quiet_machine_is_waited_for() {
    let server = Server::start();
    for (silence, ends) in [(None, false), (Some(Duration::from_millis(300)), true)] {
        let relay = Relay::start(server.port);
        relay.open();
        let mut target = server.target();
        target.port = relay.port;
        target.keep_alive = None;
        target.silence = silence;
        let session = connect(target).await.unwrap();
        relay.freeze();
        let command = session.capture(Command::new("echo lost on the way"));
        let done = tokio::time::timeout(Duration::from_secs(2), command).await;
        assert_eq!(done.is_ok(), ends, "{silence:?}");
        if let Ok(result) = done {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Silent { .. }), "{error}");
        }
    }
}
