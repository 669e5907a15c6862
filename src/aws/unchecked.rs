//! `insecure_skip_tls_verify`: HTTPS to whoever answers. The SDK's own client has no such switch, so that `reqwest` carries
//! its requests.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// A client that takes any certificate.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Unchecked)
}

#[derive(Debug)]
struct Unchecked;

impl HttpClient for Unchecked {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let mut client = reqwest::Client::builder()
            .danger_accept_invalid_certs(true)
            .no_proxy();
        if let Some(limit) = settings.connect_timeout() {
            client = client.connect_timeout(limit);
        }
        SharedHttpConnector::new(Connector(client.build()))
    }
}

#[derive(Debug)]
struct Connector(reqwest::Result<reqwest::Client>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match &self.0 {
            Ok(client) => client.clone(),
            Err(error) => {
                let error = error.to_string().into();
                return HttpConnectorFuture::ready(Err(ConnectorError::other(error, None)));
            }
        };
        HttpConnectorFuture::new(async move { send(&client, &request).await })
    }
}

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

async fn send(
    client: &reqwest::Client,
    request: &HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let method = reqwest::Method::from_bytes(request.method().as_bytes());
    let mut asked = client.request(method.unwrap_or_default(), request.uri());
    for (name, value) in request.headers() {
        asked = asked.header(name, value);
    }
    let body = request.body().bytes().unwrap_or_default().to_vec();
    let answer = asked.body(body).send().await.map_err(failed)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = SdkBody::from(answer.bytes().await.map_err(failed)?.to_vec());
    let status = StatusCode::try_from(status);
    let status = status.map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, body);
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response
                .headers_mut()
                .insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}
