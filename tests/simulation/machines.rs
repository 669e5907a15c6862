//! Machines that are not there: sessions to whatever runs in the model, which take every command and do what a script says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use kiln::aws::Aws;
use kiln::bake::{AddressError, Plugin, PluginError, Tools};
use kiln::cloud::{Filter, Instance, Instances, PortSession};
use kiln::run::Clock as _;
use kiln::ssh::{
    Chunk, Command, ConnectError, Error, Exit, HostKey, HostKeys, Known, Remote, Stream, Target,
};

use tokio::sync::Notify;

use super::cloud::Cloud;

/// How long a command takes.
const COMMAND: Duration = Duration::from_secs(2);

/// How long a peer that says nothing is borne.
const SILENCE: Duration = Duration::from_mins(10);

/// What happens to the k-th command, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Fails,
    /// A bug in kiln.
    Panics,
    /// The machine goes down by itself, and the connection breaks.
    GoesDown,
}

/// Reaches machines of the model.
pub struct SimulatedTools {
    observer: Aws,
    cloud: Cloud,
    commands: Rc<RefCell<Vec<String>>>,
    trouble: Option<(usize, Trouble)>,
    pub carried: Rc<Carried>,
    /// No machine takes the key.
    pub denies: Cell<bool>,
}

/// Ports of this host that a session's plugin carries, and to which machines.
#[derive(Default)]
pub struct Carried {
    machines: RefCell<BTreeMap<u16, String>>,
    /// A machine that restarts loses its sessions, of which its plugins learn.
    lost: Notify,
    /// How many plugins have been started.
    pub started: Cell<usize>,
    /// Who else listens on ports of this host.
    pub taken: RefCell<Vec<u16>>,
    /// Somebody takes the port of the next plugin before it does.
    pub too_late: Cell<bool>,
    /// No plugin is here.
    pub missing: Cell<bool>,
}

impl Carried {
    /// Whether a plugin runs.
    pub fn is_any(&self) -> bool {
        !self.machines.borrow().is_empty()
    }
}

/// The plugin of one session.
pub struct SimulatedPlugin {
    carried: Rc<Carried>,
    port: u16,
}

impl Plugin for SimulatedPlugin {
    async fn ended(&mut self) -> String {
        if self.carried.taken.borrow().contains(&self.port) {
            return format!(
                "exit status: 1: listen tcp 127.0.0.1:{}: address already in use",
                self.port
            );
        }
        self.carried.lost.notified().await;
        self.carried.machines.borrow_mut().remove(&self.port);
        "exit status: 0".to_owned()
    }
}

impl Drop for SimulatedPlugin {
    fn drop(&mut self) {
        self.carried.machines.borrow_mut().remove(&self.port);
    }
}

impl SimulatedTools {
    pub async fn new(cloud: &Cloud, trouble: Option<(usize, Trouble)>) -> Self {
        Self {
            observer: cloud.observer().await,
            cloud: cloud.clone(),
            commands: Rc::default(),
            trouble,
            carried: Rc::default(),
            denies: Cell::default(),
        }
    }

    /// The commands so far.
    pub fn commands(&self) -> Vec<String> {
        self.commands.borrow().clone()
    }

    async fn running(&self, host: &str, port: u16) -> Option<Instance> {
        let filter = Filter::new("instance-state-name", "running");
        let found = self.observer.find_instances(&[filter]).await.unwrap();
        let carried = self.carried.machines.borrow().get(&port).cloned();
        found.into_iter().find(|instance| {
            if host == "localhost" {
                return carried.as_deref() == Some(instance.id.as_str());
            }
            let addresses = &instance.addresses;
            [&addresses.public_ip, &addresses.private_ip].contains(&&Some(host.to_owned()))
        })
    }
}

impl Tools for SimulatedTools {
    type Remote = SimulatedRemote;
    type Plugin = SimulatedPlugin;

