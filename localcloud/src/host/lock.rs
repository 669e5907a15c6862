//! Locks on files. The kernel frees them when their holder dies, however it dies.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::Error;

/// How often a lock that someone else holds is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock if it is free.
pub(super) fn try_take(path: &Path) -> Result<Option<File>, Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::file(path)(error)),
    }
}

/// Takes the lock as soon as it is free; `wait` is called once when it is not.
pub(super) async fn take(path: &Path, wait: impl FnOnce()) -> Result<File, Error> {
    if let Some(file) = try_take(path)? {
        return Ok(file);
    }
    wait();
    loop {
        sleep(PAUSE).await;
        if let Some(file) = try_take(path)? {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_free_when_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/lock");
        let held = try_take(&path).unwrap().expect("a free lock");
        assert!(try_take(&path).unwrap().is_none());
        let mut waited = false;
        let waiting = take(&path, || {
            waited = true;
            drop(held);
        });
        waiting.await.unwrap();
        assert!(waited);
    }
}
