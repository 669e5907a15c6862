//! What a service file has and a roll in place does not do, since there is no machine of the next version beside what serves.

use super::Plan;
use crate::template::service::Service;

/// Each of them, in words.
pub(in crate::roll) fn of(service: &Service, plan: &Plan) -> Vec<&'static str> {
    match (&plan.in_place, &plan.reroot) {
        (Some(_), _) => by_refresh(service),
        (None, Some(_)) => by_root(service),
        (None, None) => Vec::new(),
    }
}

fn by_refresh(service: &Service) -> Vec<&'static str> {
    let checks =
        "a refresh has no machine that is not in service yet: the checks of `before` are not made";
    let hooks = "a refresh retires no group: the hooks `before_retire` are not run";
    said(service, checks, hooks)
}

fn by_root(service: &Service) -> Vec<&'static str> {
    let checks = "no machine of the new version is there before it serves: the checks of `before` are not made";
    let hooks = "a replaced root retires no group: the hooks `before_retire` are not run";
    let mut said = said(service, checks, hooks);
    said.extend(service.diagnosis.is_some().then_some(
        "a machine that is down for its users gets its old root back first: `diagnosis` is not run",
    ));
    said
}

fn said(service: &Service, checks: &'static str, hooks: &'static str) -> Vec<&'static str> {
    let mut said = Vec::new();
    said.extend((!service.checks.before.is_empty()).then_some(checks));
    said.extend((!service.hooks.before_retire.is_empty()).then_some(hooks));
    said
}
