//! What goes wrong with calls: drawn for each, as often as the climate of a seed says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;

use crate::simulation::mishap::{Calling, Mishap};

/// How often each kind of trouble was drawn.
pub type Tally = BTreeMap<&'static str, u64>;

/// One call in so many meets trouble; nothing means none.
#[derive(Clone, Copy, Debug)]
pub struct Climate(pub Option<u32>);

impl Climate {
    pub fn draw(rng: &mut Rng) -> Self {
        Self(match rng.u32(0..10) {
            0..4 => None,
            4..8 => Some(rng.u32(30..150)),
            _ => Some(rng.u32(8..30)),
        })
    }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub process: u64,
    pub at: usize,
    pub mishap: Mishap,
}

pub struct Weather {
    rng: Rng,
    climate: Climate,
    kill: Option<Kill>,
    /// Trouble that goes on for the same action of the same process.
    lasting: Option<(u64, String, u32, Mishap)>,
    seen: Arc<Mutex<Seen>>,
}

/// What has come of it so far.
#[derive(Default)]
pub struct Seen {
    pub tally: Tally,
    /// In words, with the call that it happened to.
    pub trace: Vec<String>,
    pub calls: u64,
}

impl Weather {
    pub fn new(rng: Rng, climate: Climate, kill: Option<Kill>, seen: Arc<Mutex<Seen>>) -> Self {
        Self {
            rng,
            climate,
            kill,
            lasting: None,
            seen,
        }
    }

    pub fn fate(&mut self, call: Calling<'_>) -> Option<Mishap> {
        let mishap = self.decide(call);
        let mut seen = self.seen.lock().unwrap();
        seen.calls += 1;
        if let Some(mishap) = mishap {
            *seen.tally.entry(name(mishap)).or_default() += 1;
            let Calling {
                process,
                count,
                action,
                ..
            } = call;
            seen.trace.push(format!(
                "process {process}, call {count} {action}: {mishap:?}"
            ));
        }
        mishap
    }

    fn decide(&mut self, call: Calling<'_>) -> Option<Mishap> {
        let kill = self
            .kill
            .filter(|kill| kill.process == call.process && kill.at == call.count);
        if let Some(kill) = kill {
            return Some(kill.mishap);
        }
        if let Some((process, action, left, mishap)) = &mut self.lasting {
            if *process == call.process && action == call.action && *left > 0 {
                *left -= 1;
                return Some(*mishap);
            }
            self.lasting = None;
        }
        let odds = self.climate.0?;
        if self.rng.u32(0..odds) > 0 {
            return None;
        }
        let (mishap, again) = self.draw(call);
        self.lasting = (again > 0).then(|| (call.process, call.action.to_owned(), again, mishap));
        Some(mishap)
    }

    /// A mishap, and how many tries after this one meet it too.
    fn draw(&mut self, call: Calling<'_>) -> (Mishap, u32) {
        let rng = &mut self.rng;
        match rng.u32(0..20) {
            0..5 => (Mishap::Throttled, rng.u32(0..12)),
            5..7 => (Mishap::Broken { after: false }, 0),
            7..9 => (Mishap::Broken { after: true }, 0),
            9..11 => (Mishap::AnswerLost, 0),
            11 => (Mishap::AnswersLost, 9),
            12 => (Mishap::Down, 9),
            13 => (Mishap::Refused, 0),
            14 => (Mishap::Late(Duration::from_secs(rng.u64(1..50))), 0),
            _ if call.is_read() => (Mishap::Stale(Duration::from_secs(rng.u64(1..5))), 0),
            _ => (Mishap::Throttled, 0),
        }
    }
}

fn name(mishap: Mishap) -> &'static str {
    match mishap {
        Mishap::Refused => "refused",
        Mishap::AnswerLost => "answer lost once",
        Mishap::AnswersLost => "answers lost",
        Mishap::Down => "API down",
        Mishap::KilledBefore => "killed before a call",
        Mishap::KilledAfter => "killed behind a call",
        Mishap::NoProfile => "new profile",
        Mishap::Throttled => "throttled",
        Mishap::Broken { after: false } => "error before the effect",
        Mishap::Broken { after: true } => "error behind the effect",
        Mishap::Late(_) => "late answer",
        Mishap::Stale(_) => "stale read",
    }
}
