//! One command on a channel of its own: input goes out while both outputs come in.

use std::io::{self, Read, Write};

use ssh2::Channel;
use tokio::sync::mpsc;

use crate::ssh::worker::{Report, Wire};
use crate::ssh::{Command, Error, Exit, Stdin, Stream};

/// The most that libssh2 puts into one packet; a byte more would be a packet of its own.
const PACKET: usize = 32_700;
/// What is read from the input at a time.
const PIECE: usize = 16 * PACKET;
/// So many packets are sent before the outputs are looked at again, which costs a system call each.
const BURST: usize = 16;
/// What is taken of an output at a time.
const MOUTHFUL: usize = 32 * 1024;

/// Runs a command to its end.
pub(super) async fn converse(
    wire: &mut Wire,
    command: Command,
    report: &mpsc::Sender<Report>,
) -> Result<Exit, Error> {
    let session = wire.session.clone();
    let mut channel = wire.repeat(|| session.channel_session()).await?;
    if command.terminal && wire.terminal {
        // Size as packer asks for it (anchors/packer.md 2.6).
        let size = Some((80, 40, 0, 0));
        wire.repeat(|| channel.request_pty("xterm", None, size))
            .await?;
    }
    wire.repeat(|| channel.exec(&command.text)).await?;
    let mut talk = Talk {
        input: Input::new(command.stdin),
        buffer: vec![0; MOUTHFUL],
        report,
    };
    talk.carry_on(wire, &mut channel).await?;
    wire.repeat(|| channel.wait_close()).await?;
    let exit = exit(&channel).map_err(|error| wire.failure(error))?;
    wire.repeat(|| channel.close()).await?;
    Ok(exit)
}

fn exit(channel: &Channel) -> Result<Exit, ssh2::Error> {
    match channel.exit_signal()?.exit_signal {
        Some(name) => Ok(Exit::Signal(name)),
        None => Ok(Exit::Code(channel.exit_status()?)),
    }
}

/// The traffic of a running command.
struct Talk<'a> {
    input: Input,
    buffer: Vec<u8>,
    report: &'a mpsc::Sender<Report>,
}

impl Talk<'_> {
    /// Moves bytes both ways until the other end has nothing more to say and takes nothing more.
    async fn carry_on(&mut self, wire: &mut Wire, channel: &mut Channel) -> Result<(), Error> {
        loop {
            let mut sent = false;
            for _ in 0..BURST {
                if !self.input.feed(wire, channel)? {
                    break;
                }
                sent = true;
            }
            if sent {
                self.tell(Report::Sent(self.input.sent)).await;
            }
            let mut heard = false;
            // While a packet is half sent, nothing else may be asked of libssh2.
            if self.input.is_half_sent(wire) {
                wire.ready().await?;
                continue;
            }
            for stream in [Stream::Out, Stream::Err] {
                heard |= self.hear(wire, channel, stream).await?;
            }
            if channel.eof() && self.input.is_over(channel) {
                return Ok(());
            }
            if sent || heard {
                // What moves comes from, or is taken by, somebody alive; `ready` would not see it in a steady stream.
                wire.alive();
            } else {
                wire.ready().await?;
            }
        }
    }

    /// Takes one piece of an output, if there is one.
    async fn hear(
        &mut self,
        wire: &Wire,
        channel: &Channel,
        stream: Stream,
    ) -> Result<bool, Error> {
        let number = match stream {
            Stream::Out => 0,
            Stream::Err => ssh2::EXTENDED_DATA_STDERR,
        };
        match channel.stream(number).read(&mut self.buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.tell(Report::Data(stream, self.buffer[..count].to_vec()))
                    .await;
                Ok(true)
            }
            Err(error) => again(wire, &error),
        }
    }

    /// Reports; that nobody hears it is noticed in `worker`, which then drops all this.
    async fn tell(&self, report: Report) {
        drop(self.report.send(report).await);
    }
}

/// False when libssh2 asks for patience, else what it complains about.
fn again(wire: &Wire, error: &io::Error) -> Result<bool, Error> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(false);
    }
    let last = ssh2::Error::last_session_error(&wire.session).unwrap_or_else(ssh2::Error::eof);
    Err(wire.failure(last))
}

/// What is still to be sent.
struct Input {
    source: Option<Box<dyn Read + Send>>,
    piece: Vec<u8>,
    /// How much of the piece is sent.
    at: usize,
    sent: u64,
    /// The last write or end was cut short; the same must be tried again first.
    pending: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All is sent but the end itself.
    Ending,
    Over,
}

impl Input {
    fn new(stdin: Stdin) -> Self {
        let source: Option<Box<dyn Read + Send>> = match stdin {
            Stdin::Empty => None,
            Stdin::Bytes(bytes) => Some(Box::new(io::Cursor::new(bytes))),
            Stdin::Reader { reader, .. } => Some(reader),
        };
        Self {
            source,
            piece: Vec::new(),
            at: 0,
            sent: 0,
            pending: false,
            state: State::Open,
        }
    }

    /// Sends one piece or the end; whether anything moved.
    fn feed(&mut self, wire: &Wire, channel: &mut Channel) -> Result<bool, Error> {
        if self.state == State::Open && self.at == self.piece.len() {
            self.refill()?;
        }
        match self.state {
            State::Over => Ok(false),
            State::Ending => match channel.send_eof() {
                Ok(()) => {
                    (self.state, self.pending) = (State::Over, false);
                    Ok(false)
                }
                Err(error) => self.hold_up(wire, channel, &error.into()),
            },
            State::Open => match channel.write(&self.piece[self.at..]) {
                Ok(count) => {
                    self.at += count;
                    self.sent += count as u64;
                    self.pending = false;
                    Ok(count > 0)
                }
                Err(error) => self.hold_up(wire, channel, &error),
            },
        }
    }

    /// A command that ends early does not take the rest; its exit tells what that means.
    fn hold_up(
        &mut self,
        wire: &Wire,
        channel: &Channel,
        error: &io::Error,
    ) -> Result<bool, Error> {
        self.pending = error.kind() == io::ErrorKind::WouldBlock;
        if !self.pending && channel.eof() {
            self.state = State::Over;
            return Ok(false);
        }
        again(wire, error)
    }

    fn refill(&mut self) -> Result<(), Error> {
        self.piece.resize(PIECE, 0);
        let count = match &mut self.source {
            Some(source) => read(source, &mut self.piece).map_err(Error::Read)?,
            None => 0,
        };
        self.piece.truncate(count);
        self.at = 0;
        if count == 0 {
            self.state = State::Ending;
        }
        Ok(())
    }

    fn is_half_sent(&self, wire: &Wire) -> bool {
        self.pending && wire.is_stuck()
    }

    /// Whether nothing more will be sent: all is, or the other end has closed and takes no more.
    fn is_over(&self, channel: &mut Channel) -> bool {
        self.state == State::Over || channel.wait_close().is_ok()
    }
}

/// Fills the piece as far as the source goes, since many sources give little at a time and each piece is a packet.
fn read(source: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match source.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
