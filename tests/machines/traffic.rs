//! Users of the service: requests that never stop, and what became of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::dns::Resolve;

const PERIOD: Duration = Duration::from_millis(20);
/// Nobody waits for longer until so many requests have been answered.
const LONGEST: Duration = Duration::from_mins(1);

/// How many clients there are, and how long each waits for an answer.
#[derive(Clone, Copy, Debug)]
struct Clients {
    count: usize,
    limit: Duration,
}

/// What was asked and answered so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub answered: u64,
    pub failures: Vec<String>,
    pub versions: BTreeSet<String>,
    /// Requests that were sent since versions were last asked for, and have been answered.
    fresh: u64,
    /// How often versions were asked for.
    asked: u64,
}

#[derive(Debug, Default)]
struct Shared {
    tally: Mutex<Tally>,
    answered: Condvar,
    stop: AtomicBool,
}

/// Clients that ask until they are stopped.
pub struct Traffic {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Traffic {
    /// Starts asking `url` as host `host`.
    pub fn start(url: &str, host: &'static str) -> Self {
        let clients = Clients {
            count: 4,
            limit: Duration::from_secs(10),
        };
        Self::by(reqwest::Client::new(), clients, url, host)
    }

    /// The same, and each request comes by a connection of its own.
    pub fn anew(url: &str, host: &'static str) -> Self {
        Self::anew_by(reqwest::Client::builder(), url, host)
    }

    /// The same, to where a resolver of names says.
    pub fn named(resolver: impl Resolve + 'static, url: &str, host: &'static str) -> Self {
        let client = reqwest::Client::builder().dns_resolver(resolver);
        Self::anew_by(client, url, host)
    }

    fn anew_by(client: reqwest::ClientBuilder, url: &str, host: &'static str) -> Self {
        let clients = Clients {
            count: 4,
            limit: Duration::from_secs(10),
        };
        let none_kept = client.pool_max_idle_per_host(0);
        Self::by(none_kept.build().unwrap(), clients, url, host)
    }

    /// Starts asking for what takes long.
    pub fn slow(url: &str, host: &'static str) -> Self {
        let clients = Clients {
            count: 3,
            limit: Duration::from_secs(40),
        };
        Self::by(reqwest::Client::new(), clients, url, host)
    }

    fn by(client: reqwest::Client, clients: Clients, url: &str, host: &'static str) -> Self {
        let shared = Arc::<Shared>::default();
        let about = (url.to_owned(), shared.clone());
        let thread = std::thread::spawn(move || {
            let (url, shared) = about;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let all =
                (0..clients.count).map(|_| send(&client, (&url, host), clients.limit, &shared));
            runtime
                .unwrap()
                .block_on(futures_util::future::join_all(all));
        });
        Self { shared, thread }
    }

    /// The versions that have answered since this was asked last.
    pub fn versions(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.shared.tally.lock().unwrap().versions)
    }

    /// The versions that answer the next so many requests of those that are sent from now on.
    pub fn next_versions(&self, count: u64) -> BTreeSet<String> {
        let mut tally = self.waited(|tally| tally.fresh >= count);
        std::mem::take(&mut tally.versions)
    }

    /// Waits until a request that is sent from now on is answered by this version.
    pub fn meets(&self, version: &str) {
        drop(self.waited(|tally| tally.versions.contains(version)));
    }

    /// What there is of requests that are sent from now on, as soon as it is so.
    fn waited(&self, is: impl Fn(&Tally) -> bool) -> MutexGuard<'_, Tally> {
        let mut tally = self.shared.tally.lock().unwrap();
        tally.asked += 1;
        tally.fresh = 0;
        tally.versions.clear();
        let (tally, waited) = (self.shared.answered)
            .wait_timeout_while(tally, LONGEST, |tally| !is(tally))
            .unwrap();
        assert!(!waited.timed_out(), "{tally:?}");
        tally
    }

    /// Fails when a request has failed so far.
    pub fn assert_whole(&self) {
        assert_eq!(self.shared.tally.lock().unwrap().failures, [""; 0]);
    }

    /// Lets requests in flight end.
    pub fn stop(self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.shared.tally.lock().unwrap().clone()
    }
}

async fn send(
    client: &reqwest::Client,
    (url, host): (&str, &str),
    limit: Duration,
    shared: &Shared,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    while !shared.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let asked = shared.tally.lock().unwrap().asked;
        let answer = ask(client, url, host, limit).await;
        let mut tally = shared.tally.lock().unwrap();
        match answer {
            Ok(version) => {
                tally.answered += 1;
                if tally.asked == asked {
                    tally.fresh += 1;
                    tally.versions.insert(version);
                }
            }
            Err(error) => tally.failures.push(error),
        }
        shared.answered.notify_all();
    }
}

async fn ask(
    client: &reqwest::Client,
    url: &str,
    host: &str,
    limit: Duration,
) -> Result<String, String> {
    let request = client.get(url).header("host", host);
    let request = request.timeout(limit);
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let answer = answer
        .error_for_status()
        .map_err(|error| error.to_string())?;
    answer.text().await.map_err(|error| error.to_string())
}

/// Which version answers one request.
pub async fn version(url: &str, host: &str) -> String {
    let limit = Duration::from_secs(10);
    ask(&reqwest::Client::new(), url, host, limit)
        .await
        .unwrap()
}
