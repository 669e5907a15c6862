//! A rollback that led traffic back and died before it could say so. Its mark stands on the group that serves, and nothing
//! may be rolled before the rest is done: the image that was no good would go into service again.

use super::Verdict;
use super::ended::Ended;
use super::facts::{Facts, Side};
use super::rollback::{RolledBack, Way, finish};
use super::run_roll::{Request, Tools};
use crate::cloud::{Cloud, Group, tag};

/// The group that gets requests and carries the mark: all of them, or those of some rules.
fn marked<'f>(service: &str, facts: &'f Facts) -> Option<&'f Group> {
    let mut groups = facts.sides.iter().filter_map(Side::group);
    groups.find(|group| {
        let is_led = || facts.on_ground(service, |ground| ground.leads_to(group));
        group.tag(tag::BACK).is_some() && is_led()
    })
}

/// What keeps a roll off while the mark stands.
pub(super) fn refusal(service: &str, facts: &Facts) -> Option<Box<Ended>> {
    let name = &marked(service, facts)?.name;
    let text = format!(
        "a rollback led traffic of {service} to group {name} and died before it could say so: `kiln rollback {service}` finishes it"
    );
    Some(Box::new(Ended {
        loose: vec![text],
        cut_short: true,
        ..Ended::new(Verdict::Frozen)
    }))
}

/// Does what the rollback left. The roll is kept off by the hold that comes of it.
pub(super) async fn end<C: Cloud, P, S>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Box<Ended> {
    let service = &request.service.name.value;
    let way = Way {
        service,
        run: request.run,
        clock: on.clock,
        events: on.events,
        journal: on.journal,
        stop: on.stop.clone(),
        force: None,
    };
    let RolledBack { reasons, .. } = finish(&way, on.cloud).await;
    let mut loose = vec![format!(
        "a rollback led traffic of {service} back and died before it could say so; that is done now, and a hold is set: \
         `kiln unhold {service}` lets rolls go on"
    )];
    if !reasons.is_empty() {
        loose = vec![format!(
            "a rollback led traffic of {service} back and died before it could say so; something is still left of it"
        )];
        loose.extend(reasons);
    }
    Box::new(Ended {
        loose,
        ..Ended::new(Verdict::Frozen)
    })
}
