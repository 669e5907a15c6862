//! How each build ended: the document of `--json` and `--result` (docs/bake-result.schema.json), and the summary.

use std::cell::RefCell;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bake::Artifact;
use crate::cli::bake::machine;
use crate::cli::{Context, Exit};
use crate::cloud::Region;
use crate::post::Step;
use crate::report;
use crate::run::{Clock as _, RunId};

/// The version of the document. A field may be added under the same number; one that goes or changes raises it.
pub const FORMAT: u8 = 1;

/// How far a build came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Another's failure or a stop came first; nothing was made.
    NotBegun,
    /// It runs; in a result file: the process ended in its middle, and the next run goes on or sweeps.
    Running,
    Done,
    Failed,
    Stopped,
    /// The image is an earlier run's: nothing has changed.
    Unchanged,
}

impl Ending {
    fn word(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::Running => "not ended",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
            Self::Stopped => "stopped",
        }
    }
}

/// One build.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Its name, with the template's before it where two templates have a build of this name.
    pub build: String,
    pub template: String,
    pub region: Option<Region>,
    pub run: Option<RunId>,
    /// Of its inputs, as the image's tag has it.
    pub fingerprint: Option<String>,
    pub result: Ending,
    /// The code that this build alone would have ended with.
    pub exit: Option<u8>,
    /// Where it failed.
    pub step: Option<String>,
    pub reason: Option<String>,
    pub seconds: Option<f64>,
    pub artifact: Option<Artifact>,
    /// Those of the build, chain by chain; empty until its image is there.
    pub post_processors: Vec<Step>,
    /// What could not be taken back or was left on purpose, in words.
    pub left: Vec<String>,
}

impl Record {
    /// A build that has not begun.
    pub fn new(build: String, template: String) -> Self {
        Self {
            build,
            template,
            region: None,
            run: None,
            fingerprint: None,
            result: Ending::NotBegun,
            exit: None,
            step: None,
            reason: None,
            seconds: None,
            artifact: None,
            post_processors: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Ends it.
    pub fn end(&mut self, result: Ending, exit: Exit) {
        self.result = result;
        self.exit = Some(exit as u8);
    }

    fn exit(&self) -> Exit {
        match (self.exit, self.result) {
            (Some(code), _) => Exit::of_code(code),
            (None, Ending::NotBegun | Ending::Running) => Exit::Stopped,
            (None, _) => Exit::Failed,
        }
    }

    fn line(&self) -> String {
        let took = self.seconds.unwrap_or_default().max(0.0);
        let took = report::seconds(std::time::Duration::from_secs_f64(took));
        let about = match (&self.artifact, &self.reason) {
            (Some(artifact), reason) => {
                let ids = artifact.id().replace(':', ": ").replace(',', ", ");
                let reason = reason.iter().map(|reason| format!("; {reason}"));
                ids + &reason.collect::<String>()
            }
            (None, Some(reason)) => reason.clone(),
            (None, None) => String::new(),
        };
        let left = match self.left.len() {
            0 => String::new(),
            count => format!(" ({count} left behind)"),
        };
        let word = self.result.word();
        format!("{:<24} {word:<10} {took:>10}  {about}{left}", self.build)
    }
}

/// The builds of one call, in the order of the templates.
pub struct Records {
    all: RefCell<Vec<Record>>,
    machine_readable: bool,
}

impl Records {
    /// None yet.
    pub fn new(machine_readable: bool) -> Self {
        Self {
            all: RefCell::default(),
            machine_readable,
        }
    }

    /// Takes builds on, and says so in the result file.
    pub fn expect(&self, records: impl IntoIterator<Item = Record>, context: &Context) {
        self.all.borrow_mut().extend(records);
        context.draft(self.document());
    }

    /// Changes one build's record.
    pub fn note(&self, index: usize, change: impl FnOnce(&mut Record), context: &Context) {
        if let Some(record) = self.all.borrow_mut().get_mut(index) {
            change(record);
        }
        context.draft(self.document());
    }

    /// Says how all of it ended: the summary where there are several, the ids on stdout, the document.
    pub fn conclude(&self, context: &Context) -> Exit {
        let records = self.all.borrow();
        if records.len() > 1 {
            context.say("summary:");
            for record in records.iter() {
                context.say(&format!("  {}", record.line()));
            }
        }
        let exit = Exit::worst(records.iter().map(Record::exit));
        let artifacts = records.iter().filter_map(|record| record.artifact.as_ref());
        let ids: Vec<_> = artifacts
            .flat_map(|made| &made.images)
            .map(|published| published.image.to_string())
            .collect();
        let text = if self.machine_readable {
            machine::text(&records, context.clock.now())
        } else {
            ids.join("\n")
        };
        context.conclude(&text, self.document(), exit);
        exit
    }

    fn document(&self) -> Value {
        let records = self.all.borrow();
        let artifacts = records.iter().filter_map(|record| record.artifact.as_ref());
        let artifacts: Vec<_> = artifacts.collect();
        json!({
            "format": FORMAT, "command": "bake", "builds": *records, "artifacts": artifacts,
        })
    }
}
