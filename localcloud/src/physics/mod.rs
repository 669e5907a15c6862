//! The world of simulations: seeded, pure, in virtual time. It takes the model's effects and, after drawn delays, answers
//! with the facts that real machines and proxies would give.
//!
//! What goes wrong in it is set per image or per instance with a `Behaviour`; what goes wrong in the API is the model's
//! own matter (`FaultPlan`). `World` puts the two together and is what a simulation drives.

mod behaviour;
mod machine;
mod probe;
mod world;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod tests;

pub use behaviour::{Behaviour, RootFailure, Service, Spread};
pub use world::World;

use crate::model::{Effect, Fact};
use jiff::{SignedDuration, Timestamp};
use machine::Machine;
use probe::Probes;
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::collections::BTreeMap;

/// Machines and proxies that are not there, and what they are about to do.
#[derive(Clone, Debug)]
pub struct Physics {
    rng: ChaCha12Rng,
    /// By time, then by entry.
    coming: BTreeMap<(Timestamp, u64), Coming>,
    entered: u64,
    machines: BTreeMap<String, Machine>,
    /// The images of roots that are on no machine, by the ids of their volumes.
    put_away: BTreeMap<String, String>,
    probes: Probes,
    usual: Behaviour,
    /// By image or instance id; an instance's own wins.
    behaviours: BTreeMap<String, Behaviour>,
}

/// Something that is about to happen.
#[derive(Clone, Debug)]
enum Coming {
    Fact(Fact),
    /// A machine's init runs, or fails to.
    Up {
        instance: String,
        boot: u64,
        failure: Option<String>,
    },
    /// A health check is made.
    Check(probe::Key),
}

impl Physics {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha12Rng::seed_from_u64(seed),
            coming: BTreeMap::new(),
            entered: 0,
            machines: BTreeMap::new(),
            put_away: BTreeMap::new(),
            probes: Probes::default(),
            usual: Behaviour::default(),
            behaviours: BTreeMap::new(),
        }
    }

    /// Sets how everything behaves that has no behaviour of its own.
    pub fn set_usual(&mut self, behaviour: Behaviour) {
        self.usual = behaviour;
    }

    /// Sets how machines of an image, or one instance, behave from now on; images made of it inherit it.
    pub fn set_behaviour(&mut self, image_or_instance: &str, behaviour: Behaviour) {
        self.behaviours
            .insert(image_or_instance.to_owned(), behaviour);
    }

    /// How an instance behaves, or would if it were launched from that image.
    pub fn behaviour(&self, instance: &str, image: &str) -> &Behaviour {
        self.behaviours
            .get(instance)
            .or_else(|| self.behaviours.get(image))
            .unwrap_or(&self.usual)
    }

    /// The image whose files are on a machine's root, whatever image it was launched from; empty without a root.
    pub fn runs(&self, instance: &str) -> Option<&str> {
        Some(self.machines.get(instance)?.image.as_str())
    }

    /// Begins to carry out what the model asked for.
    pub fn take(&mut self, effects: Vec<Effect>, now: Timestamp) {
        for effect in effects {
            self.take_one(effect, now);
        }
    }

    fn take_one(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Boot(boot) => self.boot(*boot, now),
            Effect::Start { instance } => self.start(&instance, now),
            Effect::Stop { instance } => self.stop(&instance, now),
            Effect::Reboot { instance } => self.reboot(&instance, now),
            Effect::Terminate { instance } => self.terminate(&instance, now),
            Effect::Freeze {
                image, instance, ..
            } => self.freeze(image, &instance, now),
            Effect::Root {
                instance,
                away,
                root,
                running,
            } => self.reroot(&instance, (away, root), running, now),
            Effect::Scrap { volume } => drop(self.put_away.remove(&volume)),
            Effect::Alias { image, of } => {
                if let Some(behaviour) = self.behaviours.get(&of).cloned() {
                    self.behaviours.insert(image, behaviour);
                }
            }
            Effect::Discard { image } => drop(self.behaviours.remove(&image)),
            Effect::Balance(balancer) => self.balance(&balancer, now),
            // Nothing runs on these machines that would look.
            Effect::Describe { .. } => {}
            Effect::Unbalance { arn } => self.probes.forget(&arn),
        }
    }

    /// The host key that a machine shows, as a line of `known_hosts` without the host.
    pub fn host_key_of(&self, instance: &str) -> Option<&str> {
        let machine = self.machines.get(instance)?;
        Some(&machine.host_key)
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Timestamp> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    /// Lets the next thing happen that is due by `now`; gives its time and the facts that come of it.
    pub fn happen(&mut self, now: Timestamp) -> Option<(Timestamp, Vec<Fact>)> {
        let entry = self
            .coming
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        let at = entry.key().0;
        let facts = match entry.remove() {
            Coming::Fact(fact) => vec![fact],
            Coming::Up {
                instance,
                boot,
                failure,
            } => self.come_up(&instance, (boot, failure), at),
            Coming::Check(key) => self.check(&key, at),
        };
        Some((at, facts))
    }

    fn enter(&mut self, at: Timestamp, coming: Coming) {
        self.entered += 1;
        self.coming.insert((at, self.entered), coming);
    }

    fn enter_fact(&mut self, after: SignedDuration, now: Timestamp, fact: Fact) {
        self.enter(later(now, after), Coming::Fact(fact));
    }

    /// A duration out of a spread.
    fn draw(&mut self, spread: Spread) -> SignedDuration {
        let width = spread.most.saturating_sub(spread.least).as_millis();
        let width = u64::try_from(width).unwrap_or_default();
        let drawn = if width == 0 {
            0
        } else {
            self.rng.next_u64() % (width + 1)
        };
        spread.least.saturating_add(SignedDuration::from_millis(
            i64::try_from(drawn).unwrap_or_default(),
        ))
    }
}

fn later(now: Timestamp, after: SignedDuration) -> Timestamp {
    now.checked_add(after).unwrap_or(Timestamp::MAX)
}
