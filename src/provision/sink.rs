//! From a command's output to a run's events.

use std::time::Duration;

use tokio::time::Instant;

use crate::provision::WORK;
use crate::run::{self, Event, Events};
use crate::ssh::{Output, Stream};

/// Between two events about one transfer, of which a piece is sent every millisecond.
const PACE: Duration = Duration::from_millis(250);

/// Every line becomes an event, and of a transfer what an eye can follow.
pub(super) struct Sink<'a> {
    events: &'a dyn Events,
    told: Option<Instant>,
}

impl<'a> Sink<'a> {
    pub fn new(events: &'a dyn Events) -> Self {
        Self { events, told: None }
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
        let soon = self.told.is_some_and(|told| told.elapsed() < PACE);
        if soon && total != Some(bytes) {
            return;
        }
        self.told = Some(Instant::now());
        self.events.emit(Event::Progress {
            step: WORK,
            bytes,
            total,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Told(RefCell<Vec<u64>>);

    impl Events for Told {
        fn emit(&self, event: Event) {
            if let Event::Progress { bytes, .. } = event {
                self.0.borrow_mut().push(bytes);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_of_many_pieces_is_told_at_a_pace_and_to_its_end() {
        let told = Told(RefCell::default());
        let mut sink = Sink::new(&told);
        for millisecond in 0..=600 {
            sink.sent(millisecond, Some(600));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(*told.0.borrow(), [0, 250, 500, 600]);
    }
}
