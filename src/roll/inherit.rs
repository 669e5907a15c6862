//! What a dead run left half-made is this run's from its first moment: before its first step, so that whatever ends it, a stop
//! too, takes all of that back. A journal that is lost does not say what there is; tags and listeners do.

use super::error::Error;
use super::flow::Led;
use super::making::{of, owe};
use super::plan::{NextTargetGroup, Plan, Traffic};
use super::swap::take_down;
use super::take;
use super::takeback::{self, Dead};
use crate::run::{Failure, Ledger, Run};
use crate::undo::{Change, OfRoll, Undo};

/// As what the run of a plan that goes on with a dead roll begins.
const STEP: &str = "go on with a dead roll";

/// Takes on the roll that a plan goes on with; nothing where it begins one.
pub(super) fn go_on(plan: &Plan, run: &mut Run<'_, Undo>) -> Result<(), Failure> {
    run.take_on(STEP, |made| {
        for undo in plan.inherited.iter().rev() {
            take_on(plan, undo, made)?;
        }
        plan.traffic
            .iter()
            .try_for_each(|traffic| moved(plan, traffic, made))
    })
}

/// Takes on a roll that is to be taken back.
pub(super) fn take_back(dead: &Dead, run: &mut Run<'_, Undo>) -> Result<(), Failure> {
    run.take_on(takeback::STEP, |made| dead.owe(made).map(drop))
}

/// Each as the plan itself journals it: what is written twice would be taken back twice.
fn take_on(plan: &Plan, undo: &OfRoll, made: &mut Ledger<'_, Undo>) -> Result<(), Error> {
    match &undo.change {
        Change::Traffic { .. } => Ok(()),
        Change::Taken { .. } => owe(of(plan, take::change(plan)), made).map(drop),
        _ => owe(Undo::Roll(undo.clone()), made).map(drop),
    }
}

/// Traffic that has been moved goes back first, to where the plan has it from.
fn moved(plan: &Plan, traffic: &Traffic, made: &mut Ledger<'_, Undo>) -> Result<(), Error> {
    let NextTargetGroup::There { arn, .. } = &traffic.next else {
        return Ok(());
    };
    if plan.inherited.is_empty() || !(plan.swapped || traffic.is_moved()) {
        return Ok(());
    }
    let led = Led {
        traffic,
        target_group: arn.clone(),
    };
    take_down(plan, &led, made)
}
