//! The invariants of DESIGN.md section 8, looked at after every write, fact and step of time.
//!
//! What somebody else does to the service is no fault of kiln's: whoever plays that part tells the watchman, and the floor
//! is lower for as long as what was harmed takes to come back. I5 is looked at when a run has ended (`left_over`), and that
//! a journal that is replayed does nothing again (the second half of I8) by who replays it.

mod floor;
mod journal;
mod owned;
mod paged;
mod pools;
mod previous;
mod scene;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use localcloud::model::Model;
use localcloud::physics::World;

use super::journals::Journals;
use crate::simulation::cloud::Cloud;
use floor::Floor;
pub use journal::suspended;
pub use owned::DATA;
use owned::Others;
pub use paged::ALARM;
use paged::Paged;
use pools::Pools;
use previous::Previous;
use scene::Scene;
pub use scene::{AGAIN, images, in_office, office, production};

/// How long a write may take behind the look that it goes by.
const MOMENT: SignedDuration = SignedDuration::from_secs(30);

/// How often each invariant was looked at, I1 first.
pub type Counts = [u64; 8];

/// What is wrong, if anything; the first finding alone, since others follow from it.
#[derive(Clone)]
pub struct Watchman(Arc<Mutex<Watch>>);

struct Watch {
    found: Option<String>,
    counts: Counts,
    journals: Journals,
    floor: Floor,
    /// The group that must stay whole until another is proven; nothing while a rollback is under way.
    previous: Option<Previous>,
    /// What production rules did when nobody of kiln's had written them yet; nothing while a rollback may write.
    written: Option<Vec<Vec<(String, u32)>>>,
    others: Others,
    pools: Pools,
    paged: Paged,
    held: journal::Held,
    rest: journal::Rest,
    /// Somebody else is writing at this moment.
    away: bool,
    /// When somebody else has led traffic elsewhere last.
    elsewhere: Option<Timestamp>,
    /// Whether the previous group is to stay untouched too: strategies that work in place change it under a lease.
    beside: bool,
}

impl Watchman {
    #[track_caller]
    pub fn content(&self, about: &str) {
        let found = self.finding();
        assert!(found.is_none(), "{about}: {}", found.unwrap_or_default());
    }

    pub fn finding(&self) -> Option<String> {
        self.0.lock().unwrap().found.clone()
    }

