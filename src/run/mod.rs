//! The engine of a run: steps with undo, waits that can be stopped, a ledger, a journal, events and signals.
//!
//! It knows nothing of clouds, templates or terminals. A flow is an ordinary async function that gets a [`Run`]; `?` stops
//! it, and [`run`] takes back what it made, newest first. STYLE.md 2e has the rules and why they are so.

mod clock;
mod engine;
mod event;
mod failure;
mod id;
mod journal;
mod lease;
mod ledger;
mod operator;
mod settle;
mod signal;
mod wait;

pub use clock::{Clock, SystemClock};
pub use engine::{Attendance, Outcome, Run, Setup, attended, run};
pub use event::{Event, Events, Silent, Stream};
pub use failure::{Cause, Failure, with_causes};
pub use id::RunId;
pub use journal::{Due, Entry, Journal, KEPT_UNTIL, Line, MemoryJournal, due};
pub use lease::{Held, Holder, Later, LaterLists, Leases, SERVICE};
pub use ledger::{Ledger, Lifetime, Slot};
pub use operator::{Answer, Operator, Unattended};
pub use settle::{Left, UNDO_LIMIT, Unwind, settle};
pub use signal::{Stop, Urgency, listen};
pub use wait::{Patience, Readiness};
