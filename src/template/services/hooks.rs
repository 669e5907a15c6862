//! `hooks`: commands at turning points of a roll.

use super::super::options::{Key, Options, on};
use super::super::service::{Hook, Hooks};
use super::checks::command;
use std::time::Duration;

const HOOKS: &[Key] = &[
    on("before_swap"),
    on("after_swap"),
    on("activate"),
    on("before_retire"),
];
const HOOK: &[Key] = &[on("command"), on("timeout")];

/// Of a hook, when the file does not say: a migration takes longer than a question.
const TIMEOUT: Duration = Duration::from_mins(10);

pub(super) fn read(root: &Options<'_>) -> Hooks {
    let Some(hooks) = root.object("hooks", "`hooks`", HOOKS) else {
        return Hooks::default();
    };
    let list = |name| {
        let objects = hooks.objects(name, "a hook", HOOK);
        objects.iter().filter_map(hook).collect()
    };
    Hooks {
        before_swap: list("before_swap"),
        after_swap: list("after_swap"),
        before_retire: list("before_retire"),
        activate: list("activate"),
    }
}

fn hook(options: &Options<'_>) -> Option<Hook> {
    if !options.has("command") {
        options.missing("command", "a hook is { \"command\": \"./migrate.sh\" }");
    }
    let timeout = options.duration("timeout");
    Some(Hook {
        command: command::read(options)?,
        timeout: timeout.map_or(TIMEOUT, |timeout| timeout.value),
    })
}
