//! `kiln roll --plan`: what a roll would do, and what it would put right before. Nothing is changed.

use super::Verdict;
use super::ended::Ended;
use super::error::Error;
use super::facts::Facts;
use super::plan::Decision;
use super::retire;
use super::run_roll::{Request, Tools, prepare};
use super::scraps;
use super::tidy::chores;
use crate::cloud::Cloud;
use crate::run::LaterLists;
use crate::template::service::Service;
use crate::undo::Undo;

/// Decides what a roll would do, and changes nothing.
pub async fn plan_only<C: Cloud, P, S: LaterLists<Undo>>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Ended {
    let (facts, decision) = match prepare(request, on).await {
        Ok(prepared) => prepared,
        Err(ended) => return *ended,
    };
    match first(request.service, &facts, &decision, on).await {
        Ok(first) => Ended {
            first,
            decision: Some(decision),
            ..Ended::new(Verdict::Done)
        },
        Err(error) => Ended::failed("look up what is due", error),
    }
}

/// What a roll would put right before it begins, in words.
async fn first<C: Cloud, P, S: LaterLists<Undo>>(
    service: &Service,
    facts: &Facts,
    decision: &Decision,
    on: &Tools<'_, C, P, S>,
) -> Result<Vec<String>, Error> {
    let (name, now) = (&service.name.value, on.clock.now());
    let listed = on.store.read(name).map_err(Error::Later)?;
    let listed: Vec<Undo> = listed.into_iter().map(|later| later.undo).collect();
    let chores = chores(name, facts, &listed, now);
    let mut first: Vec<String> = chores
        .iter()
        .map(|chore| format!("put right: {chore}"))
        .collect();
    let due = retire::due(name, now, on.cloud, on.store).await?;
    first.extend(due.iter().map(|due| format!("retire: group {}", due.group)));
    let scraps = scraps::due(name, now, on.store)?;
    first.extend(scraps.iter().map(|scrap| format!("delete: {scrap}")));
    if let Decision::TakeBack(dead) = decision {
        let (next, run) = (&dead.next, dead.run);
        if dead.adopt {
            first.push(format!(
                "keep group {next} of the dead run {run}: it serves, and there is nothing to go back to"
            ));
        } else {
            let undos = dead.undos.iter();
            first.extend(undos.map(|undo| format!("take back, of the dead run {run}: {undo}")));
        }
    }
    Ok(first)
}
