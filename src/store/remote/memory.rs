//! Objects in memory, strict as S3 is, whose answers can be lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cloud::{Error, Fence, Kind, Mark, Moment, Object, Objects, Put, Result, When};

#[derive(Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (String, Moment)>,
    /// The next write goes through and is repeated, as the SDK does when its answer is lost.
    repeat: bool,
    /// The next write goes through and is never answered.
    unanswered: bool,
    /// Somebody else writes this right before the next write.
    ahead_of_next: Option<&'static str>,
    /// Nothing answers.
    down: bool,
    /// How much later it is than the clock says.
    ahead: Duration,
}

impl Memory {
    pub(super) fn repeat_next(&self) {
        self.state().repeat = true;
    }

    pub(super) fn be_ahead_of_next(&self, text: &'static str) {
        self.state().ahead_of_next = Some(text);
    }

    pub(super) fn lose_next_answer(&self) {
        self.state().unanswered = true;
    }

    pub(super) fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    pub(super) fn wait(&self, time: Duration) {
        self.state().ahead += time;
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if !state.down {
            return Ok(state);
        }
        Err(unanswered())
    }
}

fn unanswered() -> Error {
    Error {
        kind: Kind::Ambiguous,
        ..Error::blocked("S3", "nothing answers")
    }
}

impl Objects for Memory {
    fn address(&self, key: &str) -> String {
        format!("s3://memory/{key}")
    }

    fn get(&self, key: &str) -> Result<Option<Object>> {
        let state = self.up()?;
        let now = Fence::now() + state.ahead;
        Ok(state.objects.get(key).map(|(text, at)| Object {
            text: text.clone(),
            mark: mark(text),
            age: now.since(*at),
        }))
    }

    fn put(&self, key: &str, text: &str, when: When<'_>) -> Result<Put> {
        let mut state = self.up()?;
        if let Some(other) = state.ahead_of_next.take() {
            let now = Fence::now() + state.ahead;
            state
                .objects
                .insert(key.to_owned(), (other.to_owned(), now));
        }
        let attempts = if std::mem::take(&mut state.repeat) {
            2
        } else {
            1
        };
        let mut done = Put::Refused;
        for _ in 0..attempts {
            let there = state.objects.get(key).map(|(text, _)| mark(text));
            let holds = match when {
                When::Absent => there.is_none(),
                When::Is(mark) => there.as_ref() == Some(mark),
            };
            if !holds {
                return Ok(Put::Refused);
            }
            let now = Fence::now() + state.ahead;
            state.objects.insert(key.to_owned(), (text.to_owned(), now));
            done = Put::Done(mark(text));
        }
        if std::mem::take(&mut state.unanswered) {
            return Err(unanswered());
        }
        Ok(done)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let state = self.up()?;
        let keys = state.objects.keys().filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.up()?.objects.remove(key);
        Ok(())
    }
}

/// A digest of the text, as S3's is: what is written again as it was has the same.
fn mark(text: &str) -> Mark {
    Mark(format!("mark of {text:?}"))
}
