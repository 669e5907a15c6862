//! Bytes carried between local sockets and channels of one connection: what a bastion and tunnels are made of.
//!
//! The connection is this thread's alone, so that commands on another one are never held up by what is carried here.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, select_all};
use ssh2::Channel;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::ssh::Error;
use crate::ssh::worker::{AGAIN, Wire};

/// What is taken at a time from either side: about one packet of SSH.
const LOAD: usize = 32 * 1024;
/// How long the end of a tunnel may take to answer, as for a machine.
const REACH: Duration = Duration::from_secs(15);

/// Where new connections come from, and where they lead.
pub(super) enum Door {
    /// Connections to us are carried to an address that the other end reaches.
    Local {
        listener: TcpListener,
        to: (String, u16),
    },
    /// Connections to the other end are carried to an address that we reach.
    Remote {
        listener: ssh2::Listener,
        to: (String, u16),
    },
}

/// Carries as long as there is something to carry or a door that something may come through.
pub(super) struct Carrier {
    wire: Wire,
    ways: Vec<Way>,
    doors: Vec<Door>,
}

impl Carrier {
    pub fn new(wire: Wire, doors: Vec<Door>) -> Self {
        Self {
            wire,
            ways: Vec::new(),
            doors,
        }
    }

    /// Carries between this channel and this socket too.
    pub fn join(&mut self, channel: Channel, socket: TcpStream) {
        self.ways.push(Way::new(channel, socket));
    }

    /// Works until nothing is left to do, the connection is lost, or `stop` is ready.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        while !(self.ways.is_empty() && self.doors.is_empty()) {
            let turn = async {
                if self.turn().await? {
                    self.wire.alive();
                    tokio::task::yield_now().await;
                    return Ok(());
                }
                match self.wait().await? {
                    Some(came) => self.let_in(came).await,
                    None => Ok(()),
                }
            };
            let done: Result<(), Error> = tokio::select! {
                done = turn => done,
                () = &mut stop => break,
            };
            if done.is_err() {
                break;
            }
        }
        self.ways.clear();
        self.doors.clear();
        self.wire.part().await;
    }

    /// Moves what can be moved; whether anything was.
    async fn turn(&mut self) -> Result<bool, Error> {
        let mut moved = false;
        let mut at = 0;
        while at < self.ways.len() {
            match self.ways[at].turn(&mut self.wire).await {
                Ok(some) if !self.ways[at].is_over() => {
                    moved |= some;
                    at += 1;
                }
                // One connection that breaks is its own two ends' matter.
                _ => drop(self.ways.swap_remove(at)),
            }
        }
        for at in 0..self.doors.len() {
            let Door::Remote { listener, to } = &mut self.doors[at] else {
                continue;
            };
            match listener.accept() {
                Ok(channel) => {
                    let to = to.clone();
                    let reached = timeout(REACH, TcpStream::connect(to)).await;
                    // Dropping the channel tells the other end that nobody is there.
                    if let Ok(Ok(socket)) = reached {
                        self.join(channel, socket);
                    }
                    moved = true;
                }
                Err(error) if error.code() == AGAIN => {}
                Err(error) => return Err(self.wire.failure(error)),
            }
        }
        // A call for one channel may have taken from the socket what belongs to another one.
        Ok(moved || self.ways.iter().any(Way::has_more))
    }

    /// Waits until something may be moved, or somebody stands at a door.
    async fn wait(&mut self) -> Result<Option<(usize, TcpStream)>, Error> {
        let wire = &self.wire;
        let mut events: Vec<LocalBoxFuture<'_, Option<(usize, TcpStream)>>> = Vec::new();
        let remote = |door: &Door| matches!(door, Door::Remote { .. });
        // With nothing that would take it from the socket, what has arrived would wake us for ever.
        if !self.ways.is_empty() || self.doors.iter().any(remote) {
            events.push(wire.arrival().map(|()| None).boxed_local());
        }
        for way in &self.ways {
            if way.out.is_empty() && !way.local_over {
                events.push(way.socket.readable().map(|_| None).boxed_local());
            }
            if !way.back.is_empty() {
                events.push(way.socket.writable().map(|_| None).boxed_local());
            }
        }
        for (number, door) in self.doors.iter().enumerate() {
            if let Door::Local { listener, .. } = door {
                let came = async move {
                    let accepted = listener.accept().await.ok();
                    accepted.map(|(socket, _)| (number, socket))
                };
                events.push(came.boxed_local());
            }
        }
        let event = timeout(wire.patience(), select_all(events)).await;
        match event.map(|(came, ..)| came) {
            Ok(came) => Ok(came),
            Err(_) => self.wire.ask().map(|()| None),
        }
    }

    /// Opens a channel for somebody at a local door. The other ways wait meanwhile, which an open takes a moment of.
    async fn let_in(&mut self, (number, socket): (usize, TcpStream)) -> Result<(), Error> {
        let Door::Local { to, .. } = &self.doors[number] else {
            return Ok(());
        };
        let (session, (host, port)) = (self.wire.session.clone(), to.clone());
        let open = self
            .wire
            .repeat(|| session.channel_direct_tcpip(&host, port, None))
            .await;
        match open {
            Ok(channel) => self.join(channel, socket),
            Err(error) if error.is_lost() => return Err(error),
            // The other end does not reach the address; the dropped socket says so.
            Err(_) => {}
        }
        Ok(())
    }
}

