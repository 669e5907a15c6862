//! Whether this process may still write. A lease in a store runs out while its holder sleeps; the next holder must find that the
//! first has stopped, and not only that it will.

use std::ops::Add;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Shared by a lease, which moves it, and by every client, which asks it before each call that changes something. Without a
/// lease it is open.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Until(Moment),
    Lost(String),
}

/// A moment by both clocks of a host: the steady one stands still while the host is suspended, and the other one may be set back.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    /// How long this is behind another one, by the clock that says more.
    pub fn since(&self, earlier: Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.steady.duration_since(earlier.steady).max(wall)
    }

    /// Neither clock says that this has come.
    fn is_to_come(&self, now: Self) -> bool {
        now.steady < self.steady && now.wall < self.wall
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self {
            steady: self.steady + time,
            wall: self.wall + time,
        }
    }
}

impl Fence {
    /// The clock of leases: they run out in real time, on threads of their own, whatever the clock of a flow says.
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock that is handed in may stand still while the lease runs out"
    )]
    pub fn now() -> Moment {
        Moment {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Writes may be made until `until`. A fence that is lost stays lost.
    pub fn extend(&self, until: Moment) {
        let mut state = self.state();
        if !matches!(*state, State::Lost(_)) {
            *state = State::Until(until);
        }
    }

    /// No write is made any more.
    pub fn lose(&self, why: impl Into<String>) {
        *self.state() = State::Lost(why.into());
    }

    /// The lease is given back.
    pub fn open(&self) {
        *self.state() = State::Open;
    }

    /// Errors with the reason why nothing may be written now.
    pub fn check(&self) -> Result<(), String> {
        match &*self.state() {
            State::Open => Ok(()),
            State::Until(until) if until.is_to_come(Self::now()) => Ok(()),
            State::Until(_) => Err("the lease could not be renewed in time".to_owned()),
            State::Lost(why) => Err(why.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_was_suspended_may_not_write_on() {
        let (fence, now) = (Fence::default(), Fence::now());
        fence.extend(now + Duration::from_secs(55));
        assert!(fence.check().is_ok());
        // Awake again, ten minutes later: the steady clock knows nothing of them.
        let slept = Moment {
            wall: now.wall - Duration::from_mins(10),
            ..now
        };
        fence.extend(slept + Duration::from_secs(55));
        assert!(fence.check().is_err());
        // A clock that was set back lengthens nothing either.
        let back = Moment {
            wall: now.wall + Duration::from_mins(10),
            steady: now.steady.checked_sub(Duration::from_mins(1)).unwrap(),
        };
        fence.extend(back + Duration::from_secs(55));
        assert!(fence.check().is_err());
    }
}
