//! Snapshots as records.

use super::super::state::State;
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum SnapshotState {
    Pending,
    Completed,
    Error(String),
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Snapshot {
    pub(in crate::model) id: String,
    pub(in crate::model) volume: String,
    pub(in crate::model) size: u32,
    pub(in crate::model) description: String,
    pub(in crate::model) encrypted: bool,
    pub(in crate::model) started: Timestamp,
    pub(in crate::model) state: SnapshotState,
    /// The id under which the world keeps the files; nothing for a data volume, whose content is not kept.
    pub(in crate::model) layer: Option<String>,
}

/// Takes in that the layer of a snapshot is there, or why it is not.
pub(super) fn layer_settled(state: &mut State, layer: &str, failure: Option<&String>) {
    for snapshot in state
        .ec2
        .snapshots
        .values_mut()
        .filter(|snapshot| snapshot.layer.as_deref() == Some(layer))
    {
        if snapshot.state == SnapshotState::Pending {
            snapshot.state = failure.map_or(SnapshotState::Completed, |reason| {
                SnapshotState::Error(reason.clone())
            });
        }
    }
}
