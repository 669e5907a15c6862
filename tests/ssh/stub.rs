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

/// A SOCKS5 proxy whose every name is this host.
pub struct Socks {
    pub port: u16,
}

impl Socks {
    /// With the user and the password that it wants, if any.
    pub fn start(login: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // One who hangs up in the middle is nobody to talk to.
                drop(proxy(stream.unwrap(), login.as_ref()));
            }
        });
        Self { port }
    }
}

fn proxy(mut client: TcpStream, login: Option<&(String, String)>) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head)?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods)?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 255]);
    }
    client.write_all(&[5, method])?;
    if let Some((user, password)) = login {
        client.read_exact(&mut [0])?;
        let (given_user, given) = (word(&mut client)?, word(&mut client)?);
        let right = given_user == user.as_bytes() && given == password.as_bytes();
        client.write_all(&[1, u8::from(!right)])?;
        if !right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request)?;
    assert_eq!(request, [5, 1, 0, 3], "a name is left to the proxy");
    word(&mut client)?;
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    let Ok(server) = TcpStream::connect(("127.0.0.1", u16::from_be_bytes(port))) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    let (from, into) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || copy(from, into, &AtomicBool::new(false)));
    std::thread::spawn(move || copy(client, server, &AtomicBool::new(false)));
    Ok(())
}

fn word(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(length[0])];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
