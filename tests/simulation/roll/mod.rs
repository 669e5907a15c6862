//! Rolls on the model: a service file, images that run or do not, a store and a probe that live in this process.

mod addressed;
mod approved;
mod asked;
mod at_once;
mod before_retire;
mod canary;
mod canary_dead;
mod capacity;
mod chosen;
mod cloudwatch;
mod complaints;
mod cut_short;
mod destroy;
mod dns;
mod doctor;
mod fifty;
mod given_back;
mod go_back;
mod guards;
mod hooks;
mod invariants;
mod journals;
mod kills;
mod leave;
mod left_over;
pub mod low_alarm;
mod mixed;
mod network;
mod on_machines;
mod others;
mod outside;
mod pace;
mod pair;
mod plain;
mod policies;
mod pool;
mod probe;
mod refused;
mod regrow;
mod remote;
mod replace;
mod replace_root;
mod retire;
mod rollbacks;
mod rolling;
mod seen;
mod sent;
mod several;
mod shown;
mod store;
mod tested;
mod trouble;
mod watch;
mod way_back;
pub mod world;
mod zones;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::aws::Aws;
use kiln::cloud::ImageId;
use kiln::roll::{Dead, Ended, Request, Tools, Verdict, plan_only, roll};
use kiln::run::{Clock as _, Events, RunId, Silent, Stop};
use kiln::template::service::Service;
use localcloud::model::{Config, Service as Api, Tree};
use localcloud::physics::World;

use super::cloud::Cloud;
use crate::language::Case;
pub use invariants::{AGAIN, ALARM, Counts, DATA, Watchman, office, production};
pub use journals::Journals;
pub use left_over::{left_over, unused_versions};
use outside::Outside;
use probe::ModelProbe;
pub use store::MemoryStore;
use store::SharedJournal;
use world::holder;
pub use world::{
    BLUE_GREEN, DEFAULT_RULE, OWN_RULE, account, call, params, quick, seed, soak, text,
};

pub const V1: &str = "ami-0000000000000001";
pub const V2: &str = "ami-0000000000000002";
pub const V3: &str = "ami-0000000000000003";
/// The image that the service file says.
pub const CHOSEN: &str = "";

