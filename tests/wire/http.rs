//! A small HTTP server on the loopback, by which a test plays somebody.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request; names of headers are in small letters.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    /// A header's value; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Status and body of each answer come of the request and of its number, from 1.
    pub fn start(
        answer: impl Fn(&Asked, usize) -> (&'static str, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = request(&mut stream);
                let one = read(&head, body);
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(one.clone());
                    log.len()
                };
                let (status, body) = answer(&one, number);
                say(&mut stream, status, &body);
            }
        });
        Self { address, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(head: &str, body: String) -> Asked {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers = lines.filter_map(|line| line.split_once(": "));
    Asked {
        method,
        path,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body,
    }
}

/// The head of a request, without what ends it, and its body.
pub fn request(stream: &mut TcpStream) -> (String, String) {
    let (head, body) = request_of_bytes(stream);
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// The same, with a body that may be no text.
pub fn request_of_bytes(stream: &mut TcpStream) -> (String, Vec<u8>) {
    const END: &[u8] = b"\r\n\r\n";
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..count]);
        let Some(end) = request.windows(END.len()).position(|four| four == END) else {
            assert_ne!(count, 0, "half a request");
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]);
        let body = &request[end + END.len()..];
        let length = head.split("\r\ncontent-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next());
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return (head.into_owned(), body.to_vec());
        }
        assert_ne!(count, 0, "half a request: {head}");
    }
}

pub fn say(stream: &mut TcpStream, status: &str, body: &str) {
    say_bytes(stream, status, "", body.as_bytes());
}

/// The same with more headers, each with its line's end, and a body that may be no text.
pub fn say_bytes(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close");
    write!(stream, "{head}\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
}
