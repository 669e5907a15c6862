//! A `moto_server` of our own, which counts the calls that it gets.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::ssh::server::free_port;

pub struct Moto {
    process: Child,
    pub endpoint: String,
    _folder: tempfile::TempDir,
}

impl Moto {
    /// Starts one that listens on the loopback only.
    pub fn start() -> Self {
        Self::start_as("http", &[])
    }

    /// Starts one that shows a certificate which nobody has signed.
    pub fn start_unsigned() -> Self {
        Self::start_as("https", &["-s"])
    }

    fn start_as(scheme: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut process = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .args(more)
            .env("MOTO_RECORDER_FILEPATH", folder.path().join("calls"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("no moto_server, which `make deps` installs: {error}"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let up = lines.find(|line| line.as_ref().unwrap().contains("Running on"));
        assert!(up.is_some(), "moto_server did not start");
        // Else it blocks once its log fills the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            endpoint: format!("{scheme}://127.0.0.1:{port}"),
            _folder: folder,
        }
    }

    /// From here on calls are recorded.
    pub async fn record(&self) {
        self.ask("reset-recording").await;
        self.ask("start-recording").await;
    }

    /// The actions that were called since.
    pub async fn recorded(&self) -> Vec<String> {
        let bodies = self.bodies().await;
        bodies.iter().map(|body| action(body)).collect()
    }

    /// The bodies of the calls since, as they came.
    pub async fn bodies(&self) -> Vec<String> {
        let url = format!("{}/moto-api/recorder/download-recording", self.endpoint);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let calls = text.lines().filter(|line| !line.trim().is_empty());
        calls.map(body).collect()
    }

    /// What `element` holds wherever it stands in EC2's answer to this call.
    pub fn ec2(&self, call: &str, element: &str) -> Vec<String> {
        // moto reads the region from it, and checks no signature.
        let scope = "Credential=test/20260101/eu-central-1/ec2/aws4_request";
        let done = Command::new("curl")
            .args([
                "-sS",
                "-f",
                "-d",
                &format!("Version=2016-11-15&Action={call}"),
            ])
            .args(["-H", &format!("Authorization: AWS4-HMAC-SHA256 {scope}")])
            .arg(&self.endpoint)
            .output()
            .unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{call}: {text}");
        let open = format!("<{element}>");
        let parts = text.split(&open).skip(1);
        parts
            .map(|part| part.split('<').next().unwrap().to_owned())
            .collect()
    }

    async fn ask(&self, what: &str) {
        let url = format!("{}/moto-api/recorder/{what}", self.endpoint);
        let answer = reqwest::Client::new().post(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{what}");
    }
}

fn body(line: &str) -> String {
    let call: serde_json::Value = serde_json::from_str(line).unwrap();
    let body = call["body"].as_str().unwrap_or_default();
    if call["body_encoded"] == true {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(body);
        String::from_utf8(bytes.unwrap()).unwrap()
    } else {
        body.to_owned()
    }
}

fn action(body: &str) -> String {
    let mut fields = body.split('&');
    let action = fields.find_map(|field| field.strip_prefix("Action="));
    action.unwrap_or("?").to_owned()
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
