//! How failures are said, and which exit code they have.

use std::error::Error;
use std::fmt::Display;

use crate::cli::{Context, Exit};
use crate::run::{Cause, Failure, Left, RunId};

/// An error and its causes in one line, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    text
}

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
        _ => context.say(&format!("error: {name}: failed to {}", chain(failure))),
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
    context.say("`kiln sweep` removes it");
}
