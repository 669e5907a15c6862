//! The SDK's HTTP client, answered by `localcloud`'s wire in this process: no socket, no signature, virtual time.
//!
//! Binding at the wire rather than at the traits of `cloud` tests the mapping of `aws` with every flow.

mod client;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use client::Client;
use jiff::{SignedDuration, Timestamp};
use kiln::aws::{Access, Aws, Keys};
use kiln::cloud::Fence;
use kiln::run::Clock;
use localcloud::model::{Config, Model};
use localcloud::physics::World;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::habit::Habit;
pub use super::mishap::{Calling, Mishap};
use super::mishap::{Fate, Guard, PAST, is_read};

/// A cloud that any number of clients may share.
#[derive(Clone)]
pub struct Cloud(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    opened: Timestamp,
    began: Instant,
    calls: Mutex<Vec<String>>,
    /// What each of them said.
    bodies: Mutex<Vec<Vec<u8>>>,
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
    /// Decides what happens to each call.
    fate: Mutex<Option<Fate>>,
    /// Looks at each write before it is carried out.
    guard: Mutex<Option<Guard>>,
    /// What kiln does otherwise than it is written to.
    habit: Mutex<Option<Habit>>,
    /// The model as it was before each of the last writes, where reads may be stale.
    past: Mutex<Option<VecDeque<(Timestamp, Model)>>>,
    /// Calls of each process.
    counts: Mutex<BTreeMap<u64, usize>>,
    /// When each process has last looked at what leads traffic.
    looked: Mutex<BTreeMap<u64, Timestamp>>,
}

type Ahead = Box<dyn FnOnce(&mut World, Timestamp) + Send>;

impl Cloud {
    /// Opens an account now.
    pub fn new(config: Config) -> Self {
        Self::of(World::new(config))
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
            fate: Mutex::default(),
            guard: Mutex::default(),
            habit: Mutex::default(),
            past: Mutex::default(),
            counts: Mutex::default(),
            looked: Mutex::default(),
        }))
    }

    /// Lets somebody decide what happens to each call.
    pub fn ordain(&self, fate: impl FnMut(Calling<'_>) -> Option<Mishap> + Send + 'static) {
        *self.0.fate.lock().unwrap() = Some(Box::new(fate));
    }

    /// Shows each write to somebody before it is carried out.
    pub fn guard(&self, guard: impl FnMut(Calling<'_>) + Send + 'static) {
        *self.0.guard.lock().unwrap() = Some(Box::new(guard));
    }

    /// Has the clients that are counted make and understand their calls otherwise than kiln does.
    pub fn accustom(&self, habit: Habit) {
        *self.0.habit.lock().unwrap() = Some(habit);
    }

    /// Keeps what stale reads are answered from.
    pub fn remember(&self) {
        *self.0.past.lock().unwrap() = Some(VecDeque::new());
    }

    /// Notes how things stand, before somebody changes them.
    pub fn about_to_write(&self, world: &World) {
        if let Some(past) = self.0.past.lock().unwrap().as_mut() {
            let now = self.now();
            past.retain(|(at, _)| now.duration_since(*at) <= PAST);
            past.push_back((now, world.model.clone()));
        }
    }

    /// Has something happen to the `at`-th call of the clients that are counted.
    pub fn plan(&self, at: usize, mishap: Mishap) {
        *self.0.mishap.lock().unwrap() = Some((at, mishap));
    }

    /// Forgets about trouble to come.
    pub fn calm(&self) {
        *self.0.mishap.lock().unwrap() = None;
        *self.0.fate.lock().unwrap() = None;
    }

    /// A client whose calls are counted and may go wrong.
    pub async fn client(&self) -> Aws {
        self.client_of(0).await
    }

    /// The client of one process among several.
    pub async fn client_of(&self, process: u64) -> Aws {
        self.connect(Some(process)).await
    }

    /// A client that sees without being seen.
    pub async fn observer(&self) -> Aws {
        self.connect(None).await
    }

    /// The actions that were called, in order, retries of the SDK included.
    pub fn calls(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }

    /// What each call of an action said, as it stood on the wire.
    pub fn said(&self, action: &str) -> Vec<String> {
        let all = self.calls().into_iter().zip(self.bodies());
        all.filter(|(call, _)| call == action)
            .map(|(_, body)| body)
            .collect()
    }

    /// The actions that were to change something, in order.
    pub fn writes(&self) -> Vec<String> {
        let writes =
            |(call, body): &(String, String)| !is_read(call) && !body.contains("DryRun=true");
        let all = self.calls().into_iter().zip(self.bodies());
        all.filter(writes).map(|(call, _)| call).collect()
    }

    fn bodies(&self) -> Vec<String> {
        let bodies = self.0.bodies.lock().unwrap();
        let texts = bodies.iter().map(|body| String::from_utf8_lossy(body));
        texts.map(std::borrow::Cow::into_owned).collect()
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

    async fn connect(&self, process: Option<u64>) -> Aws {
        let client = Client {
            cloud: self.clone(),
            process,
        };
        let access = Access {
            region: Some("eu-central-1".to_owned()),
            keys: Some(Keys {
                access_key: "test".to_owned(),
                secret_key: "test".to_owned(),
                token: None,
            }),
            http: Some(SharedHttpClient::new(client)),
            fence: if process.is_some() {
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
