//! Users of the service: requests that never stop, and what became of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const CLIENTS: usize = 4;
const PERIOD: Duration = Duration::from_millis(20);

/// What was asked and answered so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub answered: u64,
    pub failures: Vec<String>,
    pub versions: BTreeSet<String>,
}

/// Clients that ask until they are stopped.
pub struct Traffic {
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Traffic {
    /// Starts asking `url` as host `host`.
    pub fn start(url: &str, host: &'static str) -> Self {
        let tally = Arc::<Mutex<Tally>>::default();
        let stop = Arc::<AtomicBool>::default();
        let clients = (url.to_owned(), tally.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let (url, tally, stop) = clients;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let client = reqwest::Client::new();
            let all = (0..CLIENTS).map(|_| send(&client, &url, host, &tally, &stop));
            runtime
                .unwrap()
                .block_on(futures_util::future::join_all(all));
        });
        Self {
            tally,
            stop,
            thread,
        }
    }

    /// The versions that have answered since this was asked last.
    pub fn versions(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.tally.lock().unwrap().versions)
    }

    /// Fails when a request has failed so far.
    pub fn assert_whole(&self) {
        assert_eq!(self.tally.lock().unwrap().failures, [""; 0]);
    }

    /// Lets requests in flight end.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.tally.lock().unwrap().clone()
    }
}

async fn send(
    client: &reqwest::Client,
    url: &str,
    host: &str,
    tally: &Mutex<Tally>,
    stop: &AtomicBool,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let answer = ask(client, url, host).await;
        let mut tally = tally.lock().unwrap();
        match answer {
            Ok(version) => {
                tally.answered += 1;
                tally.versions.insert(version);
            }
            Err(error) => tally.failures.push(error),
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str, host: &str) -> Result<String, String> {
    let request = client.get(url).header("host", host);
    let request = request.timeout(Duration::from_secs(10));
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let answer = answer
        .error_for_status()
        .map_err(|error| error.to_string())?;
    answer.text().await.map_err(|error| error.to_string())
}

/// Which version answers one request.
pub async fn version(url: &str, host: &str) -> String {
    ask(&reqwest::Client::new(), url, host).await.unwrap()
}
