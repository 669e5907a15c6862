//! From a command's output to a run's events.

use crate::provision::WORK;
use crate::run::{self, Event, Events};
use crate::ssh::{Output, Stream};

/// Every line becomes an event.
pub(super) struct Sink<'a> {
    events: &'a dyn Events,
}

impl<'a> Sink<'a> {
    pub fn new(events: &'a dyn Events) -> Self {
        Self { events }
    }

    pub fn note(&self, text: String) {
        self.events.emit(Event::Note { text });
    }
}

impl Output for Sink<'_> {
    fn line(&mut self, stream: Stream, line: &str) {
        let stream = match stream {
            Stream::Out => run::Stream::Out,
            Stream::Err => run::Stream::Err,
        };
        let line = line.to_owned();
        self.events.emit(Event::Output { stream, line });
    }

    fn sent(&mut self, bytes: u64, total: Option<u64>) {
        self.events.emit(Event::Progress {
            step: WORK,
            bytes,
            total,
        });
    }
}
