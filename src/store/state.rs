//! Where the state of a service is kept: a folder of this host or a bucket, with the same words.

use std::{fmt, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Claim, FileLease, Remote, RemoteLease, Store};
use crate::run::{Clock, Held, Holder, Journal, Later, LaterLists, Leases, RunId};

/// One of both.
pub enum State {
    Folder(Store),
    Remote(Remote),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(store) => store.root().display().fmt(f),
            Self::Remote(_) => f.write_str("the bucket"),
        }
    }
}

/// Whether a note was refused because the journal's run, or another one that took it over, has gone on with it.
pub fn is_alive(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ResourceBusy
}

/// A lease of either; dropping it gives it back.
pub enum StateLease {
    Folder { _lease: FileLease },
    Remote { _lease: RemoteLease },
}

impl State {
    /// Begins the journal of a run on `service`.
    pub fn begin<'a, U: Serialize + Clone + 'a>(
        &self,
        run: RunId,
        service: &str,
        clock: &'a dyn Clock,
    ) -> io::Result<Box<dyn Journal<U> + 'a>> {
        match self {
            Self::Folder(store) => Ok(Box::new(store.begin(run, clock)?)),
            Self::Remote(remote) => Ok(remote.begin(run, service, clock)),
        }
    }

    /// Every run of the service that has a journal here, and in a folder those of others, and whether it lives. Nothing is taken
    /// over.
    pub fn runs(&self, service: &str) -> io::Result<Vec<(RunId, bool)>> {
        match self {
            Self::Folder(store) => store.runs(),
            Self::Remote(remote) => remote.runs(service).map_err(io::Error::other),
        }
    }

    /// Who took the lease `name` last, whether they hold it still or not. Nothing is locked, so that nobody is kept off.
    pub fn last_holder(&self, name: &str) -> io::Result<Option<Holder>> {
        match self {
            Self::Folder(store) => store.last_holder(name),
            Self::Remote(remote) => remote.last_holder(name).map_err(io::Error::other),
        }
    }

    /// The services that have a due-list, by name.
    pub fn services_due(&self) -> io::Result<Vec<String>> {
        match self {
            Self::Folder(store) => store.services_due(),
            Self::Remote(remote) => remote.services_due().map_err(io::Error::other),
        }
    }
}

/// Gives the journals of dead runs out.
pub trait Journals {
    /// The journals of dead runs, oldest first; at least those of `service`, where one is named. In a folder a lock proves that a
    /// run is dead; in a bucket only its service's lease does, and a note in the journal of one that lives is refused
    /// ([`is_alive`]).
    fn dead<'a, U: Serialize + DeserializeOwned + Clone + 'a>(
        &self,
        service: Option<&str>,
        clock: &'a dyn Clock,
    ) -> io::Result<Vec<Claim<'a, U>>>;
}

impl Journals for Store {
    fn dead<'a, U: Serialize + DeserializeOwned + Clone + 'a>(
        &self,
        _: Option<&str>,
        clock: &'a dyn Clock,
    ) -> io::Result<Vec<Claim<'a, U>>> {
        self.claim(clock)
    }
}

impl Journals for State {
    fn dead<'a, U: Serialize + DeserializeOwned + Clone + 'a>(
        &self,
        service: Option<&str>,
        clock: &'a dyn Clock,
    ) -> io::Result<Vec<Claim<'a, U>>> {
        match self {
            Self::Folder(store) => store.claim(clock),
            Self::Remote(remote) => remote.claim(service, clock).map_err(io::Error::other),
        }
    }
}

impl Leases for State {
    type Lease = StateLease;

    fn take(&self, name: &str, holder: &Holder) -> Result<StateLease, Held> {
        Ok(match self {
            Self::Folder(store) => StateLease::Folder {
                _lease: store.take(name, holder)?,
            },
            Self::Remote(remote) => StateLease::Remote {
                _lease: remote.take(name, holder)?,
            },
        })
    }
}

impl<U: Serialize + DeserializeOwned> LaterLists<U> for State {
    fn read(&self, service: &str) -> io::Result<Vec<Later<U>>> {
        match self {
            Self::Folder(store) => store.read(service),
            Self::Remote(remote) => remote.read(service),
        }
    }

    fn replace(&self, service: &str, list: &[Later<U>]) -> io::Result<()> {
        match self {
            Self::Folder(store) => store.replace(service, list),
            Self::Remote(remote) => remote.replace(service, list),
        }
    }
}
