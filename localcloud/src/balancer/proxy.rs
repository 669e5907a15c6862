//! The task of one load balancer: brings its proxy to the wanted state and tells what it sees.
//!
//! Weights and draining are changed in the running process. Anything else is a new configuration and a reload that
//! hands over sockets, shares and health, so that no connection and no verdict is lost.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::model::{Balancer, Fact, Target, TargetGroup};

use super::config::{self, Rendered};
use super::generation::{self, Generation};
use super::health::{Health, targets};
use super::stats::Row;
use super::{Place, shares};

/// How often the statistics are read: half of the shortest wait that a user notices.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("write the proxy's files")]
    Files(#[source] io::Error),
    #[error("render the configuration")]
    Config(#[source] config::Error),
    #[error("reload")]
    Reload(#[source] generation::Error),
    #[error("change the running proxy")]
    Runtime(#[source] io::Error),
}

/// Keeps one load balancer as wanted until the sender of wanted states is dropped.
pub(super) async fn run(place: Place, mut wishes: watch::Receiver<Balancer>) {
    let mut proxy = Proxy::new(&place, &wishes.borrow_and_update().clone());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = wishes.changed() => if changed.is_err() { break },
            _ = looks.tick() => {}
        }
        let wanted = wishes.borrow_and_update().clone();
        proxy.step(&wanted).await;
    }
    proxy.end().await;
}

struct Proxy {
    folder: PathBuf,
    facts: mpsc::UnboundedSender<Fact>,
    health: Health,
    applied: Option<Applied>,
    current: Option<Generation>,
    finishing: Vec<Generation>,
    number: u64,
    complaint: String,
}

/// The state that the current process has.
struct Applied {
    wanted: Balancer,
    shape: Rendered,
}

impl Proxy {
    fn new(place: &Place, wanted: &Balancer) -> Self {
        Self {
            folder: place.folder.join(&wanted.name),
            facts: place.facts.clone(),
            health: Health::default(),
            applied: None,
            current: None,
            finishing: Vec::new(),
            number: 0,
            complaint: String::new(),
        }
    }

    async fn step(&mut self, wanted: &Balancer) {
        if self.current.as_mut().is_some_and(Generation::has_ended) {
            tracing::warn!(
                load_balancer = wanted.name,
                "haproxy ended; it is started again"
            );
            (self.current, self.applied) = (None, None);
        }
        if self
            .applied
            .as_ref()
            .is_none_or(|applied| applied.wanted != *wanted)
        {
            match self.apply(wanted).await {
                Ok(()) => self.tell(Fact::Balanced {
                    arn: wanted.arn.clone(),
                }),
                // Nothing is said of health or draining that the proxy may not know of yet.
                Err(error) => return self.complain(wanted, &error),
            }
        }
        if let Err(error) = self.look(wanted).await {
            tracing::warn!(load_balancer = wanted.name, %error, "haproxy does not answer");
            (self.current, self.applied) = (None, None);
        }
    }

    /// Logs a failure once; it is tried again at the next look.
    fn complain(&mut self, wanted: &Balancer, error: &Error) {
        let chain = crate::failure::chain(error);
        if chain != self.complaint {
            tracing::error!(load_balancer = wanted.name, error = chain, "cannot balance");
            self.complaint = chain;
        }
    }

    async fn apply(&mut self, wanted: &Balancer) -> Result<(), Error> {
        self.health.want(wanted);
        let shape = shape(wanted, &self.folder)?;
        let over = self.applied.as_ref();
        let over = over.map(|applied| deregistered(&applied.wanted, wanted));
        self.close(&over.unwrap_or_default()).await;
        if wanted.listeners.is_empty() {
            self.rest().await;
        } else if self.current.is_some()
            && self
                .applied
                .as_ref()
                .is_some_and(|applied| applied.shape == shape)
        {
            self.adjust(wanted).await.map_err(Error::Runtime)?;
        } else {
            self.reload(wanted).await?;
        }
        self.applied = Some(Applied {
            wanted: wanted.clone(),
            shape,
        });
        self.complaint.clear();
        Ok(())
    }

    /// Closes the connections to these servers in all processes.
    async fn close(&mut self, servers: &[String]) {
        if servers.is_empty() {
            return;
        }
        for generation in self.current.iter_mut().chain(&mut self.finishing) {
            if let Err(error) = generation.runtime.close(servers).await {
                tracing::debug!(%error, "an haproxy that ends closes nothing");
            }
        }
    }

    /// Without a listener there is nothing to listen on.
    async fn rest(&mut self) {
        for mut generation in self
            .current
            .take()
            .into_iter()
            .chain(self.finishing.drain(..))
        {
            generation.kill().await;
        }
    }

    /// Changes weights and draining in the running process; a finishing one is told of draining too.
    async fn adjust(&mut self, wanted: &Balancer) -> io::Result<()> {
        let ranges = shares::of_balancer(wanted);
        let file = config::shares_file(&self.folder);
        fs::write(&file, shares::file(&ranges))?;
        if let Some(current) = &mut self.current {
            current.runtime.set_shares(&file, &ranges).await?;
            set_weights(current, wanted).await?;
        }
        for finishing in &mut self.finishing {
            if let Err(error) = set_weights(finishing, wanted).await {
                tracing::debug!(%error, "a finishing haproxy knows not all targets");
            }
        }
        Ok(())
    }

    async fn reload(&mut self, wanted: &Balancer) -> Result<(), Error> {
        self.number += 1;
        self.write(wanted)?;
        let next = Generation::start(&self.folder, self.number, self.current.as_ref())
            .await
            .map_err(Error::Reload)?;
        let now = Instant::now();
        self.finishing
            .extend(self.current.replace(next).map(|before| before.retire(now)));
        for finishing in &mut self.finishing {
            if let Err(error) = set_weights(finishing, wanted).await {
                tracing::debug!(%error, "a finishing haproxy knows not all targets");
            }
        }
        Ok(())
    }

    fn write(&self, wanted: &Balancer) -> Result<(), Error> {
        let socket = generation::socket(&self.folder, self.number);
        let rendered = config::render(wanted, &self.folder, &socket).map_err(Error::Config)?;
        let files = [
            (
                config::shares_file(&self.folder),
                shares::file(&shares::of_balancer(wanted)),
            ),
            (
                config::state_file(&self.folder),
                state(wanted, &self.health),
            ),
            (
                self.folder.join("haproxy.cfg").display().to_string(),
                rendered.text,
            ),
        ];
        let bodies = rendered
            .bodies
            .into_iter()
            .map(|(name, body)| (self.folder.join(name).display().to_string(), body));
        fs::create_dir_all(&self.folder).map_err(Error::Files)?;
        for (path, text) in bodies.chain(files) {
            fs::write(path, text).map_err(Error::Files)?;
        }
        Ok(())
    }

    async fn look(&mut self, wanted: &Balancer) -> io::Result<()> {
        let rows = match &mut self.current {
            Some(current) => current.rows().await?,
            None => Vec::new(),
        };
        let others = self.look_at_finishing().await;
        let in_flight = |server: &str| {
            sessions(rows.iter().chain(&others), |row| {
                row.server.strip_prefix(config::OPEN).unwrap_or(&row.server) == server
            })
        };
        let seen = self.health.look(wanted, &rows, &in_flight, Instant::now());
        if let Some(current) = &mut self.current {
            for server in &seen.raise {
                current
                    .runtime
                    .command(&format!("set server {server} health up"))
                    .await?;
            }
        }
        self.close(&seen.close).await;
        seen.facts.into_iter().for_each(|fact| self.tell(fact));
        Ok(())
    }

    async fn look_at_finishing(&mut self) -> Vec<Row> {
        let (now, mut all, mut left) = (Instant::now(), Vec::new(), Vec::new());
        for mut generation in self.finishing.drain(..) {
            let rows = generation.rows().await.unwrap_or_default();
            if !generation
                .finish(sessions(rows.iter(), |_| true), now)
                .await
            {
                left.push(generation);
            }
            all.extend(rows);
        }
        self.finishing = left;
        all
    }

    fn tell(&self, fact: Fact) {
        if self.facts.send(fact).is_err() {
            tracing::debug!("nobody listens to facts any more");
        }
    }

    async fn end(mut self) {
        self.rest().await;
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "the proxy's folder was gone already");
        }
    }
}

