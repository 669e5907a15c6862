//! Debian's wrk as a crowd of users: connections that are kept, and a thousand requests a second.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Connections that are kept, each with a request so many milliseconds behind each answer: a thousand a second where an answer
/// takes ten.
const CONNECTIONS: u32 = 50;
const PAUSE: u32 = 40;

/// wrk, until it is stopped.
pub struct Wrk(Child);

/// What wrk counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub requests: u64,
    /// In wrk's words.
    pub per_second: String,
    /// Answers that wrk takes for failures, and connections that ended within a request.
    pub failures: Vec<String>,
}

impl Wrk {
    /// Asks `url` as host `host`. The script goes into `folder`.
    pub fn start(url: &str, host: &str, folder: &Path) -> Self {
        let script = folder.join("pace.lua");
        fs::write(&script, format!("function delay() return {PAUSE} end\n")).unwrap();
        // `make deps` installs it.
        let child = Command::new("wrk")
            .args(["--threads", "1", "--duration", "2h", "--timeout", "10s"])
            .args(["--connections", &CONNECTIONS.to_string()])
            .args(["--header", &format!("Host: {host}"), "--script"])
            .arg(&script)
            .arg(url)
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Has it end, and reads what it says.
    pub fn stop(self) -> Counted {
        let asked = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        let output = self.0.wait_with_output().unwrap();
        read(&String::from_utf8(output.stdout).unwrap())
    }
}

/// Reads wrk's summary, in which lines about failures are there only when there are any.
fn read(text: &str) -> Counted {
    let mut counted = Counted::default();
    for line in text.lines().map(str::trim) {
        if let Some((requests, _)) = line.split_once(" requests in ") {
            counted.requests = requests.parse().unwrap();
        }
        if let Some(rate) = line.strip_prefix("Requests/sec:") {
            rate.trim().clone_into(&mut counted.per_second);
        }
        if ["Socket errors", "Non-2xx"]
            .iter()
            .any(|bad| line.starts_with(bad))
        {
            counted.failures.push(line.to_owned());
        }
    }
    assert!(counted.requests > 0, "{text}");
    counted
}

#[test]
fn a_summary_tells_requests_and_failures() {
    let text = "Running 2m test @ http://10.0.0.1/version\n  1 threads and 40 connections\n  \
                240014 requests in 4.00m, 38.22MB read\n  Socket errors: connect 0, read 3, write 0, timeout 1\n  \
                Non-2xx or 3xx responses: 7\nRequests/sec:   1000.05\n";
    let counted = read(text);
    assert_eq!(counted.requests, 240_014);
    assert_eq!(counted.per_second, "1000.05");
    assert_eq!(counted.failures.len(), 2, "{counted:?}");
}
