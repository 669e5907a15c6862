//! Trouble that is ordered from outside: capacity that is not there, and machines that are taken back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Effect, FaultPlan, Model, Scarcity};

/// What is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Launches are refused for want of capacity; what is not said may be anything.
    Scarce {
        times: u32,
        spot: Option<bool>,
        instance_type: Option<String>,
        zone: Option<String>,
    },
    /// A spot instance is taken back so many seconds from now; its notice comes two minutes before, or at once.
    Interrupt { instance: String, after: u32 },
}

impl Trouble {
    /// Has it happen, and says what will.
    pub(super) fn cause(self, model: &mut Model, now: Timestamp) -> (String, Vec<Effect>) {
        match self {
            Self::Scarce {
                times,
                spot,
                instance_type,
                zone,
            } => {
                model.inject(FaultPlan::default().scarce(Scarcity {
                    times,
                    spot,
                    instance_type,
                    zone,
                }));
                (DONE.to_owned(), Vec::new())
            }
            Self::Interrupt { instance, after } => {
                let after = SignedDuration::from_secs(after.into());
                let (known, effects) = model.interrupt(&instance, after, now);
                let said = if known {
                    DONE.to_owned()
                } else {
                    format!("knows no spot instance {instance} that has not ended")
                };
                (said, effects)
            }
        }
    }
}

/// The answer to what will happen.
pub(super) const DONE: &str = "done";
