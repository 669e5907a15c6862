//! Which of AWS's protocols a request speaks, and answers in it.

use super::{HttpRequest, HttpResponse, cbor, json, rest, xml};
use crate::model::{Fault, Request, Service, Tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Query,
    Json,
    Cbor,
    Rest,
}

impl Protocol {
    /// `CloudWatch` speaks Query, JSON and CBOR, as the client likes; every other service speaks one.
    pub(super) fn of(service: Service, http: &HttpRequest) -> Self {
        if service.speaks_json() {
            return Self::Json;
        }
        if service == Service::Route53 {
            return Self::Rest;
        }
        if service != Service::CloudWatch {
            return Self::Query;
        }
        if cbor::operation(http).is_some() {
            return Self::Cbor;
        }
        match http.header("x-amz-target") {
            Some(_) => Self::Json,
            None => Self::Query,
        }
    }

    pub(super) fn answer(self, request: &Request, tree: &Tree, id: &str) -> HttpResponse {
        match self {
            Self::Query => response(200, xml::TYPE, id, xml::answer(request, tree, id)),
            Self::Rest => {
                let body = xml::answer(request, tree, id);
                let (status, location) = rest::made(&request.action, tree);
                let mut response = response(status, xml::TYPE, id, body);
                response.headers.extend(location);
                response
            }
            Self::Json => {
                let of = json::content_type(request.service);
                response(200, of, id, json::answer(tree))
            }
            Self::Cbor => marked(response(200, cbor::TYPE, id, cbor::answer(tree))),
        }
    }

    pub(super) fn refusal(self, service: Service, fault: &Fault, id: &str) -> HttpResponse {
        let status = fault.status;
        match self {
            Self::Query | Self::Rest => {
                response(status, xml::TYPE, id, xml::fault(service, fault, id))
            }
            Self::Json => {
                let of = json::content_type(service);
                with_code(response(status, of, id, json::fault(fault)), service, fault)
            }
            Self::Cbor => {
                let body = cbor::fault(fault);
                marked(with_code(
                    response(status, cbor::TYPE, id, body),
                    service,
                    fault,
                ))
            }
        }
    }
}

/// Clients know an answer in CBOR by this header.
fn marked(mut response: HttpResponse) -> HttpResponse {
    let (name, value) = cbor::MARK;
    response.headers.push((name.into(), value.into()));
    response
}

/// Services that once spoke Query alone give its codes in a header too.
fn with_code(mut response: HttpResponse, service: Service, fault: &Fault) -> HttpResponse {
    if service == Service::CloudWatch {
        let who = if fault.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let value = format!("{};{who}", fault.code);
        response.headers.push(("x-amzn-query-error".into(), value));
    }
    response
}

fn response(
    status: u16,
    content_type: &str,
    request_id: &str,
    body: impl Into<Vec<u8>>,
) -> HttpResponse {
    let headers = vec![
        ("content-type".into(), content_type.into()),
        ("x-amzn-requestid".into(), request_id.into()),
    ];
    HttpResponse {
        status,
        headers,
        body: body.into(),
    }
}
