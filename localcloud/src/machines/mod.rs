//! Instances as real machines: systemd-nspawn on overlayfs, cloud-init, console, instance metadata.
//!
//! Owns the machines' trees, images and runs, each machine in a task of its own; addresses and names on the bridge are
//! `network`'s, and what should run at all is the model's. A machine is a container with root's rights inside: a
//! stand-in for an EC2 instance, not a wall against hostile code.
//!
//! Must run in the init process of its own mount and pid namespaces: when that dies, however it dies, the kernel ends
//! every machine and every mount with it.

pub mod base;
mod cgroup;
mod console;
mod container;
mod folders;
pub mod host;
mod layers;
mod machine;
mod metadata;
mod overlay;
mod roots;
mod seed;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use crate::model::{Boot, Effect, Fact, Metadata};
use crate::network::Network;
use crate::{command, network};

use base::Base;
use console::Console;
use folders::{make_private, remove_folders};
use layers::Layers;
use machine::{Machine, Order};
use metadata::Directory;
use roots::{Change, Roots};

/// How the machines are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// First part of every name on the host; the network's prefix.
    pub prefix: String,
    /// Folder for layers and machines; emptied at start and removed by `sweep`. On a disk, not in memory.
    pub state: PathBuf,
    /// Boots at the same time; more of them only make each other slow.
    pub parallel_boots: usize,
    /// Time for an orderly stop, then the machine is killed.
    pub stop_within: Duration,
    /// The same for a machine whose state nobody will need.
    pub terminate_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: "kiln".to_owned(),
            state: PathBuf::from("/var/lib/kiln-local/state"),
            parallel_boots: 3,
            stop_within: Duration::from_secs(30),
            terminate_within: Duration::from_secs(10),
        }
    }
}

