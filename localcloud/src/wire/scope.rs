//! The credential scope of a signed request: which service and which region it was signed for.

use super::HttpRequest;
use crate::model::{Caller, Fault, Model, Service};

/// `…Credential=<key>/<date>/<region>/<service>/aws4_request…` of the Authorization header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    key: String,
    region: String,
    service: String,
}

impl Scope {
    /// Reads the scope; `None` for a request that is not signed.
    pub(super) fn read(http: &HttpRequest) -> Option<Self> {
        let (_, credential) = http.header("authorization")?.split_once("Credential=")?;
        let credential = credential.split([',', ' ']).next()?;
        let mut parts = credential.rsplit('/').skip(1);
        let (service, region) = (parts.next()?, parts.next()?);
        Some(Self {
            key: parts.nth(1)?.into(),
            region: region.into(),
            service: service.into(),
        })
    }

    pub(super) fn service(&self) -> Result<Service, Fault> {
        let named = |service: &Service| service.name() == self.service;
        Service::ALL.into_iter().find(named).ok_or_else(|| {
            let message = format!("The service {} is not part of this cloud.", self.service);
            Fault::new("NotImplemented", message).with_status(501)
        })
    }

    /// Whose call it is.
    pub(super) fn caller(&self, http: &HttpRequest) -> Caller {
        Caller {
            access_key: self.key.clone(),
            token: http.header("x-amz-security-token").map(Into::into),
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Refuses a region that this endpoint does not serve, as each service words it.
    pub(super) fn check_region(&self, service: Service, model: &Model) -> Result<(), Fault> {
        // IAM, Route 53 and the global endpoint of STS are signed for us-east-1 by clients of any region.
        let global = service.is_global() && self.region == "us-east-1";
        if model.serves(&self.region) || global {
            return Ok(());
        }
        let ours = &model.config().region;
        let message = format!(
            "Credential should be scoped to a valid region, not '{}'. This cloud is {ours}.",
            self.region
        );
        Err(match service {
            Service::Ec2 => Fault::new("AuthFailure", message).with_status(401),
            Service::Ssm | Service::Kms => Fault::new("InvalidSignatureException", message),
            _ => Fault::new("SignatureDoesNotMatch", message).with_status(403),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;

    fn model(region: &str) -> Model {
        Model::new(Config {
            region: region.into(),
            ..Config::default()
        })
    }

    fn signed(scope: &str) -> HttpRequest {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        );
        HttpRequest {
            headers: vec![("Authorization".into(), value)],
            ..HttpRequest::default()
        }
    }

    #[test]
    fn reads_service_and_region() {
        let scope = Scope::read(&signed("20260101/eu-west-1/elasticloadbalancing")).unwrap();
        assert_eq!(scope.service(), Ok(Service::Elb));
        assert_eq!(
            scope.check_region(Service::Elb, &model("eu-west-1")),
            Ok(())
        );
        assert_eq!(
            scope
                .check_region(Service::Ec2, &model("eu-central-1"))
                .unwrap_err()
                .code,
            "AuthFailure"
        );
    }

    #[test]
    fn only_what_is_one_for_all_regions_has_a_global_endpoint() {
        let scope = Scope::read(&signed("20260101/us-east-1/sts")).unwrap();
        assert_eq!(
            scope.check_region(Service::Sts, &model("eu-central-1")),
            Ok(())
        );
        assert!(
            scope
                .check_region(Service::AutoScaling, &model("eu-central-1"))
                .is_err()
        );
    }

    #[test]
    fn an_unsigned_request_has_no_scope() {
        assert_eq!(Scope::read(&HttpRequest::default()), None);
    }
}
