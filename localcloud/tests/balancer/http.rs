//! As much of HTTP as these tests need, on both sides, by hand: what is tested is the proxy between them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use localcloud::model::Target;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::PORT;

/// A server that answers each request with its name, and below `/echo` with the request's head.
pub struct Server {
    pub target: Target,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    name: String,
    health: AtomicU16,
    served: AtomicUsize,
    arrived: Notify,
    release: Notify,
}

impl Server {
    pub async fn start(name: &str, address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, PORT))
            .await
            .expect("a free address");
        let state = Arc::new(State {
            name: name.into(),
            health: AtomicU16::new(200),
            served: AtomicUsize::new(0),
            arrived: Notify::new(),
            release: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        let target = Target {
            id: name.into(),
            address,
            port: PORT,
            draining: false,
        };
        Self {
            target,
            state,
            _tasks: tasks,
        }
    }

    /// The status of the answers to health checks from now on.
    pub fn set_health(&self, status: u16) {
        self.state.health.store(status, Ordering::SeqCst);
    }

    /// Requests served, health checks not counted.
    pub fn served(&self) -> usize {
        self.state.served.load(Ordering::SeqCst)
    }

    /// Waits until a request below `/slow` has come in.
    pub async fn slow_request(&self) {
        self.state.arrived.notified().await;
    }

    /// Lets the request below `/slow` have its answer.
    pub fn release(&self) {
        self.state.release.notify_one();
    }

    pub fn draining(&self) -> Target {
        Target {
            draining: true,
            ..self.target.clone()
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = answer(&state, &path, head).await;
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn answer(state: &State, path: &str, head: String) -> (u16, String) {
    if path == "/health" {
        return (state.health.load(Ordering::SeqCst), head);
    }
    state.served.fetch_add(1, Ordering::SeqCst);
    if path.starts_with("/slow") {
        state.arrived.notify_one();
        state.release.notified().await;
    }
    (
        200,
        if path.starts_with("/echo") {
            head
        } else {
            state.name.clone()
        },
    )
}

/// Reads a head up to its empty line; `None` at the end of the connection.
async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A connection that is kept alive until the other side says that it will close.
pub struct Client {
    address: Ipv4Addr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: Ipv4Addr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.request(path, "Host: test\r\n")
            .await
            .unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// One request with these header lines; `None` when the connection broke.
    pub async fn request(&mut self, path: &str, headers: &str) -> Option<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect((self.address, PORT)).await.ok()?),
        };
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\n{headers}\r\n").as_bytes())
            .await
            .ok()?;
        let head = read_head(&mut stream).await?;
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned))
        };
        let mut body = vec![
            0;
            field("content-length: ")
                .map_or(0, |length| length.parse().expect("a length"))
        ];
        stream.read_exact(&mut body).await.ok()?;
        if field("connection: ").as_deref() != Some("close") {
            self.stream = Some(stream);
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
            head,
        })
    }
}

/// One request on a connection of its own.
pub async fn get(address: Ipv4Addr, path: &str) -> Answer {
    Client::new(address).get(path).await
}
