//! The hook `before_retire`: commands before a kept group goes, run by whoever has the service file. A group whose roll had
//! such hooks says so in a tag, so that whoever has none leaves it alone.

use super::checks::{Said, command};
use super::error::Error;
use super::probe::{HttpProbe, Probe};
use crate::cloud::{Cloud, Error as CloudError, GroupName, tag};
use crate::run::{Event, Events, RunId, Stop};
use crate::template::service::Service;
use crate::undo::{self, Retire, prune};

/// Who has the file of a service whose groups go.
pub struct Retiring<'a, P> {
    pub service: &'a Service,
    pub region: String,
    pub run: RunId,
    pub probe: &'a P,
    pub stop: Stop,
}

/// Who waits for groups to go: their machines may take hours.
pub struct Wait<'a> {
    pub events: &'a dyn Events,
    pub stop: &'a Stop,
    /// Something else is to be done behind it.
    pub is_pressed: bool,
}

/// Nobody has it.
pub const NAMELESS: Option<&Retiring<'static, HttpProbe>> = None;

/// Runs the hooks before a group goes, unless it has begun to. Errors when it has to stay until they can.
pub(super) async fn before<P: Probe>(
    name: &GroupName,
    by: Option<&Retiring<'_, P>>,
    cloud: &impl Cloud,
    events: &dyn Events,
) -> Result<(), Error> {
    let found = cloud.group(name).await?;
    let Some(group) = found.filter(|group| group.tag(tag::STATE) == Some(tag::KEPT)) else {
        return Ok(());
    };
    let is_marked = group.tag(tag::BEFORE_RETIRE).is_some();
    let Some(by) = by else {
        let text = format!(
            "the hook `before_retire` comes before group {name} goes: `kiln roll --finish` with the service file runs it"
        );
        return if is_marked {
            Err(Error::Changed(text))
        } else {
            Ok(())
        };
    };
    let about = command::About {
        service: by.service.name.value.clone(),
        region: by.region.clone(),
        run: by.run,
        image: group.tag(tag::IMAGE).unwrap_or_default().to_owned(),
        group: name.clone(),
    };
    for hook in &by.service.hooks.before_retire {
        let run = command::run(
            &hook.command,
            hook.timeout,
            &about,
            (cloud, by.probe, events),
        );
        let said = tokio::select! {
            biased;
            () = by.stop.asked.cancelled() => Said::Unknown("stopped on request".to_owned()),
            said = run => said?,
        };
        if let Said::Fail(reason) | Said::Unknown(reason) = said {
            return Err(Error::Hook {
                command: hook.command.to_string(),
                reason,
            });
        }
    }
    if is_marked {
        cloud.untag_group(name, &[tag::BEFORE_RETIRE]).await?;
    }
    Ok(())
}

/// Retires a group, and deletes what it leaves of its launch template. A version that will not go costs nobody a roll: it
/// goes with a later group. May be dropped at any point.
pub(super) async fn retire<C: Cloud>(
    due: &Retire,
    cloud: &C,
    wait: &Wait<'_>,
) -> Result<(), CloudError> {
    let found = cloud.group(&due.group).await?;
    // Nobody needs the place of one that no load balancer leads to.
    let told = Some(wait.events).filter(|_| !wait.is_pressed || due.target_group.is_some());
    undo::retire(cloud, due, told).await?;
    let is_ours = |state: Option<&str>| matches!(state, Some(tag::KEPT | tag::RETIRING));
    let Some(group) = found.filter(|group| is_ours(group.tag(tag::STATE))) else {
        return Ok(());
    };
    if let Err(error) = prune::versions(cloud, &group).await {
        let text = format!(
            "launch template versions that group {} leaves were not deleted, and go with a later one: {error}",
            group.name
        );
        wait.events.emit(Event::Warning { text });
    }
    Ok(())
}