/// An account with a load balancer whose listener answers 404, and a service file for it.
pub struct Bench {
    pub cloud: Cloud,
    pub client: Aws,
    pub service: Service,
    pub store: MemoryStore,
    pub journals: Journals,
    pub stop: Stop,
    /// What answers besides machines and AWS.
    pub outside: Outside,
    runs: std::cell::Cell<u128>,
    /// The run of each process, by its number.
    processes: Arc<Mutex<BTreeMap<u64, RunId>>>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(DEFAULT_RULE).await
    }

    /// With another production rule.
    pub async fn with(rule: &str) -> Self {
        Self::by(rule, BLUE_GREEN).await
    }

    /// Without a load balancer.
    pub async fn alone(strategy: &str) -> Self {
        Self::of(&world::without_traffic().replace("STRATEGY", strategy)).await
    }

    /// The same with one machine.
    pub async fn single(strategy: &str) -> Self {
        let text = world::without_traffic().replace("STRATEGY", strategy);
        let sizes = r#""min": 2, "max": 6, "desired": 3"#;
        assert!(text.contains(sizes));
        Self::of(&text.replace(sizes, r#""min": 1, "max": 1, "desired": 1"#)).await
    }

    /// Behind a network load balancer.
    pub async fn network(strategy: &str) -> Self {
        let text = world::by_connections().replace("STRATEGY", strategy);
        let seed = world::seed_connections;
        Self::seeded(account(), seed, &text.replace("RULE", r#"{ "port": 80 }"#)).await
    }

    /// With two load balancers that aliases lead to, or names that may be kept for so many seconds.
    pub async fn by_records(strategy: &str, ttl: Option<i64>) -> Self {
        let text = world::by_records().replace("STRATEGY", strategy);
        let seed = |world: &mut World| world::seed_names(world, ttl);
        Self::seeded(account(), seed, &text.replace("RULE", r#"{ "port": 80 }"#)).await
    }

    /// With another strategy too.
    pub async fn by(rule: &str, strategy: &str) -> Self {
        let text = world::SERVICE
            .replace("RULE", rule)
            .replace("STRATEGY", strategy);
        Self::of(&text).await
    }

    async fn of(text: &str) -> Self {
        Self::in_account(account(), text).await
    }

    /// In another account too.
    pub async fn in_account(account: Config, text: &str) -> Self {
        Self::seeded(account, seed, text).await
    }

    async fn seeded(
        account: Config,
        seed: impl FnOnce(&mut World) -> (Vec<String>, String),
        text: &str,
    ) -> Self {
        let mut world = World::new(account);
        world.physics.set_usual(quick());
        let (subnets, group) = seed(&mut world);
        let text = text
            .replace("SUBNETS", &serde_json::to_string(&subnets).unwrap())
            .replace("GROUP", &group);
        let service = Case::new().file("web.json", &text).service();
        let service = service.unwrap_or_else(|findings| panic!("{findings:?}")).0;
        Self::on(world, service, MemoryStore::default(), Journals::default()).await
    }

    /// The same service on a world of its own, from where this one is.
    pub async fn fork(&self) -> Self {
        let now = self.cloud.now();
        let mut copy = World::new(account());
        copy.advance_to(now);
        {
            let mut world = self.cloud.world();
            world.advance_to(now);
            copy.model = world.model.clone();
            copy.physics = world.physics.clone();
        }
        let fork = Self::on(
            copy,
            self.service.clone(),
            self.store.copy(),
            self.journals.copy(),
        )
        .await;
        fork.runs.set(self.runs.get());
        Self {
            outside: self.outside.clone(),
            ..fork
        }
    }

    pub async fn on(
        world: World,
        service: Service,
        store: MemoryStore,
        journals: Journals,
    ) -> Self {
        let cloud = Cloud::of(world);
        Self {
            client: cloud.client().await,
            cloud,
            service,
            store,
            journals,
            stop: Stop::default(),
            outside: Outside::default(),
            runs: std::cell::Cell::new(0),
            processes: Arc::default(),
        }
    }

    /// Has I7 looked at: whoever writes holds the service's lease, and has seen what somebody without one has led traffic to.
    pub fn one_writer(&self, watchman: &Watchman) {
        let (holder, processes) = (self.store.holder(), Arc::clone(&self.processes));
        let watchman = watchman.clone();
        self.cloud.guard(move |call| {
            let run = processes.lock().unwrap().get(&call.process).copied();
            let writer = run.filter(|_| holder() != run);
            let text =
                writer.map(|run| format!("run {run} calls {} without the lease", call.action));
            watchman.report(7, text);
            if call.leads() {
                watchman.writes_over(call.looked);
            }
        });
    }

    /// The number of the process that comes next.
    pub fn next_process(&self) -> u64 {
        u64::try_from(self.runs.get() + 1).unwrap()
    }

    /// A client for the process of a run.
    async fn process(&self, run: RunId) -> Aws {
        let process = u64::try_from(self.runs.get()).unwrap();
        self.processes.lock().unwrap().insert(process, run);
        self.cloud.client_of(process).await
    }

    /// Forgets that somebody has asked to stop.
    pub fn stop_again(&mut self) {
        self.stop = Stop::default();
    }

    /// Has the invariants checked from now on, with what serves now as the floor.
    pub fn watched(&self) -> Watchman {
        invariants::watch(&self.cloud, &self.journals, true)
    }

    /// The same for a rollback, whose one write is its point of no return.
    pub fn watched_back(&self) -> Watchman {
        invariants::watch(&self.cloud, &self.journals, false)
    }

    /// Rolls `image` in a process of its own.
    pub async fn roll(&self, image: &str) -> Ended {
        self.roll_with(image, &Silent).await
    }

    pub async fn roll_with(&self, image: &str, events: &dyn Events) -> Ended {
        self.roll_by(image, None, events).await
    }

    /// Rolls `image` over what speaks against it, where there is a reason.
    pub async fn roll_by(&self, image: &str, force: Option<&str>, events: &dyn Events) -> Ended {
        let run = self.next_run();
        let client = self.process(run).await;
        let journal = self.journals.begin(run);
        let dead = self.journals.dead(run);
        let dead = dead.iter().map(|(run, due, journal)| Dead {
            run: *run,
            due: due.clone(),
            journal,
        });
        let request = Request {
            dead: dead.collect(),
            force,
            ..self.request(image, run)
        };
        let probe = self.probe();
        let tools = self.tools(&client, &probe, &journal, events);
        Box::pin(roll(&request, &tools)).await
    }

    /// What a roll of `image` would do.
    pub async fn plan(&self, image: &str) -> Ended {
        let run = self.next_run();
        let probe = self.probe();
        let journal = SharedJournal::default();
        let tools = self.tools(&self.client, &probe, &journal, &Silent);
        Box::pin(plan_only(&self.request(image, run), &tools)).await
    }

    /// What answers requests through the load balancer, and all else that checks ask.
    pub fn probe(&self) -> ModelProbe {
        ModelProbe {
            cloud: self.cloud.clone(),
            outside: self.outside.clone(),
        }
    }

    pub fn request(&self, image: &str, run: RunId) -> Request<'_> {
        Request {
            service: &self.service,
            region: "eu-central-1".to_owned(),
            image: (image != CHOSEN).then(|| ImageId::new(image)),
            run,
            holder: holder(run, self.cloud.now()),
            force: None,
            dead: Vec::new(),
            state: self.outside.bucket.borrow().clone(),
            resume: false,
            approved: None,
        }
    }

    pub fn tools<'a>(
        &'a self,
        client: &'a Aws,
        probe: &'a ModelProbe,
        journal: &'a SharedJournal,
        events: &'a dyn Events,
    ) -> Tools<'a, Aws, ModelProbe, MemoryStore> {
        Tools {
            cloud: client,
            probe,
            store: &self.store,
            clock: &self.cloud,
            events,
            journal,
            stop: self.stop.clone(),
        }
    }

    /// Rolls until the process is killed; `None` when it ended before.
    pub async fn roll_killed(&self, image: &str) -> Option<Ended> {
        tokio::select! {
            biased;
            () = self.cloud.killed() => None,
            ended = self.roll(image) => Some(ended),
        }
    }

    pub fn next_run(&self) -> RunId {
        self.runs.set(self.runs.get() + 1);
        RunId::new(self.cloud.now(), self.runs.get())
    }

    /// Lets time pass, without leaps, so that everything happens at its time.
    pub async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        drop(self.cloud.world());
    }

    /// Changes something behind kiln's back, as another client of the account.
    pub fn meanwhile(&self, api: Api, action: &str, given: &serde_json::Value) -> Tree {
        let (mut world, now) = (self.cloud.world(), self.cloud.now());
        call(&mut world, now, api, action, given)
    }
}

#[track_caller]
pub fn expect(ended: &Ended, verdict: Verdict) {
    assert_eq!(ended.verdict, verdict, "{ended:#?}");
}
