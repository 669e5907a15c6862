//! The warm pool of a group goes before its machines do: a group that wants none any more leaves its pool room for its whole
//! maximum ("`API_PutWarmPool`").

use super::persist;
use crate::cloud::{Cloud, Error, Group, GroupName, Kind, WarmPool, tag};

/// Has the pool of a group go, where it has one; with `force` nobody waits for the lifecycle hooks of its machines. Whoever
/// deletes the group is told by AWS when it has not gone.
pub async fn delete(cloud: &impl Cloud, name: &GroupName, force: bool) -> Result<(), Error> {
    let call = async || {
        let there = cloud.group(name).await?;
        let pool = there.and_then(|group| group.pool);
        if !pool.is_some_and(|pool| force || !pool.leaving) {
            return Ok(());
        }
        match cloud.delete_pool(name, force).await {
            // What was read is of before it was gone.
            Err(error) if error.kind == Kind::Invalid => Ok(()),
            done => done,
        }
    };
    persist(call).await
}

/// Errors for a group of others' making that has one: it stays, emptied, and a pool that kiln did not make is not kiln's to
/// delete.
pub fn not_of_others(group: &Group) -> Result<(), Error> {
    if group.tag(tag::MADE_BY).is_some() || !group.keeps_pool() {
        return Ok(());
    }
    let name = &group.name;
    let text = format!(
        "{group}: `{mend}` first",
        group = fills(name),
        mend = delete_it(name)
    );
    Err(Error::blocked("UpdateAutoScalingGroup", text))
}

/// What such a pool would do.
pub fn fills(name: &GroupName) -> String {
    format!(
        "group {name}, which kiln did not make, has a warm pool, and that would fill itself once the group is empty"
    )
}

/// The command that has a pool go.
pub fn delete_it(name: &GroupName) -> String {
    format!("aws autoscaling delete-warm-pool --auto-scaling-group-name {name}")
}

/// The command that gives a group such a pool.
pub fn put_it(name: &GroupName, pool: &WarmPool) -> String {
    let (min, state) = (pool.min, &pool.state);
    let prepared = pool
        .prepared
        .map(|most| format!(" --max-group-prepared-capacity {most}"));
    let prepared = prepared.unwrap_or_default();
    format!(
        "aws autoscaling put-warm-pool --auto-scaling-group-name {name} --min-size {min} --pool-state {state}{prepared}"
    )
}
