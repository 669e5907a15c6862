//! The supervisor's control socket, for root alone: one command a connection, one line of answer.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::{Config, Error, Trouble};

/// What may be asked of a supervisor, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    Status,
    Reset,
    Stop,
    Trouble(Trouble),
}

/// A command and where its answer goes.
pub(super) type Order = (Command, oneshot::Sender<String>);

/// Asks the supervisor and waits for its answer; it answers nothing before it is ready.
pub(super) async fn ask(config: &Config, command: &Command) -> Result<String, Error> {
    let path = config.control();
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(Error::Down);
        }
        Err(error) => return Err(Error::file(path)(error)),
    };
    let mut answer = String::new();
    let exchange = async {
        let line = serde_json::to_string(command)? + "\n";
        stream.write_all(line.as_bytes()).await?;
        BufReader::new(&mut stream).read_line(&mut answer).await
    };
    match exchange.await {
        Ok(0) | Err(_) => Err(Error::Supervisor("ended before it answered".to_owned())),
        Ok(_) => Ok(answer),
    }
}

/// Opens the socket.
pub(super) fn listen(config: &Config) -> Result<UnixListener, Error> {
    let path = config.control();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::file(path)(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(Error::file(path.clone()))?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(Error::file(path))?;
    Ok(listener)
}

/// Passes every command on, and every answer back.
pub(super) async fn serve(listener: UnixListener, orders: mpsc::Sender<Order>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let orders = orders.clone();
        connections.spawn(async move {
            if let Err(error) = pass(stream, orders).await {
                tracing::debug!(%error, "a control connection broke");
            }
        });
    }
}

async fn pass(mut stream: UnixStream, orders: mpsc::Sender<Order>) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).await?;
    let command = serde_json::from_str(&line)?;
    let (sender, answer) = oneshot::channel();
    orders
        .send((command, sender))
        .await
        .map_err(io::Error::other)?;
    let answer = answer.await.map_err(io::Error::other)?;
    stream.write_all(format!("{answer}\n").as_bytes()).await
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn a_command_finds_its_answer_and_a_closed_socket_says_down() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            run: folder.path().to_owned(),
            ..Config::new("kilnx", Path::new("kiln"))
        };
        assert!(matches!(
            ask(&config, &Command::Status).await,
            Err(Error::Down)
        ));
        let listener = listen(&config).unwrap();
        let (orders, mut inbox) = mpsc::channel::<Order>(1);
        let answering = async {
            let (command, answer) = inbox.recv().await.unwrap();
            assert_eq!(command, Command::Reset);
            answer.send("done".to_owned()).unwrap();
        };
        let asking = ask(&config, &Command::Reset);
        let (answer, ()) = tokio::select! {
            both = async { tokio::join!(asking, answering) } => both,
            () = serve(listener, orders) => panic!("the socket closed"),
        };
        assert_eq!(answer.unwrap(), "done\n");
    }
}
