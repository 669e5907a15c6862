//! A store of objects such as S3: whole texts by key, written under conditions, for what several hosts must agree on.

use std::time::Duration;

use super::Result;

/// What stands at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub text: String,
    pub mark: Mark,
    /// How long ago it was written, by the store's own clock: no two hosts need to agree on the time.
    pub age: Duration,
}

/// Names one state of an object (S3's `ETag`): another text has another mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(pub String);

/// What must hold for a text to be written.
#[derive(Clone, Copy, Debug)]
pub enum When<'a> {
    /// Nothing stands there.
    Absent,
    /// What stands there is in this state.
    Is(&'a Mark),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    Done(Mark),
    /// The condition did not hold, or the write before this attempt went through although its answer was lost.
    Refused,
}

/// Objects by key. Calls block until the store has answered: a note of a journal counts only then, and nothing of the run goes
/// on before it.
pub trait Objects: Send + Sync {
    /// What stands at `key`.
    fn get(&self, key: &str) -> Result<Option<Object>>;

    /// Writes `text` whole, or nothing.
    fn put(&self, key: &str, text: &str, when: When<'_>) -> Result<Put>;

    /// Every key that begins with `prefix`, in order.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// What `key` is called for a person.
    fn address(&self, key: &str) -> String;

    /// Removes what stands at `key`, if anything does.
    fn remove(&self, key: &str) -> Result<()>;
}
