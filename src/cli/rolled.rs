//! How a roll ended, for the user and in the result document.

use serde_json::{Value, json};

use crate::cli::{Context, failure, input};
use crate::roll::{Decision, Ended, Refusal, Verdict};
use crate::run::{RunId, with_causes};
use crate::source::{Diagnostic, SourceMap};

/// Says why it ended as it did.
pub fn say(name: &str, run: RunId, ended: &Ended, sources: &SourceMap, context: &Context) {
    let findings: Vec<Diagnostic> = ended
        .refused
        .iter()
        .map(|Refusal { finding, .. }| finding.clone())
        .collect();
    input::show(&findings, sources, context);
    if let Some(holder) = &ended.holder {
        let (run, host, process) = (holder.run, &holder.host, holder.process);
        context.say(&format!(
            "{name} is being rolled by run {run} on {host} (process {process})"
        ));
    }
    match &ended.failure {
        // Each reason stands above.
        Some(_) if !ended.refused.is_empty() => context.say(&format!(
            "{name}: refused as above, behind what a dead roll has left"
        )),
        Some(failed) => failure::say_failure(name, failed, context),
        None => {}
    }
    failure::say_left(&ended.left, run, context);
    for text in &ended.loose {
        context.say(text);
    }
    if ended.verdict == Verdict::Traffic {
        context.say(&format!(
            "traffic of {name} is not as it was found: look at `kiln status {name}` now"
        ));
    }
}

/// What goes to stdout.
pub fn result(ended: &Ended, is_plan: bool) -> String {
    let first = ended.first.iter().map(|one| format!("! first {one}"));
    let first = first.collect::<Vec<_>>().join("\n");
    let text = decided(ended, is_plan);
    if first.is_empty() || text.is_empty() {
        return text;
    }
    format!("{first}\n{text}")
}

fn decided(ended: &Ended, is_plan: bool) -> String {
    match &ended.decision {
        Some(Decision::Roll(plan)) if is_plan => plan.to_string(),
        Some(Decision::Nothing { live }) => {
            format!("nothing to do: {live} serves this image with these settings")
        }
        Some(Decision::TakeBack(_)) if is_plan => "then the plan is made anew".to_owned(),
        Some(Decision::TakeBack(dead)) if ended.failure.is_none() => {
            let (next, run) = (&dead.next, dead.run);
            if dead.adopt {
                format!(
                    "group {next} of run {run} serves, and there is nothing to go back to: it stays"
                )
            } else {
                format!("the roll of run {run} is taken back, with group {next}")
            }
        }
        Some(Decision::Roll(plan)) if ended.failure.is_none() => plan.next.group.to_string(),
        _ => String::new(),
    }
}

/// The result document.
pub fn document(name: &str, run: RunId, ended: &Ended, told: Vec<Value>) -> Value {
    let plan = match &ended.decision {
        Some(Decision::Roll(plan)) => json!(plan),
        _ => Value::Null,
    };
    let mut document = json!({
        "service": name,
        "run": run,
        "verdict": ended.verdict,
        "plan": plan,
        "first": ended.first,
        "failure": ended.failure.as_ref().map(|failed| with_causes(failed)),
        "left": ended.left.iter().map(|left| left.undo.to_string()).collect::<Vec<_>>(),
        "notes": ended.loose,
    });
    if !told.is_empty() {
        document["notified"] = Value::from(told);
    }
    document
}
