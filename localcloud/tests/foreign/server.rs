//! A server of its own for each test, on a port of its own, with a clock that goes five seconds a request.

use super::world::World;
use axum::{Router, body::Bytes, extract::State, http, response::Response};
use localcloud::wire::{HttpRequest, HttpResponse};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

pub struct Server {
    address: SocketAddr,
    /// Ends the server when it is dropped.
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(World::new(None))
    }

    pub fn start_with(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(world));
        let app = Router::new().fallback(answer).with_state(world);
        runtime
            .handle()
            .spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: http::Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let request = HttpRequest {
        method: method.to_string(),
        path: uri.to_string(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.to_vec(),
    };
    let HttpResponse {
        status,
        headers,
        body,
    } = world.lock().unwrap().answer(&request);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).unwrap()
}
