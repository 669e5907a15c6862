//! Machines as the model must see them: one at a time in each state, answering late and in any order between them.

use super::Cloud;
use localcloud::model::{Boot, Effect, Fact, Root};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug, Default)]
struct Machine {
    up: bool,
    address: String,
    /// What it has still to say, in order.
    to_say: VecDeque<Fact>,
}

/// A world that checks what is asked of it against what a real one could do.
pub struct Machines {
    known: BTreeMap<String, Machine>,
    layers: BTreeSet<String>,
    /// Volumes whose files are on no machine.
    put_away: BTreeSet<String>,
}

impl Machines {
    pub fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            layers: BTreeSet::from([super::DEBIAN.to_owned()]),
            put_away: BTreeSet::new(),
        }
    }

    /// Carries out what was asked since last time.
    pub fn carry_out(&mut self, cloud: &mut Cloud) {
        for effect in cloud.asked() {
            self.one(effect);
        }
    }

    fn one(&mut self, effect: Effect) {
        match effect {
            Effect::Boot(boot) => self.boot(*boot),
            Effect::Start { instance } => {
                let machine = self.machine(&instance);
                assert!(!machine.up, "{instance} is up and was to be started");
                machine.up = true;
                machine.to_say.push_back(Fact::Running { instance });
            }
            Effect::Stop { instance } => {
                let machine = self.machine(&instance);
                let says_so = machine
                    .to_say
                    .iter()
                    .any(|fact| matches!(fact, Fact::Stopped { .. }));
                if machine.up || !says_so {
                    machine.to_say.push_back(Fact::Stopped {
                        instance,
                        asked: true,
                    });
                }
                machine.up = false;
            }
            Effect::Terminate { instance } => {
                let machine = self.machine(&instance);
                let freezing = machine
                    .to_say
                    .iter()
                    .any(|fact| matches!(fact, Fact::Frozen { .. }));
                assert!(!freezing, "{instance} was to go while its files were taken");
                machine.to_say.push_back(Fact::Gone { instance });
            }
            Effect::Freeze {
                image,
                instance,
                running,
            } => {
                let machine = self.machine(&instance);
                assert!(
                    running || !machine.up,
                    "{instance} is up and its files were to be renamed"
                );
                machine.to_say.push_back(Fact::Frozen { image });
            }
            // It may have shut itself down, which the model has not heard of yet.
            Effect::Reboot { instance } => {
                let machine = self.machine(&instance);
                assert!(
                    machine.up || !machine.to_say.is_empty(),
                    "{instance} is down and was to reboot"
                );
            }
            Effect::Root {
                instance,
                away,
                root,
                running,
            } => self.reroot(instance, away, root, running),
            Effect::Scrap { volume } => {
                assert!(self.put_away.remove(&volume), "{volume} had no files");
            }
            Effect::Alias { image, of } => {
                assert!(self.layers.contains(&of), "{of} has no layer");
                self.layers.insert(image);
            }
            Effect::Discard { image } => {
                assert!(self.layers.remove(&image), "{image} had no layer");
            }
            Effect::Describe { .. } | Effect::Balance(_) | Effect::Unbalance { .. } => {}
        }
    }

    fn boot(&mut self, boot: Boot) {
        let address = boot.address.to_string();
        assert!(
            self.known
                .values()
                .all(|machine| machine.address != address),
            "{address} is taken"
        );
        assert!(
            self.layers.contains(&boot.image),
            "{} has no layer",
            boot.image
        );
        let to_say = VecDeque::from([Fact::Running {
            instance: boot.instance.clone(),
        }]);
        let known = self.known.insert(
            boot.instance,
            Machine {
                up: true,
                address,
                to_say,
            },
        );
        assert!(known.is_none(), "booted twice");
    }

    fn reroot(
        &mut self,
        instance: String,
        away: Option<String>,
        root: Option<Root>,
        running: bool,
    ) {
        match root {
            Some(Root::Fresh { image }) => {
                assert!(self.layers.contains(&image), "{image} has no layer");
            }
            Some(Root::Kept { volume }) => {
                assert!(self.put_away.remove(&volume), "{volume} has no files");
            }
            None => {}
        }
        if let Some(volume) = away {
            assert!(self.put_away.insert(volume.clone()), "{volume} goes twice");
        }
        let machine = self.machine(&instance);
        assert!(
            running || !machine.up,
            "{instance} is up and its root was to be moved"
        );
        if running {
            let restarted = instance.clone();
            machine.to_say.push_back(Fact::Rooted { instance });
            machine.to_say.push_back(Fact::Running {
                instance: restarted,
            });
        }
    }

    fn machine(&mut self, instance: &str) -> &mut Machine {
        self.known
            .get_mut(instance)
            .unwrap_or_else(|| panic!("{instance} is gone and something was asked of it"))
    }

    /// Lets one machine say what it has to say next; false when none has anything.
    pub fn say(&mut self, cloud: &mut Cloud, pick: usize) -> bool {
        let mut speakers: Vec<_> = self
            .known
            .iter_mut()
            .filter(|(_, machine)| !machine.to_say.is_empty())
            .collect();
        if speakers.is_empty() {
            return false;
        }
        let index = pick % speakers.len();
        let (id, machine) = &mut speakers[index];
        let id = (*id).clone();
        let Some(fact) = machine.to_say.pop_front() else {
            return false;
        };
        match &fact {
            Fact::Gone { .. } => {
                self.known.remove(&id);
            }
            Fact::Frozen { image } => {
                self.layers.insert(image.clone());
            }
            _ => {}
        }
        cloud.see(fact);
        self.carry_out(cloud);
        true
    }

    /// Shuts a machine down from inside.
    pub fn shut_down(&mut self, pick: usize) {
        let up = self
            .known
            .iter_mut()
            .filter(|(_, machine)| machine.up && machine.to_say.is_empty());
        let mut up: Vec<_> = up.collect();
        if up.is_empty() {
            return;
        }
        let index = pick % up.len();
        let (id, machine) = &mut up[index];
        machine.up = false;
        let fact = Fact::Stopped {
            instance: (*id).clone(),
            asked: false,
        };
        machine.to_say.push_back(fact);
    }

    /// What is left: machines, layers beside that of the source image, and files of volumes that are on no machine.
    pub fn left(&self) -> (usize, usize) {
        (
            self.known.len(),
            self.layers.len() - 1 + self.put_away.len(),
        )
    }
}
