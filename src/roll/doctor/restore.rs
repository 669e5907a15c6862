//! Taking back what has run out: each thing on its own, so that one that will not go keeps none of the others in force.

use super::temporary::{Cure, Temporary};
use crate::cloud::Cloud;
use crate::roll::error::Error;
use crate::roll::takeback::take_back;
use crate::roll::{aside, scaling};
use crate::run::{Event, Failure, Ledger, Run};
use crate::undo::{Undo, Unwinder, lease, tested};

/// Takes back what has run out and says what would not go. Errors when a stop was asked for.
pub(super) async fn restore<C: Cloud>(
    found: &[Temporary],
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    let mut left = Vec::new();
    for one in found {
        let Some(cure) = &one.cure else {
            continue;
        };
        let step = async |made: &mut _| carry_out(cure, cloud, made).await;
        match run.step("restore", step).await {
            Ok(()) => run.events().emit(Event::Note {
                text: format!("restored: {one}"),
            }),
            Err(failure) if failure.is_stop() => return Err(failure),
            Err(failure) => left.push(format!("{one}: {}", failure.cause)),
        }
    }
    Ok(left)
}

/// Takes one change back; a second time is harmless.
pub(in crate::roll) async fn carry_out<C: Cloud>(
    cure: &Cure,
    cloud: &C,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    match cure {
        Cure::TakeBack(dead) => take_back(dead, cloud, &Unwinder::new(cloud), made).await,
        simple => loose(simple, cloud).await,
    }
}

/// The same for what needs no journal: it ends a change and begins none. A half-made roll is left as it is.
pub(in crate::roll) async fn loose(cure: &Cure, cloud: &impl Cloud) -> Result<(), Error> {
    match cure {
        Cure::TakeBack(_) => {}
        Cure::Release(group, what, run) => {
            lease::release(cloud, group, *what, Some(*run)).await?;
        }
        Cure::DeleteRule(arn) => match cloud.delete_rule(arn).await {
            Err(error) if error.is_not_found() => {}
            answer => answer?,
        },
        Cure::LeadBack(tested, run) => {
            tested::give_back(cloud, tested, *run, async || Ok(false)).await?;
        }
        Cure::DeleteAlarm(name) => scaling::delete(cloud, name).await?,
        Cure::Untag(group, key) => cloud.untag_group(group, &[key]).await?,
        Cure::Empty(group, until) => aside::empty(group, *until, cloud).await?,
        Cure::LetGo(group) => aside::let_go(group, cloud).await?,
    }
    Ok(())
}
