//! The checks of a plan as a user reads them, where they run.

use std::fmt;

use super::Plan;
use crate::template::service::{Check, CheckKind, Hook, OnFail};

/// Those that run before production traffic moves.
pub(super) fn before(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    list("before traffic", &plan.checks.before, f)?;
    before_swap(plan, f)
}

/// The hooks before the first machine of the new version takes traffic, which every strategy runs.
pub(super) fn before_swap(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    hooks("before the swap", &plan.hooks.before_swap, f)
}

/// Those that run from then on, and what is done when they do not hold.
pub(super) fn after(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let checks = &plan.checks;
    hooks(
        "once all of them are proven, to activate",
        &plan.hooks.activate,
        f,
    )?;
    list("while it takes traffic", &checks.watch, f)?;
    hooks("after the swap", &plan.hooks.after_swap, f)?;
    list("with all of the traffic", &checks.after, f)?;
    if !plan.stays() {
        hooks(
            "before a kept group is retired",
            &plan.hooks.before_retire,
            f,
        )?;
    }
    if checks.on_fail == OnFail::Hold {
        writeln!(f, "  a check that fails there leaves traffic where it is")?;
    }
    let unknown = checks.on_unknown;
    if !unknown.hold.is_zero() || unknown.then == OnFail::Hold {
        let then = match unknown.then {
            OnFail::Rollback => "goes back",
            OnFail::Hold => "leaves traffic where it is",
        };
        let hold = unknown.hold.as_secs();
        writeln!(f, "  one that says nothing has {hold} s more, then {then}")?;
    }
    Ok(())
}

fn hooks(when: &str, hooks: &[Hook], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for hook in hooks {
        let (command, limit) = (&hook.command, hook.timeout.as_secs());
        writeln!(f, "! {when}: {command}, at most {limit} s")?;
    }
    Ok(())
}

fn list(when: &str, checks: &[Check], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for check in checks {
        write!(f, "? {when}: {check}")?;
        if !matches!(check.kind, CheckKind::Soak(_)) {
            if !matches!(check.kind, CheckKind::Manual(_)) {
                write!(f, ", {} times", check.times)?;
            }
            write!(f, ", {} s", check.timeout.as_secs())?;
        }
        writeln!(f)?;
    }
    Ok(())
}
