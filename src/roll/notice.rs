//! What people and programs are told of the end of a roll.

use std::fmt;

use serde::Serialize;

use super::Verdict;
use super::ended::Ended;
use super::plan::{Decision, Plan};
use crate::run::{RunId, with_causes};
use crate::template::service::Outcome;

/// The longest reason that is told, in characters: the rest is in the log.
const LONGEST: usize = 500;

/// Which roll it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    pub service: String,
    pub run: RunId,
    pub account: Option<String>,
    pub region: String,
    /// How long it took.
    pub seconds: i64,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    #[serde(flatten)]
    pub about: About,
    pub outcome: Outcome,
    pub verdict: Verdict,
    /// The exit code.
    pub exit: u8,
    pub image: Option<String>,
    pub previous_image: Option<String>,
    /// The next group.
    pub group: Option<String>,
    pub reason: Option<String>,
}

impl Notice {
    /// Of a roll's end; nothing where there was nothing to do. `moved`: the roll has led traffic, or replaced machines.
    pub fn of(ended: &Ended, moved: bool, about: About) -> Option<Self> {
        let outcome = outcome(ended, moved)?;
        let plan = match &ended.decision {
            Some(Decision::Roll(plan)) => Some(plan.as_ref()),
            _ => None,
        };
        let previous = plan.and_then(|plan| plan.previous.as_ref());
        let group = match &ended.decision {
            Some(Decision::TakeBack(dead)) => Some(dead.next.to_string()),
            _ => plan.map(|plan| plan.next.group.to_string()),
        };
        Some(Self {
            about,
            outcome,
            verdict: ended.verdict,
            exit: ended.verdict.code(),
            image: plan.map(|plan: &Plan| plan.image.to_string()),
            previous_image: previous.and_then(|previous| previous.image.clone()),
            group,
            reason: reason(ended),
        })
    }
}

fn outcome(ended: &Ended, moved: bool) -> Option<Outcome> {
    let went_through = ended.failure.is_none();
    match (ended.verdict, &ended.decision) {
        (Verdict::NothingToDo, _) => None,
        (Verdict::Done | Verdict::CleanUpDue, decision) if went_through => match decision {
            Some(Decision::Roll(_)) => Some(Outcome::Done),
            // There was nothing to go back to: it stays in service.
            Some(Decision::TakeBack(dead)) if dead.adopt => Some(Outcome::Done),
            Some(Decision::TakeBack(_)) => Some(Outcome::RolledBack),
            Some(Decision::Nothing { .. }) | None => None,
        },
        (Verdict::Traffic, _) if ended.is_held() => Some(Outcome::Held),
        (Verdict::Traffic, _) => Some(Outcome::NeedsPerson),
        _ if moved => Some(Outcome::RolledBack),
        _ => Some(Outcome::Failed),
    }
}

/// The first line of why: what machines and commands have printed stays in the log.
fn reason(ended: &Ended) -> Option<String> {
    let mut parts: Vec<String> = ended.failure.iter().map(|one| with_causes(one)).collect();
    // A failure that is a refusal says them itself.
    let refused = ended.refused.iter().filter(|_| ended.failure.is_none());
    parts.extend(refused.map(|one| one.finding.message.clone()));
    parts.extend(ended.holder.iter().map(|holder| {
        let (run, host) = (holder.run, &holder.host);
        format!("run {run} on {host} is at work")
    }));
    parts.extend(ended.left.iter().map(|left| format!("left: {}", left.undo)));
    parts.extend(ended.loose.iter().cloned());
    let first = parts.iter().filter_map(|part| part.lines().next());
    let text = first.collect::<Vec<_>>().join("; ");
    let short: String = text.chars().take(LONGEST).collect();
    (!short.is_empty()).then_some(short)
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About {
            service,
            run,
            account,
            region,
            seconds,
        } = &self.about;
        let roll = match &self.image {
            Some(image) => format!("the roll of {image}"),
            None => "the roll".to_owned(),
        };
        let before = self.previous_image.as_deref().unwrap_or("nothing");
        match self.outcome {
            Outcome::Done => {
                let image = self.image.as_deref().unwrap_or("the image");
                write!(f, "{service}: {image} is in service, before it {before}")?;
            }
            Outcome::Failed => write!(f, "{service}: {roll} failed, and got no traffic")?,
            Outcome::RolledBack => write!(f, "{service}: {roll} was taken back")?,
            Outcome::Held => {
                write!(
                    f,
                    "{service}: {roll} is held where it is: decide, by the same command or `kiln rollback {service}`"
                )?;
            }
            Outcome::NeedsPerson => {
                write!(
                    f,
                    "{service}: a person is needed, traffic is not as {roll} found it: `kiln status {service}`"
                )?;
            }
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        let account = account.as_deref().unwrap_or("unknown");
        write!(f, " (account {account}, {region}, {seconds} s, run {run})")
    }
}

#[cfg(test)]
mod tests;