    /// Notes what somebody else found wrong.
    pub fn report(&self, invariant: usize, broken: Option<String>) {
        let mut watch = self.0.lock().unwrap();
        watch.counts[invariant - 1] += 1;
        if watch.found.is_none() {
            watch.found = broken.map(|text| format!("I{invariant}: {text}"));
        }
    }

    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap().counts
    }

    /// A roll begins, whose previous group is to stay as it is.
    pub fn forward(&self, model: &Model) {
        let scene = Scene::of(model);
        let mut watch = self.0.lock().unwrap();
        let old = watch.previous.take();
        watch.previous = match old {
            // A dead roll's previous group stays the one that there is to go back to.
            Some(old) if old.is_there(&scene) && !old.is_over(&scene) => Some(old),
            _ => Previous::of(&scene, watch.floor.need()),
        };
        watch.written = Some(scene.written());
    }

    /// What a roll that is over and did not go through still holds of its previous group.
    pub fn kept_back(&self, model: &Model) -> Option<String> {
        let watch = self.0.lock().unwrap();
        let previous = watch.previous.as_ref()?;
        previous.is_given_back(&Scene::of(model)).err()
    }

    /// A roll says that it is done.
    pub fn done(&self, model: &Model, now: Timestamp) {
        let scene = Scene::of(model);
        let (serves, inherits) = {
            let watch = self.0.lock().unwrap();
            let previous = watch.previous.as_ref();
            let inherits = previous.map_or(Ok(()), |previous| previous.is_inherited(&scene));
            (watch.floor.serves(&scene, now), inherits)
        };
        self.report(2, serves.err());
        self.report(5, inherits.err());
        let mut watch = self.0.lock().unwrap();
        if !watch.beside {
            // The group stays, and what it is now is what the next roll finds.
            watch.previous = None;
        }
    }

    /// From now on every roll works beside the previous group, which stays untouched.
    pub fn beside(&self) {
        self.0.lock().unwrap().beside = true;
    }

    /// Rolls replace machines in place, so many of them at a time.
    pub fn in_place(&self, machines: u32) {
        let machines = usize::try_from(machines).unwrap_or_default();
        self.0.lock().unwrap().floor.ahead(machines);
    }

    /// A rollback begins, whose one write is its point of no return.
    pub fn back(&self) {
        let mut watch = self.0.lock().unwrap();
        watch.previous = None;
        watch.written = None;
    }

    /// Somebody else has harmed a machine; for good, or until it is replaced.
    pub fn harmed(&self, model: &Model, instance: &str, lasting: bool) {
        self.0
            .lock()
            .unwrap()
            .floor
            .harmed(&Scene::of(model), instance, lasting);
    }

    /// Whether somebody else has harmed a machine that is not made up for.
    pub fn has_harmed(&self) -> bool {
        self.0.lock().unwrap().floor.excused(|_| true) > 0
    }

    /// Whether somebody else has harmed as many machines as there must be.
    pub fn all_harmed(&self) -> bool {
        let watch = self.0.lock().unwrap();
        watch.floor.excused(|_| true) >= watch.floor.need().max(1)
    }

    /// Somebody else has taken capacity: the next launches may go to other zones. A refresh ends what it replaces wherever that
    /// stands, and nobody can tell it where.
    pub fn scarce(&self) {
        let mut watch = self.0.lock().unwrap();
        if !watch.beside {
            watch.floor.spread_no_more();
        }
    }

    /// Machines of the group are replaced by those of its warm pool, which stand where that has them.
    pub fn pooled(&self) {
        self.0.lock().unwrap().floor.spread_no_more();
    }

    /// Machines of an image are sick by themselves; where it `dies`, after a while.
    pub fn spoilt(&self, image: &str, dies: bool) {
        self.0.lock().unwrap().floor.spoilt(image, dies);
    }

    /// Somebody else writes groups or rules: what holds afterwards is what was found.
    pub fn elsewhere(&self, cloud: &Cloud, write: impl FnOnce()) {
        let led = Scene::of(&cloud.world().model).written();
        self.0.lock().unwrap().away = true;
        write();
        self.found_again(&cloud.world().model, &led);
    }

    /// As [`Self::elsewhere`], right before a call of kiln's.
    pub fn ahead(&self, world: &mut World, write: impl FnOnce(&mut World)) {
        let led = Scene::of(&world.model).written();
        self.0.lock().unwrap().away = true;
        write(world);
        self.found_again(&world.model, &led);
    }

    /// A process that has `looked` at what leads traffic writes to it now. Between a look and the write there is always a moment,
    /// as long as the SDK's other tries take.
    pub fn writes_over(&self, looked: Option<Timestamp>) {
        let elsewhere = self.0.lock().unwrap().elsewhere;
        let unseen = |led: &Timestamp| looked.is_none_or(|looked| looked + MOMENT < *led);
        let text = elsewhere.filter(unseen).map(|led| {
            format!("traffic that somebody else has led elsewhere at {led} is led by one who has not looked since {looked:?}")
        });
        self.report(7, text);
    }

    fn found_again(&self, model: &Model, led: &[Vec<(String, u32)>]) {
        let scene = Scene::of(model);
        let mut watch = self.0.lock().unwrap();
        watch.away = false;
        if scene.written() != led {
            watch.elsewhere = Some(model.view_now());
        }
        watch.floor.rewritten(&scene);
        if let Some(previous) = watch.previous.take() {
            watch.previous = previous.rewritten(&scene, &watch.floor);
        }
        if let Some(written) = &mut watch.written {
            written.extend(scene.written());
        }
        watch.others.also(model, &scene);
        watch.pools = Pools::of(&scene);
        watch.rest = journal::at_rest(&scene);
    }
}

/// Begins to watch; `forward` asks for the group that serves to stay whole until another is proven.
pub fn watch(cloud: &Cloud, journals: &Journals, forward: bool) -> Watchman {
    let mut world = cloud.world();
    let scene = Scene::of(&world.model);
    let floor = Floor::of(&scene);
    let previous = Previous::of(&scene, floor.need()).filter(|_| forward);
    let watchman = Watchman(Arc::new(Mutex::new(Watch {
        found: None,
        counts: Counts::default(),
        journals: journals.clone(),
        previous,
        written: forward.then(|| scene.written()),
        others: Others::of(&world.model),
        pools: Pools::of(&scene),
        paged: Paged::default(),
        held: journal::Held::default(),
        rest: journal::at_rest(&scene),
        away: false,
        elsewhere: None,
        beside: false,
        floor,
    })));
    let watch = Arc::clone(&watchman.0);
    world.watch(move |model, now| {
        let mut watch = watch.lock().unwrap();
        if !watch.away
            && watch.found.is_none()
            && let Err(broken) = watch.check(model, now)
        {
            watch.found = Some(format!("at {now}: {broken}"));
        }
    });
    watchman
}

impl Watch {
    fn check(&mut self, model: &Model, now: Timestamp) -> Result<(), String> {
        let scene = Scene::of(model);
        for at in [0, 1, 2, 3, 5, 7] {
            self.counts[at] += 1;
        }
        self.floor.check(&scene, now)?;
        if let Some(previous) = &self.previous {
            previous.check(&scene, &self.floor)?;
            if self.beside {
                previous.is_untouched(&scene)?;
            }
        }
        journal::is_at_rest(&scene, &self.rest)?;
        journal::comes_first(&scene, &self.journals, &mut self.held)?;
        if let Some(written) = &self.written {
            journal::traffic_was_announced(&scene, written, &self.journals)?;
        }
        self.others.check(model, &scene, now)?;
        self.pools.check(&scene)?;
        self.paged.check(&scene, self.previous.is_some(), now)?;
        owned::once(&scene)
    }
}
