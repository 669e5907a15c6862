//! Machines that are not there: sessions to whatever runs in the model, which take every command and do what a script says.

use std::cell::RefCell;
use std::time::Duration;

use kiln::aws::Aws;
use kiln::bake::{AddressError, Tools};
use kiln::cloud::{Filter, Instance, Instances};
use kiln::ssh::{
    Chunk, Command, ConnectError, Error, Exit, HostKey, HostKeys, Known, Remote, Stream, Target,
};

use super::cloud::Cloud;

/// How long a command takes.
const COMMAND: Duration = Duration::from_secs(2);

/// What happens to the k-th command, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Fails,
    /// A bug in kiln.
    Panics,
}

/// Reaches machines of the model.
pub struct SimulatedTools {
    observer: Aws,
    cloud: Cloud,
    commands: std::rc::Rc<RefCell<Vec<String>>>,
    trouble: Option<(usize, Trouble)>,
}

impl SimulatedTools {
    pub async fn new(cloud: &Cloud, trouble: Option<(usize, Trouble)>) -> Self {
        Self {
            observer: cloud.observer().await,
            cloud: cloud.clone(),
            commands: std::rc::Rc::default(),
            trouble,
        }
    }

    /// The commands so far.
    pub fn commands(&self) -> Vec<String> {
        self.commands.borrow().clone()
    }

    async fn running(&self, host: &str) -> Option<Instance> {
        let filter = Filter::new("instance-state-name", "running");
        let found = self.observer.find_instances(&[filter]).await.unwrap();
        found.into_iter().find(|instance| {
            let addresses = &instance.addresses;
            [&addresses.public_ip, &addresses.private_ip].contains(&&Some(host.to_owned()))
        })
    }
}

impl Tools for SimulatedTools {
    type Remote = SimulatedRemote;

    async fn connect(&self, target: Target) -> Result<(SimulatedRemote, HostKey), ConnectError> {
        let unreachable = || ConnectError::Unreachable {
            address: target.address(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let instance = self.running(&target.host).await.ok_or_else(unreachable)?;
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
        let remote = SimulatedRemote {
            cloud: self.cloud.clone(),
            instance: instance.id.to_string(),
            commands: self.commands.clone(),
            trouble: self.trouble,
        };
        Ok((remote, shown))
    }

    async fn own_sources(&self, _: Option<&str>) -> Result<Vec<String>, AddressError> {
        Ok(vec!["198.51.100.7/32".to_owned()])
    }
}

/// A session that takes every command while its machine is there; then it falls silent.
pub struct SimulatedRemote {
    cloud: Cloud,
    instance: String,
    commands: std::rc::Rc<RefCell<Vec<String>>>,
    trouble: Option<(usize, Trouble)>,
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
            std::future::pending::<()>().await;
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
        match self.trouble {
            Some((at, Trouble::Fails)) if at == count => Ok(Exit::Code(1)),
            Some((at, Trouble::Panics)) if at == count => panic!("a bug"),
            _ => Ok(Exit::Code(0)),
        }
    }

    async fn close(&self) {}
}
