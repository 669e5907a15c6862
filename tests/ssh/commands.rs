use std::time::Duration;

use kiln::ssh::{Chunk, Command, Error, Exit, Remote, Silent, Stdin, Stream, connect};

use super::server::Server;

async fn lines(remote: &impl Remote, text: &str) -> (Exit, Vec<(Stream, String)>) {
    let mut seen = Vec::new();
    let mut output = |stream, line: &str| seen.push((stream, line.to_owned()));
    let exit = remote.run(Command::new(text), &mut output).await.unwrap();
    (exit, seen)
}

#[tokio::test]
async fn output_comes_by_line_and_by_stream() {
    let server = Server::start();
    let session = server.connect().await;
    let (exit, seen) = lines(&session, "echo one; echo zwei ü >&2; printf three").await;
    assert_eq!(exit, Exit::Code(0));
    let of = |stream| -> Vec<&str> {
        let of = seen.iter().filter(move |(from, _)| *from == stream);
        of.map(|(_, line)| line.as_str()).collect()
    };
    assert_eq!(of(Stream::Out), ["one", "three"]);
    assert_eq!(of(Stream::Err), ["zwei ü"]);
}

#[tokio::test]
async fn lines_arrive_while_the_command_runs() {
    let server = Server::start();
    let session = server.connect().await;
    // It ends only when it is answered, and it is answered only when its line was seen.
    let fifo = server.folder.path().join("answer");
    let text = format!("mkfifo {0}; echo ready; cat {0}", fifo.display());
    let mut seen = Vec::new();
    let mut output = |_: Stream, line: &str| {
        if line == "ready" {
            std::fs::write(&fifo, "answered\n").unwrap();
        }
        seen.push(line.to_owned());
    };
    session.run(Command::new(text), &mut output).await.unwrap();
    assert_eq!(seen, ["ready", "answered"]);
}

#[tokio::test]
async fn exits() {
    let server = Server::start();
    let session = server.connect().await;
    for code in [0, 1, 77, 255] {
        assert_eq!(
            lines(&session, &format!("exit {code}")).await.0,
            Exit::Code(code)
        );
    }
    let (exit, seen) = lines(&session, "echo last words; kill -TERM $$").await;
    assert_eq!(exit, Exit::Signal("TERM".into()));
    assert_eq!(seen, [(Stream::Out, "last words".to_owned())]);
}

#[tokio::test]
async fn a_failed_capture_quotes_what_the_command_said() {
    let server = Server::start();
    let session = server.connect().await;
    let error = session
        .capture(Command::new("ls /nowhere"))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/nowhere': No such file"), "{text}");
    assert!(text.contains("exit code 2"), "{text}");
}

#[tokio::test]
async fn large_output_on_both_streams() {
    let server = Server::start();
    let session = server.connect().await;
    let text = "head -c 20000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait";
    let (mut out, mut err) = (0, 0);
    let exit = session
        .exec(Command::new(text), &mut |chunk| match chunk {
            Chunk::Data(Stream::Out, bytes) => out += bytes.len(),
            Chunk::Data(Stream::Err, bytes) => err += bytes.len(),
            Chunk::Sent { .. } => {}
        })
        .await
        .unwrap();
    assert_eq!((exit, out, err), (Exit::Code(0), 20_000_000, 5_000_000));
}

#[tokio::test]
async fn large_input_and_output_at_once() {
    let server = Server::start();
    let session = server.connect().await;
    let content: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    let command = Command::new("tee /dev/stderr").stdin(Stdin::Bytes(content.clone()));
    let (mut out, mut err, mut sent) = (Vec::new(), 0, 0);
    session
        .exec(command, &mut |chunk| match chunk {
            Chunk::Data(Stream::Out, bytes) => out.extend_from_slice(bytes),
            Chunk::Data(Stream::Err, bytes) => err += bytes.len(),
            Chunk::Sent { bytes, total } => {
                assert_eq!(total, Some(8_000_000));
                sent = bytes;
            }
        })
        .await
        .unwrap();
    assert!(out == content, "the bytes came back changed");
    assert_eq!((err, sent), (content.len(), 8_000_000));
}

#[tokio::test]
async fn a_command_need_not_read_its_input() {
    let server = Server::start();
    let session = server.connect().await;
    let command = Command::new("exit 3").stdin(Stdin::Bytes(vec![0; 30_000_000]));
    let exit = session.exec(command, &mut |_| {}).await.unwrap();
    assert_eq!(exit, Exit::Code(3));
    assert_eq!(lines(&session, "exit 4").await.0, Exit::Code(4));
}

#[tokio::test]
async fn a_command_beyond_its_limit_is_given_up_and_the_session_goes_on() {
    let server = Server::start();
    let session = server.connect().await;
    // Long enough for a busy machine to start the shell.
    let limit = Duration::from_secs(2);
    let command = Command::new("echo begun; exec sleep 600").timeout(Some(limit));
    let mut seen = Vec::new();
    let mut output = |_: Stream, line: &str| seen.push(line.to_owned());
    let error = session.run(command, &mut output).await.unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { after } if after == limit),
        "{error}"
    );
    assert_eq!(seen, ["begun"]);
    assert_eq!(lines(&session, "exit 4").await.0, Exit::Code(4));
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_given_up() {
    let server = Server::start();
    let session = server.connect().await;
    let patience = Duration::from_millis(200);
    let mut silent = Silent;
    let waiting = session.run(Command::new("sleep 600"), &mut silent);
    tokio::time::timeout(patience, waiting).await.unwrap_err();
    assert_eq!(lines(&session, "exit 4").await.0, Exit::Code(4));
}

#[tokio::test]
async fn commands_given_at_once_all_run() {
    let server = Server::start();
    let session = server.connect().await;
    let runs = (1..=12).map(|code| {
        let session = &session;
        async move { lines(session, &format!("exit {code}")).await.0 }
    });
    let exits = futures_util::future::join_all(runs).await;
    let expected: Vec<_> = (1..=12).map(Exit::Code).collect();
    assert_eq!(exits, expected);
}

#[tokio::test]
async fn a_terminal_only_where_it_is_allowed_and_wanted() {
    let server = Server::start();
    let mut target = server.target();
    target.terminal = true;
    let session = connect(target).await.unwrap();
    let text = "test -t 1 && echo terminal || echo none";
    let out = session
        .capture(Command::new(text).terminal())
        .await
        .unwrap();
    assert_eq!(out, b"terminal\r\n");
    assert_eq!(
        session.capture(Command::new(text)).await.unwrap(),
        b"none\n"
    );
    let plain = server.connect().await;
    let out = plain.capture(Command::new(text).terminal()).await.unwrap();
    assert_eq!(out, b"none\n");
}
