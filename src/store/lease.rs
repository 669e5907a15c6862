//! Leases: `leases/<service>`, a file that its holder keeps locked. On one host the lock is the lease; its text only says who has it.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Write};

use crate::run::{Held, Holder, Leases};
use crate::store::Store;
use crate::store::durable::Locked;

/// A lease that is held; dropping it gives it back.
pub struct FileLease {
    _file: Locked,
}

impl Leases for Store {
    type Lease = FileLease;

    fn take(&self, name: &str, holder: &Holder) -> Result<FileLease, Held> {
        let path = self.folder("leases")?.join(name);
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Torn while it is being written: whose it is does not change that it is held.
                let text = fs::read_to_string(&path).unwrap_or_default();
                let unknown = || Holder {
                    host: "unknown".to_owned(),
                    ..holder.clone()
                };
                let by = serde_json::from_str(&text).unwrap_or_else(|_| unknown());
                return Err(Held::By(Box::new(by)));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        let text = serde_json::to_string(holder).map_err(io::Error::from)?;
        (&file).write_all(text.as_bytes())?;
        file.sync_data()?;
        Ok(FileLease {
            _file: Locked(file),
        })
    }
}

impl Store {
    /// Who took the lease `name` last, whether they hold it still or not. Nothing is locked, so that nobody is kept off.
    pub fn last_holder(&self, name: &str) -> io::Result<Option<Holder>> {
        let path = self.root().join("leases").join(name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // Torn when it is being written: then somebody has it, and the lock is what counts.
            text => Ok(serde_json::from_str(&text?).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    #[test]
    fn one_holder_at_a_time_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let holder = |number| Holder {
            run: RunId::new(jiff::Timestamp::UNIX_EPOCH, number),
            host: "agent-7".to_owned(),
            process: 42,
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        let lease = store.take("web", &holder(1)).ok().unwrap();
        let Err(Held::By(other)) = store.take("web", &holder(2)) else {
            panic!("it is held");
        };
        assert_eq!(*other, holder(1));
        assert_eq!(store.last_holder("web").unwrap(), Some(holder(1)));
        assert_eq!(store.last_holder("api").unwrap(), None);
        assert!(store.take("api", &holder(2)).is_ok());
        drop(lease);
        assert!(store.take("web", &holder(2)).is_ok());
    }

    #[test]
    fn a_lease_whose_text_is_torn_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let holder = Holder {
            run: RunId::new(jiff::Timestamp::UNIX_EPOCH, 1),
            host: "agent-7".to_owned(),
            process: 42,
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        let lease = store.take("web", &holder).ok().unwrap();
        fs::write(folder.path().join("leases/web"), "{\"run\":").unwrap();
        let Err(Held::By(other)) = store.take("web", &holder) else {
            panic!("it is held");
        };
        assert_eq!(other.host, "unknown");
        drop(lease);
    }
}
