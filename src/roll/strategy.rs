//! The strategies: how the next version gets into service. A file each, and one for what several of them share.

mod beside;
mod canary;
pub(super) mod records;
mod replace;
mod replace_root;
pub(super) mod rolling;

use super::plan::{Plan, unused};
use super::probe::Probe;
use super::run_roll::Tools;
use crate::cloud::Cloud;
use crate::run::{Event, Failure, LaterLists, Run};
use crate::template::service::Service;
use crate::undo::Undo;

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn carry_out<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    for text in unused::of(service, plan) {
        let text = text.to_owned();
        on.events.emit(Event::Warning { text });
    }
    if let Some(reroot) = &plan.reroot {
        return Box::pin(replace_root::roll(plan, reroot, service, on, run)).await;
    }
    match (&plan.in_place, &plan.traffic) {
        (Some(in_place), _) => rolling::roll(plan, in_place, service, on, run).await,
        // The first roll of all makes the group, whose machines later ones replace.
        (None, Some(traffic)) => beside::roll(plan, traffic, service, on, run).await,
        (None, None) => replace::roll(plan, service, on, run).await,
    }
}
