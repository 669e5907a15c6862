//! The SDK's HTTP client, answered by `localcloud`'s wire in this process: no socket, no signature, virtual time.
//!
//! Binding at the wire rather than at the traits of `cloud` tests the mapping of `aws` with every flow.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::{SignedDuration, Timestamp};
use kiln::aws::{Access, Aws, Keys};
use kiln::cloud::Fence;
use kiln::run::Clock;
use localcloud::model::Config;
use localcloud::physics::World;
use localcloud::wire;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What happens to one call, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// AWS refuses it for good.
    Refused,
    /// It happens, and the answer is lost; the SDK tries again.
    AnswerLost,
    /// It happens, and so do the SDK's other tries, but no answer ever comes.
    AnswersLost,
    /// Nothing of it or of the SDK's other tries arrives.
    Down,
    /// The process is killed before it is sent.
    KilledBefore,
    /// The process is killed once it has happened.
    KilledAfter,
}

/// Attempts of one call (`aws::MAX_ATTEMPTS`).
const ATTEMPTS: usize = 10;

/// A cloud that any number of clients may share.
#[derive(Clone)]
pub struct Cloud(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    opened: Timestamp,
    began: Instant,
    calls: Mutex<Vec<String>>,
    /// What each of them said.
    bodies: Mutex<Vec<String>>,
    /// An action that is refused at all times.
    denied: Mutex<Vec<&'static str>>,
    /// Asked by the clients that are counted before they change anything.
    fence: Fence,
    /// How long each takes.
    latency: Mutex<Duration>,
    under_way: Mutex<BTreeMap<String, (usize, usize)>>,
    mishap: Mutex<Option<(usize, Mishap)>>,
    /// What somebody else does right before an action is called for the first time.
    ahead: Mutex<Option<(&'static str, Ahead)>>,
    killed: Notify,
}

type Ahead = Box<dyn FnOnce(&mut World, Timestamp) + Send>;

impl Cloud {
    /// Opens an account now.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared {
            opened: config.opened,
            world: Mutex::new(World::new(config)),
            began: Instant::now(),
            calls: Mutex::default(),
            bodies: Mutex::default(),
            denied: Mutex::default(),
            fence: Fence::default(),
            latency: Mutex::default(),
            under_way: Mutex::default(),
            mishap: Mutex::default(),
            ahead: Mutex::default(),
            killed: Notify::new(),
        }))
    }

    /// Goes on with a world from where it is, for a process of its own.
    pub fn of(world: World) -> Self {
        Self(Arc::new(Shared {
            opened: world.now(),
            world: Mutex::new(world),
            began: Instant::now(),
            calls: Mutex::default(),
            bodies: Mutex::default(),
            denied: Mutex::default(),
            fence: Fence::default(),
            latency: Mutex::default(),
            under_way: Mutex::default(),
            mishap: Mutex::default(),
            ahead: Mutex::default(),
            killed: Notify::new(),
        }))
    }

    /// Has something happen to the `at`-th call of the clients that are counted.
    pub fn plan(&self, at: usize, mishap: Mishap) {
        *self.0.mishap.lock().unwrap() = Some((at, mishap));
    }

    /// Forgets about trouble to come.
    pub fn calm(&self) {
        *self.0.mishap.lock().unwrap() = None;
    }

    /// A client whose calls are counted and may go wrong.
    pub async fn client(&self) -> Aws {
        self.connect(true).await
    }

    /// A client that sees without being seen.
    pub async fn observer(&self) -> Aws {
        self.connect(false).await
    }

    /// The actions that were called, in order, retries of the SDK included.
    pub fn calls(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }

    /// What each call of an action said, as it stood on the wire.
    pub fn said(&self, action: &str) -> Vec<String> {
        let (calls, bodies) = (self.calls(), self.0.bodies.lock().unwrap().clone());
        let all = calls.into_iter().zip(bodies);
        all.filter(|(call, _)| call == action)
            .map(|(_, body)| body)
            .collect()
    }

    /// The actions that were to change something, in order.
    pub fn writes(&self) -> Vec<String> {
        let (calls, bodies) = (self.calls(), self.0.bodies.lock().unwrap().clone());
        let reads = ["Describe", "Get", "List"];
        let writes = |(call, body): &(String, String)| {
            !reads.iter().any(|read| call.starts_with(read)) && !body.contains("DryRun=true")
        };
        let all = calls.into_iter().zip(bodies).filter(writes);
        all.map(|(call, _)| call).collect()
    }

    /// What the clients that are counted ask before they change anything.
    pub fn fence(&self) -> &Fence {
        &self.0.fence
    }

    /// Has an action refused from now on.
    pub fn deny(&self, action: &'static str) {
        self.0.denied.lock().unwrap().push(action);
    }

    /// Has somebody else do something right before an action is called for the next time.
    pub fn ahead(
        &self,
        action: &'static str,
        other: impl FnOnce(&mut World, Timestamp) + Send + 'static,
    ) {
        *self.0.ahead.lock().unwrap() = Some((action, Box::new(other)));
    }

    /// Has every call take so long.
    pub fn slow(&self, latency: Duration) {
        *self.0.latency.lock().unwrap() = latency;
    }

    /// How many calls of an action were under way at once, at most.
    pub fn at_once(&self, action: &str) -> usize {
        let under_way = self.0.under_way.lock().unwrap();
        under_way.get(action).map_or(0, |(_, most)| *most)
    }

    /// Resolves when the process was to be killed.
    pub async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// The model and its physics, brought up to the present.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.world.lock().unwrap();
        world.advance_to(self.now());
        world
    }

    async fn connect(&self, counted: bool) -> Aws {
        let client = Client {
            cloud: self.clone(),
            counted,
        };
        let access = Access {
            region: Some("eu-central-1".to_owned()),
            keys: Some(Keys {
                access_key: "test".to_owned(),
                secret_key: "test".to_owned(),
                token: None,
            }),
            http: Some(SharedHttpClient::new(client)),
            fence: if counted {
                self.0.fence.clone()
            } else {
                Fence::default()
            },
            ..Access::default()
        };
        Aws::connect(&access).await.unwrap()
    }
}

