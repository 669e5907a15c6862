//! From a machine that runs to a session on it, with its host key checked against its console.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::Instant;

use crate::bake::session_manager::Refusal;
use crate::bake::settings::SshSettings;
use crate::bake::{Error, Tools, instance};
use crate::cloud::{Cloud, InstanceId};
use crate::run::{Event, Events, Readiness, with_causes};
use crate::ssh::{ConnectError, HostKeys, Known, Verdict, console};

/// The state of a machine is looked up at every so many tries: one that has ended never answers.
const STATE_EVERY: u32 = 5;

/// A console is renewed every few seconds at best, and each look at it is a call that no other build can share.
const CONSOLE_EVERY: Duration = Duration::from_secs(2);

/// One wait for a session: what is known so far.
pub(super) struct Connecting<'a, C, T> {
    pub cloud: &'a C,
    pub tools: &'a T,
    pub events: &'a dyn Events,
    pub ssh: &'a SshSettings,
    pub instance: &'a InstanceId,
    pub host: &'a str,
    /// It may be another one at the next try.
    pub port: &'a dyn Fn() -> u16,
    /// Of the way to the machine.
    pub refusal: Option<&'a Refusal>,
    /// The run's own private key, when it made one.
    pub private_key: Option<&'a str>,
    pub seen: RefCell<Seen>,
}

/// What a wait has learnt.
#[derive(Debug, Default)]
pub(super) struct Seen {
    tries: u32,
    refused: u32,
    keys: Vec<Known>,
    /// When the machine first answered on its port.
    answered: Option<Instant>,
    /// When the console was last looked at.
    looked: Option<Instant>,
    pinned: bool,
}

impl<C: Cloud, T: Tools> Connecting<'_, C, T> {
    /// One try. Without a host key from the console, "no known key will do" is asked for, which tells whether the
    /// machine answers at all; only then is the console worth a call.
    pub async fn attempt(&self) -> Result<Readiness<T::Remote>, Error> {
        self.seen.borrow_mut().tries += 1;
        if let Some(reason) = self.refusal.and_then(Refusal::reason) {
            return Ok(Readiness::Never(reason));
        }
        let error = match self.session().await {
            Ok(remote) => return Ok(Readiness::Ready(remote)),
            Err(error) => error,
        };
        if let Some(reason) = self.refused_too_often(&error) {
            return Ok(Readiness::Never(reason));
        }
        let unknown = self.seen.borrow().keys.is_empty();
        match error {
            ConnectError::WrongHostKey { .. } if unknown => self.answered().await,
            error if error.verdict() == Verdict::Never => Ok(Readiness::Never(with_causes(&error))),
            error => self.not_yet(with_causes(&error)).await,
        }
    }

    async fn session(&self) -> Result<T::Remote, ConnectError> {
        let keys = {
            let seen = self.seen.borrow();
            if seen.pinned {
                HostKeys::PinFirst
            } else {
                HostKeys::Known(seen.keys.clone())
            }
        };
        let pinned = keys == HostKeys::PinFirst;
        let target = self
            .ssh
            .target((self.host, (self.port)()), self.private_key, keys);
        let (remote, key) = self.tools.connect(target).await?;
        if pinned {
            let text = format!(
                "the console of {} shows no host key in time: {} was taken at its word ({})",
                self.instance,
                self.host,
                key.fingerprint()
            );
            self.events.emit(Event::Warning { text });
            let mut seen = self.seen.borrow_mut();
            seen.keys = vec![Known::Key(key)];
            seen.pinned = false;
        }
        Ok(remote)
    }

    /// `ssh_handshake_attempts` counts the answers of a machine that does not let us in, and no others.
    fn refused_too_often(&self, error: &ConnectError) -> Option<String> {
        let limit = self.ssh.attempts?;
        if !matches!(error, ConnectError::Denied { .. }) {
            return None;
        }
        let mut seen = self.seen.borrow_mut();
        seen.refused += 1;
        let times = seen.refused;
        (times >= limit).then(|| {
            format!(
                "{} (refused {times} times, as `ssh_handshake_attempts` allows)",
                with_causes(error)
            )
        })
    }

    /// The machine answers; who it is only its console can tell.
    async fn answered(&self) -> Result<Readiness<T::Remote>, Error> {
        let now = Instant::now();
        let since = *self.seen.borrow_mut().answered.get_or_insert(now);
        let looked = self.seen.borrow().looked;
        if looked.is_some_and(|looked| now - looked < CONSOLE_EVERY) {
            return self.without_key(now - since).await;
        }
        self.seen.borrow_mut().looked = Some(now);
        let keys = match self.cloud.console_output(self.instance).await {
            Ok(text) => console::host_keys(&text),
            Err(error) if error.is_passing() || error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if keys.is_empty() {
            return self.without_key(now - since).await;
        }
        self.seen.borrow_mut().keys = keys;
        self.once_more().await
    }

    async fn without_key(&self, waited: Duration) -> Result<Readiness<T::Remote>, Error> {
        if waited < self.ssh.host_key_patience {
            let text = "it answers; its host key is not on the console yet";
            return Ok(Readiness::NotYet(text.to_owned()));
        }
        if self.ssh.require_host_key {
            let text = format!(
                "the console of {} shows no host key, and one is required",
                self.instance
            );
            return Ok(Readiness::Never(text));
        }
        self.seen.borrow_mut().pinned = true;
        self.once_more().await
    }

    async fn once_more(&self) -> Result<Readiness<T::Remote>, Error> {
        match self.session().await {
            Ok(remote) => Ok(Readiness::Ready(remote)),
            Err(error) if error.verdict() == Verdict::Never => {
                Ok(Readiness::Never(with_causes(&error)))
            }
            Err(error) => Ok(Readiness::NotYet(with_causes(&error))),
        }
    }

    async fn not_yet(&self, reason: String) -> Result<Readiness<T::Remote>, Error> {
        let look = self.seen.borrow().tries.is_multiple_of(STATE_EVERY);
        if look && let Some(reason) = instance::gone(self.instance, self.cloud).await? {
            return Ok(Readiness::Never(reason));
        }
        Ok(Readiness::NotYet(reason))
    }
}
