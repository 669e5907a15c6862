//! The hook `before_retire`: commands before a kept group goes, run by whoever has the service file. A group whose roll had
//! such hooks says so in a tag, so that whoever has none leaves it alone.

use std::time::Duration;

use super::checks::{Said, command};
use super::error::Error;
use super::probe::{HttpProbe, Probe};
use crate::cloud::{Cloud, Error as CloudError, Group, GroupName, tag};
use crate::run::{Event, Events, RunId, Stop};
use crate::template::service::Service;
use crate::undo::pool::not_of_others;
use crate::undo::{self, Retire, prune};

/// Who has the file of a service whose groups go.
pub struct Retiring<'a, P> {
    pub service: &'a Service,
    pub region: String,
    pub run: RunId,
    pub probe: &'a P,
    pub stop: Stop,
}

/// Who has groups go: their machines may take hours.
pub struct Wait<'a> {
    pub events: &'a dyn Events,
    pub stop: &'a Stop,
    /// What they stand behind is needed: they are waited for, whoever else would work on the service meanwhile.
    pub is_needed: bool,
}

/// Machines that nothing holds back are gone by then.
const SOON: Duration = Duration::from_mins(2);

/// Nobody has it.
pub const NAMELESS: Option<&Retiring<'static, HttpProbe>> = None;

/// Runs the hooks before a group goes, unless it has begun to. Errors when it has to stay until they can, or for its warm pool.
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
    not_of_others(&group)?;
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
    let hooks = &by.service.hooks.before_retire;
    if !hooks.is_empty() {
        // Whoever has led traffic back to it would have these machines stop what they do.
        undo::refuse_serving(cloud, &group, "DeleteAutoScalingGroup").await?;
    }
    for hook in hooks {
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

/// Retires a group, or has it begin to go where it is not needed and takes its time: then the group is returned, and [`finish`] is to follow.
/// May be dropped at any point.
pub(super) async fn retire<C: Cloud>(
    due: &Retire,
    cloud: &C,
    wait: &Wait<'_>,
) -> Result<Option<Group>, CloudError> {
    let found = cloud.group(&due.group).await?;
    if let Some(group) = undo::begin_to_retire(cloud, due).await? {
        let ended = undo::ended(cloud, &group, wait.events);
        if wait.is_needed {
            ended.await?;
        } else {
            match tokio::time::timeout(SOON, ended).await {
                Ok(ended) => ended?,
                Err(_) => return Ok(Some(group)),
            }
        }
        undo::end_retirement(cloud, due).await?;
    }
    if let Some(group) = found {
        prune(&group, cloud, wait.events).await;
    }
    Ok(None)
}

/// The end of a group whose machines are gone.
pub(super) async fn finish<C: Cloud>(
    (due, group): (&Retire, &Group),
    cloud: &C,
    events: &dyn Events,
) -> Result<(), CloudError> {
    undo::end_retirement(cloud, due).await?;
    prune(group, cloud, events).await;
    Ok(())
}

/// Deletes what a group leaves of its launch template. A version that will not go costs nobody a roll: it goes with a later
/// group.
async fn prune<C: Cloud>(group: &Group, cloud: &C, events: &dyn Events) {
    if !matches!(group.tag(tag::STATE), Some(tag::KEPT | tag::RETIRING)) {
        return;
    }
    if let Err(error) = prune::versions(cloud, group).await {
        let text = format!(
            "launch template versions that group {} leaves were not deleted, and go with a later one: {error}",
            group.name
        );
        events.emit(Event::Warning { text });
    }
}
