//! Requests of the SDK and answers of the wire, turned into each other; and answers that no model gives.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use localcloud::wire;

pub fn wired(request: &HttpRequest) -> wire::HttpRequest {
    wire::HttpRequest {
        method: request.method().to_owned(),
        path: path(request.uri()).to_owned(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}

pub fn response(answer: wire::HttpResponse) -> HttpResponse {
    let status = StatusCode::try_from(answer.status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The path and query of an address.
fn path(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

pub fn action(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    if is_cbor(request) {
        return request.uri().rsplit('/').next().unwrap().to_owned();
    }
    if let Some(action) = wire::rest_action(request.method(), path(request.uri())) {
        return action.to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    let mut fields = body.split('&');
    let action = fields.find_map(|field| field.strip_prefix("Action="));
    action.unwrap_or("?").to_owned()
}

/// `CloudWatch` alone, which names the action in the path.
fn is_cbor(request: &HttpRequest) -> bool {
    request.headers().get("smithy-protocol") == Some("rpc-v2-cbor")
}

pub fn refusal(request: &HttpRequest) -> HttpResponse {
    let code = match request.headers().get("x-amz-target") {
        Some(_) => return failure(request, 400, "AccessDeniedException", "not authorized"),
        None => "UnauthorizedOperation",
    };
    let text = "You are not authorized to perform this operation.";
    failure(request, 403, code, text)
}

/// An error in the words of any of the protocols: each reads the element that it knows.
pub fn failure(request: &HttpRequest, status: u16, code: &str, text: &str) -> HttpResponse {
    let status = StatusCode::try_from(status).unwrap();
    if request.headers().get("x-amz-target").is_some() {
        let body = format!(r#"{{"__type":"{code}","message":"{text}"}}"#);
        return HttpResponse::new(status, SdkBody::from(body));
    }
    if is_cbor(request) {
        // An empty map; the code stands in the header.
        let mut response = HttpResponse::new(status, SdkBody::from(&[0xa0][..]));
        let error = format!("{code};Sender");
        response.headers_mut().insert("x-amzn-query-error", error);
        return response;
    }
    let error = format!("<Error><Code>{code}</Code><Message>{text}</Message></Error>");
    let id = "00000000-0000-0000-0000-000000000000";
    let body = if is_ec2(request) {
        format!("<Response><Errors>{error}</Errors><RequestID>{id}</RequestID></Response>")
    } else {
        format!("<ErrorResponse>{error}<RequestId>{id}</RequestId></ErrorResponse>")
    };
    HttpResponse::new(status, SdkBody::from(body))
}

fn is_ec2(request: &HttpRequest) -> bool {
    request.uri().contains("://ec2.")
}
