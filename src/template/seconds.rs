//! Durations in printed plans: seconds, with their fraction.

use serde::Serializer;
use std::time::Duration;

/// A duration as a number of seconds.
pub fn plain<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.as_secs_f64())
}

/// A duration as a number of seconds, or null.
#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
pub fn optional<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => plain(value, serializer),
        None => serializer.serialize_none(),
    }
}
