//! The refusals that several services share, with the codes of AWS's "Common errors" pages.

use super::{Fault, Service};

impl Fault {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The same refusal with another HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Asked too often; the same call goes through a little later.
    pub(super) fn throttled(service: Service) -> Self {
        match service {
            Service::Ec2 => {
                Self::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
            }
            _ => Self::new("Throttling", "Rate exceeded"),
        }
    }

    /// A required parameter is not there.
    pub(super) fn missing(service: Service, name: &str) -> Self {
        match service {
            Service::Ec2 => Self::new(
                "MissingParameter",
                format!("The request must contain the parameter {name}"),
            ),
            Service::CloudWatch => Self::new(
                "MissingParameter",
                format!("The parameter {name} is required."),
            ),
            Service::Route53 => Self::new(
                "InvalidInput",
                format!("Invalid request: Missing field '{name}'"),
            ),
            Service::Ssm | Service::Kms => Self::new(
                "ValidationException",
                format!("The parameter {name} must not be null"),
            ),
            _ => Self::validation(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
            )),
        }
    }

    /// A value that its type or range does not allow.
    pub(super) fn invalid(service: Service, name: &str, value: &str, why: &str) -> Self {
        match service {
            Service::Ec2 => Self::new(
                "InvalidParameterValue",
                format!("Value ({value}) for parameter {name} is invalid. {why}"),
            ),
            Service::Route53 => Self::new(
                "InvalidInput",
                format!(
                    "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {why}"
                ),
            ),
            Service::Kms => Self::new(
                "ValidationException",
                format!("Value '{value}' at '{name}' is invalid. {why}"),
            ),
            _ => Self::validation(format!(
                "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {why}"
            )),
        }
    }

    /// A parameter that the action does not have.
    pub(super) fn unknown_parameter(service: Service, name: &str) -> Self {
        match service {
            Service::Ec2 => Self::new(
                "UnknownParameter",
                format!("The parameter {name} is not recognized"),
            ),
            Service::Kms => Self::new(
                "SerializationException",
                format!("The parameter {name} is not recognized"),
            ),
            Service::Route53 => Self::new(
                "InvalidInput",
                format!("The parameter {name} is not recognized"),
            ),
            _ => Self::validation(format!("The parameter {name} is not recognized")),
        }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }
}
