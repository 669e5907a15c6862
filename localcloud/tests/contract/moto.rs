//! moto, a double of AWS that others wrote, on the loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use localcloud::model::Service;

use super::answer::Answer;
use super::subject::{Call, Subject, authorization, written};

pub struct Moto {
    process: Child,
    port: u16,
}

impl Moto {
    /// Starts one on a port that is free.
    pub fn start() -> Self {
        let mut process = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PATH", crate::foreign::path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("no moto_server, which `make deps` installs: {error}"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.rsplit_once("127.0.0.1:")?;
            port.trim().parse().ok()
        });
        // Else it blocks once its log fills the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port: port.unwrap_or_else(|| panic!("moto_server did not start")),
        }
    }

    /// Forgets all that was made.
    pub fn reset(&self) {
        let reset = Call {
            method: "POST",
            path: "/moto-api/reset".into(),
            content_type: "text/plain",
            body: String::new(),
        };
        send(self.port, "", &reset);
    }

    pub fn subject(&self) -> Peer {
        Peer(self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// One account of it.
pub struct Peer(u16);

impl Subject for Peer {
    fn call(
        &mut self,
        service: Service,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let call = written(service, action, fields);
        Answer::of_xml(&send(self.0, &authorization(service), &call))
    }

    /// It does everything at once, by a clock of its own.
    fn pass(&mut self, _: i64) {}
}

fn send(port: u16, authorization: &str, call: &Call) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let Call {
        method,
        path,
        content_type,
        body,
    } = call;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: {authorization}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
        .split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned())
}
