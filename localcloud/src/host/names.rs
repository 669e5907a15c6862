//! The name server's sockets: packets by datagrams and by streams. What a packet means is `wire`'s business.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::wire::Way;

use super::pulse::Question;

/// The longest query by datagram that is read.
const LONGEST: usize = 4096;
/// How many streams are served at a time, and how long one may be silent.
const STREAMS: usize = 64;
const SILENCE: Duration = Duration::from_secs(10);

/// An address at which names are answered.
#[derive(Debug)]
pub(super) struct Sockets {
    datagrams: UdpSocket,
    streams: TcpListener,
}

/// Opens the sockets.
///
/// # Errors
/// Another name server of this host has the address.
pub(super) async fn listen(address: SocketAddr) -> io::Result<Sockets> {
    Ok(Sockets {
        datagrams: UdpSocket::bind(address).await?,
        streams: TcpListener::bind(address).await?,
    })
}

/// Answers until it is told to stop.
pub(super) async fn serve(
    sockets: Sockets,
    questions: mpsc::Sender<Question>,
    stop: CancellationToken,
) {
    let Sockets { datagrams, streams } = sockets;
    tokio::select! {
        () = by_datagrams(&datagrams, &questions) => {}
        () = by_streams(&streams, &questions) => {}
        () = stop.cancelled() => {}
    }
}

async fn by_datagrams(socket: &UdpSocket, questions: &mpsc::Sender<Question>) {
    let mut buffer = [0; LONGEST];
    loop {
        let (length, asker) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "no packet");
                continue;
            }
        };
        let packet = buffer[..length].to_vec();
        let Some(answer) = ask(questions, packet, Way::Datagram).await else {
            continue;
        };
        if let Err(error) = socket.send_to(&answer, asker).await {
            tracing::debug!(%error, "the asker went away");
        }
    }
}

async fn by_streams(listener: &TcpListener, questions: &mpsc::Sender<Question>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = open.join_next() => {}
            accepted = listener.accept(), if open.len() < STREAMS => match accepted {
                Ok((stream, _)) => {
                    open.spawn(stream_of(stream, questions.clone()));
                }
                Err(error) => tracing::debug!(%error, "no stream"),
            },
        }
    }
}

async fn stream_of(mut stream: TcpStream, questions: mpsc::Sender<Question>) {
    while let Ok(Ok(packet)) = timeout(SILENCE, read(&mut stream)).await {
        let Some(answer) = ask(&questions, packet, Way::Stream).await else {
            return;
        };
        if write(&mut stream, &answer).await.is_err() {
            return;
        }
    }
}

/// A packet with its length before it.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut packet = vec![0; length.into()];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn write(stream: &mut TcpStream, packet: &[u8]) -> io::Result<()> {
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    let whole = [&length.to_be_bytes(), packet].concat();
    stream.write_all(&whole).await
}

async fn ask(questions: &mpsc::Sender<Question>, packet: Vec<u8>, way: Way) -> Option<Vec<u8>> {
    let (sender, receiver) = oneshot::channel();
    let question = Question::Name(packet, way, sender);
    questions.send(question).await.ok()?;
    receiver.await.ok()?
}
