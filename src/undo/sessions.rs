//! Sessions to a machine, which are found by it: a session carries no tag.

use crate::cloud::{Cloud, Error, InstanceId, Kind};
use crate::undo::persist;

/// Ends each that has not ended.
///
/// Packer needs no right to list sessions, and ends none but its own, so that a policy written for it may lack both rights;
/// they end with the machine then, which goes next.
pub(super) async fn end_all(instance: &InstanceId, cloud: &impl Cloud) -> Result<(), Error> {
    let mut found = Vec::new();
    let looked = persist(async || {
        found = cloud.port_sessions(instance).await?;
        Ok(())
    });
    match looked.await {
        Err(error) if error.kind == Kind::Denied => return Ok(()),
        answer => answer?,
    }
    for id in &found {
        match persist(async || cloud.end_session(id).await).await {
            Err(error) if error.kind != Kind::Denied => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