/// One connection: a local socket and a channel.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each end is over, and told so, by itself"
)]
struct Way {
    channel: Channel,
    socket: TcpStream,
    /// From the socket, for the channel.
    out: Load,
    /// From the channel, for the socket.
    back: Load,
    /// The socket gives no more, and the channel was told so.
    local_over: bool,
    told_remote: bool,
    /// The channel gives no more, and the socket was told so.
    remote_over: bool,
    told_local: bool,
}

impl Way {
    fn new(channel: Channel, socket: TcpStream) -> Self {
        // Each piece counts as soon as it is here; that it cannot be set only makes it slower.
        drop(socket.set_nodelay(true));
        Self {
            channel,
            socket,
            out: Load::default(),
            back: Load::default(),
            local_over: false,
            told_remote: false,
            remote_over: false,
            told_local: false,
        }
    }

    fn is_over(&self) -> bool {
        self.told_local && self.told_remote
    }

    /// Whether libssh2 holds something for us already.
    fn has_more(&self) -> bool {
        let waits = self.channel.read_window().available > 0 || self.channel.eof();
        self.back.is_empty() && !self.remote_over && waits
    }

    async fn turn(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let back = self.back(wire).await?;
        let out = self.out(wire).await?;
        Ok(back || out)
    }

    async fn back(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let mut moved = false;
        if self.back.is_empty() && !self.remote_over {
            let (channel, back) = (&mut self.channel, &mut self.back);
            match whole(wire, || back.fill(|room| io::Read::read(channel, room))).await? {
                Some(0) if self.channel.eof() => self.remote_over = true,
                Some(count) => moved |= count > 0,
                None => {}
            }
        }
        if !self.back.is_empty() {
            let socket = &self.socket;
            moved |= soft(self.back.empty(|rest| socket.try_write(rest)))?.is_some();
        }
        if self.remote_over && self.back.is_empty() && !self.told_local {
            self.socket.shutdown().await?;
            self.told_local = true;
            moved = true;
        }
        Ok(moved)
    }

    async fn out(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let mut moved = false;
        if self.out.is_empty() && !self.local_over {
            let socket = &self.socket;
            match soft(self.out.fill(|room| socket.try_read(room)))? {
                Some(0) => self.local_over = true,
                Some(_) => moved = true,
                None => {}
            }
        }
        if !self.out.is_empty() {
            let (channel, out) = (&mut self.channel, &mut self.out);
            let sent = whole(wire, || out.empty(|rest| io::Write::write(channel, rest))).await?;
            moved |= sent.is_some_and(|count| count > 0);
        }
        if self.local_over && self.out.is_empty() && !self.told_remote {
            let channel = &mut self.channel;
            let told = whole(wire, || Ok(channel.send_eof()?)).await?;
            self.told_remote = told.is_some();
            moved |= self.told_remote;
        }
        Ok(moved)
    }
}

/// Calls libssh2, again as long as it has a packet half sent, since nothing else may be asked of it before; nothing when it
/// waits for the other end.
async fn whole<T>(
    wire: &mut Wire,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<Option<T>> {
    loop {
        let done = soft(call())?;
        if done.is_some() || !wire.is_stuck() {
            return Ok(done);
        }
        wire.writable().await.map_err(io::Error::other)?;
    }
}

/// Nothing when it would have blocked.
fn soft<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes on their way.
#[derive(Default)]
struct Load {
    bytes: Vec<u8>,
    at: usize,
}

impl Load {
    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.bytes.resize(LOAD, 0);
        let done = read(&mut self.bytes);
        self.bytes.truncate(*done.as_ref().unwrap_or(&0));
        self.at = 0;
        done
    }

    fn empty(&mut self, write: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let done = write(&self.bytes[self.at..]);
        self.at += *done.as_ref().unwrap_or(&0);
        done
    }
}
