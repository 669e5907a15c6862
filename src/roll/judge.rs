//! What the end of a roll means: whether traffic is as it was found, whether the image is to blame.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::ended::Ended;
use super::error::Error;
use super::plan::{Decision, Plan, ProductionRule};
use super::run_roll::{Request, Tools};
use super::{Verdict, hold, takeback};
use crate::cloud::{Cloud, Tags, tag};
use crate::run::{Answer, Attendance, Failure, Left, Operator, Outcome};
use crate::undo::lease::Leased;
use crate::undo::{Change, OfRoll, Purpose, Undo, refresh};

/// Nobody is there, but the service file may say that traffic stays when a check fails.
struct AsTheFileSays;

impl Operator for AsTheFileSays {
    fn before(&self, _: &'static str) -> LocalBoxFuture<'_, ()> {
        std::future::ready(()).boxed_local()
    }

    fn failed<'f>(&'f self, failure: &'f Failure) -> LocalBoxFuture<'f, Answer> {
        let answer = match failure.error() {
            Some(Error::Held(_)) => Answer::Abort,
            _ => Answer::CleanUp,
        };
        std::future::ready(answer).boxed_local()
    }
}

/// How a roll is attended.
pub(super) fn attendance() -> Attendance<'static, Undo> {
    Attendance {
        operator: &AsTheFileSays,
        before: Vec::new(),
    }
}

/// What the end of a flow means.
pub(super) async fn judge<C: Cloud, P, S>(
    request: &Request<'_>,
    decision: Decision,
    plan: Option<Plan>,
    outcome: Outcome<Vec<String>, Undo>,
    on: &Tools<'_, C, P, S>,
) -> Ended {
    let mut ended = Ended::new(Verdict::Done);
    ended.left = outcome.left;
    let failure = match outcome.result {
        Ok(loose) => {
            ended.loose = loose;
            if !(ended.left.is_empty() && ended.loose.is_empty()) {
                ended.verdict = Verdict::CleanUpDue;
            }
            ended.decision = Some(plan.map_or(decision, |plan| Decision::Roll(Box::new(plan))));
            return ended;
        }
        Err(failure) => failure,
    };
    let rejected = failure.error().is_some_and(Error::rejects_image);
    let is_held = matches!(failure.error(), Some(Error::Held(_)));
    ended.verdict = if is_held || !is_as_found(plan.as_ref(), &ended.left, on.cloud).await {
        Verdict::Traffic
    } else if failure.is_stop() {
        Verdict::Stopped
    } else if !ended.left.is_empty() {
        Verdict::CleanUpDue
    } else if let Some(Error::Frozen(_)) = failure.error() {
        Verdict::Frozen
    } else if rejected {
        Verdict::Rejected
    } else {
        Verdict::Failed
    };
    // With their places, and what helps.
    if let Some(Error::Refused(refused)) = failure.error() {
        ended.refused.clone_from(refused);
    }
    if let (true, Some(plan)) = (rejected, &plan) {
        ended
            .loose
            .extend(quarantine(request, plan, &failure, on).await);
    }
    if failure.step == takeback::STEP && !ended.left.is_empty() {
        let text = "what a dead roll left is not taken back, or not all of it: the next roll takes it back, or goes on with it";
        ended.loose.push(text.to_owned());
    }
    ended.failure = Some(failure);
    ended.decision = Some(plan.map_or(decision, |plan| Decision::Roll(Box::new(plan))));
    ended
}

/// Whether production traffic does what it did before.
async fn is_as_found(plan: Option<&Plan>, left: &[Left<Undo>], cloud: &impl Cloud) -> bool {
    let is_traffic = |left: &Left<Undo>| {
        matches!(
            &left.undo,
            Undo::Roll(OfRoll {
                change: Change::Traffic { .. }
                    | Change::Rule {
                        purpose: Purpose::Production,
                        ..
                    },
                ..
            })
        )
    };
    if left.iter().any(is_traffic) {
        return false;
    }
    let is_root =
        |left: &Left<Undo>| matches!(&left.undo, Undo::Roll(of) if of.releases(Leased::Root));
    if left.iter().any(is_root) {
        return false;
    }
    // What a refresh has replaced takes requests as well; one that never began has changed nothing.
    for left in left {
        if let Undo::Roll(of) = &left.undo
            && of.releases(Leased::Refresh)
            && refresh::has_begun(cloud, &of.next).await.unwrap_or(true)
        {
            return false;
        }
    }
    let Some(plan) = plan else {
        return true;
    };
    let Some(traffic) = &plan.traffic else {
        return true;
    };
    for rule in &traffic.rules {
        if !is_rule_as_found(rule, cloud).await {
            return false;
        }
    }
    true
}

async fn is_rule_as_found(rule: &ProductionRule, cloud: &impl Cloud) -> bool {
    let Some(place) = &rule.place else {
        return true;
    };
    // One more try, since nothing hangs on the first.
    for _ in 0..2 {
        if let Ok(now) = cloud.actions_at(place).await {
            return now.is_some_and(|now| rule.was_found(&now));
        }
    }
    false
}

/// Marks the image, so that nothing rolls it forward again by itself. Says what is to be done when that fails.
async fn quarantine<C: Cloud, P, S>(
    request: &Request<'_>,
    plan: &Plan,
    failure: &Failure,
    on: &Tools<'_, C, P, S>,
) -> Option<String> {
    let key = tag::quarantine(&request.service.name);
    let why = format!("{} run {}: {}", on.clock.now(), plan.run, failure.cause);
    let first = why.lines().next().unwrap_or_default();
    let value = hold::tag_text(first);
    let ids = [plan.image.to_string()];
    match on
        .cloud
        .put_tags(&ids, &Tags::from([(key.clone(), value)]))
        .await
    {
        Ok(()) => None,
        Err(error) => Some(format!(
            "image {} is not quarantined ({error}); aws ec2 create-tags --resources {} --tags Key={key},Value=rejected",
            plan.image, plan.image
        )),
    }
}
