//! Putting production traffic back where it was before a roll.

use super::serving::forwards;
use crate::cloud::{Action, Cloud, Error, RulePlace, TargetState};

/// Puts traffic back where it was: only from what the roll wrote, and only to targets of which some are healthy.
pub(super) async fn restore(
    cloud: &impl Cloud,
    place: &RulePlace,
    before: &[Action],
    after: &[Vec<Action>],
) -> Result<(), Error> {
    let Some(now) = cloud.actions_at(place).await? else {
        return Ok(());
    };
    if now == before {
        return Ok(());
    }
    if !after.contains(&now) {
        let text = format!("{place} does what neither the roll nor the one before it wrote");
        return Err(Error::blocked("ModifyRule", text));
    }
    for target_group in forwards(before).filter_map(|forward| forward.only()) {
        let health = cloud.target_health(target_group).await?;
        if !health
            .iter()
            .any(|target| target.state == TargetState::Healthy)
        {
            let text = format!("no target of {target_group} is healthy: traffic stays");
            return Err(Error::blocked("ModifyRule", text));
        }
    }
    let written = cloud.write_actions(place, before).await;
    match cloud.actions_at(place).await? {
        Some(now) if now == before => Ok(()),
        // Reads may lag behind writes: the caller looks again.
        _ => Err(written.err().unwrap_or_else(|| lags(place))),
    }
}

fn lags(place: &RulePlace) -> Error {
    let mut error = Error::blocked(
        "DescribeRules",
        format!("{place} does not show the write yet"),
    );
    error.kind = crate::cloud::Kind::Ambiguous;
    error
}
