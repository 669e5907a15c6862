//! Journals: `runs/<run id>.jsonl`, one line an entry, on disk before the call that it announces.
//!
//! The file is locked while its run lives, so that a lock that can be had proves the run dead on this host.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run::{Clock, Entry, Journal, Line, RunId};
use crate::store::Store;
use crate::store::durable::{Locked, sync_folder};

/// The journal of a run that lives, or that a sweep has taken over.
pub struct FileJournal<'a> {
    file: Locked,
    clock: &'a dyn Clock,
}

/// A journal whose run is dead, with the lock held until it is dropped.
pub struct DeadRun<'a, U> {
    pub run: RunId,
    pub lines: Vec<Line<U>>,
    /// Goes on where the run stopped.
    pub journal: Box<dyn Journal<U> + 'a>,
}

impl<U> DeadRun<'_, U> {
    /// A fact that the run noted; the last, where it noted several.
    pub fn fact<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.lines.iter().rev().find_map(|line| match &line.entry {
            Entry::Fact { key: noted, value } if noted == key => T::deserialize(value).ok(),
            _ => None,
        })
    }
}

/// What became of an attempt to take a journal over.
pub enum Claim<'a, U> {
    /// The run is dead; its journal is ours.
    Dead(Box<DeadRun<'a, U>>),
    /// The run lives.
    Alive(RunId),
    /// The journal cannot be read; a person must look.
    Torn(TornJournal),
}

/// A journal with a line that is not one, before its end.
#[derive(Debug, thiserror::Error)]
#[error("{}: line {line} is no entry of a journal", path.display())]
pub struct TornJournal {
    pub path: PathBuf,
    pub line: usize,
    #[source]
    source: serde_json::Error,
}

impl TornJournal {
    pub(super) fn new(path: PathBuf, line: usize, source: serde_json::Error) -> Self {
        Self { path, line, source }
    }
}

impl Store {
    /// Begins the journal of `run` and locks it.
    pub fn begin<'a>(&self, run: RunId, clock: &'a dyn Clock) -> io::Result<FileJournal<'a>> {
        let folder = self.folder("runs")?;
        let path = folder.join(format!("{run}.jsonl"));
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)?;
        file.lock()?;
        sync_folder(&folder)?;
        Ok(FileJournal {
            file: Locked(file),
            clock,
        })
    }

    /// Every journal of the store, each taken over when its run is dead, oldest first.
    pub fn claim<'a, U: Serialize + DeserializeOwned + Clone>(
        &self,
        clock: &'a dyn Clock,
    ) -> io::Result<Vec<Claim<'a, U>>> {
        let mut claims = Vec::new();
        for (run, path) in self.journals()? {
            let mut file = OpenOptions::new().append(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    claims.push(Claim::Alive(run));
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let text = fs::read_to_string(&path)?;
            claims.push(match read(&text) {
                Ok(lines) => {
                    end_torn_line(&mut file, &text)?;
                    let journal = Box::new(FileJournal {
                        file: Locked(file),
                        clock,
                    });
                    Claim::Dead(Box::new(DeadRun {
                        run,
                        lines,
                        journal,
                    }))
                }
                Err((line, source)) => Claim::Torn(TornJournal { path, line, source }),
            });
        }
        Ok(claims)
    }

    /// Every run that has a journal here, and whether it lives. Nothing is taken over.
    pub fn runs(&self) -> io::Result<Vec<(RunId, bool)>> {
        let mut runs = Vec::new();
        for (run, path) in self.journals()? {
            let lives = match File::open(&path)?.try_lock_shared() {
                Ok(()) => false,
                Err(TryLockError::WouldBlock) => true,
                Err(TryLockError::Error(error)) => return Err(error),
            };
            runs.push((run, lives));
        }
        Ok(runs)
    }

    fn journals(&self) -> io::Result<Vec<(RunId, PathBuf)>> {
        let folder = self.root().join("runs");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let run = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_suffix(".jsonl")?.parse().ok());
            found.extend(run.map(|run: RunId| (run, path)));
        }
        found.sort();
        Ok(found)
    }
}

