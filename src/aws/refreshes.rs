//! Instance refreshes of Auto Scaling groups.

use aws_sdk_autoscaling::types;

use super::error::failed;
use super::groups::{signed, version_of};
use super::{Aws, mixed};
use crate::cloud::{
    Error, GroupName, LaunchTemplateId, NewRefresh, Refresh, RefreshState, Refreshes, Result,
};

impl Refreshes for Aws {
    async fn start_refresh(&self, new: &NewRefresh) -> Result<String> {
        const CALL: &str = "StartInstanceRefresh";
        let (template, version) = &new.to;
        let to = mixed::specification(template, *version);
        let desired = mixed::desired(self, &new.group, to).await?;
        let seconds = |time: std::time::Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        // What is protected or in standby is waited for: nobody has said that it may go.
        let mut wishes = types::RefreshPreferences::builder()
            .min_healthy_percentage(100)
            .max_healthy_percentage(signed(new.most))
            .instance_warmup(seconds(new.warmup))
            .skip_matching(true)
            .auto_rollback(new.takes_back);
        if !new.checkpoints.is_empty() {
            wishes = wishes
                .set_checkpoint_percentages(Some(
                    new.checkpoints.iter().copied().map(signed).collect(),
                ))
                .checkpoint_delay(seconds(new.checkpoint_delay));
        }
        let call = self.scaling_to_write().await.start_instance_refresh();
        let answer = call
            .auto_scaling_group_name(new.group.as_str())
            .strategy(types::RefreshStrategy::Rolling)
            .desired_configuration(desired)
            .preferences(wishes.build())
            .send()
            .await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let id = answer.instance_refresh_id;
        id.ok_or_else(|| Error::malformed(CALL, "refresh id"))
    }

    async fn take_refresh_back(&self, group: &GroupName) -> Result<()> {
        let call = self.scaling_to_write().await.rollback_instance_refresh();
        let answer = call.auto_scaling_group_name(group.as_str()).send().await;
        answer.map_err(|error| failed("RollbackInstanceRefresh", error))?;
        Ok(())
    }

    async fn stop_refresh(&self, group: &GroupName) -> Result<()> {
        let call = self.scaling_to_write().await.cancel_instance_refresh();
        let answer = call.auto_scaling_group_name(group.as_str()).send().await;
        answer.map_err(|error| failed("CancelInstanceRefresh", error))?;
        Ok(())
    }

    async fn newest_refresh(&self, group: &GroupName) -> Result<Option<Refresh>> {
        let call = self.scaling_to_read().await.describe_instance_refreshes();
        let answer = call
            .auto_scaling_group_name(group.as_str())
            .max_records(1)
            .send()
            .await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        answer
            .instance_refreshes()
            .first()
            .map(refresh_of)
            .transpose()
    }
}

const CALL: &str = "DescribeInstanceRefreshes";

fn refresh_of(refresh: &types::InstanceRefresh) -> Result<Refresh> {
    use types::InstanceRefreshStatus as Status;
    let lacks = |what| Error::malformed(CALL, what);
    let state = match refresh.status() {
        Some(Status::Pending | Status::InProgress | Status::Baking) => RefreshState::Going,
        Some(Status::Cancelling) => RefreshState::Stopping,
        Some(Status::RollbackInProgress) => RefreshState::GoingBack,
        Some(Status::Successful) => RefreshState::Done,
        Some(Status::RollbackSuccessful) => RefreshState::TakenBack,
        Some(Status::Failed | Status::Cancelled | Status::RollbackFailed) => RefreshState::Broken,
        Some(_) => return Err(lacks("known status")),
        None => return Err(lacks("status")),
    };
    let template = refresh.desired_configuration().and_then(mixed::wanted);
    let to = match template.and_then(|template| Some((template, template.launch_template_id()?))) {
        Some((template, id)) => Some((LaunchTemplateId::new(id), version_of(template.version())?)),
        None => None,
    };
    Ok(Refresh {
        id: refresh
            .instance_refresh_id()
            .ok_or_else(|| lacks("refresh id"))?
            .to_owned(),
        state,
        reason: refresh.status_reason().unwrap_or_default().to_owned(),
        percent: refresh
            .percentage_complete()
            .and_then(|percent| u32::try_from(percent).ok())
            .unwrap_or_default(),
        to,
    })
}
