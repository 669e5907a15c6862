//! How machines behave: how long things take, and what is wrong with them.

use jiff::SignedDuration;

/// A span of time that a delay is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    pub least: SignedDuration,
    pub most: SignedDuration,
}

impl Spread {
    pub const fn seconds(least: i64, most: i64) -> Self {
        Self {
            least: SignedDuration::from_secs(least),
            most: SignedDuration::from_secs(most),
        }
    }
}

/// What a health check of a machine meets, once its service has had the time to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    #[default]
    Healthy,
    /// It answers with a status that is not the wanted one.
    WrongStatus(u16),
    /// It takes connections and never answers.
    Hangs,
    /// Nothing listens.
    Absent,
    /// Well for that long, then unwell for as long, and so on.
    Flaps(SignedDuration),
    /// Well for that long, then nothing listens any more.
    DiesAfter(SignedDuration),
}

/// How a replacement of a root volume fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootFailure {
    pub reason: String,
    /// The machine has lost its old root too.
    pub detached: bool,
}

/// How machines of an image, or one machine, behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// From launch or start to a running init.
    pub boot: Spread,
    /// From a running init to a service that answers.
    pub start: Spread,
    /// From a running init to the console text with the host keys.
    pub console: Spread,
    /// What the console shows after the host keys.
    pub console_tail: String,
    pub service: Service,
    /// The machine never comes up, for this reason.
    pub boot_failure: Option<String>,
    pub stop: Spread,
    pub freeze: Spread,
    /// Its disk cannot be made an image, for this reason.
    pub freeze_failure: Option<String>,
    /// It does not become a running machine's root, in this way.
    pub root_failure: Option<RootFailure>,
    /// From deregistration to the last connection's end.
    pub drain: Spread,
}

impl Default for Behaviour {
    /// A sound machine, at the pace of a small instance on AWS.
    fn default() -> Self {
        Self {
            boot: Spread::seconds(8, 40),
            start: Spread::seconds(3, 30),
            console: Spread::seconds(2, 60),
            console_tail: String::new(),
            service: Service::Healthy,
            boot_failure: None,
            stop: Spread::seconds(2, 30),
            freeze: Spread::seconds(30, 240),
            freeze_failure: None,
            root_failure: None,
            drain: Spread::seconds(0, 20),
        }
    }
}

impl Behaviour {
    /// A sound machine whose service is not.
    #[must_use]
    pub fn with_service(service: Service) -> Self {
        Self {
            service,
            ..Self::default()
        }
    }
}
