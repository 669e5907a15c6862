//! Calls that share a bucket of requests take turns, so that many rolls of one process are not told to wait.
//!
//! AWS gives an account and region so many requests at once, and so many a second after that. A part of it is left for
//! others: other processes, consoles, infrastructure code. One roll alone is never held back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of requests, and how many of them are taken from it at once.
#[derive(Debug)]
pub(super) struct Turns {
    /// Turns are this far apart on average.
    distance: Duration,
    /// When the latest turn would have been, had they all kept the distance.
    even: Mutex<Option<Instant>>,
}

impl Turns {
    pub(super) fn new(distance: Duration) -> Self {
        Self {
            distance,
            even: Mutex::default(),
        }
    }

    /// Waits for a turn. `ahead`: how many of them may follow each other at once beside the first, after a pause. What may
    /// have more ahead than others goes before them.
    pub(super) async fn next(&self, ahead: u32) {
        tokio::time::sleep_until(self.take(ahead)).await;
    }

    fn take(&self, ahead: u32) -> Instant {
        let now = Instant::now();
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        let next = even.map_or(now, |even| now.max(even + self.distance));
        *even = Some(next);
        let early = next.checked_sub(self.distance * ahead);
        early.map_or(now, |early| now.max(early))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_go_at_once_and_the_rest_keep_their_distance() {
        let turns = Turns::new(Duration::from_millis(100));
        let began = Instant::now();
        let waits = join_all((0..6).map(async |_| {
            turns.next(2).await;
            began.elapsed().as_millis()
        }));
        assert_eq!(waits.await, [0, 0, 0, 100, 200, 300]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let again = Instant::now();
        turns.next(2).await;
        assert_eq!(again.elapsed(), Duration::ZERO, "what was saved up is back");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_more_ahead_does_not_wait_behind_the_others() {
        let turns = Turns::new(Duration::from_millis(100));
        for _ in 0..30 {
            turns.take(20);
        }
        let began = Instant::now();
        turns.next(35).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
