//! How the machine is reached and how long each wait may take, read from the template's options.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::bake::{SessionSettings, session_manager};
use crate::cloud::{Addresses, KeyPairName};
use crate::reach;
use crate::run::Patience;
use crate::ssh::{Algorithms, Auth, HostKeys, Route, Target, Transfer, Tunnel};
use crate::template::Secret;
use crate::template::bake::{self, Also, Build, Interface, Polling};

/// A large instance takes minutes to come up or to rest ("Troubleshoot instance stop issues").
const INSTANCE_LIMIT: Duration = Duration::from_mins(10);
/// For as long as a snapshot moves on the wait goes on: the first one of a large volume takes hours, and Packer's 30 minutes
/// are the subject of issues (anchors/packer.md 6.2). This is for one that stands still.
const IMAGE_LIMIT: Duration = Duration::from_hours(1);
/// The end of a wait is noticed within a thirtieth of the time that it took: AWS answers a poll in a tenth of a second, and
/// all waits of a process share their polls.
const LATE: u32 = 30;
/// EC2 learns of a new instance profile within seconds, and sometimes within minutes (anchors/packer.md 6.2).
const PROFILE_LIMIT: Duration = Duration::from_mins(5);
/// One try to connect: reaching, shaking hands and proving who we are each have limits of their own below this.
const TRY: Duration = Duration::from_secs(150);
/// How long a console may take to show host keys once the machine answers on its SSH port. cloud-init prints them within
/// seconds of making them.
const HOST_KEY_PATIENCE: Duration = Duration::from_mins(1);

/// How the machine is reached.
#[derive(Clone, Debug, Serialize)]
pub struct SshSettings {
    pub user: String,
    /// Instead of the instance's own address.
    pub host: Option<String>,
    pub interface: Option<Interface>,
    /// The machine is reached through Session Manager.
    pub session_manager: Option<SessionSettings>,
    pub port: u16,
    #[serde(skip)]
    pub login: Login,
    #[serde(skip)]
    pub also: Also,
    #[serde(skip)]
    pub route: Route,
    #[serde(skip)]
    pub algorithms: Algorithms,
    #[serde(skip)]
    pub tunnels: Vec<Tunnel>,
    #[serde(skip)]
    pub transfer: Transfer,
    /// How often the machine may refuse the login; as often as there is time for otherwise.
    #[serde(skip)]
    pub attempts: Option<u32>,
    pub wait_for_cloud_init: bool,
    /// No connection without a host key from the console.
    pub require_host_key: bool,
    /// How long the console is asked for one before the first that is shown is pinned.
    #[serde(skip)]
    pub host_key_patience: Duration,
    #[serde(skip)]
    pub patience: Patience,
    #[serde(skip)]
    pub keep_alive: Option<Duration>,
    #[serde(skip)]
    pub silence: Option<Duration>,
    #[serde(skip)]
    pub pause: Duration,
    pub terminal: bool,
}

/// What proves to the machine who we are.
#[derive(Clone, Debug)]
pub enum Login {
    /// The key pair that the run makes.
    Temporary,
    KeyFile {
        path: PathBuf,
        certificate: Option<PathBuf>,
    },
    Password(Secret),
    Agent,
}

/// The waits for the cloud.
#[derive(Clone, Debug, Serialize)]
pub struct Waits {
    pub instance: Patience,
    pub image: Patience,
    /// For EC2 to learn of an instance profile that IAM has made.
    pub profile: Patience,
}

impl Waits {
    /// `aws_polling` and its variables of old override pauses and limits.
    pub fn new(polling: &Polling) -> Self {
        let patience = |limit: Duration, first: Duration, longest: Duration| {
            let (first, longest) = polling.delay.map_or((first, longest), |d| (d, d));
            let mut patience = Patience::new(polling.limit.unwrap_or(limit), first, longest);
            patience.strict = polling.limit.is_some();
            patience.in_proportion(LATE)
        };
        let half = Duration::from_millis(500);
        Self {
            instance: patience(INSTANCE_LIMIT, half, Duration::from_secs(5)),
            image: patience(IMAGE_LIMIT, half, Duration::from_secs(10)),
            profile: Patience::new(
                PROFILE_LIMIT,
                Duration::from_secs(2),
                Duration::from_secs(10),
            )
            .in_a_row(2),
        }
    }
}

