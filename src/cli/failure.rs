//! How failures are said, and which exit code they have.

use std::fmt::Display;

use crate::cli::{Context, Exit};
use crate::run::{Cause, Failure, Left, RunId, with_causes};

/// Says an error, and gives the exit code back.
pub fn say(text: &str, exit: Exit, context: &Context) -> Exit {
    context.say(&format!("error: {text}"));
    context.keep_error(text);
    exit
}

/// Says why a run of `name` failed.
pub fn say_failure(name: &str, failure: &Failure, context: &Context) {
    match &failure.cause {
        Cause::Stopped => context.say(&format!("{name}: stopped on request at `{}`", failure.step)),
        _ => context.say(&format!(
            "error: {name}: failed to {}",
            with_causes(failure)
        )),
    }
}

/// Lists what could not be taken back, and how it goes.
pub fn say_left<U: Display>(left: &[Left<U>], run: RunId, context: &Context) {
    if left.is_empty() {
        return;
    }
    context.say(&format!("left behind by run {run}:"));
    for left in left {
        context.say(&format!("  {}: {}", left.undo, left.reason));
    }
    context.say("`kiln sweep` removes what it can");
}
