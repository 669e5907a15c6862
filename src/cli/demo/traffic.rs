//! Requests that never stop while images are rolled, and what became of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Clients that send side by side over connections which they keep.
const CLIENTS: usize = 8;
/// Each client sends this often: about 500 requests a second in all, which leaves two cores room for the machines.
const PERIOD: Duration = Duration::from_millis(15);
/// A user has gone away long before; anything slower counts as failed.
const LIMIT: Duration = Duration::from_secs(10);

/// What was asked and answered during one phase of the demo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    pub name: String,
    pub sent: u64,
    pub failed: u64,
    /// Requests answered by each version.
    pub versions: BTreeMap<String, u64>,
    /// The first failure in words.
    pub failure: Option<String>,
}

/// The phases so far, shared between the clients and the demo.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Vec<Phase>>>);

impl Tally {
    /// From now on answers count for a phase of this name.
    pub fn begin(&self, name: &str) {
        self.with(|phases| {
            phases.push(Phase {
                name: name.to_owned(),
                ..Phase::default()
            });
        });
    }

    /// Every phase with its counts.
    pub fn phases(&self) -> Vec<Phase> {
        self.with(|phases| phases.clone())
    }

    fn count(&self, answer: Result<String, String>) {
        self.with(|phases| {
            let Some(phase) = phases.last_mut() else {
                return;
            };
            phase.sent += 1;
            match answer {
                Ok(version) => *phase.versions.entry(version).or_default() += 1,
                Err(failure) => {
                    phase.failed += 1;
                    phase.failure.get_or_insert(failure);
                }
            }
        });
    }

    fn with<T>(&self, body: impl FnOnce(&mut Vec<Phase>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Clients that send until they are stopped.
pub struct Traffic {
    stop: CancellationToken,
    thread: JoinHandle<Result<(), String>>,
}

impl Traffic {
    /// Starts the clients. Each asks `url` for `/version` as host `host` and counts what it hears into `tally`.
    pub fn start(url: &str, host: &str, tally: &Tally) -> Self {
        let stop = CancellationToken::new();
        let (url, host, tally, stopped) = (
            format!("{url}/version"),
            host.to_owned(),
            tally.clone(),
            stop.clone(),
        );
        let thread = std::thread::spawn(move || send(&url, &host, &tally, &stopped));
        Self { stop, thread }
    }

    /// Lets requests in flight end and stops. Errors when the clients could not run.
    pub fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        self.thread
            .join()
            .unwrap_or_else(|_| Err("the clients panicked".to_owned()))
    }
}

fn send(url: &str, host: &str, tally: &Tally, stop: &CancellationToken) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let clients = (0..CLIENTS).map(|_| one_client(&client, url, host, tally, stop));
        futures_util::future::join_all(clients).await;
    });
    Ok(())
}

async fn one_client(
    client: &reqwest::Client,
    url: &str,
    host: &str,
    tally: &Tally,
    stop: &CancellationToken,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        ticks.tick().await;
        tally.count(ask(client, url, host).await);
    }
}

async fn ask(client: &reqwest::Client, url: &str, host: &str) -> Result<String, String> {
    let answer = client
        .get(url)
        .header("host", host)
        .send()
        .await
        .map_err(|error| words(&error))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| words(&error))?;
    if status.is_success() {
        Ok(body.trim().to_owned())
    } else {
        Err(format!("HTTP {status}"))
    }
}

/// The innermost reason, which says more than "error sending request".
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_count_for_the_phase_that_runs() {
        let tally = Tally::default();
        tally.count(Ok("lost".into()));
        tally.begin("before");
        tally.count(Ok("1".into()));
        tally.begin("swap");
        tally.count(Ok("1".into()));
        tally.count(Ok("2".into()));
        tally.count(Err("refused".into()));
        tally.count(Err("later".into()));
        let phases = tally.phases();
        assert_eq!((phases[0].sent, phases[0].failed), (1, 0));
        assert_eq!((phases[1].sent, phases[1].failed), (4, 2));
        assert_eq!(
            phases[1].versions,
            BTreeMap::from([("1".into(), 1), ("2".into(), 1)])
        );
        assert_eq!(phases[1].failure.as_deref(), Some("refused"));
    }
}
