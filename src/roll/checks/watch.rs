//! `checks.watch`: checks that are alive in every wait of a roll, from the moment the next group takes traffic.
//!
//! One that fails as often in a row as it says ends the wait and the roll. One that says nothing for longer than its limit
//! does what `on_unknown` says. Traffic is moved on, and the next group put in office, only while all of them pass.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::time::{Instant, sleep_until};

use super::super::error::Error;
use super::super::flow::Flow;
use super::super::plan::Plan;
use super::super::probe::Probe;
use super::super::run_roll::Tools;
use super::{Said, Way, ask};
use crate::cloud::Cloud;
use crate::run::{Event, Failure, Patience, Readiness, Run};
use crate::template::service::{Check, CheckKind, Checks, OnFail};
use crate::undo::Undo;

/// Between two answers of a watch: as often as the fastest health check of a target group.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest that one answer is reckoned with.
const SLOW: Duration = Duration::from_secs(30);
/// Between two looks at whether all of them pass.
const LOOK: Duration = Duration::from_secs(1);

/// How far a roll has come, as its watches see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::roll) enum Stage {
    /// The next group is being made.
    Making,
    /// It answers through the probe rule, and to nobody else.
    Proven,
    /// It takes a share of the traffic.
    Shared,
    /// It takes all of the traffic.
    Swapped,
}

/// The watches of a service file, with what each has said so far.
pub(in crate::roll) struct Watches<'f> {
    checks: &'f Checks,
    all: Vec<Watch<'f>>,
    stage: Cell<Stage>,
    ways: Ways,
}

/// How watches come to machines of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::roll) struct Ways {
    /// Both versions are behind one target group.
    pub in_place: bool,
    /// A probe rule leads to the new one alone.
    pub probe: bool,
}

struct Watch<'f> {
    check: &'f Check,
    heard: RefCell<Heard>,
}

/// What one of them has said.
struct Heard {
    /// The last answers of one kind.
    passes: u32,
    fails: u32,
    /// Since when it says nothing.
    unknown: Option<Instant>,
    last: String,
    /// When it is asked next.
    next: Instant,
}

impl<'f> Watches<'f> {
    pub fn new(checks: &'f Checks, ways: Ways) -> Self {
        let watch = |check| Watch {
            check,
            heard: RefCell::new(Heard::new()),
        };
        Self {
            checks,
            all: checks.watch.iter().map(watch).collect(),
            stage: Cell::new(Stage::Making),
            ways,
        }
    }

    /// Says how far the roll has come. Where traffic has moved, what was heard before it counts no more.
    pub fn reached(&self, stage: Stage) {
        if stage <= self.stage.get() {
            return;
        }
        self.stage.set(stage);
        for watch in &self.all {
            watch.heard.replace(Heard::new());
        }
    }

    /// Whether what served before the roll still does, beside the machines of the new version.
    pub fn is_spare(&self) -> bool {
        self.stage.get()
            < if self.ways.in_place {
                Stage::Swapped
            } else {
                Stage::Shared
            }
    }

    /// What is to become of a check that does not hold.
    pub fn judged(&self, error: Error) -> Error {
        let then = match &error {
            Error::CheckFailed(_) | Error::Hook { .. } => self.checks.on_fail,
            Error::CheckUnknown(_) => self.checks.on_unknown.then,
            _ => OnFail::Rollback,
        };
        if then == OnFail::Hold && self.stage.get() >= Stage::Shared {
            return Error::Held(Box::new(error));
        }
        error
    }

