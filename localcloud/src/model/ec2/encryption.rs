//! Which key encrypts a volume or a snapshot ("Amazon EBS encryption").

use super::super::{Fault, kms, state::State};

/// The ARN of the key, or nothing for what is not encrypted. What is made of something encrypted is encrypted too; without
/// a key that is named, by the same one.
pub(super) fn of(
    state: &State,
    wanted: Option<bool>,
    named: Option<&str>,
    source: Option<&str>,
) -> Result<Option<String>, Fault> {
    let named = named.filter(|name| !name.is_empty());
    match (wanted, named, source) {
        (Some(false) | None, Some(_), None) | (Some(false), Some(_), Some(_)) => {
            let text = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            Err(Fault::new("InvalidParameterDependency", text))
        }
        (Some(false), None, Some(_)) => {
            let text = "Encrypted snapshots cannot be made into volumes that are not encrypted.";
            Err(Fault::new("InvalidParameterCombination", text))
        }
        (Some(false) | None, None, None) => Ok(None),
        (_, None, Some(source)) => Ok(Some(source.to_owned())),
        (_, named, _) => usable(state, named.unwrap_or(kms::EBS)).map(Some),
    }
}

/// The ARN of a key of this region that can be used.
pub(super) fn usable(state: &State, name: &str) -> Result<String, Fault> {
    match state.kms.key(&state.config, name) {
        Some(key) if key.is_usable() => Ok(key.arn.clone()),
        _ => Err(Fault::new(
            "InvalidKmsKey.InvalidState",
            format!(
                "The KMS key {name} does not exist, is not enabled or you do not have permissions to access it."
            ),
        )),
    }
}
