//! One request through the real load balancer, as a trait, so that a simulation can answer it.

use std::time::Duration;

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
}

/// No answer came: nothing is known of what would have answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(pub String);

/// Asks.
pub trait Probe {
    /// Sends one GET request and reads the whole answer.
    fn ask(&self, ask: &Ask) -> impl Future<Output = Result<Answer, NoAnswer>>;
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
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(|error| failed(&error))?;
        Ok(Answer { status, body })
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

    /// Answers one request with its own head.
    async fn echo(listener: &tokio::net::TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 418 Teapot\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
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
        assert!(head.starts_with("GET /version HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("host: web.example\r\n"), "{head}");
        assert!(head.contains("x-kiln-probe: secret\r\n"), "{head}");
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
