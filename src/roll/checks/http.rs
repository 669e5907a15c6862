//! The check `http`: a request through the real load balancer.

use std::time::Duration;

use super::super::error::Error;
use super::super::plan::Plan;
use super::super::probe::{Answer, Ask, Probe};
use super::super::{names, targets};
use super::{Said, Way};
use crate::template::Data;
use crate::template::service::{Body, HttpCheck};

/// One request; a machine that takes longer serves nobody.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// Asks once.
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
    let header = (traffic.probe_header.clone(), targets::secret(plan));
    let test = traffic.test.as_ref().filter(|_| way == Way::Probe);
    let (port, tls) = test.map_or((traffic.port, traffic.tls), |test| (test.port, test.tls));
    let host = check.host.as_ref().map(|host| host.value.clone());
    let ask = Ask {
        tls,
        address: traffic.address.clone(),
        port,
        host: host.unwrap_or_else(|| traffic.host.clone()),
        path: check.path.render(known).map_err(rendered)?,
        // Behind records the load balancer of the next target group leads to nothing else.
        headers: if way == Way::Probe && test.is_none() && !traffic.names_on() {
            vec![header]
        } else {
            Vec::new()
        },
        timeout: REQUEST,
    };
    let path = ask.path.clone();
    let answer = match probe.ask(&ask).await {
        Ok(answer) => answer,
        Err(none) => return Ok(Said::Unknown(format!("{path}: {none}"))),
    };
    compare(check, &path, &answer, known).map_err(rendered)
}

fn compare(
    check: &HttpCheck,
    path: &str,
    answer: &Answer,
    known: &Data,
) -> Result<Said, crate::source::Diagnostic> {
    if !check.status.contains(&answer.status) {
        return Ok(Said::Fail(format!(
            "{path} answered with status {}",
            answer.status
        )));
    }
    if let Some(most) = check.latency
        && answer.took > most
    {
        let (took, most) = (answer.took.as_millis(), most.as_millis());
        return Ok(Said::Fail(format!(
            "{path} answered after {took} ms, at most {most} ms are allowed"
        )));
    }
    for (name, value) in &check.header {
        let wanted = value.render(known)?;
        let mut there = answer.headers.iter();
        let found = there.find(|(other, _)| other.eq_ignore_ascii_case(name));
        let found = found.map_or("", |(_, value)| value.as_str());
        if found != wanted {
            return Ok(Said::Fail(format!(
                "{path} answered with {name} `{found}` instead of `{wanted}`"
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
        "{path} answered `{start}` {relation} `{wanted}`"
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
