//! A bake and whoever looks after it: what a dead run left to go on with, how the machine is reached by hand, and what a
//! failed bake leaves on purpose.

use jiff::SignedDuration;

use crate::bake::{Artifact, BakePlan, Error, Tools, World, flow, publish};
use crate::cloud::{Cloud, Home, ImageId, InstanceId, Region, Tags, tag};
use crate::run::{
    Attendance, Entry, Event, Failure, KEPT_UNTIL, Operator, Outcome, Run, Setup, Unattended,
    attended,
};
use crate::ssh::keys::KeyPair;
use crate::template::Secret;
use crate::undo::{Undo, Unwinder};

/// Under which a journal has the bake's [`Identity`].
pub const BAKE: &str = "bake";
/// The fact that a finished bake has been told of: manifests are written.
pub const TOLD: &str = "told";
/// How long things are left where nobody says: a working day.
pub const KEEP_FOR: SignedDuration = SignedDuration::from_hours(8);

/// How a bake is attended.
pub struct Attending<'a> {
    pub operator: &'a dyn Operator,
    /// Told how the machine is reached, before kiln connects.
    pub reached: &'a dyn Fn(&Reached),
    /// What it goes on with.
    pub adopt: Option<Adopted>,
    /// How long things stay that a failed bake leaves.
    pub keep_for: SignedDuration,
}

impl Default for Attending<'_> {
    fn default() -> Self {
        Self {
            operator: &Unattended,
            reached: &|_| {},
            adopt: None,
            keep_for: KEEP_FOR,
        }
    }
}

/// What a bake is a bake of. Another process goes on only with its own like.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    pub template: String,
    pub build: String,
    /// Unknown where the template cannot be loaded to stand still.
    pub fingerprint: Option<String>,
}

/// The image that a dead run had begun to make, and its journal.
#[derive(Clone, Debug)]
pub struct Adopted {
    pub image: ImageId,
    pub entries: Vec<Entry<Undo>>,
}

/// How to get on the machine by hand.
#[derive(Clone, Debug)]
pub struct Reached {
    pub instance: InstanceId,
    pub host: String,
    pub port: u16,
    pub user: String,
    /// The address is the near end of a session that ends with the run.
    pub session_manager: bool,
    pub region: Region,
    /// The private half of the run's own key pair.
    pub private_key: Option<Secret>,
}

impl Attending<'_> {
    pub(super) fn tell(
        &self,
        plan: &BakePlan,
        instance: &InstanceId,
        (host, port): (&str, u16),
        key: Option<&KeyPair>,
    ) {
        let session_manager = plan.ssh.session_manager.is_some();
        let private = key.and_then(|key| key.private().ok());
        (self.reached)(&Reached {
            instance: instance.clone(),
            host: host.to_owned(),
            port: if session_manager { plan.ssh.port } else { port },
            session_manager,
            region: plan.region.clone(),
            user: plan.ssh.user.clone(),
            private_key: private.map(Secret::new),
        });
    }
}

/// Carries a plan out with somebody to ask.
pub async fn attend<C: Cloud, T: Tools>(
    plan: &BakePlan,
    home: &Home,
    on: &World<'_, C, T>,
    setup: Setup<'_, Undo>,
    attending: Attending<'_>,
) -> Outcome<Artifact, Undo> {
    let noted = match attending.adopt {
        Some(_) => Ok(()),
        None => note_facts(plan, home, &setup),
    };
    let before = attending
        .adopt
        .as_ref()
        .map(|adopted| adopted.entries.clone());
    let attendance = Attendance {
        operator: attending.operator,
        before: before.unwrap_or_default(),
    };
    let mut unfinished = Vec::new();
    let flow = async |run: &mut Run<'_, Undo>| {
        noted.map_err(|error| Failure::new("journal", Error::Journal(error)))?;
        flow::bake(plan, on, &attending, &mut unfinished, run).await
    };
    let outcome = attended(&Unwinder::new(on.cloud), setup.clone(), attendance, flow).await;
    let outcome = publish::look_again(outcome, &unfinished, on.cloud).await;
    if !outcome.kept.is_empty() {
        put_off(&outcome.kept, on, &setup, attending.keep_for).await;
    }
    outcome
}

/// What another process must know to go on or to sweep, before anything is made.
fn note_facts(plan: &BakePlan, home: &Home, setup: &Setup<'_, Undo>) -> std::io::Result<()> {
    let fact = |key: &str, value| {
        let key = key.to_owned();
        setup.journal.note(&Entry::Fact { key, value })
    };
    fact(Home::KEY, serde_json::to_value(home)?)?;
    let identity = Identity {
        template: plan.template.clone(),
        build: plan.build.clone(),
        fingerprint: plan.fingerprint.map(|print| print.to_string()),
    };
    fact(BAKE, serde_json::to_value(identity)?)
}

/// Puts the expiry of what is left off, or a sweep would take it by its tags while somebody looks at it. The journal keeps
/// the same time.
async fn put_off<C: Cloud, T>(
    kept: &[Undo],
    on: &World<'_, C, T>,
    setup: &Setup<'_, Undo>,
    keep_for: SignedDuration,
) {
    let until = on.clock.now().saturating_add(keep_for);
    let until = until.unwrap_or(jiff::Timestamp::MAX).to_string();
    let key = KEPT_UNTIL.to_owned();
    let value = until.clone().into();
    let noted = setup.journal.note(&Entry::Fact { key, value });
    let ids: Vec<String> = kept.iter().flat_map(Undo::tagged_ids).collect();
    let tags: Tags = [(tag::EXPIRES.to_owned(), until)].into();
    let tagged = if ids.is_empty() {
        Ok(())
    } else {
        on.cloud.put_tags(&ids, &tags).await
    };
    let noted = noted.map_err(|error| error.to_string());
    let tagged = tagged.map_err(|error| error.to_string());
    for reason in [noted.err(), tagged.err()].into_iter().flatten() {
        let text = format!("the expiry of what is left cannot be put off: {reason}");
        setup.events.emit(Event::Warning { text });
    }
}