impl<U: Serialize + Clone> Journal<U> for FileJournal<'_> {
    fn note(&self, entry: &Entry<U>) -> io::Result<()> {
        let line = Line {
            at: self.clock.now(),
            entry: entry.clone(),
        };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        (&self.file.0).write_all(text.as_bytes())?;
        // The kernel has it now, whatever becomes of this process; the disk costs milliseconds.
        if entry.must_last() {
            self.file.0.sync_data()?;
        }
        Ok(())
    }
}

/// The lines of a journal. The last may be torn, since the process died while writing it: what it announced was not done.
pub(super) fn read<U: DeserializeOwned>(
    text: &str,
) -> Result<Vec<Line<U>>, (usize, serde_json::Error)> {
    let mut lines = Vec::new();
    let whole = text.ends_with('\n');
    let count = text.lines().count();
    for (index, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(_) if index + 1 == count && !whole => {}
            Err(error) => return Err((index + 1, error)),
        }
    }
    Ok(lines)
}

/// Cuts a torn last line off, so that the next entry does not end up in it.
fn end_torn_line(file: &mut File, text: &str) -> io::Result<()> {
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        file.set_len(whole as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Lifetime, SystemClock, due};

    fn run(number: u128) -> RunId {
        RunId::new(jiff::Timestamp::UNIX_EPOCH, number)
    }

    fn intend(slot: usize) -> Entry<String> {
        Entry::Intend {
            slot,
            lifetime: Lifetime::Scratch,
            undo: format!("thing {slot}"),
        }
    }

    fn claim(store: &Store) -> Vec<Claim<'static, String>> {
        store.claim(&SystemClock).unwrap()
    }

    #[test]
    fn a_run_that_lives_keeps_its_journal_and_a_dead_one_gives_it_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join(".kiln"));
        assert!(claim(&store).is_empty());
        let journal = store.begin(run(1), &SystemClock).unwrap();
        journal.note(&intend(0)).unwrap();
        assert!(matches!(claim(&store)[..], [Claim::Alive(id)] if id == run(1)));
        assert_eq!(store.runs().unwrap(), [(run(1), true)]);
        drop(journal);
        assert_eq!(store.runs().unwrap(), [(run(1), false)]);
        let mut claims = claim(&store);
        let Some(Claim::Dead(dead)) = claims.pop() else {
            panic!("the run is dead");
        };
        let entries = dead.lines.iter().map(|line| line.entry.clone());
        assert_eq!(due(entries).len(), 1);
        assert!(
            matches!(claim(&store)[..], [Claim::Alive(_)]),
            "one sweep at a time"
        );
        Journal::<String>::note(dead.journal.as_ref(), &Entry::Undone { slot: 0 }).unwrap();
        drop(dead);
        let Some(Claim::Dead(dead)) = claim(&store).pop() else {
            panic!("the sweep is over");
        };
        assert_eq!(due(dead.lines.into_iter().map(|line| line.entry)), []);
    }

    /// A child process that is being started has copies of all descriptors, which would keep the lock.
    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_a_dead_run_alive() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let journal = store.begin(run(1), &SystemClock).unwrap();
        journal.note(&intend(0)).unwrap();
        let copy = journal.file.0.try_clone().unwrap();
        drop(journal);
        assert!(matches!(claim(&store)[..], [Claim::Dead(_)]));
        drop(copy);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_torn_line_before_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let path = folder.path().join(format!("runs/{}.jsonl", run(1)));
        drop(store.begin(run(1), &SystemClock).map(|journal| {
            journal.note(&intend(0)).unwrap();
        }));
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"at\":\"2026-");
        fs::write(&path, &text).unwrap();
        let Some(Claim::Dead(dead)) = claim(&store).pop() else {
            panic!("a torn end is no damage");
        };
        assert_eq!(dead.lines.len(), 1);
        dead.journal.note(&intend(1)).unwrap();
        drop(dead);
        let Some(Claim::Dead(dead)) = claim(&store).pop() else {
            panic!("the torn end is gone");
        };
        assert_eq!(dead.lines.len(), 2);
        drop(dead);
        fs::write(&path, format!("nonsense\n{text}\n")).unwrap();
        let Some(Claim::Torn(torn)) = claim(&store).pop() else {
            panic!("damage is said");
        };
        assert_eq!(torn.line, 1);
    }
}
