//! A server before moto that lets everything through but one call, which gets no answer, so that a test knows where kiln
//! stands.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::wire::http::request_of_bytes;

/// Far more than a bake on moto takes until any of its calls.
const LONGEST: Duration = Duration::from_mins(2);

pub struct Gate {
    pub endpoint: String,
    told: Receiver<()>,
}

impl Gate {
    /// moto carries the call out, and its answer never comes. Rehearsals pass, and so does the next of these calls.
    pub fn holding_back(action: &'static str, moto: &str) -> Self {
        Self::start(action, moto, true)
    }

    /// The call never gets to moto.
    pub fn swallowing(action: &'static str, moto: &str) -> Self {
        Self::start(action, moto, false)
    }

    fn start(action: &'static str, moto: &str, carried_out: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let moto = moto.strip_prefix("http://").unwrap().to_owned();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut waiting = None;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = request_of_bytes(&mut stream);
                let text = String::from_utf8_lossy(&body);
                let meant = text.contains(&format!("Action={action}&"));
                if waiting.is_some() || !meant || text.contains("DryRun=true") {
                    forward(&moto, &head, &body, &mut stream);
                    continue;
                }
                if carried_out {
                    forward(&moto, &head, &body, &mut std::io::sink());
                }
                waiting = Some(stream);
                tell.send(()).unwrap();
            }
        });
        Self { endpoint, told }
    }

    /// Waits until the action has been asked for.
    #[track_caller]
    pub fn wait(&self) {
        self.told.recv_timeout(LONGEST).unwrap();
    }
}

/// Has moto answer a request, and hands the answer on.
pub fn forward(moto: &str, head: &str, body: &[u8], to: &mut impl std::io::Write) {
    let mut moto = TcpStream::connect(moto).unwrap();
    write!(moto, "{head}\r\nconnection: close\r\n\r\n").unwrap();
    moto.write_all(body).unwrap();
    // Whoever asked may be gone.
    std::io::copy(&mut moto, to).unwrap_or_default();
}
