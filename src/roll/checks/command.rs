//! The check `command`: a program of this host, whose exit code decides. Hooks run theirs by it too.

use std::time::Duration;

use super::super::error::Error;
use super::super::making::group;
use super::super::plan::Plan;
use super::super::probe::{Probe, Ran};
use super::super::run_roll::Tools;
use super::Said;
use crate::cloud::{Cloud, Filter};
use crate::template::service::Command;

/// What a shell says when there is no such program, or it cannot be run.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// Runs it once, with the roll and the next group's machines in its environment.
pub(in crate::roll) async fn ask<C: Cloud, P: Probe, S>(
    command: &Command,
    limit: Duration,
    (plan, on): (&Plan, &Tools<'_, C, P, S>),
) -> Result<Said, Error> {
    let environment = match environment(plan, on.cloud).await {
        Ok(environment) => environment,
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Said::Unknown(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let words = command.words();
    let ran = on.probe.run(&words, &environment, on.events);
    Ok(match tokio::time::timeout(limit, ran).await {
        Err(_) => Said::Unknown(format!("no end within {} s", limit.as_secs())),
        Ok(Err(none)) => Said::Unknown(none.0),
        Ok(Ok(Ran { code: Some(0), .. })) => Said::Pass,
        Ok(Ok(Ran { code: None, tail })) => Said::Unknown(with("a signal ended it", &tail)),
        Ok(Ok(Ran {
            code: Some(code),
            tail,
        })) => {
            let text = with(&format!("exit {code}"), &tail);
            if NO_PROGRAM.contains(&code) {
                Said::Unknown(text)
            } else {
                Said::Fail(text)
            }
        }
    })
}

fn with(text: &str, tail: &str) -> String {
    if tail.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {tail}")
    }
}

/// docs/services.md has these names.
async fn environment(plan: &Plan, cloud: &impl Cloud) -> Result<Vec<(String, String)>, Error> {
    let next = group(cloud, &plan.next.group).await?;
    let ids: Vec<String> = next
        .in_service()
        .map(|member| member.instance.to_string())
        .collect();
    let machines = if ids.is_empty() {
        Vec::new()
    } else {
        let filter = Filter {
            name: "instance-id".to_owned(),
            values: ids.clone(),
        };
        cloud.find_instances(&[filter]).await?
    };
    let addresses = machines
        .iter()
        .filter_map(|machine| machine.addresses.private_ip.clone());
    let addresses: Vec<String> = addresses.collect();
    Ok([
        ("KILN_SERVICE", plan.service.clone()),
        ("KILN_REGION", plan.region.clone()),
        ("KILN_RUN", plan.run.to_string()),
        ("KILN_IMAGE", plan.image.to_string()),
        ("KILN_GROUP", plan.next.group.to_string()),
        ("KILN_INSTANCES", ids.join(" ")),
        ("KILN_ADDRESSES", addresses.join(" ")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec())
}
