//! The one sink: takes events and decides how they look.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};

use serde::Serialize;

use crate::report::{Mask, bars::Bars, plain::Plain};
use crate::run::{Clock, Event, Events};

/// How progress looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Bars that move, for a terminal.
    Bars,
    /// A line with its time for each event.
    Plain,
}

/// Shows events on stderr and, when asked, writes them as JSON lines to a file.
pub struct Report<'a> {
    face: Face,
    clock: &'a dyn Clock,
    mask: Mask,
    /// The build or service that lines belong to.
    prefix: String,
    file: Option<RefCell<File>>,
}

enum Face {
    Bars(Bars),
    Plain(Plain),
}

/// An event as it stands in the file of `--events`.
#[derive(Serialize)]
struct Timed<'a> {
    at: jiff::Timestamp,
    of: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Report<'a> {
    /// A sink whose lines belong to `prefix`, a build's or a service's name.
    pub fn new(look: Look, color: bool, prefix: impl Into<String>, clock: &'a dyn Clock) -> Self {
        let prefix = prefix.into();
        let face = match look {
            Look::Bars => Face::Bars(Bars::new(&prefix, color)),
            Look::Plain => Face::Plain(Plain::new(&prefix)),
        };
        Self {
            face,
            clock,
            mask: Mask::default(),
            prefix,
            file: None,
        }
    }

    /// Hides secrets in every event, whatever they come in: output, reasons, warnings.
    #[must_use]
    pub fn hiding(mut self, mask: Mask) -> Self {
        self.mask = mask;
        self
    }

    /// Writes every event to `file`, too.
    #[must_use]
    pub fn recording(mut self, file: File) -> Self {
        self.file = Some(RefCell::new(file));
        self
    }

    /// Ends bars that still move; lines written later stand below them.
    pub fn close(&self) {
        if let Face::Bars(bars) = &self.face {
            bars.close();
        }
    }

    fn record(&self, event: &Event) {
        let Some(file) = &self.file else { return };
        let timed = Timed {
            at: self.clock.now(),
            of: &self.prefix,
            event,
        };
        let written = serde_json::to_string(&timed)
            .map_err(io::Error::other)
            .and_then(|line| file.borrow_mut().write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            self.show(&Event::Warning {
                text: format!("the events file cannot be written: {error}"),
            });
        }
    }

    fn show(&self, event: &Event) {
        match &self.face {
            Face::Bars(bars) => bars.show(event),
            Face::Plain(plain) => plain.show(event, self.clock.now()),
        }
    }

    fn masked(&self, mut event: Event) -> Event {
        let text = match &mut event {
            Event::Output { line: text, .. }
            | Event::Waiting { reason: text, .. }
            | Event::Failed { reason: text, .. }
            | Event::NotUndone { reason: text, .. }
            | Event::Made { what: text }
            | Event::Undone { what: text }
            | Event::Note { text }
            | Event::Warning { text } => text,
            Event::Started { .. }
            | Event::Progress { .. }
            | Event::Finished { .. }
            | Event::Unwinding { .. } => return event,
        };
        *text = self.mask.hide(text);
        event
    }
}

impl Events for Report<'_> {
    fn emit(&self, event: Event) {
        let event = self.masked(event);
        self.show(&event);
        self.record(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Stream, SystemClock};

    #[test]
    fn secrets_are_hidden_in_output() {
        let report = Report::new(Look::Plain, false, "web", &SystemClock)
            .hiding(Mask::new(["hunter2".to_owned()]));
        let event = Event::Output {
            stream: Stream::Out,
            line: "password hunter2!".into(),
        };
        let Event::Output { line, .. } = report.masked(event) else {
            panic!("another event")
        };
        assert_eq!(line, "password <sensitive>!");
    }
}
