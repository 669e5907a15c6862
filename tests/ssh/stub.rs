//! A TCP server that misbehaves: silent, late, or a relay that can be cut or frozen.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Accepts connections and never says a word.
pub struct Mute(TcpListener);

impl Mute {
    pub fn start() -> Self {
        // The kernel accepts into the backlog; nobody ever takes them from there.
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

/// Passes bytes on to a real server, for one connection, once it was let.
pub struct Relay {
    pub port: u16,
    open: Sender<()>,
    frozen: Arc<AtomicBool>,
}

impl Relay {
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let frozen = Arc::new(AtomicBool::new(false));
        let (open, opened) = channel();
        let freeze = Arc::clone(&frozen);
        std::thread::spawn(move || relay(&listener, &opened, to, &freeze));
        Self { port, open, frozen }
    }

    /// Lets the connection through.
    pub fn open(&self) {
        self.open.send(()).unwrap();
    }

    /// Passes nothing on any more, but keeps the connections.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }
}

fn relay(listener: &TcpListener, opened: &Receiver<()>, to: u16, frozen: &Arc<AtomicBool>) {
    let (client, _) = listener.accept().unwrap();
    if opened.recv().is_err() {
        return;
    }
    let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    let (from, into) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let freeze = Arc::clone(frozen);
    std::thread::spawn(move || copy(from, into, &freeze));
    copy(client, server, frozen);
}

fn copy(mut from: TcpStream, mut to: TcpStream, frozen: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(_) if frozen.load(Ordering::SeqCst) => {}
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        }
    }
    // The other side may be gone already.
    drop(to.shutdown(Shutdown::Both));
}
