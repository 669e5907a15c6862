//! A session of Systems Manager as the way to the machine: begun, carried by the plugin, begun again when it ends before
//! the machine is done with (a reboot ends it), and taken back.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::bake::tools::Plugin as _;
use crate::bake::{BakePlan, Error, Tools, World};
use crate::cloud::{Cloud, InstanceId};
use crate::run::{Event, Events, Failure, Lifetime, Patience, Readiness, Run, with_causes};
use crate::source::Spanned;
use crate::template::bake::{Build, SessionManager};
use crate::undo::Undo;

/// Where the plugin listens.
pub(super) const HOST: &str = "localhost";
/// Between two tries to begin a session. An agent registers within seconds of its machine's start, and the API allows a
/// few calls a second an account.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a session is begun and carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionSettings {
    /// A free port otherwise.
    pub local_port: Option<u16>,
    #[serde(skip)]
    pub pause: Duration,
    /// With which the plugin resumes a session whose connection was lost.
    #[serde(skip)]
    pub profile: Option<String>,
}

impl SessionSettings {
    /// Takes the template's options over, where it asks for a session.
    pub(super) fn of(build: &Build) -> Option<Self> {
        let SessionManager { local_port, pause } = build.builder.ssh.session_manager.clone()?;
        let profile = build.builder.access.profile.as_ref();
        Some(Self {
            local_port,
            pause,
            profile: profile.map(|name: &Spanned<String>| name.value.clone()),
        })
    }
}

/// Why no session can be begun any more, once that is so.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    reason: OnceCell<String>,
    given: CancellationToken,
}

impl Refusal {
    fn give(&self, reason: String) {
        // The first is the one that ended the way.
        self.reason.get_or_init(|| reason);
        self.given.cancel();
    }

    pub fn reason(&self) -> Option<String> {
        self.reason.get().cloned()
    }

    /// Waits for it.
    pub async fn given(&self) -> String {
        self.given.cancelled().await;
        self.reason().unwrap_or_default()
    }
}

/// A way that is open.
pub(super) struct Way<'a, C, T: Tools> {
    cloud: &'a C,
    tools: &'a T,
    events: &'a dyn Events,
    settings: &'a SessionSettings,
    instance: &'a InstanceId,
    /// The machine's.
    port: u16,
    /// Where it is here.
    local: Cell<u16>,
    /// Whether somebody has come through: from then on it is known by its port here.
    used: Cell<bool>,
    refusal: Refusal,
    plugin: RefCell<Option<T::Plugin>>,
    session: RefCell<Option<String>>,
    closed: CancellationToken,
}

/// Opens the way, where the template asks for it. Sessions to the machine are on the ledger before the first one.
pub(super) async fn open<'a, 'r: 'a, C: Cloud, T: Tools>(
    plan: &'a BakePlan,
    instance: &'a InstanceId,
    on: &World<'a, C, T>,
    run: &mut Run<'r, Undo>,
) -> Result<Option<Way<'a, C, T>>, Failure> {
    let Some(settings) = &plan.ssh.session_manager else {
        return Ok(None);
    };
    if !settings.pause.is_zero() {
        run.work("pause before the session", async || {
            tokio::time::sleep(settings.pause).await;
            Ok::<_, Error>(())
        })
        .await?;
    }
    let local = run.step("choose a port", async |made| {
        let instance = instance.clone();
        made.intend(Lifetime::Scratch, Undo::EndSessionsTo { instance })?;
        let chosen = settings.local_port.map_or_else(|| on.tools.free_port(), Ok);
        chosen.map_err(Error::Plugin)
    });
    let way = Way {
        cloud: on.cloud,
        tools: on.tools,
        settings,
        instance,
        port: plan.ssh.port,
        local: Cell::new(local.await?),
        used: Cell::default(),
        refusal: Refusal::default(),
        plugin: RefCell::default(),
        session: RefCell::default(),
        closed: CancellationToken::new(),
        events: run.events(),
    };
    let patience = Patience::new(plan.ssh.patience.limit, PAUSE, LONGEST_PAUSE);
    let begun = run.wait("begin a session", &patience, async || way.begin().await);
    let plugin = begun.await?;
    way.plugin.replace(Some(plugin));
    Ok(Some(way))
}

impl<C: Cloud, T: Tools> Way<'_, C, T> {
    /// The machine's port here.
    pub fn port(&self) -> u16 {
        self.local.get()
    }

    /// Somebody has come through.
    pub fn use_it(&self) {
        self.used.set(true);
    }

    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Does something while the way is kept open.
    pub async fn beside<R>(&self, work: impl Future<Output = R>) -> R {
        let keep = pin!(self.keep().boxed_local());
        match select(pin!(work), keep).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => match never {},
        }
    }

    /// The machine is done with: from here on nothing is begun again.
    pub fn close(&self) {
        self.closed.cancel();
    }

    async fn begin(&self) -> Result<Readiness<T::Plugin>, Error> {
        let local = self.local_port().map_err(Error::Plugin)?;
        let begun = self
            .cloud
            .start_port_session(self.instance, self.port, local)
            .await;
        let session = match begun {
            Ok(Ok(session)) => session,
            Ok(Err(reason)) => return Ok(Readiness::NotYet(reason)),
            Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        self.session.replace(Some(session.id.clone()));
        let profile = self.settings.profile.as_deref();
        let plugin = self.tools.start_plugin(&session, profile);
        Ok(Readiness::Ready(plugin.map_err(Error::Plugin)?))
    }

    /// Another port, where somebody has taken the chosen one before it was of use.
    fn local_port(&self) -> io::Result<u16> {
        let port = self.local.get();
        let own_choice = self.settings.local_port.is_none() && !self.used.get();
        if own_choice && !self.tools.is_free(port) {
            self.local.set(self.tools.free_port()?);
        }
        Ok(self.local.get())
    }

    /// Begins another session whenever the plugin ends, until the way is closed or none can be begun.
    async fn keep(&self) -> Infallible {
        let guard = async {
            let mut plugin = self.plugin.take();
            while self.refusal.reason().is_none() {
                if let Some(mut running) = plugin.take() {
                    let why = running.ended().await;
                    let text = format!(
                        "the session to {} has ended and is begun again: {why}",
                        self.instance
                    );
                    self.events.emit(Event::Warning { text });
                }
                plugin = self.again().await;
            }
        };
        tokio::select! {
            biased;
            // The plugin goes with the guard.
            () = self.closed.cancelled() => {}
            () = guard.boxed_local() => {}
        }
        std::future::pending().await
    }

    /// Tries once, after a pause. What may pass is said; how long to bear it is the matter of whoever waits for the machine.
    /// What stands in the way for good ends the work on it.
    async fn again(&self) -> Option<T::Plugin> {
        tokio::time::sleep(PAUSE).await;
        let last = self.session.take();
        if let Some(id) = last
            && self.cloud.end_session(&id).await.is_err()
        {
            // It ends with the machine, and so does what the ledger has of it.
            tracing::debug!(id, "a session that is over cannot be ended");
        }
        let reason = match self.begin().await {
            Ok(Readiness::Ready(plugin)) => return Some(plugin),
            Ok(
                Readiness::NotYet(reason)
                | Readiness::Never(reason)
                | Readiness::Moving { reason, .. },
            ) => reason,
            // Such an answer does not change, and whoever waits for the machine only sees that nothing answers.
            Err(error) => {
                let text = with_causes(&error);
                let text = format!("no session to {} can be begun: {text}", self.instance);
                self.refusal.give(text);
                return None;
            }
        };
        let step = "begin a session";
        self.events.emit(Event::Waiting { step, reason });
        None
    }
}
