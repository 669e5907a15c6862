//! The one sink: takes events and decides how they look.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};

use serde::Serialize;

use crate::report::{bars::Bars, plain::Plain};
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
    secrets: Vec<String>,
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
            secrets: Vec::new(),
            prefix,
            file: None,
        }
    }

    /// Hides these values wherever a remote command prints them.
    #[must_use]
    pub fn hiding(mut self, secrets: Vec<String>) -> Self {
        self.secrets = secrets
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .collect();
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
            .and_then(|line| writeln!(file.borrow_mut(), "{line}"));
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

    fn masked(&self, event: Event) -> Event {
        match event {
            Event::Output { stream, line } => Event::Output {
                stream,
                line: self.mask(line),
            },
            Event::Failed { step, took, reason } => Event::Failed {
                step,
                took,
                reason: self.mask(reason),
            },
            event => event,
        }
    }

    fn mask(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "<sensitive>");
            }
        }
        text
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
            .hiding(vec!["hunter2".into(), String::new()]);
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
