//! The check `http`: a request through the real load balancer, and behind the swap one by each way that users come in.

use std::time::Duration;

use futures_util::future::join_all;

use super::super::error::Error;
use super::super::plan::{Plan, Traffic};
use super::super::probe::{Answer, Ask, Probe};
use super::super::{names, targets};
use super::{Said, Way, rules};
use crate::template::Data;
use crate::template::service::{Body, HttpCheck};

/// One request; a machine that takes longer serves nobody.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// Asks once; of several places the first that does not pass speaks.
pub(super) async fn ask(
    check: &HttpCheck,
    way: Way,
    plan: &Plan,
    probe: &impl Probe,
) -> Result<Said, Error> {
    let known = &data(plan);
    let rendered = |finding| Error::Rendered(Box::new(finding));
    let Some(traffic) = &plan.traffic else {
        let text = "there is no load balancer to ask through".to_owned();
        return Ok(Said::Unknown(text));
    };
    let path = check.path.render(known).map_err(rendered)?;
    let first = first(check, way, (plan, traffic), path);
    let asks = match way {
        // What else a network load balancer listens for may speak anything.
        Way::Production if !traffic.names_on() => {
            let host = check.host.as_ref().map(|host| host.value.as_str());
            rules::met(first, host, &traffic.rules)
        }
        Way::Production | Way::Probe => vec![first],
    };
    let answers = join_all(asks.iter().map(|ask| probe.ask(ask))).await;
    for (ask, answer) in asks.iter().zip(answers) {
        let place = match asks.as_slice() {
            [_] => ask.path.clone(),
            _ => format!("{} of {} on port {}", ask.path, ask.host, ask.port),
        };
        let said = match answer {
            Ok(answer) if rules::is_sent_on(ask, &answer, &asks) => Said::Pass,
            Ok(answer) => compare(check, &place, &answer, known).map_err(rendered)?,
            Err(none) => Said::Unknown(format!("{place}: {none}")),
        };
        if said != Said::Pass {
            return Ok(said);
        }
    }
    Ok(Said::Pass)
}

/// The request to the first rule, and before the swap to the next group alone.
fn first(check: &HttpCheck, way: Way, (plan, traffic): (&Plan, &Traffic), path: String) -> Ask {
    let header = (traffic.probe_header.clone(), targets::secret(plan));
    let test = traffic.test.as_ref().filter(|_| way == Way::Probe);
    let (port, tls) = test.map_or((traffic.port, traffic.tls), |test| (test.port, test.tls));
    let host = check.host.as_ref().map(|host| host.value.clone());
    Ask {
        tls,
        address: traffic.address.clone(),
        port,
        host: host.unwrap_or_else(|| traffic.host.clone()),
        path,
        // Behind records the load balancer of the next target group leads to nothing else.
        headers: if way == Way::Probe && test.is_none() && !traffic.names_on() {
            vec![header]
        } else {
            Vec::new()
        },
        timeout: REQUEST,
    }
}

fn compare(
    check: &HttpCheck,
    place: &str,
    answer: &Answer,
    known: &Data,
) -> Result<Said, crate::source::Diagnostic> {
    if !check.status.contains(&answer.status) {
        return Ok(Said::Fail(format!(
            "{place} answered with status {}",
            answer.status
        )));
    }
    if let Some(most) = check.latency
        && answer.took > most
    {
        let (took, most) = (answer.took.as_millis(), most.as_millis());
        return Ok(Said::Fail(format!(
            "{place} answered after {took} ms, at most {most} ms are allowed"
        )));
    }
    for (name, value) in &check.header {
        let wanted = value.render(known)?;
        let mut there = answer.headers.iter();
        let found = there.find(|(other, _)| other.eq_ignore_ascii_case(name));
        let found = found.map_or("", |(_, value)| value.as_str());
        if found != wanted {
            return Ok(Said::Fail(format!(
                "{place} answered with {name} `{found}` instead of `{wanted}`"
            )));
        }
    }
    let body = answer.body.trim();
    let (wanted, holds, relation) = match &check.body {
        None => return Ok(Said::Pass),
        Some(Body::Equals(text)) => {
            let wanted = text.render(known)?.trim().to_owned();
            let holds = body == wanted;
            (wanted, holds, "instead of")
        }
        Some(Body::Contains(text)) => {
            let wanted = text.render(known)?.trim().to_owned();
            let holds = body.contains(&wanted);
            (wanted, holds, "which lacks")
        }
    };
    if holds {
        return Ok(Said::Pass);
    }
    let start: String = body.chars().take(SHOWN).collect();
    Ok(Said::Fail(format!(
        "{place} answered `{start}` {relation} `{wanted}`"
    )))
}

/// Of a body, in a reason.
const SHOWN: usize = 80;

/// What late texts of checks may read.
pub(super) fn data(plan: &Plan) -> Data {
    let image = &plan.image_facts;
    names::data(
        image,
        &plan.service,
        &plan.region,
        plan.run,
        &plan.next.group,
    )
}
