//! Bars on a terminal: finished steps stand above, the running one moves below with its time and bytes.

use std::cell::RefCell;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::plain::{line, transferred};
use crate::report::seconds;
use crate::run::Event;

/// How often the running step's time is drawn again.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Bars {
    prefix: String,
    color: bool,
    running: RefCell<Option<ProgressBar>>,
}

impl Bars {
    pub(super) fn new(prefix: &str, color: bool) -> Self {
        Self {
            prefix: prefix.to_owned(),
            color,
            running: RefCell::default(),
        }
    }

    pub(super) fn close(&self) {
        if let Some(bar) = self.running.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }

    pub(super) fn show(&self, event: &Event) {
        match event {
            Event::Started { step } => self.start(step),
            Event::Waiting { reason, .. } => self.message(reason.clone()),
            Event::Progress { bytes, total, .. } => self.message(transferred(*bytes, *total)),
            Event::Finished { step, took } => self.end(
                &self.paint("32", "✓"),
                &format!("{step} {}", self.dim(&seconds(*took))),
            ),
            Event::Failed { step, took, reason } => {
                self.end(
                    &self.paint("31", "✗"),
                    &format!("{step} {}: {reason}", self.dim(&seconds(*took))),
                );
            }
            Event::Warning { text } => {
                self.print(&format!("{} {text}", self.paint("33", "warning:")));
            }
            other => self.print(&format!("{} {}", self.dim(&self.prefix), line(other))),
        }
    }

    fn start(&self, step: &'static str) {
        self.close();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style());
        bar.set_prefix(format!("{} {step}", self.dim(&self.prefix)));
        bar.enable_steady_tick(TICK);
        *self.running.borrow_mut() = Some(bar);
    }

    fn message(&self, text: String) {
        if let Some(bar) = &*self.running.borrow() {
            bar.set_message(text);
        }
    }

    fn end(&self, mark: &str, text: &str) {
        self.close();
        self.print(&format!("{mark} {} {text}", self.dim(&self.prefix)));
    }

    fn print(&self, text: &str) {
        // A reader who has gone away is no failure of the run.
        let print = || writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
        match &*self.running.borrow() {
            // Its own way to print shows nothing on a terminal that tells no size, such as one that a script opened.
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
