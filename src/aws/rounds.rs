//! Looking things up by id for everybody at once: one call a round, with all ids that are waited for.
//!
//! Every wait of a process asks for its own thing in its own rhythm. Here the questions meet: a question joins the round
//! that is about to be sent, and a round waits for its turn, so that twenty builds cost about as many calls as the one that
//! asks most often. Answers are never older than the question.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

use super::turns::Turns;
use crate::cloud::{Error, Kind, Result};

/// Rounds of EC2 are this far apart on average; after a pause, two may follow each other at once, as of one who looks
/// something up and then begins to wait. EC2 gives an account and region 20 describe calls a second ("Request throttling
/// for the Amazon EC2 API"); all kinds of rounds together stay far below.
const SHORTEST: Duration = Duration::from_millis(400);
/// Whoever asks in the same moment comes along; a call within a region takes some tens of milliseconds.
const MOMENT: Duration = Duration::from_millis(2);
/// Who has not asked for this long has stopped waiting.
const FORGOTTEN: Duration = Duration::from_mins(5);
/// Values that one filter takes ("Filtering" in the EC2 API reference).
const MOST: usize = 200;

/// The call behind the rounds: things by id, without those that are not known.
type Fetch<T> = dyn Fn(Vec<String>) -> BoxFuture<'static, Result<Vec<(String, T)>>> + Send + Sync;
type Answer<T> = std::result::Result<Arc<BTreeMap<String, T>>, Arc<Error>>;

/// How often rounds are sent.
#[derive(Debug)]
pub(super) struct Pacing {
    /// What they share turns with.
    turns: Arc<Turns>,
    ahead: u32,
    /// Whether a round waits for others that ask in the same rhythm.
    waits: bool,
    /// Ids that one call takes.
    most: usize,
    /// Seeds by how much rounds are late; 0 is never.
    jitter: u64,
}

impl Pacing {
    /// Of calls of EC2, each of which has a bucket of its own.
    pub(super) fn own(jitter: u64) -> Self {
        Self {
            turns: Arc::new(Turns::new(SHORTEST)),
            ahead: 1,
            waits: true,
            most: MOST,
            jitter,
        }
    }

    /// Of calls that share turns with others, `ahead` of them at once after a pause, for `most` ids each.
    pub(super) fn shared(turns: Arc<Turns>, ahead: u32, most: usize) -> Self {
        Self {
            turns,
            ahead,
            waits: false,
            most,
            jitter: 0,
        }
    }
}

/// The look-ups of one kind of thing in one account and region.
pub(super) struct Rounds<T> {
    call: &'static str,
    turns: Arc<Turns>,
    ahead: u32,
    waits: bool,
    most: usize,
    fetch: Box<Fetch<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    next: Option<Round<T>>,
    /// When the latest round was sent.
    sent: Option<Instant>,
    /// When each id was last answered for: what lies between two questions is the rhythm of who asks.
    answered: BTreeMap<String, Instant>,
    /// Spreads the rounds of several processes; 0 does not.
    jitter: u64,
}

/// A round that is not sent yet.
struct Round<T> {
    ids: Arc<Mutex<BTreeSet<String>>>,
    answer: Shared<BoxFuture<'static, Answer<T>>>,
}

impl<T> fmt::Debug for Rounds<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rounds")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> Rounds<T> {
    /// Rounds of `call`, which `fetch` carries out.
    pub(super) fn new(
        call: &'static str,
        pacing: Pacing,
        fetch: impl Fn(Vec<String>) -> BoxFuture<'static, Result<Vec<(String, T)>>>
        + Send
        + Sync
        + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            call,
            turns: pacing.turns,
            ahead: pacing.ahead,
            waits: pacing.waits,
            most: pacing.most,
            fetch: Box::new(fetch),
            state: Mutex::new(State {
                next: None,
                sent: None,
                answered: BTreeMap::new(),
                jitter: pacing.jitter,
            }),
        })
    }

    /// The thing of that id. Errors with [`Kind::NotFound`] when the answer does not know it, else as the call does.
    pub(super) async fn look(self: &Arc<Self>, id: &str) -> Result<T> {
        let answer = self.join(id).await;
        self.lock().answered.insert(id.to_owned(), Instant::now());
        let found = answer.map_err(|error| again(&error))?;
        found.get(id).cloned().ok_or_else(|| missing(self.call, id))
    }

    /// Joins the next round, or opens it. The lock is held for as long as ids are added, so that none comes too late.
    fn join(self: &Arc<Self>, id: &str) -> Shared<BoxFuture<'static, Answer<T>>> {
        let mut state = self.lock();
        let now = Instant::now();
        let due = if self.waits {
            state.due(id, now)
        } else {
            now + MOMENT
        };
        let round = state.next.get_or_insert_with(|| self.open(due));
        lock(&round.ids).insert(id.to_owned());
        round.answer.clone()
    }

    fn open(self: &Arc<Self>, due: Instant) -> Round<T> {
        let ids = Arc::new(Mutex::new(BTreeSet::new()));
        let (rounds, asked) = (Arc::clone(self), Arc::clone(&ids));
        let answer = async move {
            tokio::time::sleep_until(due).await;
            rounds.turns.next(rounds.ahead).await;
            rounds.send(&asked).await.map_err(Arc::new)
        };
        Round {
            ids,
            answer: answer.boxed().shared(),
        }
    }

    async fn send(&self, asked: &Mutex<BTreeSet<String>>) -> Result<Arc<BTreeMap<String, T>>> {
        let ids: Vec<String> = {
            let mut state = self.lock();
            state.next = None;
            state.sent = Some(Instant::now());
            lock(asked).iter().cloned().collect()
        };
        let mut found = BTreeMap::new();
        for (number, ids) in ids.chunks(self.most).enumerate() {
            if number > 0 {
                self.turns.next(self.ahead).await;
            }
            found.extend((self.fetch)(ids.to_vec()).await?);
        }
        Ok(Arc::new(found))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}

impl<T> State<T> {
    /// When a round may be sent for who asks for `id` now: half a rhythm after the one before, so that whoever asks in
    /// the same rhythm is there by then, and from then on asks at the same time.
    fn due(&mut self, id: &str, now: Instant) -> Instant {
        self.answered.retain(|_, at| now - *at < FORGOTTEN);
        let rhythm = self.answered.get(id).map_or(Duration::ZERO, |at| now - *at);
        let late = self.draw(rhythm / 8);
        let after = self.sent.map(|sent| sent + rhythm / 2);
        after.map_or(now + MOMENT, |after| after.max(now + MOMENT)) + late
    }

    /// A duration up to `most`, by xorshift.
    fn draw(&mut self, most: Duration) -> Duration {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let share = u32::try_from(self.jitter % 1024).unwrap_or_default();
        most * share / 1024
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same error for one more who asked.
fn again(error: &Error) -> Error {
    Error {
        call: error.call,
        kind: error.kind,
        code: error.code.clone(),
        message: error.message.clone(),
        request_id: error.request_id.clone(),
        source: None,
    }
}

fn missing(call: &'static str, id: &str) -> Error {
    Error {
        call,
        kind: Kind::NotFound,
        code: None,
        message: format!("the answer does not know {id}"),
        request_id: None,
        source: None,
    }
}

#[cfg(test)]
mod tests;
