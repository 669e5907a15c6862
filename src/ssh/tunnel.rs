//! Tunnels of a session: on a connection of their own beside it, so that neither holds up the other.

use std::io;
use std::time::Duration;

use ssh2::Listener;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::ssh::carrier::{Carrier, Door};
use crate::ssh::connect::establish;
use crate::ssh::worker::Wire;
use crate::ssh::{ConnectError, Error, Target};

/// A session before this one may still be letting go of its ports, as after a reboot of the machine.
const TAKEN: Duration = Duration::from_secs(3);
/// How often to try meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// Connections to `listen` are carried to `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// We listen, and the machine reaches the other end.
    Local {
        listen: (String, u16),
        to: (String, u16),
    },
    /// The machine listens, and we reach the other end.
    Remote {
        listen: (String, u16),
        to: (String, u16),
    },
}

/// A session's tunnels; they end with it.
#[derive(Debug)]
pub(super) struct Tunnels {
    /// Dropped to say that it is over.
    stop: oneshot::Sender<()>,
    /// Nothing ever comes; its end is the thread's.
    ended: mpsc::Receiver<()>,
}

impl Tunnels {
    /// Opens what the target asks for.
    pub async fn open(target: &Target) -> Result<Option<Self>, ConnectError> {
        if target.tunnels.is_empty() {
            return Ok(None);
        }
        let target = target.clone();
        let (greet, greeting) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel(1);
        std::thread::Builder::new()
            .name(format!("tunnels {}", target.host))
            .spawn(move || {
                serve(&target, greet, stopped);
                drop(end);
            })
            .map_err(ConnectError::Local)?;
        let died = |_| ConnectError::Local(io::Error::other("the tunnels' thread died"));
        greeting.await.map_err(died)??;
        Ok(Some(Self { stop, ended }))
    }

    /// Ends them and waits until their ports are free.
    pub async fn close(mut self) {
        drop(self.stop);
        // Nobody sends anything: it ends with what holds the other side.
        let _: Option<()> = self.ended.recv().await;
    }
}

fn serve(
    target: &Target,
    greet: oneshot::Sender<Result<(), ConnectError>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let opened = runtime.map_err(ConnectError::Local).and_then(|runtime| {
        let connection = establish(target)?;
        let carrier = runtime.block_on(async {
            let mut wire = Wire::new(connection, target).map_err(ConnectError::Local)?;
            let doors = doors(target, &mut wire).await?;
            Ok::<_, ConnectError>(Carrier::new(wire, doors))
        })?;
        Ok((runtime, carrier))
    });
    match opened {
        Ok((runtime, carrier)) => {
            if greet.send(Ok(())).is_ok() {
                runtime.block_on(carrier.run(async { drop(stopped.await) }));
            }
        }
        Err(error) => drop(greet.send(Err(error))),
    }
}

async fn doors(target: &Target, wire: &mut Wire) -> Result<Vec<Door>, ConnectError> {
    let mut doors = Vec::new();
    for tunnel in &target.tunnels {
        let (Tunnel::Local { listen, to } | Tunnel::Remote { listen, to }) = tunnel;
        let failed = |source| ConnectError::Tunnel {
            listen: format!("{}:{}", listen.0, listen.1),
            source,
        };
        let to = to.clone();
        doors.push(match tunnel {
            Tunnel::Local { .. } => {
                let listener = bind(listen).await.map_err(failed)?;
                Door::Local { listener, to }
            }
            Tunnel::Remote { .. } => {
                let listener = bind_there(listen, wire).await;
                let listener = listener.map_err(|error| failed(io::Error::other(error)))?;
                Door::Remote { listener, to }
            }
        });
    }
    Ok(doors)
}

async fn bind((host, port): &(String, u16)) -> io::Result<TcpListener> {
    let began = Instant::now();
    loop {
        match TcpListener::bind((host.as_str(), *port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && began.elapsed() < TAKEN => {
                sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

/// The machine does not say why it refuses to listen; that the port is still taken is one reason.
async fn bind_there((host, port): &(String, u16), wire: &mut Wire) -> Result<Listener, Error> {
    let began = Instant::now();
    let session = wire.session.clone();
    loop {
        let listen = || session.channel_forward_listen(*port, Some(host), None);
        match wire.repeat(listen).await {
            Ok((listener, _)) => return Ok(listener),
            Err(Error::Refused(_)) if began.elapsed() < TAKEN => sleep(AGAIN).await,
            Err(error) => return Err(error),
        }
    }
}
