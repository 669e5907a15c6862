//! Whether this process may still write. A lease in a store runs out while its holder sleeps; the next holder must find that the
//! first has stopped, and not only that it will.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shared by a lease, which moves it, and by every client, which asks it before each call that changes something. Without a
/// lease it is open.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Until(Instant),
    Lost(String),
}

impl Fence {
    /// The clock of leases: they run out in real time, on threads of their own, whatever the clock of a flow says.
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock that is handed in may stand still while the lease runs out"
    )]
    pub fn now() -> Instant {
        Instant::now()
    }

    /// Writes may be made until `until`. A fence that is lost stays lost.
    pub fn extend(&self, until: Instant) {
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
            State::Until(until) if Self::now() < *until => Ok(()),
            State::Until(_) => Err("the lease could not be renewed in time".to_owned()),
            State::Lost(why) => Err(why.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
