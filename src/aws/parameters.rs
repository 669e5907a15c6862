//! The parameter store through the SSM API.

use super::Aws;
use super::error::failed;
use crate::cloud::{Parameters, Result};

/// What `GetParameter` answers where there is no such parameter.
const NOT_FOUND: &str = "ParameterNotFound";

impl Parameters for Aws {
    async fn parameter(&self, name: &str) -> Result<Option<String>> {
        let call = self.ssm().get_parameter().name(name).with_decryption(true);
        match call
            .send()
            .await
            .map_err(|error| failed("GetParameter", error))
        {
            Err(error) if error.code.as_deref() == Some(NOT_FOUND) => Ok(None),
            answer => {
                let parameter = answer?.parameter;
                Ok(parameter.and_then(|parameter| parameter.value))
            }
        }
    }
}
