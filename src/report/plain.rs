//! Plain lines with times, for logs and Jenkins.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use crate::report::{bytes, seconds};
use crate::run::{Event, Stream};

/// A wait says what it waits for again after this long, and a transfer how far it is, so that a log shows life without a line
/// for each poll or piece. In seconds.
const REPEAT: i64 = 15;

pub(super) struct Plain {
    prefix: String,
    waiting: RefCell<Option<(&'static str, String, Timestamp)>>,
    /// The bytes of the transfer under way, and since when no line has told of them.
    moving: Cell<Option<(u64, Timestamp)>>,
}

impl Plain {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            waiting: RefCell::default(),
            moving: Cell::default(),
        }
    }

    pub(super) fn show(&self, event: &Event, now: Timestamp) {
        if let Event::Waiting { step, reason } = event
            && !self.is_news(step, reason, now)
        {
            return;
        }
        if let Event::Progress { bytes, .. } = event
            && !self.is_far(*bytes, now)
        {
            return;
        }
        let text = line(event);
        let time = now.strftime("%H:%M:%S");
        let line = format!("{time} {}: {text}\n", self.prefix);
        // In one piece, since others may write to the same log. A reader who has gone away is no failure of the run.
        io::stderr().write_all(line.as_bytes()).unwrap_or_default();
    }

    fn is_news(&self, step: &'static str, reason: &str, now: Timestamp) -> bool {
        let mut last = self.waiting.borrow_mut();
        let news = last.as_ref().is_none_or(|(of, said, at)| {
            *of != step || said != reason || now.as_second() - at.as_second() >= REPEAT
        });
        if news {
            *last = Some((step, reason.to_owned(), now));
        }
        news
    }

    /// Whether a transfer has gone on for a while since it began or was told of.
    fn is_far(&self, bytes: u64, now: Timestamp) -> bool {
        let (told, far) = match self.moving.get() {
            Some((before, told)) if before <= bytes => {
                let far = now.as_second() - told.as_second() >= REPEAT;
                (if far { now } else { told }, far)
            }
            // Another one has begun.
            _ => (now, false),
        };
        self.moving.set(Some((bytes, told)));
        far
    }
}

/// The line of an event.
pub(super) fn line(event: &Event) -> String {
    match event {
        Event::Started { step } => step.to_string(),
        Event::Waiting { step, reason } => format!("{step}: {reason}"),
        Event::Progress { step, bytes, total } => {
            format!("{step}: {}", transferred(*bytes, *total))
        }
        Event::Finished { step, took } if *took < Duration::from_millis(100) => {
            format!("{step}: done")
        }
        Event::Finished { step, took } => format!("{step}: done after {}", seconds(*took)),
        Event::Failed { step, took, reason } => {
            format!("{step}: failed after {}: {reason}", seconds(*took))
        }
        Event::Output {
            stream: Stream::Out,
            line,
        } => format!("  {line}"),
        Event::Output {
            stream: Stream::Err,
            line,
        } => format!("  ! {line}"),
        Event::Made { what } => format!("made {what}"),
        Event::Note { text } => text.clone(),
        Event::Warning { text } => format!("warning: {text}"),
        Event::Unwinding { count } => format!(
            "taking back {count} thing{}",
            if *count == 1 { "" } else { "s" }
        ),
        Event::Undone { what } => format!("taken back: {what}"),
        Event::NotUndone { what, reason } => format!("left behind: {what}: {reason}"),
    }
}

/// Bytes so far, and of how many when that is known.
pub(super) fn transferred(done: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{} of {}", bytes(done), bytes(total)),
        None => bytes(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_repeats_itself_only_after_a_while() {
        let plain = Plain::new("web");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(plain.is_news("boot", "pending", at(0)));
        assert!(!plain.is_news("boot", "pending", at(14)));
        assert!(plain.is_news("boot", "running", at(14)));
        assert!(!plain.is_news("boot", "running", at(28)));
        assert!(plain.is_news("boot", "running", at(29)));
    }

    #[test]
    fn a_transfer_that_lasts_says_how_far_it_is() {
        let plain = Plain::new("web");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!plain.is_far(1, at(0)), "a short one needs no line");
        assert!(!plain.is_far(9, at(14)));
        assert!(plain.is_far(10, at(15)));
        assert!(!plain.is_far(19, at(29)));
        assert!(plain.is_far(20, at(30)));
        assert!(!plain.is_far(1, at(60)), "the next file has just begun");
        assert!(plain.is_far(2, at(75)));
    }
}