    /// Waits as [`Run::wait`] does with every watch alive.
    pub async fn during<C: Cloud, P: Probe, S, T>(
        &self,
        run: &mut Run<'_, Undo>,
        about: (&Plan, &Tools<'_, C, P, S>),
        name: &'static str,
        patience: &Patience,
        probe: impl AsyncFnMut() -> Result<Readiness<T>, Error>,
    ) -> Result<T, Failure> {
        let lost = async || self.lost(about).await;
        run.wait_unless(name, patience, lost, probe).await
    }

    /// Asks all of them for ever, each at its own pace; returns when one ends the roll.
    async fn lost<C: Cloud, P: Probe, S>(&self, about: (&Plan, &Tools<'_, C, P, S>)) -> Error {
        let alive = self.all.iter().filter(|watch| self.is_alive(watch));
        let asked = alive.map(|watch| self.keep_asking(watch, about).boxed_local());
        let asked: Vec<_> = asked.collect();
        if asked.is_empty() {
            return std::future::pending().await;
        }
        select_all(asked).await.0
    }

    async fn keep_asking<C: Cloud, P: Probe, S>(
        &self,
        watch: &Watch<'_>,
        about: (&Plan, &Tools<'_, C, P, S>),
    ) -> Error {
        loop {
            let next = watch.heard.borrow().next;
            sleep_until(next).await;
            let way = if !self.ways.probe || self.stage.get() == Stage::Swapped {
                Way::Production
            } else {
                // Through production both versions answer.
                Way::Probe
            };
            let said = match ask(watch.check, way, about).await {
                Ok(said) => said,
                Err(error) => return error,
            };
            let hold = self.checks.on_unknown.hold;
            if let Some(error) = watch.hear(said, hold, about.1) {
                return self.judged(error);
            }
        }
    }

    fn is_alive(&self, watch: &Watch<'_>) -> bool {
        watch.check.kind.begins(self.ways) <= self.stage.get()
    }

    /// What still keeps traffic from moving on.
    fn missing(&self) -> Option<String> {
        let mut watches = self.all.iter().filter(|watch| self.is_alive(watch));
        watches.find_map(|watch| {
            let heard = watch.heard.borrow();
            let (passes, times) = (heard.passes, watch.check.times);
            let text = if heard.last.is_empty() {
                format!("{}: passed {passes} of {times} times", watch.check)
            } else {
                format!("{}: {}", watch.check, heard.last)
            };
            (passes < times).then_some(text)
        })
    }

    /// The longest that one of them may take to come to a word.
    fn longest(&self) -> Duration {
        let each = self.all.iter().map(|watch| {
            let check = watch.check;
            check.timeout + 2 * check.times * (check.timeout.min(SLOW) + pause(&check.kind))
        });
        each.max().unwrap_or_default() + self.checks.on_unknown.hold
    }
}

impl<C: Cloud, P: Probe, S> Flow<'_, '_, C, P, S> {
    /// Waits until every watch that is alive has passed as often in a row as it says.
    pub async fn watches_pass(&mut self) -> Result<(), Failure> {
        if self.watches.missing().is_none() {
            return Ok(());
        }
        let (began, longest) = (Instant::now(), self.watches.longest());
        let patience = Patience::new(2 * longest + PAUSE, LOOK, LOOK);
        let watches = &self.watches;
        let poll = async || match watches.missing() {
            None => Ok(Readiness::Ready(())),
            Some(missing) if began.elapsed() >= longest => {
                Err(watches.judged(Error::CheckUnknown(missing)))
            }
            Some(missing) => Ok(Readiness::NotYet(missing)),
        };
        let about = (self.plan, self.on);
        watches
            .during(self.run, about, "watches pass", &patience, poll)
            .await
    }
}

/// Between two answers of a watch.
fn pause(kind: &CheckKind) -> Duration {
    super::pause(kind).max(PAUSE)
}

impl Heard {
    fn new() -> Self {
        Self {
            passes: 0,
            fails: 0,
            unknown: None,
            last: String::new(),
            next: Instant::now(),
        }
    }
}

impl Watch<'_> {
    /// Takes an answer; the error when it ends the roll.
    fn hear<C, P, S>(&self, said: Said, hold: Duration, on: &Tools<'_, C, P, S>) -> Option<Error> {
        let (now, check) = (Instant::now(), self.check);
        let mut heard = self.heard.borrow_mut();
        heard.next = now + pause(&check.kind);
        match said {
            Said::Pass => {
                (heard.fails, heard.unknown) = (0, None);
                heard.passes += 1;
                heard.last.clear();
                None
            }
            Said::Fail(reason) => {
                (heard.passes, heard.unknown) = (0, None);
                heard.fails += 1;
                let text = format!("{check}: {reason}");
                heard.last = reason;
                if heard.fails >= check.times {
                    return Some(Error::CheckFailed(text));
                }
                on.events.emit(Event::Warning { text });
                None
            }
            Said::Unknown(reason) => {
                // No word to the contrary: fails on both sides of it are in a row.
                heard.passes = 0;
                let since = *heard.unknown.get_or_insert(now);
                let text = format!("{check}: {reason}");
                heard.last = reason;
                (now - since >= check.timeout + hold).then(|| Error::CheckUnknown(text))
            }
        }
    }
}

impl CheckKind {
    /// From when on it makes sense as a watch.
    fn begins(&self, ways: Ways) -> Stage {
        match self {
            // The old version cannot say what only the new one knows.
            Self::Http(http) if !ways.probe && http.names_version() => Stage::Swapped,
            Self::Http(_) if !ways.probe => Stage::Shared,
            Self::Instance(_) if ways.in_place => Stage::Shared,
            // Of one that has its own way to the next group, before anybody else has.
            Self::Http(_) | Self::Instance(_) => Stage::Proven,
            // Before it has traffic there is nothing to go by.
            Self::Command(_)
            | Self::Soak(_)
            | Self::Alarm(_)
            | Self::Metric(_)
            | Self::Compare(_)
            | Self::Prometheus(_)
            | Self::Manual(_) => Stage::Shared,
        }
    }
}
