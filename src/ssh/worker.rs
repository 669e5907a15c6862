//! The thread of a session: takes commands one after the other and keeps the connection alive in between.
//!
//! libssh2 does not block here. Every call of it that would is repeated when the socket has something for it, and it is
//! repeated before any other call, since libssh2 cannot leave a packet half sent and begin another one.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use ssh2::{BlockDirections, ErrorCode};
use tokio::io::Interest;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::ssh::connect::Connection;
use crate::ssh::{Command, Error, Exit, Stream, Target, channel};

/// `LIBSSH2_ERROR_EAGAIN` of libssh2.h.
pub(super) const AGAIN: ErrorCode = ErrorCode::Session(-37);
/// `LIBSSH2_ERROR_SOCKET_SEND`, `_SOCKET_DISCONNECT`, `_SOCKET_RECV` and `_BAD_SOCKET` of libssh2.h.
const LOST: [ErrorCode; 4] = [
    ErrorCode::Session(-7),
    ErrorCode::Session(-13),
    ErrorCode::Session(-43),
    ErrorCode::Session(-45),
];

/// Less between two questions for a sign of life would keep both ends busy with nothing else.
const SHORTEST: Duration = Duration::from_millis(100);
/// How often the limits are looked at where no sign of life is asked for.
const LONGEST: Duration = Duration::from_secs(5);
/// How long the connection may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A command and where its output goes. When nobody hears the reports any more the command is given up.
pub(super) struct Job {
    pub command: Command,
    pub report: mpsc::Sender<Report>,
}

/// What a job has to say.
pub(super) enum Report {
    Data(Stream, Vec<u8>),
    /// So many bytes of the input were sent in all.
    Sent(u64),
    Ended(Result<Exit, Error>),
}

/// A connection with what it takes to wait for it.
pub(super) struct Wire {
    pub session: ssh2::Session,
    pub terminal: bool,
    host: String,
    socket: tokio::net::TcpStream,
    /// The same socket, for looking whether something has arrived.
    peek: TcpStream,
    heard: Instant,
    /// How often a sign of life is asked for.
    keep_alive: Option<Duration>,
    silence: Option<Duration>,
}

/// Works until the session's handle is gone.
pub(super) fn serve(connection: Connection, target: &Target, jobs: mpsc::UnboundedReceiver<Job>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    // Without a runtime the queue is dropped, and every command hears that the connection is lost.
    if let Ok(runtime) = runtime {
        runtime.block_on(async {
            if let Ok(wire) = Wire::new(connection, target) {
                wire.work_off(jobs).await;
            }
        });
    }
}

impl Wire {
    pub fn new(connection: Connection, target: &Target) -> io::Result<Self> {
        let peek = connection.socket.try_clone()?;
        if let Some(pause) = target.keep_alive {
            let seconds = u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
            connection.session.set_keepalive(true, seconds);
        }
        Ok(Self {
            session: connection.session,
            terminal: target.terminal,
            host: target.host.clone(),
            socket: tokio::net::TcpStream::from_std(connection.socket)?,
            peek,
            heard: Instant::now(),
            keep_alive: target.keep_alive.map(|pause| pause.max(SHORTEST)),
            silence: target.silence,
        })
    }

    async fn work_off(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        loop {
            match timeout(self.patience(), jobs.recv()).await {
                Ok(Some(job)) => self.perform(job).await,
                Ok(None) => break,
                // Between commands a failed sign of life is no news yet: the next command will find out.
                Err(_) => drop(self.ask_for_life()),
            }
        }
        self.part().await;
    }

    /// Says goodbye, without insisting on it.
    pub async fn part(&mut self) {
        let goodbye = self.session.clone();
        let bye = self.repeat(|| goodbye.disconnect(None, "done", None));
        drop(timeout(FAREWELL, bye).await);
    }

    /// How long to wait for anything before asking for a sign of life.
    pub fn patience(&self) -> Duration {
        let limit = self.silence.unwrap_or(LONGEST);
        self.keep_alive.unwrap_or(limit.min(LONGEST))
    }

    fn ask_for_life(&self) -> Result<(), ssh2::Error> {
        match self.keep_alive {
            Some(_) => self.session.keepalive_send().map(drop),
            None => Ok(()),
        }
    }