    async fn connect(&self, target: Target) -> Result<(SimulatedRemote, HostKey), ConnectError> {
        let unreachable = || ConnectError::Unreachable {
            address: target.address(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let instance = self
            .running(&target.host, target.port)
            .await
            .ok_or_else(unreachable)?;
        let shown = {
            let world = self.cloud.world();
            let line = world.physics.host_key_of(instance.id.as_str());
            line.and_then(HostKey::parse).ok_or_else(unreachable)?
        };
        if let HostKeys::Known(known) = &target.host_keys
            && !known.contains(&Known::Key(shown.clone()))
        {
            return Err(ConnectError::WrongHostKey {
                address: target.address(),
                seen: Box::new(shown),
                known: known.len(),
            });
        }
        if self.denies.get() {
            return Err(ConnectError::Denied {
                user: target.user.clone(),
                address: target.address(),
                method: "key",
                source: ssh2::Error::eof(),
            });
        }
        let remote = SimulatedRemote {
            cloud: self.cloud.clone(),
            instance: instance.id.to_string(),
            commands: self.commands.clone(),
            trouble: self.trouble,
            carried: self.carried.clone(),
            port: (target.host == "localhost").then_some(target.port),
        };
        Ok((remote, shown))
    }

    async fn own_sources(&self, _: Option<&str>) -> Result<Vec<String>, AddressError> {
        Ok(vec!["198.51.100.7/32".to_owned()])
    }

    async fn check_plugin(&self) -> Result<(), PluginError> {
        if self.carried.missing.get() {
            return Err(PluginError::Missing);
        }
        Ok(())
    }

    fn start_plugin(
        &self,
        session: &PortSession,
        _: Option<&str>,
    ) -> std::io::Result<SimulatedPlugin> {
        let asked: serde_json::Value = serde_json::from_str(&session.request)?;
        let port = asked["Parameters"]["localPortNumber"][0].as_str().unwrap();
        let port = port.parse().unwrap();
        let machine = asked["Target"].as_str().unwrap().to_owned();
        if self.carried.too_late.take() {
            self.carried.taken.borrow_mut().push(port);
        } else {
            self.carried.machines.borrow_mut().insert(port, machine);
        }
        self.carried.started.set(self.carried.started.get() + 1);
        Ok(SimulatedPlugin {
            carried: self.carried.clone(),
            port,
        })
    }

    fn free_port(&self) -> std::io::Result<u16> {
        let taken = self.carried.taken.borrow().len();
        Ok(50022 + u16::try_from(taken).unwrap())
    }

    fn is_free(&self, port: u16) -> bool {
        !self.carried.taken.borrow().contains(&port)
    }
}

/// A session that takes every command while its machine is there; then it falls silent, which is noticed in the end.
pub struct SimulatedRemote {
    cloud: Cloud,
    instance: String,
    commands: Rc<RefCell<Vec<String>>>,
    trouble: Option<(usize, Trouble)>,
    carried: Rc<Carried>,
    /// Where the session carries it.
    port: Option<u16>,
}

impl SimulatedRemote {
    fn is_up(&self) -> bool {
        let instances = self.cloud.world().model.view_instances();
        let is_up = |id: &str, state: &str| id == self.instance && state == "running";
        instances.iter().any(|one| is_up(&one.id, one.state))
    }
}

impl Remote for SimulatedRemote {
    async fn exec(
        &self,
        command: Command,
        chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Exit, Error> {
        tokio::time::sleep(COMMAND).await;
        if !self.is_up() {
            tokio::time::sleep(SILENCE).await;
            let (host, after) = (self.instance.clone(), SILENCE);
            return Err(Error::Silent { host, after });
        }
        if let Some(port) = self.port
            && !self.carried.machines.borrow().contains_key(&port)
        {
            return Err(Error::Unreachable(ConnectError::Unreachable {
                address: format!("localhost:{port}"),
                source: std::io::ErrorKind::ConnectionRefused.into(),
            }));
        }
        if command.text.contains("systemctl reboot") {
            self.carried.lost.notify_waiters();
        }
        if command.text.ends_with("/boot_id") {
            let commands = self.commands.borrow();
            let boots = commands
                .iter()
                .filter(|text| text.contains("reboot"))
                .count();
            chunk(Chunk::Data(Stream::Out, boots.to_string().as_bytes()));
        }
        self.commands.borrow_mut().push(command.text);
        let count = self.commands.borrow().len();
        let trouble = self.trouble.filter(|(at, _)| *at == count);
        match trouble.map(|(_, trouble)| trouble) {
            Some(Trouble::Fails) => Ok(Exit::Code(1)),
            Some(Trouble::Panics) => panic!("a bug"),
            Some(Trouble::GoesDown) => {
                let now = self.cloud.now();
                self.cloud.world().physics.crash(&self.instance, now);
                let (host, source) = (self.instance.clone(), None);
                Err(Error::Lost { host, source })
            }
            None => Ok(Exit::Code(0)),
        }
    }

    async fn close(&self) {}
}
