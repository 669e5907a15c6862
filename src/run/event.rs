//! What happens in a run, as one stream of values that reporters turn into bars, lines or JSON.

use std::time::Duration;

use serde::Serialize;

/// Which of a remote command's two outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Out,
    Err,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A step, wait or work begins.
    Started {
        step: &'static str,
    },
    /// A wait has polled and is not there yet.
    Waiting {
        step: &'static str,
        reason: String,
    },
    /// A long transfer moves on; `total` is unknown for streams.
    Progress {
        step: &'static str,
        bytes: u64,
        total: Option<u64>,
    },
    /// A step ended well after `took`.
    Finished {
        step: &'static str,
        took: Duration,
    },
    /// A step ended badly; the reason is the first line that a user wants to read.
    Failed {
        step: &'static str,
        took: Duration,
        reason: String,
    },
    /// A line of output of a remote command.
    Output {
        stream: Stream,
        line: String,
    },
    /// Something was made: kind and id, as a user would look it up.
    Made {
        what: String,
    },
    /// Something worth reading that is no failure.
    Note {
        text: String,
    },
    Warning {
        text: String,
    },
    /// The way back has begun, with this many things to take back.
    Unwinding {
        count: usize,
    },
    Undone {
        what: String,
    },
    /// It would not go; it stays in the journal and `sweep` will try again.
    NotUndone {
        what: String,
        reason: String,
    },
}

/// Where events go. One reporter decides what a user sees; nobody else prints.
pub trait Events {
    /// Takes one event; must not block for long.
    fn emit(&self, event: Event);
}

/// Drops every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Events for Silent {
    fn emit(&self, _: Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    fn each() -> Vec<Event> {
        let (step, took) = ("boot", Duration::ZERO);
        let text = || "text".to_owned();
        vec![
            Event::Started { step },
            Event::Waiting {
                step,
                reason: text(),
            },
            Event::Progress {
                step,
                bytes: 1,
                total: None,
            },
            Event::Finished { step, took },
            Event::Failed {
                step,
                took,
                reason: text(),
            },
            Event::Output {
                stream: Stream::Out,
                line: text(),
            },
            Event::Made { what: text() },
            Event::Note { text: text() },
            Event::Warning { text: text() },
            Event::Unwinding { count: 1 },
            Event::Undone { what: text() },
            Event::NotUndone {
                what: text(),
                reason: text(),
            },
        ]
    }

    #[test]
    fn the_docs_name_every_event_with_its_fields() {
        let docs = include_str!("../../docs/runs.md");
        for event in each() {
            let json = serde_json::to_value(&event).unwrap();
            let name = json["event"].as_str().unwrap();
            let row = docs.lines().find(|line| {
                line.split('|')
                    .nth(1)
                    .is_some_and(|names| names.contains(&format!("`{name}`")))
            });
            let row = row.unwrap_or_else(|| panic!("no row for `{name}`"));
            for field in json
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "event")
            {
                assert!(row.contains(&format!("`{field}`")), "{name}: {field}");
            }
        }
    }
}
