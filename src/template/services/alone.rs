//! Services without a load balancer: what they may say, and what needs one.

use super::super::options::Options;
use super::super::service::{Check, CheckKind, Checks, Hooks, Strategy};
use crate::source::Diagnostic;

/// Whether the strategy needs no load balancer.
pub(super) fn may_be(strategy: &Strategy) -> bool {
    strategy.is_in_place() || matches!(strategy, Strategy::Replace(_))
}

/// Reports what a service says that cannot be, with a load balancer or without.
pub(super) fn check(root: &Options<'_>, strategy: &Strategy, checks: &Checks, hooks: &Hooks) {
    let replaces = matches!(strategy, Strategy::Replace(_));
    let kind = match strategy {
        Strategy::Replace(_) => Some("replace"),
        Strategy::ReplaceRoot(_) => Some("replace_root"),
        _ => None,
    };
    if let (Some(json), Some(kind)) = (root.get("traffic"), kind) {
        let text = format!("`{kind}` is for services without a load balancer");
        root.report(
            Diagnostic::error("template::wrong_value", text)
                .at(json.span, "this one has one")
                .help("leave `traffic` out, or write \"type\": \"blue_green\""),
        );
    }
    if !replaces && !hooks.activate.is_empty() {
        let text = "`hooks.activate` belongs to the strategy `replace`";
        let finding = Diagnostic::error("template::wrong_value", text);
        let place = root.get("hooks").map(|json| json.span);
        root.report(
            match place {
                Some(span) => finding.at(span, "among these"),
                None => finding,
            }
            .help("where a load balancer leads to the machines, the swap makes them active: use `before_swap`"),
        );
    }
    if may_be(strategy) && !root.has("traffic") {
        let all = checks.before.iter().chain(&checks.watch);
        for check in all.chain(&checks.after) {
            refuse(root, check);
        }
    }
}

fn refuse(root: &Options<'_>, check: &Check) {
    let (what, help) = match &check.kind {
        CheckKind::Http(_) => (
            "`http`",
            "a `command` has the addresses of the new machines in KILN_ADDRESSES",
        ),
        CheckKind::Compare(_) => (
            "`compare`",
            "a `metric` has a bound of its own, and needs no load balancer",
        ),
        _ => return,
    };
    let text = format!("{what} asks the load balancer, and this service has none");
    let finding = Diagnostic::error("template::wrong_value", text);
    root.report(
        match check.place {
            Some(place) => finding.at_place(place, "this check"),
            None => finding,
        }
        .help(help),
    );
}
