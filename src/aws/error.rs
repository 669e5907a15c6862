//! The only place that reads error codes.

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::cloud::{Error, Kind};

/// Turns an SDK error of `call` into ours.
#[expect(
    clippy::needless_pass_by_value,
    reason = "made for map_err, which hands the error over"
)]
pub(super) fn failed<E>(call: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().map(ToOwned::to_owned);
    let message = error
        .message()
        .map_or_else(|| innermost(&error), ToOwned::to_owned);
    let kind = match (&error, &code) {
        (_, Some(code)) => kind_of(code),
        (SdkError::TimeoutError(_) | SdkError::ResponseError(_), None) => Kind::Ambiguous,
        (SdkError::DispatchFailure(failure), None) => {
            if failure.is_timeout() || failure.is_io() {
                Kind::Ambiguous
            } else {
                Kind::Other
            }
        }
        _ => Kind::Other,
    };
    let request_id = error.request_id().map(ToOwned::to_owned);
    Error {
        call,
        kind,
        code,
        message,
        request_id,
        source: None,
    }
}

/// The result of a dry run of `call`: nothing when the call would go through ("`RunInstances`", `DryRun`).
pub(super) fn would_go<T, E>(
    call: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer.map_err(|error| failed(call, error)) {
        Err(error) if error.code.as_deref() != Some("DryRunOperation") => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The innermost message of an error that no service answered: "connection refused" rather than "dispatch failure".
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        last = cause.to_string();
        source = cause.source();
    }
    last
}

/// The kind of a code, by the lists "Error codes for the Amazon EC2 API" and the common errors of Auto Scaling and `ELBv2`.
pub(super) fn kind_of(code: &str) -> Kind {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "PriorRequestNotComplete"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "SlowDown" => Kind::Throttled,
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "OptInRequired"
        | "Blocked" => Kind::Denied,
        "DependencyViolation"
        | "DeleteConflict"
        | "EntityTemporarilyUnmodifiable"
        | "ResourceInUse"
        | "ResourceInUseFault"
        | "ScalingActivityInProgress"
        | "ResourceContention"
        | "IncorrectInstanceState"
        | "IncorrectState"
        | "InstanceRefreshInProgress" => Kind::Dependency,
        "InsufficientInstanceCapacity"
        | "VcpuLimitExceeded"
        | "InstanceLimitExceeded"
        | "MaxSpotInstanceCountExceeded"
        | "MaxFleetCountExceeded"
        | "InsufficientFreeAddressesInSubnet"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "ReservationCapacityExceeded"
        | "SpotMaxPriceTooLow"
        | "UnfulfillableCapacity"
        // The zone does not have the type.
        | "Unsupported"
        | "LimitExceeded"
        | "ResourceLimitExceeded"
        | "SnapshotLimitExceeded" => Kind::Limit,
        "AlreadyExists" | "EntityAlreadyExists" | "AlreadyExistsFault" | "PriorityInUse" => Kind::AlreadyExists,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" => {
            Kind::Ambiguous
        }
        // The image was there and has been deregistered.
        "InvalidAMIID.Unavailable" | "NoSuchHostedZone" | "NoSuchEntity" | "DoesNotExistException" => Kind::NotFound,
        "ValidationError" | "MalformedPolicyDocument" | "MissingParameter" | "UnknownParameter" => Kind::Invalid,
        _ => by_shape(code),
    }
}

fn by_shape(code: &str) -> Kind {
    if code.ends_with("NotFound")
        || code.contains(".NotFound")
        || code.ends_with("NotFoundException")
    {
        Kind::NotFound
    } else if code.ends_with(".Duplicate")
        || code.starts_with("Duplicate")
        || code.ends_with(".AlreadyExists")
        || code.ends_with("AlreadyExistsException")
    {
        Kind::AlreadyExists
    } else if code.ends_with("InUse") || code.ends_with(".InUse") {
        Kind::Dependency
    } else if code.starts_with("TooMany") || code.ends_with("LimitExceeded") {
        Kind::Limit
    } else if code.starts_with("Invalid") {
        Kind::Invalid
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_kind() {
        for (code, kind) in [
            ("InvalidAMIID.NotFound", Kind::NotFound),
            ("InvalidGroup.Duplicate", Kind::AlreadyExists),
            ("InvalidSnapshot.InUse", Kind::Dependency),
            ("DuplicateTargetGroupName", Kind::AlreadyExists),
            ("TargetGroupNotFound", Kind::NotFound),
            ("TooManyRules", Kind::Limit),
            ("InvalidParameterValue", Kind::Invalid),
            ("RequestLimitExceeded", Kind::Throttled),
            ("InternalError", Kind::Ambiguous),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }
}
