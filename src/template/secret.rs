//! Values that must not be shown: what `sensitive-variables` names and what credentials options hold.

use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// A value that neither prints nor serializes; [`Secret::reveal`] is for the call that needs it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the call that needs it and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<sensitive>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<sensitive>")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is to be hidden of a secret value: itself as text, and each text within it.
pub(super) fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text.clone()),
        Value::Array(items) => {
            found.push(value.to_string());
            for item in items {
                within(item, found);
            }
        }
        Value::Object(members) => {
            found.push(value.to_string());
            for item in members.values() {
                within(item, found);
            }
        }
        Value::Number(_) => found.push(value.to_string()),
        _ => {}
    }
}

/// Words such as `on` or `443` in a secret object are in every text, and not what is secret in it.
fn within(item: &Value, found: &mut Vec<String>) {
    let mut own = Vec::new();
    texts(item, &mut own);
    found.extend(own.into_iter().filter(|text| text.len() >= SHORTEST));
}

/// The shortest part of a secret value that is hidden by itself.
const SHORTEST: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_only_when_asked() {
        let secret = Secret::new("hunter2");
        let shown = format!(
            "{secret} {secret:?} {}",
            serde_json::to_string(&secret).unwrap()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn what_a_secret_value_holds_is_secret_too() {
        let mut found = Vec::new();
        let value = serde_json::json!({ "port": 443, "login": { "password": "hunter2" } });
        texts(&value, &mut found);
        assert_eq!(found.last().map(String::as_str), Some("hunter2"));
        assert!(!found.contains(&"443".to_owned()), "{found:?}");
    }
}
