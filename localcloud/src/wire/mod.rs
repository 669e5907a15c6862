//! AWS's wire protocols in front of the model: EC2's and the Query services' XML, the JSON of Systems Manager and KMS,
//! all of `CloudWatch`'s, of which CBOR is the newest, and Route 53's paths and XML.
//!
//! A pure function from request to response: the host serves it over HTTP, and tests call it in the process under the
//! real SDK. What name servers are asked is a packet in and a packet out likewise. Signatures are not verified; the credential scope tells the service, the region and whose call it is.

mod cbor;
mod json;
mod names;
mod protocol;
mod query;
mod records;
mod rest;
mod scope;
mod xml;

use crate::model::{Answer, Effect, Fault, Model, Request, Service};
use jiff::Timestamp;
use protocol::Protocol;
use scope::Scope;

pub use names::{Way, name_server};
pub use rest::action as rest_action;

/// One HTTP request, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: String,
    /// With the query string, as it stands in the request line.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One HTTP response, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Answers one request and gives what the world must do for it.
pub fn answer(
    model: &mut Model,
    http: &HttpRequest,
    now: Timestamp,
) -> (HttpResponse, Vec<Effect>) {
    let scope = Scope::read(http);
    let request = match read(model, http, scope.as_ref()) {
        Ok(request) => request,
        Err((service, fault)) => {
            let (request_id, effects) = model.refuse(now);
            let protocol = Protocol::of(service, http);
            return (protocol.refusal(service, &fault, &request_id), effects);
        }
    };
    let protocol = Protocol::of(request.service, http);
    let Answer {
        request_id,
        result,
        effects,
    } = match &scope {
        Some(scope) => model.call_as(&scope.caller(http), scope.region(), &request, now),
        None => model.call(&request, now),
    };
    let response = match result {
        Ok(tree) => protocol.answer(&request, &tree, &request_id),
        Err(fault) => protocol.refusal(request.service, &fault, &request_id),
    };
    (response, effects)
}

/// Reads the request, or says for which service it is refused and why.
fn read(
    model: &Model,
    http: &HttpRequest,
    scope: Option<&Scope>,
) -> Result<Request, (Service, Fault)> {
    let target = http.header("x-amz-target");
    let fields = if target.is_none() && cbor::operation(http).is_none() {
        query::fields(http)
    } else {
        Vec::new()
    };
    let service = match scope {
        Some(scope) => scope.service().map_err(|fault| (Service::Sts, fault))?,
        None => query::service(&fields)
            .or_else(|| json::service(target?))
            .or_else(|| cbor::operation(http).map(|_| Service::CloudWatch))
            .or_else(|| rest::speaks(&http.path).then_some(Service::Route53))
            .unwrap_or(Service::Ec2),
    };
    let refused = |fault| (service, fault);
    if let Some(scope) = scope {
        scope.check_region(service, model).map_err(refused)?;
    }
    match Protocol::of(service, http) {
        Protocol::Json => json::request(service, target, &http.body),
        Protocol::Cbor => cbor::request(http),
        Protocol::Rest => rest::request(http),
        Protocol::Query => query::request(service, fields),
    }
    .map_err(refused)
}
