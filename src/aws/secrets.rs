//! Secrets Manager, for templates that ask it.

use super::access::load;
use super::{Access, error, services};
use crate::cloud::{Error, Result};

/// The text of a secret's current version (Secrets Manager, "`GetSecretValue`"), by the credentials and the region of AWS's
/// own environment and files. A secret of bytes is an error, as in Packer.
pub async fn secret(name: &str) -> Result<String> {
    const CALL: &str = "GetSecretValue";
    let config = load(&Access::default()).await;
    if config.region().is_none() {
        return Err(super::no_region());
    }
    let client = services::secrets(config);
    let answer = client.get_secret_value().secret_id(name);
    let answer = answer.version_stage("AWSCURRENT").send().await;
    let answer = answer.map_err(|failure| error::failed(CALL, failure))?;
    answer
        .secret_string
        .ok_or_else(|| Error::malformed(CALL, "text; a secret of bytes cannot stand in a template"))
}
