//! `reboot`, `sleep` and `breakpoint` (anchors/packer.md 4.6; the first is kiln's own).

use super::super::options::{Key, Options, on};
use super::super::provisioner::{Breakpoint, Reboot, Sleep};
use std::time::Duration;

pub(super) const REBOOT: &[Key] = &[on("command")];
pub(super) const SLEEP: &[Key] = &[on("duration")];
pub(super) const BREAKPOINT: &[Key] = &[on("note"), on("disable")];

/// Large machines with much memory to test take minutes to come up.
const REBOOT_LIMIT: Duration = Duration::from_mins(10);

/// The shared option `timeout` is the limit of the whole.
pub(super) fn reboot(options: &Options<'_>) -> Reboot {
    let command = options.late("command", &["build"]);
    Reboot {
        command: command.filter(|command| command.text() != Some("")),
        limit: options
            .duration("timeout")
            .map_or(REBOOT_LIMIT, |limit| limit.value),
    }
}

pub(super) fn sleep(options: &Options<'_>) -> Option<Sleep> {
    if !options.has("duration") {
        options.missing("duration", "say how long, for example \"30s\"");
    }
    let duration = options.duration("duration")?.value;
    Some(Sleep { duration })
}

pub(super) fn breakpoint(options: &Options<'_>) -> Breakpoint {
    let note = options.late("note", &["build"]);
    Breakpoint {
        note: note.filter(|note| note.text() != Some("")),
        disabled: options.flag("disable"),
    }
}
