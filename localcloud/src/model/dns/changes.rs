//! Changes on their way to the name servers.

use super::Dns;
use crate::model::{Fault, Tree, args::Args, state::State};
use jiff::{SignedDuration, Timestamp};

/// A change that was submitted.
#[derive(Clone, Debug)]
pub(super) struct Submitted {
    at: Timestamp,
    /// When every name server has it.
    settles: Timestamp,
    comment: Option<String>,
}

/// Enters a change: its `ChangeInfo`, and when every name server will have it. A later change is never everywhere before an
/// earlier one.
pub(super) fn submit(state: &mut State, comment: Option<&str>) -> (Tree, Timestamp) {
    let (now, latest) = (state.now, state.config.late_records);
    let dns = &mut state.dns;
    let drawn = match latest {
        0 => 0,
        latest => 1 + dns.ids.below(latest),
    };
    let before = dns.changes.values().map(|change| change.settles).max();
    let settles = now
        .checked_add(SignedDuration::from_secs(drawn.into()))
        .unwrap_or(Timestamp::MAX);
    let settles = before.map_or(settles, |before| before.max(settles));
    let id = dns.id('C');
    let change = Submitted {
        at: now,
        settles,
        comment: comment.map(ToOwned::to_owned),
    };
    dns.changes.insert(id.clone(), change);
    (info(dns, &id, now), settles)
}

fn info(dns: &Dns, id: &str, now: Timestamp) -> Tree {
    let Some(change) = dns.changes.get(id) else {
        return Tree::new();
    };
    let status = if change.settles <= now {
        "INSYNC"
    } else {
        "PENDING"
    };
    Tree::new()
        .put("Id", format!("/change/{id}"))
        .put("Status", status)
        .put("SubmittedAt", change.at)
        .put_some("Comment", change.comment.as_ref())
}

pub(super) fn get(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("Id")?;
    let id = id.strip_prefix("/change/").unwrap_or(id);
    if !state.dns.changes.contains_key(id) {
        let text = format!("Could not find resource with ID: {id}");
        return Err(Fault::new("NoSuchChange", text).with_status(404));
    }
    Ok(Tree::new().put("ChangeInfo", info(&state.dns, id, state.now)))
}
