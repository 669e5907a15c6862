//! What checks ask besides the cloud, as a trait, so that a simulation can answer it: one request through the real load
//! balancer, and a program of this host.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::{self, Program};
use crate::run::{Event, Events, Stream, with_causes};
use crate::ssh::{self, Exit, Remote as _, Target};

/// Lines of what a program or a machine has printed in a reason: as many as a terminal shows at once.
pub(super) const TAIL: usize = 20;

/// A request to a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub tls: bool,
    /// The load balancer's own name, to which the connection goes.
    pub address: String,
    pub port: u16,
    /// The `Host` header, and the name that its certificate is checked against.
    pub host: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// From the request to the end of the answer.
    pub took: Duration,
}

/// How a program of this host ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Nothing when a signal ended it.
    pub code: Option<i32>,
    /// The last lines of what it said.
    pub tail: String,
}

/// No answer came: nothing is known of what would have answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(pub String);

/// Asks.
pub trait Probe {
    /// Sends one GET request and reads the whole answer.
    fn ask(&self, ask: &Ask) -> impl Future<Output = Result<Answer, NoAnswer>>;

    /// Asks the person at this terminal; nothing when there is none, or when they go away. Dropped before, it asks no more.
    fn consult(&self, _question: &str) -> impl Future<Output = Option<bool>> {
        std::future::pending()
    }

    /// Runs a program to its end, with more in its environment than kiln has. Dropped before, it is ended with all that it
    /// has begun. Errors when it cannot be started.
    fn run(
        &self,
        words: &[String],
        environment: &[(String, String)],
        events: &dyn Events,
    ) -> impl Future<Output = Result<Ran, NoAnswer>>;

    /// Runs a command on a machine to its end. Dropped before, the connection ends with it. Errors when the machine cannot be
    /// reached, or the command not be run.
    fn on_machine(
        &self,
        target: Target,
        command: &str,
        events: &dyn Events,
    ) -> impl Future<Output = Result<Ran, NoAnswer>>;
}

/// Asks over the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpProbe;

impl Probe for HttpProbe {
    async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        let failed = |error: &dyn std::error::Error| NoAnswer(innermost(error));
        let target = (ask.address.as_str(), ask.port);
        let found = tokio::net::lookup_host(target).await;
        let addresses: Vec<_> = found.map_err(|error| failed(&error))?.collect();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ask.timeout)
            .resolve_to_addrs(&ask.host, &addresses)
            .build()
            .map_err(|error| failed(&error))?;
        let scheme = if ask.tls { "https" } else { "http" };
        let url = format!("{scheme}://{}:{}{}", ask.host, ask.port, ask.path);
        // The port is in no `Host` rule of the listener.
        let mut request = client.get(url).header("host", &ask.host);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let began = Instant::now();
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers = answer.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect();
        let body = answer.text().await.map_err(|error| failed(&error))?;
        Ok(Answer {
            status,
            body,
            headers,
            took: began.elapsed(),
        })
    }

    async fn run(
        &self,
        words: &[String],
        environment: &[(String, String)],
        events: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        let mut tail = Tail::new(events);
        let mut output = |stream, line: &str| tail.push(stream, line);
        let program = Program { words, environment };
        let exit = process::run(program, &mut output).await;
        let exit = exit.map_err(|error| NoAnswer(format!("{}: {error}", words[0])))?;
        Ok(tail.of(&exit))
    }

    async fn on_machine(
        &self,
        target: Target,
        command: &str,
        events: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        let session = ssh::connect(target).await;
        let session = session.map_err(|error| NoAnswer(with_causes(&error)))?;
        let mut tail = Tail::new(events);
        let mut output = |stream, line: &str| tail.push(stream, line);
        let exit = session.run(ssh::Command::new(command), &mut output).await;
        session.close().await;
        let exit = exit.map_err(|error| NoAnswer(with_causes(&error)))?;
        Ok(tail.of(&exit))
    }
}