impl Clock for Cloud {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.0.began.elapsed()).unwrap();
        self.0.opened + elapsed
    }
}

#[derive(Clone)]
struct Client {
    cloud: Cloud,
    counted: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let shared = &client.cloud.0;
            let latency = *shared.latency.lock().unwrap();
            if latency.is_zero() {
                return client.answer(&request).await;
            }
            {
                let mut all = shared.under_way.lock().unwrap();
                let (now, most) = all.entry(action(&request)).or_default();
                *now += 1;
                *most = (*most).max(*now);
            }
            tokio::time::sleep(latency).await;
            let answer = client.answer(&request).await;
            let mut all = shared.under_way.lock().unwrap();
            all.entry(action(&request)).or_default().0 -= 1;
            answer
        })
    }
}

impl Client {
    async fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let shared = &self.cloud.0;
        match self.mishap(request) {
            None => Ok(self.carry_out(request)),
            Some(Mishap::Refused) => Ok(refusal(request)),
            Some(Mishap::AnswerLost | Mishap::AnswersLost) => {
                self.carry_out(request);
                Err(ConnectorError::io("connection reset".into()))
            }
            Some(Mishap::Down) => Err(ConnectorError::io("connection refused".into())),
            Some(kill @ (Mishap::KilledBefore | Mishap::KilledAfter)) => {
                if kill == Mishap::KilledAfter {
                    self.carry_out(request);
                }
                shared.killed.notify_one();
                std::future::pending().await
            }
        }
    }

    /// Counts the call and says what happens to it.
    fn mishap(&self, request: &HttpRequest) -> Option<Mishap> {
        if !self.counted {
            return None;
        }
        let mut calls = self.cloud.0.calls.lock().unwrap();
        calls.push(action(request));
        let body = request.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        self.cloud.0.bodies.lock().unwrap().push(body);
        let denied = self.cloud.0.denied.lock().unwrap();
        if denied
            .iter()
            .any(|action| Some(*action) == calls.last().map(String::as_str))
        {
            return Some(Mishap::Refused);
        }
        let (at, mishap) = (*self.cloud.0.mishap.lock().unwrap())?;
        let count = calls.len();
        let lasting = matches!(mishap, Mishap::AnswersLost | Mishap::Down);
        let retried = lasting
            && (at..at + ATTEMPTS).contains(&count)
            && calls[at - 1..].iter().all(|call| *call == calls[at - 1]);
        (count == at || retried).then_some(mishap)
    }

    fn carry_out(&self, request: &HttpRequest) -> HttpResponse {
        let http = wire::HttpRequest {
            method: request.method().to_owned(),
            path: path(request.uri()).to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        };
        let now = self.cloud.now();
        let mut world = self.cloud.0.world.lock().unwrap();
        let ahead = self
            .cloud
            .0
            .ahead
            .lock()
            .unwrap()
            .take_if(|(name, _)| *name == action(request));
        if let Some((_, other)) = ahead {
            other(&mut world, now);
        }
        let answer = world.answer(&http, now);
        drop(world);
        let status = StatusCode::try_from(answer.status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
        for (name, value) in answer.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The path and query of an address.
fn path(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn action(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    let mut fields = body.split('&');
    let action = fields.find_map(|field| field.strip_prefix("Action="));
    action.unwrap_or("?").to_owned()
}

fn refusal(request: &HttpRequest) -> HttpResponse {
    if request.headers().get("x-amz-target").is_some() {
        let body = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        return HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body));
    }
    let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code>\
                <Message>You are not authorized to perform this operation.</Message></Error></Errors>\
                <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>";
    HttpResponse::new(StatusCode::try_from(403).unwrap(), SdkBody::from(body))
}
