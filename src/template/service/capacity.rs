//! `capacity`: what a roll does where the cloud has no machine to give.

use super::super::seconds;
use crate::source::Spanned;
use serde::Serialize;
use std::time::Duration;

/// What a roll does while machines cannot be had.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Capacity {
    pub when_short: WhenShort,
    /// How long it is waited for; unset: the roll's own time for launches that may go through later.
    #[serde(serialize_with = "seconds::optional")]
    pub timeout: Option<Duration>,
}

/// Where a launch is refused for want of capacity.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenShort {
    /// It is tried on.
    #[default]
    Wait,
    /// The roll ends.
    Fail,
    /// The group takes the next of these types, at least two; where none of them can be had, it is tried on.
    Fallback(Vec<Spanned<String>>),
}

impl Capacity {
    /// The types that a group falls back to, in their order; empty: it has one type, or what it had.
    pub fn types(&self) -> &[Spanned<String>] {
        match &self.when_short {
            WhenShort::Fallback(types) => types,
            WhenShort::Wait | WhenShort::Fail => &[],
        }
    }
}