/// What a program says: told as it comes, and the last lines kept.
struct Tail<'a> {
    lines: VecDeque<String>,
    events: &'a dyn Events,
}

impl<'a> Tail<'a> {
    fn new(events: &'a dyn Events) -> Self {
        Self {
            lines: VecDeque::new(),
            events,
        }
    }

    fn push(&mut self, stream: ssh::Stream, line: &str) {
        let stream = match stream {
            ssh::Stream::Out => Stream::Out,
            ssh::Stream::Err => Stream::Err,
        };
        let line = line.to_owned();
        if self.lines.len() == TAIL {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        self.events.emit(Event::Output { stream, line });
    }

    fn of(self, exit: &Exit) -> Ran {
        let code = match exit {
            Exit::Code(code) => Some(*code),
            Exit::Signal(_) => None,
        };
        let tail: Vec<String> = self.lines.into();
        let tail = tail.join("\n");
        Ran { code, tail }
    }
}

/// "connection refused" rather than "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LATE: Duration = Duration::from_millis(50);

    /// Answers one request, and gives its head.
    async fn echo(listener: &tokio::net::TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        tokio::time::sleep(LATE).await;
        let answer = b"HTTP/1.1 418 Teapot\r\nX-Version: 1.4\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
        stream.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    }

    fn ask(port: u16) -> Ask {
        Ask {
            tls: false,
            address: "127.0.0.1".to_owned(),
            port,
            host: "web.example".to_owned(),
            path: "/version".to_owned(),
            headers: vec![("x-kiln-probe".to_owned(), "secret".to_owned())],
            timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn the_request_goes_to_the_load_balancer_under_the_services_name() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ask = ask(listener.local_addr().unwrap().port());
        let (head, answer) = tokio::join!(echo(&listener), HttpProbe.ask(&ask));
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (418, "hi"));
        let version = ("x-version".to_owned(), "1.4".to_owned());
        assert!(answer.headers.contains(&version), "{answer:?}");
        assert!(answer.took >= LATE, "{answer:?}");
        assert!(head.starts_with("GET /version HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("host: web.example\r\n"), "{head}");
        assert!(head.contains("x-kiln-probe: secret\r\n"), "{head}");
    }

    #[tokio::test]
    async fn a_program_says_how_it_ended_with_its_last_lines_and_ends_with_its_caller() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let environment = [("MARK".to_owned(), mark.to_string_lossy().into_owned())];
        let words = |line: &str| ["/bin/sh", "-c", line].map(str::to_owned);
        let line = "for i in $(seq 1 40); do echo line $i; done; echo $MARK >&2; exit 3";
        let words_of = words(line);
        let ran = HttpProbe.run(&words_of, &environment, &crate::run::Silent);
        let ran = ran.await.unwrap();
        assert_eq!(ran.code, Some(3));
        assert_eq!(ran.tail.lines().count(), TAIL);
        assert!(
            ran.tail.contains("mark") && ran.tail.contains("line 40"),
            "{}",
            ran.tail
        );
        // Its child holds the pipe, and would write the mark.
        let line = "(sleep 1; echo here > $MARK) & wait";
        let words = words(line);
        let ran = HttpProbe.run(&words, &environment, &crate::run::Silent);
        tokio::time::timeout(Duration::from_millis(300), ran)
            .await
            .unwrap_err();
        let after = "sleep 1.5; test ! -e $MARK";
        let after = ["/bin/sh", "-c", after].map(str::to_owned);
        let ran = HttpProbe
            .run(&after, &environment, &crate::run::Silent)
            .await;
        assert_eq!(ran.unwrap().code, Some(0), "the child was ended too");
        let none = ["/no/such/program".to_owned()];
        let none = HttpProbe
            .run(&none, &[], &crate::run::Silent)
            .await
            .unwrap_err();
        assert!(none.0.starts_with("/no/such/program: "), "{none}");
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let Err(NoAnswer(reason)) = HttpProbe.ask(&ask(port)).await else {
            panic!("nobody listens");
        };
        assert!(reason.contains("refused"), "{reason}");
    }
}
