//! The whole state of the account, its clock reading, and the two queues that every change goes through.
//!
//! Handlers get `&mut State`. What the world must do goes into `emit`; what other services must hear of goes into
//! `announce`; what time alone will bring goes into `at`.

use super::{
    Config, Effect,
    agenda::{Agenda, Due},
    caller,
    dns::Dns,
    ec2::{self, Ec2, InstanceState},
    elb::{self, Elb},
    iam::Iam,
    idempotency::Tokens,
    ids::Ids,
    injection::Launches,
    kms::Kms,
    regions::Lent,
    scaling::{self, Scaling},
    sessions::Sessions,
    watch::{self, Watch},
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Something that another service may have to react to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An instance went from one state to another; `from` is `None` for a fresh launch.
    Instance {
        id: String,
        from: Option<InstanceState>,
        to: InstanceState,
    },
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) config: Config,
    /// The time of the current call, fact or due entry.
    pub(super) now: Timestamp,
    pub(super) ids: Ids,
    pub(super) agenda: Agenda,
    pub(super) tokens: Tokens,
    pub(super) launches: Launches,
    pub(super) ec2: Ec2,
    pub(super) scaling: Scaling,
    pub(super) elb: Elb,
    pub(super) iam: Iam,
    pub(super) callers: caller::Sessions,
    /// In whose session the current call is made; the account's user's where there is none.
    pub(super) caller: Option<caller::Session>,
    pub(super) kms: Kms,
    pub(super) dns: Dns,
    pub(super) sessions: Sessions,
    pub(super) watch: Watch,
    /// Fresh resources and how many more polls will miss them.
    pub(super) hidden: BTreeMap<String, u32>,
    /// What other regions lend for the current call.
    pub(super) lent: Option<Lent>,
    effects: Vec<Effect>,
    changes: VecDeque<Change>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        let mut ids = Ids::new(config.seed);
        let ec2 = Ec2::seeded(&config, &mut ids);
        let iam = Iam::seeded(&config.profiles, config.opened);
        Self {
            kms: Kms::seeded(&config),
            dns: Dns::seeded(&config),
            sessions: Sessions::seeded(&config),
            watch: Watch::default(),
            now: config.opened,
            ids,
            ec2,
            config,
            agenda: Agenda::default(),
            tokens: Tokens::default(),
            launches: Launches::default(),
            scaling: Scaling::default(),
            elb: Elb::default(),
            iam,
            callers: caller::Sessions::default(),
            caller: None,
            hidden: BTreeMap::new(),
            lent: None,
            effects: Vec::new(),
            changes: VecDeque::new(),
        }
    }

    /// Asks the world for something.
    pub(super) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Tells the other services, once the current handler is done.
    pub(super) fn announce(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// Enters something that happens `after` from now.
    pub(super) fn after(&mut self, after: SignedDuration, due: Due) {
        let at = self.now.checked_add(after).unwrap_or(Timestamp::MAX);
        self.agenda.add(at, due);
    }

    /// Lets everything happen that is due up to `now`, each at its own time.
    pub(super) fn turn(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.agenda.take_due(now) {
            self.now = self.now.max(at);
            match due {
                Due::Ec2(due) => ec2::due(self, due),
                Due::Scaling(due) => scaling::due(self, due),
                Due::Elb(due) => elb::due(self, due),
                Due::Watch(due) => watch::due(self, &due),
            }
            self.settle();
        }
        self.now = self.now.max(now);
    }

    /// Hands on what was announced until nobody has anything more to say.
    pub(super) fn settle(&mut self) {
        while let Some(change) = self.changes.pop_front() {
            scaling::changed(self, &change);
            elb::changed(self, &change);
        }
        elb::flush(self);
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Makes a fresh resource appear a few polls late, when the configuration says so.
    pub(super) fn hide_for_a_while(&mut self, id: &str) {
        let polls = self.ids.below(self.config.late_polls + 1);
        if polls > 0 {
            self.hidden.insert(id.into(), polls);
        }
    }

    /// Tells whether one poll sees a resource; each poll that misses it brings it closer.
    pub(super) fn poll_sees(&mut self, id: &str) -> bool {
        let Some(left) = self.hidden.get_mut(id) else {
            return true;
        };
        *left -= 1;
        if *left == 0 {
            self.hidden.remove(id);
        }
        false
    }

    /// `arn:aws:service:region:account:resource`.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.config.region, self.config.account
        )
    }
}
