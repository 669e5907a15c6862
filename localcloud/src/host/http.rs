//! The endpoint: AWS's protocols over HTTP/1.1 with kept-alive connections. What a request means is `wire`'s business.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::wire::{HttpRequest, HttpResponse, rest_action};

use super::Error;
use super::pulse::Question;

/// The largest request that is read, in bytes. User data is at most 16 KiB; a template of that takes far less than this.
const LARGEST: usize = 8 << 20;

/// Opens the endpoint's sockets, so that a failure is known before anything else starts.
pub(super) async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let mut listeners = Vec::new();
    for address in addresses {
        let bound = TcpListener::bind(address).await;
        listeners.push(bound.map_err(|source| Error::Listen {
            address: *address,
            source,
        })?);
    }
    Ok(listeners)
}

/// Serves one socket until it is told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    questions: mpsc::Sender<Question>,
    stop: CancellationToken,
) {
    let router = Router::new().fallback(answer).with_state(questions);
    let serving = axum::serve(listener, router);
    tokio::select! {
        ended = std::future::IntoFuture::into_future(serving) => tracing::error!(?ended, "the endpoint ended"),
        () = stop.cancelled() => {}
    }
}

async fn answer(State(questions): State<mpsc::Sender<Question>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let headers = parts.headers.iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let request = HttpRequest {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    let action = action(&request);
    let (sender, receiver) = oneshot::channel();
    if questions
        .send(Question::Call(request, sender))
        .await
        .is_err()
    {
        return plain(StatusCode::SERVICE_UNAVAILABLE);
    }
    let Ok(answer) = receiver.await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE);
    };
    let code = code(&answer);
    tracing::info!(action, status = answer.status, code, took = ?began.elapsed(), "call");
    response(answer)
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn response(answer: HttpResponse) -> Response {
    let mut response =
        plain(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = Body::from(answer.body);
    response
}

/// The action's name, for the log.
fn action(request: &HttpRequest) -> String {
    if let Some(target) = request.header("x-amz-target") {
        return target.to_owned();
    }
    if let Some(action) = rest_action(&request.method, &request.path) {
        return action.to_owned();
    }
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let fields =
        form_urlencoded::parse(&request.body).chain(form_urlencoded::parse(query.as_bytes()));
    let mut names = fields
        .filter(|(name, _)| name == "Action")
        .map(|(_, value)| value.into_owned());
    names
        .next()
        .unwrap_or_else(|| format!("{} {}", request.method, request.path))
}

/// The code of a refusal, for the log.
fn code(answer: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let after = |mark: &str, end: char| {
        let rest = &text[text.find(mark)? + mark.len()..];
        Some(rest[..rest.find(end)?].to_owned())
    };
    if answer.status < 400 {
        return "ok".to_owned();
    }
    after("<Code>", '<')
        .or_else(|| after("\"__type\":\"", '"'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_action_and_code() {
        let query = HttpRequest {
            body: b"Version=1&Action=RunInstances".to_vec(),
            ..HttpRequest::default()
        };
        assert_eq!(action(&query), "RunInstances");
        let json = HttpRequest {
            headers: vec![("X-Amz-Target".into(), "AmazonSSM.GetParameter".into())],
            ..query
        };
        assert_eq!(action(&json), "AmazonSSM.GetParameter");
        let rest = HttpRequest {
            method: "GET".into(),
            path: "/2013-04-01/change/C1".into(),
            ..HttpRequest::default()
        };
        assert_eq!(action(&rest), "GetChange");
        let refusal = |body: &str| HttpResponse {
            status: 400,
            headers: Vec::new(),
            body: body.into(),
        };
        assert_eq!(
            code(&refusal("<Error><Code>InvalidAction</Code></Error>")),
            "InvalidAction"
        );
        assert_eq!(
            code(&refusal(r#"{"__type":"ParameterNotFound"}"#)),
            "ParameterNotFound"
        );
    }
}
