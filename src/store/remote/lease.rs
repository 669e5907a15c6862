//! Leases: `leases/<service>`, written anew while they are held.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Remote, put, put_on};
use crate::cloud::{Error, Fence, Mark, Object, Put, When};
use crate::run::{Held, Holder, Leases, RunId};

/// How long a lease lasts that is not renewed: as long as the service waits for a run that was killed.
const LASTS: Duration = Duration::from_secs(90);
/// How long its holder writes. An attempt of a call that began in time may take 30 s more to arrive, and S3 tells the time to the
/// second.
const WRITES: Duration = Duration::from_secs(55);
/// Between two renewals. Three may fail before the holder has to stop.
const BEAT: Duration = Duration::from_secs(15);

/// Renewals in a row that differ from each other.
const TEXTS: u64 = 5;
/// How often a lease is asked for that another run takes and gives back meanwhile.
const RACES: u32 = 3;

/// What stands there when nobody holds it. It stays, since S3 removes nothing on a condition everywhere.
const FREE: &str = "{}";

/// A lease that is held; dropping it gives it back.
pub struct RemoteLease {
    stop: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
}

impl Drop for RemoteLease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(beats) = self.beats.take() {
            // A thread that panicked has stopped renewing, which frees the lease as well.
            drop(beats.join());
        }
    }
}

impl Leases for Remote {
    type Lease = RemoteLease;

    fn take(&self, name: &str, holder: &Holder) -> Result<RemoteLease, Held> {
        let key = format!("leases/{name}");
        let text = serde_json::to_string(holder).map_err(io::Error::from)?;
        for _ in 0..RACES {
            let began = Fence::now();
            let there = self.objects.get(&key).map_err(io::Error::other)?;
            if let Some(held) = self.held(&key, there.as_ref()) {
                return Err(held);
            }
            let when = match &there {
                Some(there) => When::Is(&there.mark),
                None => When::Absent,
            };
            if let Put::Done(mark) = self.put_first(&key, &text, when)? {
                self.fence.extend(began + WRITES);
                return Ok(self.hold(key, text, mark));
            }
        }
        let text = "others take it and give it back all the time; try again";
        Err(Held::Io(io::Error::other(text)))
    }
}

/// The text of a renewal. Another text has another mark also where marks are digests, so that whoever read it before the renewal
/// cannot take it over behind it, and none that was never answered passes for a later one: the fence is closed by then.
fn beaten(text: &str, beat: u64) -> String {
    let marks = usize::try_from(beat % TEXTS).unwrap_or_default();
    format!("{text}{}", "\n".repeat(1 + marks))
}

/// Whether what stands there is of the same run, by another beat: one may go through and never be answered.
fn is_of(text: &str) -> impl Fn(&str) -> bool {
    move |there| there.trim_end() == text.trim_end()
}

/// Who holds a lease.
enum Holds {
    Nobody,
    Run(Box<Holder>),
    /// Nobody knows, nor for how long.
    Unknown,
}

fn holds(there: Option<&Object>) -> Holds {
    let Some(there) = there else {
        return Holds::Nobody;
    };
    match serde_json::from_str(&there.text) {
        Ok(holder) if there.age < LASTS => Holds::Run(holder),
        Err(_) if there.text.trim() != FREE => Holds::Unknown,
        _ => Holds::Nobody,
    }
}

impl Remote {
    /// Who took the lease `name` last and did not give it back.
    pub fn last_holder(&self, name: &str) -> Result<Option<Holder>, Error> {
        let there = self.objects.get(&format!("leases/{name}"))?;
        Ok(there.and_then(|there| serde_json::from_str(&there.text).ok()))
    }

    /// Every run of the service that has a journal, and whether it lives: whether the lease is its own.
    pub fn runs(&self, service: &str) -> Result<Vec<(RunId, bool)>, Error> {
        let lease = self.objects.get(&format!("leases/{service}"))?;
        let holds = holds(lease.as_ref());
        let mut runs = Vec::new();
        for folder in ["ended", "runs"] {
            let below = format!("{folder}/{service}/");
            let keys = self.objects.list(&below)?;
            let names = keys.iter().filter_map(|key| {
                let name = key.strip_prefix(&below)?;
                name.strip_suffix(".jsonl")?.parse().ok()
            });
            let lives = |run: &RunId| match &holds {
                Holds::Nobody => false,
                Holds::Run(holder) => holder.run == *run,
                // Any may.
                Holds::Unknown => folder == "runs",
            };
            runs.extend(names.map(|run: RunId| (run, lives(&run))));
        }
        Ok(runs)
    }

    /// Writes what says that it is taken. Where nobody answers that, what stands there does: nobody else would renew it.
    fn put_first(&self, key: &str, text: &str, when: When<'_>) -> io::Result<Put> {
        let error = match put(&*self.objects, key, text, when) {
            Ok(put) => return Ok(put),
            Err(error) => error,
        };
        let there = self.objects.get(key).ok().flatten();
        match there.filter(|there| there.text == text) {
            Some(there) => Ok(Put::Done(there.mark)),
            None => Err(io::Error::other(error)),
        }
    }

    /// Why it cannot be taken now.
    fn held(&self, key: &str, there: Option<&Object>) -> Option<Held> {
        match holds(there) {
            Holds::Nobody => None,
            Holds::Run(by) => Some(Held::By(by)),
            Holds::Unknown => Some(Held::Unreadable {
                place: self.objects.address(key),
            }),
        }
    }

    /// Renews it until it is dropped.
    fn hold(&self, key: String, text: String, mark: Mark) -> RemoteLease {
        let (stop, stopped) = channel::<()>();
        let store = self.clone();
        let beats = std::thread::spawn(move || {
            let mut mark = mark;
            let mut beat = 0;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BEAT) {
                beat += 1;
                store.renew(&key, &beaten(&text, beat), &mut mark);
            }
            store.give_back(&key, &text, &mark);
        });
        RemoteLease {
            stop: Some(stop),
            beats: Some(beats),
        }
    }

    /// What cannot be asked is tried again at the next beat; the fence closes by itself.
    fn renew(&self, key: &str, text: &str, mark: &mut Mark) {
        // Whoever was stopped for so long may have been taken over already, and must not write to find out.
        if self.fence.check().is_err() {
            self.fence.lose("the lease could not be renewed in time");
            return;
        }
        let began = Fence::now();
        match put_on(&*self.objects, key, text, When::Is(mark), is_of(text)) {
            Ok(Put::Done(new)) => {
                *mark = new;
                self.fence.extend(began + WRITES);
            }
            Ok(Put::Refused) => {
                let taken = self.objects.get(key).ok().flatten();
                let who = match holds(taken.as_ref()) {
                    Holds::Run(by) => format!("run {} on {}", by.run, by.host),
                    Holds::Nobody | Holds::Unknown => "another run".to_owned(),
                };
                self.fence.lose(format!("{who} has taken it"));
            }
            Err(_) => {}
        }
    }

    /// One that is lost by now is another's, and stays as it is.
    fn give_back(&self, key: &str, text: &str, mark: &Mark) {
        if self.fence.check().is_ok() {
            // Without this word it is free once it has run out.
            let when = When::Is(mark);
            drop(put_on(&*self.objects, key, FREE, when, is_of(text)));
            self.fence.open();
        }
    }
}

#[cfg(test)]
mod tests;
