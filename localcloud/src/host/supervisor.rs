//! The supervisor: the first process of its own pid namespace, so that nothing it starts can outlive it.
//!
//! A round is one life of the cloud, from the seed to an order or a signal. `reset` is a new round.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::balancer::{Balancers, Place};
use crate::failure;
use crate::machines::{self, Machines};
use crate::model::Effect;
use crate::network::Network;

use super::control::{Command, Order};
use super::pace::Pacer;
use super::pulse::{Pulse, Question};
use super::status::{self, Status};
use super::world::World;
use super::{Config, Error, Trouble, control, http, lock, names, seed};

/// How long an orderly end may take; a machine needs 1.5 s for it, and they end together.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long the first load balancer may take to listen.
const READY: Duration = Duration::from_mins(1);

/// Runs the cloud whose configuration `up` has left in `run`, until it is told to stop.
///
/// # Errors
/// It could not start; the reason is in the folder, too, where `up` finds it.
pub async fn serve(run: &Path, now: fn() -> Timestamp) -> Result<(), Error> {
    let config = Config::read(run)?;
    let served = rounds(&config, now).await;
    if let Err(error) = &served {
        let reason = failure::chain(error);
        tracing::error!(reason, "the supervisor ends");
        std::fs::write(config.failure(), reason).map_err(Error::file(config.failure()))?;
    }
    served
}

/// What ends a round.
enum After {
    Stop,
    Reset(oneshot::Sender<String>),
}

async fn rounds(config: &Config, now: fn() -> Timestamp) -> Result<(), Error> {
    let Some(alive) = lock::try_take(&config.alive())? else {
        return Err(Error::Supervisor("runs already".to_owned()));
    };
    let (orders, inbox) = mpsc::channel(8);
    let mut tasks = JoinSet::new();
    tasks.spawn(control::serve(control::listen(config)?, orders));
    let mut ears = Ears {
        inbox,
        term: ear(SignalKind::terminate())?,
        interrupt: ear(SignalKind::interrupt())?,
    };
    let mut waiting = None;
    loop {
        match round(config, now, &mut ears, waiting.take()).await? {
            After::Stop => break,
            After::Reset(asker) => waiting = Some(asker),
        }
    }
    drop(alive);
    Ok(())
}

fn ear(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::file("signals"))
}

/// Where orders come from.
struct Ears {
    inbox: mpsc::Receiver<Order>,
    term: Signal,
    interrupt: Signal,
}

/// Everything of a round.
struct Round {
    network: Arc<Network>,
    questions: mpsc::Sender<Question>,
    balanced: watch::Receiver<bool>,
    stop: CancellationToken,
    /// Where names are answered; nothing where another name server of this host has the address.
    name_server: Option<IpAddr>,
    tasks: JoinSet<()>,
    world: tokio::task::JoinHandle<World>,
}

async fn round(
    config: &Config,
    now: fn() -> Timestamp,
    ears: &mut Ears,
    waiting: Option<oneshot::Sender<String>>,
) -> Result<After, Error> {
    let mut round = begin(config, now).await?;
    let ready = timeout(READY, round.balanced.wait_for(|balanced| *balanced)).await;
    let ready = ready.is_ok_and(|seen| seen.is_ok());
    let outcome = if ready {
        tracing::info!(endpoint = config.endpoint(), "ready");
        if let Some(asker) = waiting {
            tell(asker, "done");
        }
        Ok(obey(config, &mut round, ears).await)
    } else {
        Err(Error::Supervisor(format!(
            "saw no load balancer listen for {READY:?}"
        )))
    };
    end(round).await;
    outcome
}

