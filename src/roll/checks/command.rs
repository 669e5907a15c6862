//! The check `command`: a program of this host, whose exit code decides. Hooks run theirs by it too.

use std::time::Duration;

use super::super::error::Error;
use super::super::making::group;
use super::super::plan::Plan;
use super::super::probe::{Probe, Ran};
use super::super::run_roll::Tools;
use super::Said;
use crate::cloud::{Cloud, Filter, GroupName};
use crate::run::{Events, RunId};
use crate::template::service::Command;

/// What a shell says when there is no such program, or it cannot be run.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// Runs it once, with the roll and the next group's machines in its environment.
pub(in crate::roll) async fn ask<C: Cloud, P: Probe, S>(
    command: &Command,
    limit: Duration,
    (plan, on): (&Plan, &Tools<'_, C, P, S>),
) -> Result<Said, Error> {
    let about = About {
        service: plan.service.clone(),
        region: plan.region.clone(),
        run: plan.run,
        image: plan.image.to_string(),
        group: plan.next.group.clone(),
    };
    run(command, limit, &about, (on.cloud, on.probe, on.events)).await
}

/// What a command is told of.
pub(in crate::roll) struct About {
    pub service: String,
    pub region: String,
    pub run: RunId,
    pub image: String,
    /// Whose machines it is told of.
    pub group: GroupName,
}

/// Runs it once, with these machines in its environment.
pub(in crate::roll) async fn run<P: Probe>(
    command: &Command,
    limit: Duration,
    about: &About,
    (cloud, probe, events): (&impl Cloud, &P, &dyn Events),
) -> Result<Said, Error> {
    let environment = match environment(about, cloud).await {
        Ok(environment) => environment,
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Said::Unknown(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let words = command.words();
    let ran = probe.run(&words, &environment, events);
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
async fn environment(about: &About, cloud: &impl Cloud) -> Result<Vec<(String, String)>, Error> {
    let next = group(cloud, &about.group).await?;
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
        ("KILN_SERVICE", about.service.clone()),
        ("KILN_REGION", about.region.clone()),
        ("KILN_RUN", about.run.to_string()),
        ("KILN_IMAGE", about.image.clone()),
        ("KILN_GROUP", about.group.to_string()),
        ("KILN_INSTANCES", ids.join(" ")),
        ("KILN_ADDRESSES", addresses.join(" ")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec())
}
