//! The life of one machine: one task that owns its tree, its namespaces and its run, and obeys one order at a time.

mod rooting;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::cgroup::Cgroup;
use super::console::{self, Console};
use super::container::{Container, End, Launch};
use super::layers::{self, Chain};
use super::overlay::Overlay;
use super::roots::Change;
use super::{Error, Inner, seed};
use crate::model::{Boot, Fact};

/// Between two requests to shut down.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a machine is told to do.
#[derive(Debug)]
pub(super) enum Order {
    Start,
    Stop,
    Reboot,
    Terminate,
    Freeze { image: String, running: bool },
    Root(Change),
}

/// What a machine is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Run,
    Rest,
    Gone,
}

/// One run of the machine's init.
struct Running {
    container: Container,
    console: JoinHandle<bool>,
    /// When it is killed because it does not come to rest by itself, and when it is asked the next time.
    ending: Option<(Instant, Instant)>,
}

/// A machine and everything that is its own.
pub(super) struct Machine {
    inner: Arc<Inner>,
    boot: Boot,
    name: String,
    folder: PathBuf,
    /// Nothing lies below a machine that has lost its root.
    below: Chain,
    overlay: Overlay,
    cgroup: Option<Cgroup>,
    console: Console,
    running: Option<Running>,
    /// What it gets once it is at rest.
    change: Option<Change>,
    aim: Aim,
    /// Somebody asked for the rest that it is coming to.
    asked: bool,
}

enum Event {
    Order(Option<Order>),
    MayBoot(OwnedSemaphorePermit),
    Ended(End),
    AskAgain,
}

impl Machine {
    /// Makes the folders of a machine that is to run.
    pub(super) fn create(
        inner: Arc<Inner>,
        boot: Boot,
        below: Chain,
        console: Console,
    ) -> io::Result<Self> {
        let folder = inner.machines_folder().join(&boot.instance);
        let overlay = Overlay::create(&folder)?;
        let name = format!("{}-{}", inner.config.prefix, boot.instance);
        Ok(Self {
            inner,
            boot,
            name,
            folder,
            below,
            overlay,
            cgroup: None,
            console,
            running: None,
            change: None,
            aim: Aim::Run,
            asked: false,
        })
    }