async fn begin(config: &Config, now: fn() -> Timestamp) -> Result<Round, Error> {
    let network = Arc::new(Network::up(&config.network()).await?);
    let listeners = http::listen(&config.addresses()).await?;
    let (facts, fact_inbox) = mpsc::unbounded_channel();
    let base = machines::base::ensure(&config.base(), &mut |_| {}).await?;
    let machines =
        Machines::start_up(config.machines(), Arc::clone(&network), facts.clone()).await?;
    for source in seed::sources(now()) {
        machines.publish(&source.image.id, &base, source.user)?;
    }
    let balancers = Balancers::new(Place {
        folder: config.balancers(),
        facts,
    });
    let mut model = seed::account(config, now().as_millisecond().unsigned_abs(), now());
    let (effects, effect_inbox) = mpsc::unbounded_channel::<Effect>();
    for effect in seed::plant(&mut model, now()).map_err(Error::Seed)? {
        effects
            .send(effect)
            .map_err(|_| Error::Supervisor("lost an effect".to_owned()))?;
    }
    let (questions, question_inbox) = mpsc::channel(64);
    let (balanced, balanced_view) = watch::channel(false);
    let pulse = Pulse {
        questions: question_inbox,
        facts: fact_inbox,
        effects,
        balanced,
        pacer: Pacer::new(config.pace),
        now,
    };
    let world = World {
        network: Arc::clone(&network),
        machines,
        balancers,
        addresses: HashMap::new(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(pulse.run(model));
    let stop = CancellationToken::new();
    for listener in listeners {
        tasks.spawn(http::serve(listener, questions.clone(), stop.clone()));
    }
    let address = config.name_server();
    let name_server = match names::listen(address).await {
        Ok(sockets) => {
            tasks.spawn(names::serve(sockets, questions.clone(), stop.clone()));
            Some(address.ip())
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no name server");
            None
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the handle gives the world back; `end` awaits it"
    )]
    let world = tokio::spawn(world.run(effect_inbox));
    Ok(Round {
        network,
        questions,
        balanced: balanced_view,
        stop,
        name_server,
        tasks,
        world,
    })
}

/// Answers orders until one of them, a signal or the end of a task ends the round.
async fn obey(config: &Config, round: &mut Round, ears: &mut Ears) -> After {
    loop {
        let order = tokio::select! {
            order = ears.inbox.recv() => order,
            _ = ears.term.recv() => None,
            _ = ears.interrupt.recv() => None,
            ended = round.tasks.join_next() => {
                tracing::error!(?ended, "a task of the supervisor ended by itself");
                None
            }
        };
        match order {
            None => return After::Stop,
            Some((Command::Stop, asker)) => {
                tell(asker, "stopping");
                return After::Stop;
            }
            Some((Command::Reset, asker)) => return After::Reset(asker),
            Some((Command::Trouble(trouble), asker)) => {
                tell(asker, &cause(round, trouble).await);
            }
            Some((Command::Status, asker)) => tell(asker, &describe(config, round).await),
        }
    }
}

fn tell(asker: oneshot::Sender<String>, answer: &str) {
    if asker.send(answer.to_owned()).is_err() {
        tracing::debug!("nobody waits for the answer any more");
    }
}

async fn cause(round: &Round, trouble: Trouble) -> String {
    let (sender, said) = oneshot::channel();
    let asked = round.questions.send(Question::Trouble(trouble, sender));
    match asked.await {
        Ok(()) => said.await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

async fn describe(config: &Config, round: &Round) -> String {
    let (sender, seen) = oneshot::channel();
    let asked = round.questions.send(Question::Look(sender)).await;
    let seen = if asked.is_ok() {
        seen.await.unwrap_or_default()
    } else {
        status::Seen::default()
    };
    let status = Status {
        endpoint: config.endpoint(),
        region: config.region.clone(),
        name_server: round.name_server,
        seen,
        memory: status::memory(),
    };
    serde_json::to_string(&status).unwrap_or_default()
}

/// Ends a round in order, and says what would not end in time: the sweep takes it.
async fn end(mut round: Round) {
    round.stop.cancel();
    round.tasks.abort_all();
    while round.tasks.join_next().await.is_some() {}
    drop(round.questions);
    let ending = async {
        match round.world.await {
            Ok(world) => world.end().await,
            Err(error) => tracing::error!(%error, "the world ended badly"),
        }
        if let Some(network) = Arc::into_inner(round.network)
            && let Err(error) = network.down().await
        {
            tracing::error!(
                error = failure::chain(&error),
                "the network stays until the sweep"
            );
        }
    };
    if timeout(FAREWELL, ending).await.is_err() {
        tracing::error!("not all ended in {FAREWELL:?}; what is left goes with the supervisor");
    }
}