impl SshSettings {
    /// Takes the template's options over.
    ///
    /// With a fixed host the machine may be reached in ways that the console knows nothing of, so that it is asked only once.
    pub fn new(build: &Build, require_host_key: bool) -> Self {
        let ssh = &build.builder.ssh;
        let mut patience = Patience::new(
            ssh.timeout,
            Duration::from_millis(250),
            Duration::from_secs(1),
        );
        patience.poll = TRY;
        Self {
            user: ssh.username.value.clone(),
            host: ssh.host.as_ref().map(|host| host.value.clone()),
            interface: ssh.interface,
            session_manager: SessionSettings::of(build),
            port: ssh.port,
            login: login(&ssh.login),
            also: ssh.also.clone(),
            route: reach::route(ssh),
            algorithms: Algorithms {
                ciphers: ssh.ciphers.clone(),
                key_exchanges: ssh.key_exchanges.clone(),
            },
            tunnels: reach::tunnels(ssh),
            transfer: reach::transfer(ssh.transfer),
            attempts: ssh.handshake_attempts.filter(|count| *count > 0),
            wait_for_cloud_init: ssh.wait_for_cloud_init,
            require_host_key,
            host_key_patience: if ssh.host.is_some() {
                Duration::ZERO
            } else {
                HOST_KEY_PATIENCE
            },
            patience,
            keep_alive: ssh.keep_alive_interval,
            silence: ssh.read_write_timeout,
            pause: ssh.pause_before_connecting,
            terminal: ssh.pty,
        }
    }

    /// Which of the machine's addresses to use: the wanted one, else the public, else the private.
    pub fn address(&self, addresses: &Addresses) -> Option<String> {
        if self.session_manager.is_some() {
            return Some(session_manager::HOST.to_owned());
        }
        match self.interface {
            Some(Interface::PublicIp) => addresses.public_ip.clone(),
            Some(Interface::PrivateIp) => addresses.private_ip.clone(),
            Some(Interface::PublicDns) => addresses.public_dns.clone(),
            Some(Interface::PrivateDns) => addresses.private_dns.clone(),
            Some(Interface::Ipv6) => addresses.ipv6.clone(),
            None => addresses
                .public_ip
                .clone()
                .or_else(|| addresses.private_ip.clone()),
        }
    }

    /// Whether a public address would be taken instead of the one that is there.
    pub fn may_become_public(&self, addresses: &Addresses) -> bool {
        self.interface.is_none() && self.session_manager.is_none() && addresses.public_ip.is_none()
    }

    /// The connection to ask for. `private_key` is the run's own, when it made one.
    pub fn target(
        &self,
        (host, port): (&str, u16),
        private_key: Option<&str>,
        keys: HostKeys,
    ) -> Target {
        let auth = match &self.login {
            Login::Temporary => Auth::Memory {
                private_key: private_key.unwrap_or_default().to_owned(),
            },
            Login::KeyFile { path, certificate } => Auth::File {
                path: path.clone(),
                passphrase: None,
                certificate: certificate.clone(),
            },
            Login::Password(password) => Auth::Password(password.reveal().to_owned()),
            Login::Agent => Auth::Agent { socket: None },
        };
        let auth = with_others(auth, &self.also);
        let mut target = Target::new(host, port, &self.user, auth, keys);
        target.route = self.route.clone();
        target.algorithms = self.algorithms.clone();
        target.tunnels.clone_from(&self.tunnels);
        target.transfer = self.transfer;
        target.keep_alive = self.keep_alive;
        // Nobody is asked for a sign of life then, and a quiet machine may be a busy one.
        let usual = self.keep_alive.and(target.silence);
        target.silence = self.silence.or(usual);
        target.terminal = self.terminal;
        target
    }
}

/// What is shown first, and then what is tried after it.
fn with_others(first: Auth, also: &Also) -> Auth {
    let agent = also.agent.then_some(Auth::Agent { socket: None });
    let password = also.password.as_ref();
    let password = password.map(|password| Auth::Password(password.reveal().to_owned()));
    let ways: Vec<_> = std::iter::once(first)
        .chain(agent)
        .chain(password)
        .collect();
    match <[Auth; 1]>::try_from(ways) {
        Ok([only]) => only,
        Err(ways) => Auth::Any(ways),
    }
}

fn login(login: &bake::Login) -> Login {
    match login {
        bake::Login::Temporary { .. } => Login::Temporary,
        bake::Login::KeyFile {
            file, certificate, ..
        } => Login::KeyFile {
            path: file.value.clone(),
            certificate: certificate.as_ref().map(|file| file.value.clone()),
        },
        bake::Login::Password(password) => Login::Password(password.value.clone()),
        bake::Login::Agent { .. } => Login::Agent,
    }
}

/// The key pair that the template names for the instance.
pub(super) fn named_key_pair(login: &bake::Login) -> Option<KeyPairName> {
    let name = match login {
        bake::Login::KeyFile { key_pair_name, .. } | bake::Login::Agent { key_pair_name } => {
            key_pair_name.as_ref()
        }
        bake::Login::Temporary { .. } | bake::Login::Password(_) => None,
    };
    name.map(|name| KeyPairName::new(name.value.as_str()))
}
