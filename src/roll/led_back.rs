//! The writes of a rollback: every production rule led to one target group, one after the other.

use super::error::Error;
use super::plan::led_to;
use super::rollback::verdict_of;
use super::status::Stand;
use super::swap::write;
use crate::cloud::{Cloud, RulePlace, TargetGroupArn};
use crate::undo::mend;
use crate::undo::serving::Leading;

/// Leads all of the traffic to a target group, if every rule is as it was looked at. Behind the first write the others
/// follow, whatever becomes of one.
pub(super) async fn lead_back(
    stand: &Stand,
    to: &TargetGroupArn,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    for rule in &stand.production {
        unchanged(rule, cloud).await?;
    }
    let mut begun = stand.is_half_back;
    let mut failed: Option<(&RulePlace, Error)> = None;
    for (index, rule) in stand.production.iter().enumerate() {
        match lead(rule, to, index > 0, cloud).await {
            Ok(()) => begun = true,
            Err(error) => {
                begun |= verdict_of(&error).is_some();
                failed.get_or_insert((&rule.place, error));
                if !begun {
                    break;
                }
            }
        }
    }
    match failed {
        None => Ok(()),
        Some((place, error)) if begun && verdict_of(&error).is_none() => Err(Error::HalfBack {
            place: place.clone(),
            reason: error.to_string(),
        }),
        Some((_, error)) => Err(error),
    }
}

/// Leads one rule there. `again`: others were written since it was looked at.
async fn lead(
    rule: &Leading,
    to: &TargetGroupArn,
    again: bool,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let (before, after) = (rule.actions(), led_to(&rule.place, rule.actions(), to));
    if before == after {
        return Ok(());
    }
    if again {
        unchanged(rule, cloud).await?;
    }
    write(&rule.place, &after, before, cloud).await
}

/// Errors when a rule is not what was looked at: then somebody else is at work.
async fn unchanged(rule: &Leading, cloud: &impl Cloud) -> Result<(), Error> {
    let now = cloud.actions_at(&rule.place).await?;
    if now.as_deref() == Some(rule.actions()) {
        return Ok(());
    }
    let text = format!(
        "{} was changed by someone else meanwhile; look at it: `{}`",
        rule.place,
        mend::show(&rule.place)
    );
    Err(Error::Changed(text))
}
