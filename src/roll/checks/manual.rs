//! The check `manual`: a question to a person, who answers at kiln's terminal or by `kiln approve` from anywhere.
//!
//! Question and answer stand in tags of the next group, so that whoever has the service's name and credentials can answer,
//! also while the roll that asked is held or dead. The question is a lease: it goes when it is answered, or with the run.

use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::Instant;

use super::super::error::Error;
use super::super::flow::Flow;
use super::super::hold::tag_text;
use super::super::making::{group, of};
use super::super::plan::Plan;
use super::super::probe::Probe;
use crate::cloud::{Cloud, Tags, tag};
use crate::run::{Event, Failure, Ledger, Patience, Readiness};
use crate::template::service::Check;
use crate::undo::Change;
use crate::undo::lease::{self, Lease, Leased};
use crate::undo::question::{Answer, words};

/// Between two looks at the answer.
const LOOK: Duration = Duration::from_secs(5);

/// Asks, and waits for the answer.
pub(super) async fn ask<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    check: &Check,
    question: &str,
) -> Result<(), Failure> {
    let (plan, on) = (flow.plan, flow.on);
    let pose = async |made: &mut _| pose(plan, question, on.cloud, made).await;
    flow.run.step("ask", pose).await?;
    let (service, limit) = (&plan.service, check.timeout.as_secs());
    let text = format!(
        "{question} `kiln approve {service}` says yes, with --reject no; it waits for {limit} s"
    );
    on.events.emit(Event::Note { text });
    let (began, hold) = (Instant::now(), flow.service.checks.on_unknown.hold);
    let mut patience = Patience::new(check.timeout + hold + 2 * LOOK, LOOK, LOOK);
    patience.poll = LOOK * 12;
    let watches = &flow.watches;
    // The person at the terminal is asked once, however often the tags are looked at.
    let mut person = Some(Box::pin(on.probe.consult(question)));
    let poll = async || {
        let told = match &mut person {
            None => None,
            Some(asked) => match select(asked, Box::pin(tokio::time::sleep(LOOK))).await {
                Either::Left((told, _)) => {
                    person = None;
                    told.map(|yes| Answer::here(plan.run, yes))
                }
                Either::Right(_) => None,
            },
        };
        let answer = match told {
            Some(answer) => Some(answer),
            None => match group(on.cloud, &plan.next.group).await {
                Ok(next) => Answer::of(&next).filter(|answer| answer.run == plan.run),
                Err(Error::Cloud(error)) if error.is_passing() => None,
                Err(error) => return Err(error),
            },
        };
        match answer {
            Some(answer) if answer.yes => Ok(Readiness::Ready(answer)),
            Some(answer) => {
                let text = format!("{question} The answer is no{}", answer.why());
                Err(watches.judged(Error::CheckFailed(text)))
            }
            None if began.elapsed() >= check.timeout + hold => {
                let text = format!("{question} Nobody has answered");
                Err(watches.judged(Error::CheckUnknown(text)))
            }
            None => Ok(Readiness::NotYet("nobody has answered yet".to_owned())),
        }
    };
    let about = (plan, on);
    let answer = watches
        .during(flow.run, about, "answer", &patience, poll)
        .await?;
    let text = format!("{question} The answer is yes{}", answer.why());
    on.events.emit(Event::Note { text });
    let answered = async |_: &mut _| {
        let (name, what) = (&plan.next.group, Leased::Question);
        lease::release(on.cloud, name, what, Some(plan.run)).await
    };
    flow.run.step("answered", answered).await
}

/// Writes the question down, unless it is there: a roll that was held or died has asked it, and may have its answer.
async fn pose(
    plan: &Plan,
    question: &str,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, crate::undo::Undo>,
) -> Result<(), Error> {
    let there = group(cloud, &plan.next.group).await?;
    let what = Leased::Question;
    let change = Change::Lease {
        group: there.name.clone(),
        what,
    };
    super::super::making::intend(made, of(plan, change))?;
    let lease = Lease {
        run: plan.run,
        until: plan.expires,
        before: words(&tag_text(question)),
    };
    let asked = Lease::of(&there, what);
    if asked.is_some_and(|asked| asked.run == lease.run && asked.before == lease.before) {
        return Ok(());
    }
    cloud.untag_group(&there.name, &[tag::ANSWER]).await?;
    // A group that others have made gets the service's name: by that the answer finds it.
    let tags = Tags::from([
        (what.tag().to_owned(), lease.to_string()),
        (tag::SERVICE.to_owned(), plan.service.clone()),
    ]);
    Ok(cloud.tag_group(&there.name, &tags).await?)
}