fn sessions<'a>(rows: impl Iterator<Item = &'a Row>, which: impl Fn(&Row) -> bool) -> u64 {
    rows.filter(|row| which(row)).map(|row| row.sessions).sum()
}

/// The configuration as far as only a reload can change it: without draining, and whatever process has it.
fn shape(wanted: &Balancer, folder: &Path) -> Result<Rendered, Error> {
    let mut steady = wanted.clone();
    steady
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.targets)
        .for_each(|target| target.draining = false);
    config::render(&steady, folder, Path::new("-")).map_err(Error::Config)
}

/// Backend and server of targets whose deregistration delay is over, where that closes their connections.
fn deregistered(before: &Balancer, wanted: &Balancer) -> Vec<String> {
    let names = |(group, target): (&TargetGroup, &Target)| {
        ["", config::OPEN]
            .map(|prefix| format!("{}/{prefix}{}", group.name, config::server(target)))
    };
    let stay: BTreeSet<String> = targets(wanted).flat_map(names).collect();
    let drained =
        targets(before).filter(|(group, target)| target.draining && group.closes.deregistered);
    let mut over: Vec<String> = drained.flat_map(names).collect();
    over.retain(|server| !stay.contains(server));
    over
}

async fn set_weights(generation: &mut Generation, wanted: &Balancer) -> io::Result<()> {
    for (group, target) in targets(wanted) {
        let (server, weight) = (config::server(target), u8::from(!target.draining));
        for prefix in ["", config::OPEN] {
            let command = format!("set server {}/{prefix}{server} weight {weight}", group.name);
            generation.runtime.command(&command).await?;
        }
    }
    Ok(())
}

/// The server state file: what each target is before the next process's first check of it. Without it all would count
/// as healthy at once, the new ones too.
fn state(wanted: &Balancer, health: &Health) -> String {
    let head = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
                srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
                srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
                srv_check_addr srv_agent_addr srv_agent_port\n";
    let lines = targets(wanted).map(|(group, target)| {
        let running = if health.is_healthy(group, target) { 2 } else { 0 };
        let (server, address, port, weight) =
            (config::server(target), target.address, target.port, u8::from(!target.draining));
        let name = &group.name;
        format!("1 {name} 1 {server} {address} {running} 0 {weight} {weight} 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0\n")
    });
    head.to_owned() + &lines.collect::<String>()
}
