//! Journals: `runs/<service>/<run>.jsonl`, written whole at each entry that something follows from.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Remote, put, put_on};
use crate::cloud::{Error, Mark, Put, When};
use crate::run::{Clock, Entry, Journal, Line, RunId};
use crate::store::journal::{Claim, DeadRun, TornJournal, read};

/// The journal of a run.
pub(super) struct RemoteJournal<'a> {
    store: Remote,
    service: String,
    run: RunId,
    clock: &'a dyn Clock,
    written: Mutex<Written>,
}

struct Written {
    text: String,
    /// Of what stands there; nothing does at first.
    mark: Option<Mark>,
}

impl Remote {
    /// The journal of `run`, which is written once something is to be made.
    pub fn begin<'a, U: Serialize + Clone + 'a>(
        &self,
        run: RunId,
        service: &str,
        clock: &'a dyn Clock,
    ) -> Box<dyn Journal<U> + 'a> {
        Box::new(RemoteJournal {
            store: self.clone(),
            service: service.to_owned(),
            run,
            clock,
            written: Mutex::new(Written {
                text: String::new(),
                mark: None,
            }),
        })
    }

    /// The journals of runs that have not ended well, of one service or of all, oldest first. Whether those runs are dead, their
    /// lease says; a note in the journal of one that has gone on since is refused.
    pub fn claim<'a, U: Serialize + DeserializeOwned + Clone + 'a>(
        &self,
        service: Option<&str>,
        clock: &'a dyn Clock,
    ) -> Result<Vec<Claim<'a, U>>, Error> {
        let folder =
            service.map_or_else(|| "runs/".to_owned(), |service| format!("runs/{service}/"));
        let mut claims = Vec::new();
        for key in self.objects.list(&folder)? {
            let Some((service, run)) = named(&key) else {
                continue;
            };
            // One that has ended meanwhile is there no more.
            let Some(there) = self.objects.get(&key)? else {
                continue;
            };
            let service = service.to_owned();
            let lines = match read(&there.text) {
                Ok(lines) => lines,
                Err((line, source)) => {
                    let path = PathBuf::from(key);
                    claims.push(Claim::Torn(TornJournal::new(path, line, source)));
                    continue;
                }
            };
            let journal = Box::new(RemoteJournal {
                store: self.clone(),
                service,
                run,
                clock,
                written: Mutex::new(Written {
                    text: there.text,
                    mark: Some(there.mark),
                }),
            });
            claims.push(Claim::Dead(Box::new(DeadRun {
                run,
                lines,
                journal,
            })));
        }
        Ok(claims)
    }
}

/// The service and the run of a journal's key.
fn named(key: &str) -> Option<(&str, RunId)> {
    let name = key.strip_prefix("runs/")?.strip_suffix(".jsonl")?;
    let (service, run) = name.split_once('/')?;
    Some((service, run.parse().ok()?))
}

impl RemoteJournal<'_> {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, state: &str) -> String {
        format!("{state}/{}/{}.jsonl", self.service, self.run)
    }

    fn write(&self, written: &mut Written) -> io::Result<()> {
        let when = match &written.mark {
            Some(mark) => When::Is(mark),
            None => When::Absent,
        };
        let key = self.key("runs");
        // Whoever takes it over adds a line.
        let is_own = |there: &str| !there.is_empty() && written.text.starts_with(there);
        let put = put_on(&*self.store.objects, &key, &written.text, when, is_own);
        match put.map_err(io::Error::other)? {
            Put::Done(mark) => written.mark = Some(mark),
            Put::Refused => {
                let text = format!("another run has taken the journal of run {} over", self.run);
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
            }
        }
        Ok(())
    }

    /// Out of the way of those who look for dead runs.
    fn put_away(&self, written: &Written) -> io::Result<()> {
        let ended = self.key("ended");
        let objects = &*self.store.objects;
        put(objects, &ended, &written.text, When::Absent).map_err(io::Error::other)?;
        objects.remove(&self.key("runs")).map_err(io::Error::other)
    }
}

impl<U: Serialize + Clone> Journal<U> for RemoteJournal<'_> {
    fn note(&self, entry: &Entry<U>) -> io::Result<()> {
        let mut written = self.written();
        let line = Line {
            at: self.clock.now(),
            entry: entry.clone(),
        };
        written.text.push_str(&serde_json::to_string(&line)?);
        written.text.push('\n');
        // The others only say what happened, and go with the next one.
        let ended = matches!(entry, Entry::End { .. });
        if !(entry.must_last() || ended) {
            return Ok(());
        }
        // A run that found nothing to do leaves nothing for others to read.
        if written.mark.is_none() && !matches!(entry, Entry::Intend { .. } | Entry::Commit) {
            return Ok(());
        }
        self.store.fence.check().map_err(io::Error::other)?;
        self.write(&mut written)?;
        if matches!(entry, Entry::End { ok: true }) {
            self.put_away(&written)?;
        }
        Ok(())
    }
}