    /// Lives until it is terminated, or until nobody can give it orders any more.
    pub(super) async fn live(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            match self.next_event(&mut orders).await {
                Event::Order(Some(order)) => self.obey(order).await,
                Event::Order(None) => self.aim_at(Aim::Gone),
                Event::MayBoot(permit) => self.launch(permit).await,
                Event::Ended(end) => self.ended(end).await,
                Event::AskAgain => self.ask_again().await,
            }
            if self.aim == Aim::Gone && self.running.is_none() {
                return self.vanish().await;
            }
        }
    }

    async fn next_event(&mut self, orders: &mut UnboundedReceiver<Order>) -> Event {
        let closed = orders.is_closed() && orders.is_empty() && self.aim == Aim::Gone;
        let Some(running) = &mut self.running else {
            let boots = self.inner.boots.clone();
            return tokio::select! {
                biased;
                order = orders.recv() => Event::Order(order),
                Ok(permit) = boots.acquire_owned(), if self.aim == Aim::Run => Event::MayBoot(permit),
            };
        };
        let ask_at = running.ending.map(|(_, next)| next);
        tokio::select! {
            biased;
            end = running.container.wait() => Event::Ended(end.unwrap_or(End::Rest)),
            order = orders.recv(), if !closed => Event::Order(order),
            () = sleep_until(ask_at.unwrap_or_else(Instant::now)), if ask_at.is_some() => Event::AskAgain,
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Start => self.aim_at(Aim::Run),
            Order::Stop => {
                if self.running.is_none() {
                    self.tell(Fact::Stopped {
                        instance: self.boot.instance.clone(),
                        asked: true,
                    });
                }
                self.aim_at(Aim::Rest);
            }
            Order::Terminate => self.aim_at(Aim::Gone),
            Order::Reboot => {
                if let Some(running) = &self.running {
                    running.container.restart().await;
                }
            }
            Order::Freeze { image, running } => self.freeze(image, running).await,
            Order::Root(change) => self.reroot(change),
        }
    }

    fn aim_at(&mut self, aim: Aim) {
        self.aim = aim;
        self.asked |= aim != Aim::Run && self.running.is_some();
        let patience = if aim == Aim::Gone {
            self.inner.config.terminate_within
        } else {
            self.inner.config.stop_within
        };
        if let Some(running) = &mut self.running
            && aim != Aim::Run
        {
            let now = Instant::now();
            let kill_at = running
                .ending
                .map_or(now + patience, |(kill_at, _)| kill_at.min(now + patience));
            running.ending = Some((kill_at, now));
        }
    }

    async fn ask_again(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Some((kill_at, next)) = &mut running.ending else {
            return;
        };
        let now = Instant::now();
        *next = now + ASK_AGAIN;
        if now < *kill_at {
            running.container.power_off().await;
        } else if let Some(cgroup) = &self.cgroup {
            running.container.kill(cgroup);
        }
    }

    async fn launch(&mut self, permit: OwnedSemaphorePermit) {
        if let Err(error) = self.prepare_and_start(permit).await {
            self.come_to_rest().await;
            self.aim = Aim::Rest;
            self.fail(super::chain(&error));
        }
    }

    async fn prepare_and_start(&mut self, permit: OwnedSemaphorePermit) -> Result<(), Error> {
        if self.below.is_empty() {
            return Err(Error::Rootless);
        }
        let network = &self.inner.network;
        network
            .attach(&self.boot.instance, self.boot.address)
            .await?;
        self.overlay.mount(&self.below).await?;
        seed::write_nameservers(&self.overlay.root).map_err(Error::file(&self.overlay.root))?;
        let folder = self.folder.join("seed");
        seed::write(&folder, &self.boot).map_err(Error::file(&folder))?;
        self.start_container(Some(permit))
    }

    fn start_container(&mut self, permit: Option<OwnedSemaphorePermit>) -> Result<(), Error> {
        let cgroup = match self.cgroup.take() {
            Some(cgroup) => cgroup,
            None => Cgroup::create(&self.name).map_err(Error::Cgroup)?,
        };
        let launch = Launch {
            name: &self.name,
            hostname: &self.boot.hostname,
            root: &self.overlay.root,
            seed: &self.folder.join("seed"),
            namespace: &self.name,
            cgroup: &cgroup,
            complaints: &self.folder.join("nspawn.log"),
        };
        let started = Container::start(&launch);
        self.cgroup = Some(cgroup);
        let (container, output) = started.map_err(Error::Start)?;
        let output =
            output.ok_or_else(|| Error::Start(io::Error::other("its console cannot be read")))?;
        let (instance, facts) = (self.boot.instance.clone(), self.inner.facts.clone());
        let following = console::follow(output, instance, self.console.clone(), facts, permit);
        let console = self.inner.tasks.spawn(following);
        self.running = Some(Running {
            container,
            console,
            ending: None,
        });
        Ok(())
    }

    async fn ended(&mut self, end: End) {
        let Some(running) = self.running.take() else {
            return;
        };
        let alive = running.console.await.unwrap_or(false);
        let stays = self.aim == Aim::Run && self.change.is_none();
        if end == End::Reboot && stays {
            if let Err(error) = self.start_container(None) {
                self.fail(super::chain(&error));
            } else {
                return;
            }
        }
        self.come_to_rest().await;
        let change = self.change.take().filter(|_| self.aim != Aim::Gone);
        if let Some(change) = change {
            self.apply(change);
            if self.aim == Aim::Run {
                return;
            }
        }
        let asked = std::mem::take(&mut self.asked);
        if self.aim == Aim::Run && !asked {
            self.aim = Aim::Rest;
        }
        match self.aim {
            Aim::Gone => {}
            _ if alive || asked => self.tell(Fact::Stopped {
                instance: self.boot.instance.clone(),
                asked,
            }),
            _ => self.fail(format!(
                "its init did not start: {}",
                running.container.complaint()
            )),
        }
    }

    /// Gives back what only a running machine needs.
    async fn come_to_rest(&mut self) {
        if let Some(cgroup) = self.cgroup.take() {
            complain("remove a control group", cgroup.remove());
        }
        complain("unmount a machine's root", self.overlay.unmount().await);
        complain(
            "remove a machine's network",
            self.inner.network.detach(&self.boot.instance).await,
        );
    }

    async fn freeze(&mut self, image: String, running: bool) {
        let folder = self.inner.layers().next_folder();
        let made = if running {
            self.copy_upper(&folder).await
        } else {
            self.take_upper(&folder)
        };
        match made {
            Ok(()) => {
                let chain = self.inner.layers().add(&image, folder, &self.below);
                if !running {
                    self.below = chain;
                }
                self.tell(Fact::Frozen { image });
            }
            Err(error) => {
                super::remove_folders(vec![folder]).await;
                self.tell(Fact::FreezeFailed {
                    image,
                    reason: super::chain(&error),
                });
            }
        }
    }

    fn take_upper(&self, to: &std::path::Path) -> Result<(), Error> {
        if self.running.is_some() {
            return Err(Error::StillRuns);
        }
        self.overlay.take_upper(to).map_err(Error::file(to))
    }

    /// Copies the layer of a running machine while all in it stands still, so that the copy is of one moment.
    async fn copy_upper(&self, to: &std::path::Path) -> Result<(), Error> {
        let cgroup = self.cgroup.as_ref().filter(|_| self.running.is_some());
        let frozen = match cgroup {
            Some(cgroup) => cgroup.freeze().await.map_err(Error::Cgroup)?,
            None => false,
        };
        let copied = self.overlay.copy_upper(to).await;
        if frozen {
            cgroup
                .map_or(Ok(false), Cgroup::thaw)
                .map_err(Error::Cgroup)?;
        }
        Ok(copied?)
    }

    /// Removes every trace.
    async fn vanish(self) {
        let mut folders = layers::release(self.below);
        folders.push(self.folder);
        super::remove_folders(folders).await;
        self.inner.forget(&self.boot.instance);
        let gone = Fact::Gone {
            instance: self.boot.instance,
        };
        drop(self.inner.facts.send(gone));
    }

    fn fail(&self, reason: String) {
        self.tell(Fact::BootFailed {
            instance: self.boot.instance.clone(),
            reason,
        });
    }

    /// Nobody listening means that the cloud is going down.
    fn tell(&self, fact: Fact) {
        drop(self.inner.facts.send(fact));
    }
}

fn complain<E: std::error::Error + 'static>(what: &str, result: Result<(), E>) {
    if let Err(error) = result {
        tracing::warn!(error = super::chain(&error), "failed to {what}");
    }
}
