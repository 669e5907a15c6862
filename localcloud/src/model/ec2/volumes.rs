//! Volumes: those of instances, and those that stand alone.

use jiff::Timestamp;

#[derive(Clone, Debug)]
pub(in crate::model) struct Volume {
    pub(in crate::model) id: String,
    pub(in crate::model) size: u32,
    pub(in crate::model) kind: String,
    pub(in crate::model) zone: String,
    pub(in crate::model) snapshot: Option<String>,
    pub(in crate::model) encrypted: bool,
    pub(in crate::model) created: Timestamp,
    /// The instance and device that it is on.
    pub(in crate::model) attached: Option<(String, String)>,
}
