//! A store of objects for agents that share no disk: the same journals, leases and due-lists in a bucket.
//!
//! | key | is |
//! |---|---|
//! | `leases/<service>` | who holds the lease, or `{}`; written anew while it is held |
//! | `runs/<service>/<run>.jsonl` | the journal of a run that has not ended well |
//! | `ended/<service>/<run>.jsonl` | that of one that has |
//! | `due/<service>.json` | the due-list |
//!
//! No lock proves here that a run is dead. What proves it is its service's lease: who holds that one knows that no other run of
//! the service lives, and the conditions of S3's writes refuse the one who only thinks so.

mod journal;
mod later;
mod lease;

pub use lease::RemoteLease;

use std::sync::Arc;

use crate::cloud::{Error, Fence, Mark, Objects, Put, When};

/// The store.
#[derive(Clone)]
pub struct Remote {
    objects: Arc<dyn Objects>,
    fence: Fence,
}

impl Remote {
    /// A store of these objects. `fence` is what every client of the run asks before it changes anything.
    pub fn new(objects: Arc<dyn Objects>, fence: Fence) -> Self {
        Self { objects, fence }
    }
}

/// Writes, and takes a refusal for what it may be: the answer to a second attempt of a write whose first went through.
fn put(objects: &dyn Objects, key: &str, text: &str, when: When<'_>) -> Result<Put, Error> {
    let put = objects.put(key, text, when)?;
    if put != Put::Refused {
        return Ok(put);
    }
    let there = objects.get(key)?.filter(|there| there.text == text);
    Ok(there.map_or(Put::Refused, |there| Put::Done(there.mark)))
}

/// The same over what stands there by an earlier write of this process too, which went through and was never answered: `is_own`
/// says so of a text.
fn put_on(
    objects: &dyn Objects,
    key: &str,
    text: &str,
    when: When<'_>,
    is_own: impl Fn(&str) -> bool,
) -> Result<Put, Error> {
    let done = put(objects, key, text, when)?;
    if done != Put::Refused {
        return Ok(done);
    }
    match objects.get(key)?.filter(|there| is_own(&there.text)) {
        Some(own) => put(objects, key, text, When::Is(&own.mark)),
        None => Ok(Put::Refused),
    }
}

/// Writes over whatever is there, for what only the holder of a lease writes.
fn put_over(objects: &dyn Objects, key: &str, text: &str) -> Result<Mark, Error> {
    loop {
        let there = objects.get(key)?;
        let when = match &there {
            Some(there) => When::Is(&there.mark),
            None => When::Absent,
        };
        if let Put::Done(mark) = put(objects, key, text, when)? {
            return Ok(mark);
        }
    }
}

#[cfg(test)]
mod memory;
