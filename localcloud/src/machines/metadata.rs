//! The instance metadata service, versions 1 and 2 (EC2 User Guide, "Use the Instance Metadata Service").
//!
//! Owns the protocol and who may ask; what there is to tell comes with each machine's launch. A machine is known by
//! the address that it asks from.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Error;
use crate::model::{Boot, Metadata};
use crate::network;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const LONGEST: u64 = 21_600;

/// What each machine is told, by the address that it asks from.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    machines: Arc<Mutex<HashMap<Ipv4Addr, Entry>>>,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Entry {
    instance: String,
    metadata: Metadata,
    user_data: Option<Vec<u8>>,
    tokens: HashMap<String, Instant>,
}

impl Directory {
    fn machines(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, Entry>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, boot: &Boot) {
        let entry = Entry {
            instance: boot.instance.clone(),
            metadata: boot.metadata.clone(),
            user_data: boot.user_data.clone(),
            tokens: HashMap::new(),
        };
        self.machines().insert(boot.address, entry);
    }

    pub(super) fn describe(&self, instance: &str, metadata: Metadata) {
        if let Some(entry) = self
            .machines()
            .values_mut()
            .find(|entry| entry.instance == instance)
        {
            entry.metadata = metadata;
        }
    }

    pub(super) fn remove(&self, instance: &str) {
        self.machines()
            .retain(|_, entry| entry.instance != instance);
    }

    /// Ends the service.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

/// Answers at the router's address until the directory is closed.
pub(super) async fn serve(
    config: &network::Config,
    directory: Directory,
    tasks: &TaskTracker,
) -> Result<(), Error> {
    let address = SocketAddr::from((config.router, config.metadata_port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Metadata { address, source })?;
    let closed = directory.closed.clone();
    let service = Router::new().fallback(answer).with_state(directory);
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        tokio::select! {
            ended = async { axum::serve(listener, service).await } => {
                tracing::warn!(?ended, "the metadata service has ended");
            }
            () = closed.cancelled() => {}
        }
    });
    Ok(())
}

async fn answer(
    State(directory): State<Directory>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let IpAddr::V4(address) = peer.ip() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match directory.machines().get_mut(&address) {
        Some(entry) => entry
            .answer(&method, uri.path(), &headers)
            .unwrap_or_else(IntoResponse::into_response),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Entry {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, StatusCode> {
        if !self.metadata.enabled {
            return Err(StatusCode::FORBIDDEN);
        }
        match *method {
            Method::PUT if path.trim_end_matches('/') == "/latest/api/token" => {
                self.new_token(headers)
            }
            Method::GET | Method::HEAD => {
                self.check_token(headers)?;
                let text = self.look_up(path).ok_or(StatusCode::NOT_FOUND)?;
                Ok(([("content-type", "text/plain")], text).into_response())
            }
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn new_token(&mut self, headers: &HeaderMap) -> Result<Response, StatusCode> {
        // A request that came through a proxy is not the machine's own.
        if headers.contains_key("x-forwarded-for") {
            return Err(StatusCode::FORBIDDEN);
        }
        let asked = headers
            .get(LIFETIME)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let seconds = asked
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .ok_or(StatusCode::BAD_REQUEST)?;
        let token = random_token().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let now = Instant::now();
        self.tokens.retain(|_, until| *until > now);
        self.tokens
            .insert(token.clone(), now + Duration::from_secs(seconds));
        Ok(([(LIFETIME, seconds.to_string())], token).into_response())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let good = match headers.get(TOKEN) {
            None => !self.metadata.tokens_required,
            Some(token) => {
                let until = token.to_str().ok().and_then(|token| self.tokens.get(token));
                until.is_some_and(|until| *until > Instant::now())
            }
        };
        if good {
            Ok(())
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    }

    /// The value at a path, or the names below it.
    fn look_up(&self, path: &str) -> Option<Vec<u8>> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Some(b"latest".to_vec());
        }
        let (version, rest) = path.split_once('/').unwrap_or((path, ""));
        if !is_version(version) {
            return None;
        }
        if rest.trim_end_matches('/') == "user-data" {
            return self.user_data.clone();
        }
        let entries = self.entries();
        value(&entries, rest)
            .or_else(|| listing(&entries, rest))
            .map(String::into_bytes)
    }

    /// Everything below a version, as paths and values.
    fn entries(&self) -> Vec<(String, &str)> {
        let described = self.metadata.entries.iter();
        let mut entries: Vec<(String, &str)> = described
            .map(|(path, text)| (format!("meta-data/{path}"), text.as_str()))
            .collect();
        entries.push((
            "dynamic/instance-identity/document".to_owned(),
            &self.metadata.identity,
        ));
        if self.user_data.is_some() {
            entries.push(("user-data".to_owned(), ""));
        }
        entries
    }
}

/// A version is `latest`, `1.0` or the date of one.
fn is_version(text: &str) -> bool {
    let is_date = text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    text == "latest" || text == "1.0" || is_date
}

/// A value; one whose path ends in a slash is the listing of that folder.
fn value(entries: &[(String, &str)], path: &str) -> Option<String> {
    let plain = path.trim_end_matches('/');
    let found = entries
        .iter()
        .find(|(name, _)| name.trim_end_matches('/') == plain && !plain.is_empty());
    found.map(|(_, text)| (*text).to_owned())
}

/// The names right below a folder, folders with a slash, one a line.
fn listing(entries: &[(String, &str)], path: &str) -> Option<String> {
    let folder = path.trim_end_matches('/');
    let folder = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let below = entries
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(folder.as_str()));
    let names: BTreeSet<String> = below
        .filter(|rest| !rest.is_empty())
        .map(|rest| {
            rest.split_once('/')
                .map_or_else(|| rest.to_owned(), |(first, _)| format!("{first}/"))
        })
        .collect();
    (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join("\n"))
}

fn random_token() -> std::io::Result<String> {
    let mut bytes = [0; 42];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests;