    /// Asks for a sign of life; an error when there was none for too long, or the other end has hung up.
    pub fn ask(&mut self) -> Result<(), Error> {
        self.listen()?;
        let asked = self.ask_for_life();
        asked.map_err(|error| self.failure(error))
    }

    /// Waits until something has arrived.
    pub async fn arrival(&self) {
        loop {
            let ready = self.socket.ready(Interest::READABLE).await;
            if ready.is_err() || self.has_arrived() {
                return;
            }
        }
    }

    async fn perform(&mut self, job: Job) {
        self.alive();
        let Job { command, report } = job;
        let limit = command.timeout;
        let result = {
            let work = channel::converse(self, command, &report);
            tokio::select! {
                result = work => result,
                () = report.closed() => return,
                () = expire(limit) => Err(Error::TimedOut { after: limit.unwrap_or_default() }),
            }
        };
        // Nobody may hear it any more; there is nothing left to do about it then.
        drop(report.send(Report::Ended(result)).await);
    }

    /// Calls libssh2 until it does not ask for patience.
    pub async fn repeat<T>(
        &mut self,
        mut call: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, Error> {
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(error) if error.code() == AGAIN => self.ready().await?,
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    /// Whether libssh2 has a packet half sent.
    pub fn is_stuck(&self) -> bool {
        matches!(
            self.session.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        )
    }

    /// Notes a sign of life.
    pub fn alive(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits until the socket has something for libssh2, asking for signs of life meanwhile; an error when there was none
    /// for too long.
    pub async fn ready(&mut self) -> Result<(), Error> {
        if self.is_stuck() {
            return self.writable().await;
        }
        if self.has_arrived() {
            self.alive();
            // Other branches of `perform` get a look in, however much arrives.
            tokio::task::yield_now().await;
            return Ok(());
        }
        self.readable().await
    }

    pub async fn writable(&mut self) -> Result<(), Error> {
        self.listen()?;
        // What readiness was noted before libssh2 found the socket full is old.
        forget(&self.socket, Interest::WRITABLE);
        let ready = timeout(self.patience(), self.socket.ready(Interest::WRITABLE)).await;
        if ready.is_ok() {
            // The other end has taken what filled the socket.
            self.alive();
        }
        Ok(())
    }

    /// Nothing is asked of libssh2 between a request for a sign of life and its answer: it would take the answer from the
    /// socket before it was seen here, and a quiet peer would count as a dead one.
    async fn readable(&mut self) -> Result<(), Error> {
        self.acknowledge();
        loop {
            let ready = timeout(self.patience(), self.socket.ready(Interest::READABLE)).await;
            if self.listen()? || self.is_stuck() {
                return Ok(());
            }
            if ready.is_err() {
                let asked = self.ask_for_life();
                asked.map_err(|error| self.failure(error))?;
            }
        }
    }

    /// Tells the other end at once of what has come. An sshd holds a small packet back while an earlier one is not
    /// acknowledged (Nagle), and this end would keep that to itself for 40 ms. The kernel forgets the wish (tcp(7),
    /// `TCP_QUICKACK`), so that it is said before each wait; that it cannot be said only makes the wait longer.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        drop(std::os::linux::net::TcpStreamExt::set_quickack(
            &self.peek, true,
        ));
    }

    /// Whether something has arrived; an error when there was no sign of life for too long.
    fn listen(&mut self) -> Result<bool, Error> {
        let arrived = self.has_arrived();
        if arrived {
            self.alive();
        } else if let Some(after) = self.silence
            && self.heard.elapsed() > after
        {
            return Err(Error::Silent {
                host: self.host.clone(),
                after,
            });
        }
        Ok(arrived)
    }

    /// Whether bytes (or the end) wait in the socket. When not, the readiness that was noted is forgotten.
    fn has_arrived(&self) -> bool {
        let look = || match self.peek.peek(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        };
        self.socket.try_io(Interest::READABLE, look).is_ok()
    }

    /// Names what libssh2 complains about.
    pub fn failure(&self, error: ssh2::Error) -> Error {
        if LOST.contains(&error.code()) {
            Error::Lost {
                host: self.host.clone(),
                source: Some(error),
            }
        } else {
            Error::Refused(error)
        }
    }
}

fn forget(socket: &tokio::net::TcpStream, interest: Interest) {
    let nothing = socket.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    drop(nothing);
}

async fn expire(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}
