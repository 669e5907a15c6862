//! A plan that is saved for somebody to approve, and whether the world still stands as it stood then.
//!
//! What a plan stands on is kept field by field, so that what has moved is named. How many machines serve is no part of it:
//! ordinary scaling during a long approval voids nothing, as long as its bounds are the same. Neither are secrets: of the
//! service file there is a salted digest only.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::plan::{Decision, Plan, Refusal};
use crate::source::Diagnostic;
use crate::template::service::Service;

/// Of the saved document.
const FORMAT: u32 = 3;

/// What differs from one look to the next, or is made only by the run: parts of a plan that say nothing about the world.
const PASSING: [&str; 13] = [
    "run",
    "expires",
    "outlook",
    "make_way",
    "next.group",
    "next.tags",
    "next.size.desired",
    "next.changes",
    "previous.size.desired",
    "previous.suspended",
    "traffic.claim",
    // The digest of the service file has these, and secrets may stand in them.
    "checks",
    "hooks",
];

/// The saved document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    format: u32,
    pub service: String,
    pub made: Timestamp,
    /// The plan as it was shown.
    pub plan: String,
    salt: String,
    service_file: String,
    stands_on: BTreeMap<String, String>,
}

/// Why a document is none.
#[derive(Debug, thiserror::Error)]
pub enum NoApproval {
    #[error("it is no saved plan: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is a saved plan of format {0}; this kiln knows format {FORMAT}")]
    Format(u32),
}

impl Approval {
    /// Of a plan that was `shown`, with its secrets hidden. `salt` is drawn anew for each.
    pub fn of(
        plan: &Plan,
        service: &Service,
        made: Timestamp,
        (shown, salt): (String, String),
    ) -> Self {
        Self {
            format: FORMAT,
            service: plan.service.clone(),
            made,
            plan: shown,
            service_file: digest(service, &salt),
            salt,
            stands_on: stands_on(plan),
        }
    }

    /// Reads a saved document. Errors when it is none.
    pub fn read(text: &str) -> Result<Self, NoApproval> {
        let value: Value = serde_json::from_str(text)?;
        match value["format"]
            .as_u64()
            .and_then(|it| u32::try_from(it).ok())
        {
            Some(format) if format != FORMAT => Err(NoApproval::Format(format)),
            _ => Ok(serde_json::from_value(value)?),
        }
    }

    /// Everything that keeps what is decided now from being what was approved.
    pub(super) fn objections(&self, service: &Service, now: &Decision) -> Vec<Refusal> {
        let plan = match now {
            // It serves already, whoever did it: there is nothing to approve.
            Decision::Nothing { .. } => return Vec::new(),
            Decision::TakeBack(_) => {
                let text = "a roll has died since the plan was made, and would be taken back first";
                return vec![moved(text.to_owned())];
            }
            Decision::Roll(plan) => plan,
        };
        let mut all = Vec::new();
        if digest(service, &self.salt) != self.service_file {
            let text =
                "the service file, with its layers, is not the one that the plan was made from";
            all.push(moved(text.to_owned()));
        }
        let stands = stands_on(plan);
        let mut keys: Vec<_> = self.stands_on.keys().chain(stands.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (was, is) = (self.stands_on.get(key), stands.get(key));
            if was != is {
                let word =
                    |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
                all.push(moved(format!(
                    "{key} was {} and is {}",
                    word(was),
                    word(is)
                )));
            }
        }
        all
    }
}

fn moved(text: String) -> Refusal {
    let finding = Diagnostic::error("roll::moved", text);
    Refusal::input(finding.help("make the plan anew, and have it approved again"))
}

fn digest(service: &Service, salt: &str) -> String {
    // What cannot be written cannot be compared, and then nothing is approved.
    let text = serde_json::to_string(service).unwrap_or_else(|error| error.to_string());
    let mut digest = Sha256::new();
    digest.update(salt);
    digest.update(text);
    STANDARD.encode(digest.finalize())
}

/// The leaves of a plan, by their path.
fn stands_on(plan: &Plan) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    flatten("", &serde_json::json!(plan), &mut leaves);
    leaves
}

fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    if PASSING.contains(&path) {
        return;
    }
    let join = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&join(name), value, leaves);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(&join(&index.to_string()), value, leaves);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(leaves.insert(path.to_owned(), text.clone())),
        other => drop(leaves.insert(path.to_owned(), other.to_string())),
    }
}