/// Why a machine cannot be had, or an image not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "machines need a process that is the init of its own namespaces (unshare --mount --pid --fork --mount-proc)"
    )]
    NotInit,
    #[error("there is no image {0}")]
    NoImage(String),
    #[error("there is no root volume {0}")]
    NoRoot(String),
    #[error("the machine has no root volume")]
    Rootless,
    #[error("the machine still runs")]
    StillRuns,
    #[error("use {path}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("use the machine's control group")]
    Cgroup(#[source] std::io::Error),
    #[error("start the machine")]
    Start(#[source] std::io::Error),
    #[error("listen for metadata requests at {address}")]
    Metadata {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Network(#[from] network::Error),
    #[error(transparent)]
    Command(#[from] command::Error),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// The machines of one cloud. Methods return at once; what came of it is told as facts.
#[derive(Clone, Debug)]
pub struct Machines {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    network: Arc<Network>,
    facts: UnboundedSender<Fact>,
    boots: Arc<Semaphore>,
    tasks: TaskTracker,
    layers: Mutex<Layers>,
    roots: Mutex<Roots>,
    known: Mutex<HashMap<String, Known>>,
    directory: Directory,
}

/// What is known of a machine from outside of its task.
#[derive(Debug)]
struct Known {
    orders: UnboundedSender<Order>,
    console: Console,
}

impl Inner {
    fn layers(&self) -> MutexGuard<'_, Layers> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn machines_folder(&self) -> PathBuf {
        self.config.state.join("machines")
    }

    fn forget(&self, instance: &str) {
        self.known().remove(instance);
        self.directory.remove(instance);
    }
}

impl Machines {
    /// Starts with no machine and no image, and serves metadata at the network's router.
    pub async fn start_up(
        config: Config,
        network: Arc<Network>,
        facts: UnboundedSender<Fact>,
    ) -> Result<Self, Error> {
        if std::process::id() != 1 {
            return Err(Error::NotInit);
        }
        container::keep_names_private().await?;
        sweep(&config)?;
        make_private(&config.state).map_err(Error::file(&config.state))?;
        let folder = config.state.join("layers");
        let layers = Layers::new(folder.clone()).map_err(Error::file(&folder))?;
        let boots = Arc::new(Semaphore::new(config.parallel_boots));
        let (tasks, directory) = (TaskTracker::new(), Directory::default());
        metadata::serve(network.config(), directory.clone(), &tasks).await?;
        let (layers, known) = (Mutex::new(layers), Mutex::default());
        let inner = Inner {
            config,
            network,
            facts,
            boots,
            tasks,
            layers,
            roots: Mutex::default(),
            known,
            directory,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Makes the base image known under an id; `user` is the one that gets a machine's public keys.
    pub fn publish(&self, image: &str, base: &Base, user: &str) -> Result<(), Error> {
        self.inner
            .layers()
            .publish(image, base, user)
            .map_err(Error::file(&base.root))
    }

    /// Carries out what is the machines' business, and hands back what is not.
    pub fn carry_out(&self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Boot(boot) => self.boot(*boot),
            Effect::Start { instance } => self.start(&instance),
            Effect::Stop { instance } => self.stop(&instance),
            Effect::Reboot { instance } => self.reboot(&instance),
            Effect::Terminate { instance } => self.terminate(&instance),
            Effect::Freeze {
                image,
                instance,
                running,
            } => self.freeze(&image, &instance, running),
            Effect::Root {
                instance,
                away,
                root,
                running,
            } => self.reroot(
                &instance,
                Change {
                    away,
                    root,
                    running,
                },
            ),
            Effect::Scrap { volume } => self.scrap(&volume),
            Effect::Alias { image, of } => self.alias(&image, &of),
            Effect::Discard { image } => self.discard(&image),
            Effect::Describe { instance, metadata } => self.describe(&instance, metadata),
            other => return Some(other),
        }
        None
    }

    /// Boots a new machine; one that is there already stays as it is.
    pub fn boot(&self, boot: Boot) {
        if self.inner.known().contains_key(&boot.instance) {
            return;
        }
        let instance = boot.instance.clone();
        if let Err(error) = self.create(boot) {
            self.tell(Fact::BootFailed {
                instance,
                reason: chain(&error),
            });
        }
    }

    fn create(&self, boot: Boot) -> Result<(), Error> {
        let below = self
            .inner
            .layers()
            .chain(&boot.image)
            .ok_or_else(|| Error::NoImage(boot.image.clone()))?;
        let instance = boot.instance.clone();
        self.inner.directory.insert(&boot);
        let console = Console::default();
        let machine = Machine::create(Arc::clone(&self.inner), boot, below, console.clone())
            .map_err(Error::file(&self.inner.machines_folder()))?;
        let (orders, received): (_, UnboundedReceiver<Order>) = unbounded_channel();
        self.inner
            .known()
            .insert(instance, Known { orders, console });
        self.inner.tasks.spawn(machine.live(received));
        Ok(())
    }

    /// Starts a machine at rest on the layer that it has.
    pub fn start(&self, instance: &str) {
        if !self.order(instance, Order::Start) {
            self.tell(Fact::BootFailed {
                instance: instance.to_owned(),
                reason: "there is no such machine".to_owned(),
            });
        }
    }

    /// Shuts a machine down in order.
    pub fn stop(&self, instance: &str) {
        if !self.order(instance, Order::Stop) {
            self.tell(Fact::Stopped {
                instance: instance.to_owned(),
                asked: true,
            });
        }
    }

    /// Restarts a running machine from inside; the machine's init decides how.
    pub fn reboot(&self, instance: &str) {
        self.order(instance, Order::Reboot);
    }

    /// Shuts a machine down and removes every trace of it.
    pub fn terminate(&self, instance: &str) {
        if !self.order(instance, Order::Terminate) {
            self.tell(Fact::Gone {
                instance: instance.to_owned(),
            });
        }
    }

    /// Makes a machine's own layer the top layer of a new image: moved when it is at rest, copied when it runs.
    pub fn freeze(&self, image: &str, instance: &str, running: bool) {
        let order = Order::Freeze {
            image: image.to_owned(),
            running,
        };
        if !self.order(instance, order) {
            let reason = "there is no such machine".to_owned();
            self.tell(Fact::FreezeFailed {
                image: image.to_owned(),
                reason,
            });
        }
    }

    /// Makes an image known under a second id.
    pub fn alias(&self, image: &str, of: &str) {
        if !self.inner.layers().alias(image, of) {
            let reason = Error::NoImage(of.to_owned()).to_string();
            self.tell(Fact::FreezeFailed {
                image: image.to_owned(),
                reason,
            });
        }
    }

    /// Forgets an image, and removes the layers that nothing else stands on.
    pub fn discard(&self, image: &str) {
        let folders = self.inner.layers().discard(image);
        if !folders.is_empty() {
            self.inner.tasks.spawn(remove_folders(folders));
        }
    }

    /// Changes what the metadata service tells a machine.
    pub fn describe(&self, instance: &str, metadata: Metadata) {
        self.inner.directory.describe(instance, metadata);
    }

    /// The newest 64 KiB of what a machine has printed.
    pub fn console(&self, instance: &str) -> Option<String> {
        self.inner
            .known()
            .get(instance)
            .map(|known| known.console.text())
    }

    /// Terminates all machines, removes all images, and returns when nothing is left of either.
    pub async fn shut_down(self) -> Result<(), Error> {
        self.inner.known().clear();
        self.inner.directory.close();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        sweep(&self.inner.config).map(drop)
    }

    /// Returns whether there is a machine to take the order.
    fn order(&self, instance: &str, order: Order) -> bool {
        self.inner
            .known()
            .get(instance)
            .is_some_and(|known| known.orders.send(order).is_ok())
    }

    /// Nobody listening means that the cloud is going down.
    fn tell(&self, fact: Fact) {
        drop(self.inner.facts.send(fact));
    }
}

/// Removes by name what machines of a dead cloud have left on the host, and returns the names. No machine may run.
pub fn sweep(config: &Config) -> Result<Vec<String>, Error> {
    let mut removed = cgroup::sweep(&format!("{}-", config.prefix)).map_err(Error::Cgroup)?;
    if config.state.exists() {
        std::fs::remove_dir_all(&config.state).map_err(Error::file(&config.state))?;
        removed.push(config.state.display().to_string());
    }
    Ok(removed)
}

/// An error and what it came from, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |line, source| {
        format!("{line}: {source}")
    })
}
