//! Machines: booting, running, stopped, gone, and what a health check meets on them.

use super::{Coming, Physics, RootFailure, Service, later};
use crate::model::{Boot, Fact, Root, Verdict};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use rand_chacha::rand_core::RngCore;

#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// Of its root; empty without one.
    pub(super) image: String,
    hostname: String,
    /// Counts starts, so that what an earlier start had coming does not count.
    boot: u64,
    /// When its service answers, while it runs.
    serves_from: Option<Timestamp>,
    /// Its host key, the same for every start.
    pub(super) host_key: String,
}

impl Physics {
    pub(super) fn boot(&mut self, boot: Boot, now: Timestamp) {
        let host_key = self.host_key();
        let machine = Machine {
            image: boot.image,
            hostname: boot.hostname,
            boot: 0,
            serves_from: None,
            host_key,
        };
        self.machines.insert(boot.instance.clone(), machine);
        self.start(&boot.instance, now);
    }

    /// Brings a machine up, or finds that it cannot be.
    pub(super) fn start(&mut self, instance: &str, now: Timestamp) {
        let Some(machine) = self.machines.get_mut(instance) else {
            return;
        };
        machine.boot += 1;
        let (boot, image) = (machine.boot, machine.image.clone());
        let behaviour = self.behaviour(instance, &image).clone();
        let after = self.draw(behaviour.boot);
        let failure = if image.is_empty() {
            Some("it has no root volume".to_owned())
        } else {
            behaviour.boot_failure
        };
        let instance = instance.to_owned();
        self.enter(
            later(now, after),
            Coming::Up {
                instance,
                boot,
                failure,
            },
        );
    }

    /// A machine's init runs: its service starts, and its console fills. Or it does not, for a reason.
    pub(super) fn come_up(
        &mut self,
        instance: &str,
        (boot, failure): (u64, Option<String>),
        at: Timestamp,
    ) -> Vec<Fact> {
        let Some(machine) = self
            .machines
            .get(instance)
            .filter(|machine| machine.boot == boot)
        else {
            return Vec::new();
        };
        if let Some(reason) = failure {
            let instance = instance.to_owned();
            return vec![Fact::BootFailed { instance, reason }];
        }
        let text = console(machine);
        let behaviour = self.behaviour(instance, &machine.image).clone();
        let (start, console) = (self.draw(behaviour.start), self.draw(behaviour.console));
        if let Some(machine) = self.machines.get_mut(instance) {
            machine.serves_from = Some(later(at, start));
        }
        let text = text + &behaviour.console_tail;
        self.enter_fact(
            console,
            at,
            Fact::Console {
                instance: instance.to_owned(),
                text,
            },
        );
        vec![Fact::Running {
            instance: instance.to_owned(),
        }]
    }

    pub(super) fn stop(&mut self, instance: &str, now: Timestamp) {
        if self.take_down(instance) {
            let image = &self.machines[instance].image;
            let after = self.draw(self.behaviour(instance, image).stop);
            self.enter_fact(
                after,
                now,
                Fact::Stopped {
                    instance: instance.to_owned(),
                    asked: true,
                },
            );
        }
    }

    /// A reboot is not seen from outside, but the service is away for a while.
    pub(super) fn reboot(&mut self, instance: &str, now: Timestamp) {
        let Some(machine) = self.machines.get(instance) else {
            return;
        };
        let behaviour = self.behaviour(instance, &machine.image).clone();
        let away = self
            .draw(behaviour.boot)
            .saturating_add(self.draw(behaviour.start));
        if let Some(machine) = self
            .machines
            .get_mut(instance)
            .filter(|machine| machine.serves_from.is_some())
        {
            machine.serves_from = Some(later(now, away));
        }
    }

    pub(super) fn terminate(&mut self, instance: &str, now: Timestamp) {
        let spread = match self.machines.remove(instance) {
            Some(machine) => self.behaviour(instance, &machine.image).stop,
            None => self.usual.stop,
        };
        let after = self.draw(spread);
        self.enter_fact(
            after,
            now,
            Fact::Gone {
                instance: instance.to_owned(),
            },
        );
    }

    /// Ends a machine that nobody asked to end: a crash, a kernel panic, `shutdown` inside.
    pub fn crash(&mut self, instance: &str, now: Timestamp) {
        if self.take_down(instance) {
            self.enter(
                now,
                Coming::Fact(Fact::Stopped {
                    instance: instance.to_owned(),
                    asked: false,
                }),
            );
        }
    }

    /// Gives a machine another root; one that runs is shut down for it and started again.
    pub(super) fn reroot(
        &mut self,
        instance: &str,
        (away, root): (Option<String>, Option<Root>),
        running: bool,
        now: Timestamp,
    ) {
        let Some(had) = self.machines.get(instance).map(|one| one.image.clone()) else {
            return;
        };
        let image = match &root {
            Some(Root::Fresh { image }) => image.clone(),
            Some(Root::Kept { volume }) => self.put_away.get(volume).cloned().unwrap_or_default(),
            None => String::new(),
        };
        let failure = self.behaviour(instance, &image).root_failure.clone();
        let failure = failure.filter(|_| running);
        let after = self.draw(self.behaviour(instance, &had).stop);
        let stays = failure.as_ref().is_some_and(|failure| !failure.detached);
        if let Some(Root::Kept { volume }) = root.filter(|_| failure.is_none()) {
            self.put_away.remove(&volume);
        }
        if let Some(volume) = away.filter(|_| !stays) {
            self.put_away.insert(volume, had.clone());
        }
        let has = match &failure {
            None => image,
            Some(failure) if failure.detached => String::new(),
            Some(_) => had,
        };
        let fact = match failure {
            None => Fact::Rooted {
                instance: instance.to_owned(),
            },
            Some(RootFailure { reason, detached }) => Fact::RootFailed {
                instance: instance.to_owned(),
                reason,
                detached,
            },
        };
        if let Some(machine) = self.machines.get_mut(instance) {
            machine.image = has;
        }
        if running {
            self.take_down(instance);
            self.enter_fact(after, now, fact);
            self.start(instance, later(now, after));
        }
    }

    fn take_down(&mut self, instance: &str) -> bool {
        let machine = self.machines.get_mut(instance);
        machine
            .map(|machine| {
                machine.boot += 1;
                machine.serves_from = None;
            })
            .is_some()
    }

    /// Makes a machine's disk an image, which then behaves as the machine's own image does.
    pub(super) fn freeze(&mut self, image: String, instance: &str, now: Timestamp) {
        let of = self
            .machines
            .get(instance)
            .map(|machine| machine.image.clone())
            .unwrap_or_default();
        let behaviour = self.behaviour(instance, &of).clone();
        let after = self.draw(behaviour.freeze);
        if let Some(reason) = behaviour.freeze_failure {
            return self.enter_fact(after, now, Fact::FreezeFailed { image, reason });
        }
        if let Some(own) = self
            .behaviours
            .get(instance)
            .or_else(|| self.behaviours.get(&of))
            .cloned()
        {
            self.behaviours.entry(image.clone()).or_insert(own);
        }
        self.enter_fact(after, now, Fact::Frozen { image });
    }

    /// What one health check meets on a machine.
    pub(super) fn meet(&self, instance: &str, at: Timestamp) -> Verdict {
        let machine = self.machines.get(instance);
        let up = machine
            .and_then(|machine| Some((machine, machine.serves_from.filter(|from| *from <= at)?)));
        let Some((machine, from)) = up else {
            return Verdict::Failed;
        };
        let served = at.duration_since(from);
        match self.behaviour(instance, &machine.image).service {
            Service::Healthy => Verdict::Healthy,
            Service::WrongStatus(status) => Verdict::WrongStatus(status),
            Service::Hangs => Verdict::Timeout,
            Service::Flaps(period) if is_even_turn(served, period) => Verdict::Healthy,
            Service::Flaps(_) => Verdict::WrongStatus(503),
            Service::DiesAfter(life) if served < life => Verdict::Healthy,
            Service::Absent | Service::DiesAfter(_) => Verdict::Failed,
        }
    }

    /// An OpenSSH public key line of an ed25519 key that nobody holds.
    fn host_key(&mut self) -> String {
        let mut blob = Vec::from(*b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20");
        let mut key = [0; 32];
        self.rng.fill_bytes(&mut key);
        blob.extend(key);
        format!("ssh-ed25519 {}", STANDARD.encode(blob))
    }
}

fn is_even_turn(served: SignedDuration, period: SignedDuration) -> bool {
    (served.as_millis() / period.as_millis().max(1)) % 2 == 0
}

/// What cloud-init leaves on the console.
fn console(machine: &Machine) -> String {
    let (key, name) = (&machine.host_key, &machine.hostname);
    format!(
        "cloud-init: Cloud-init v. 22.4.2 running 'modules:final'\r\n\
         -----BEGIN SSH HOST KEY KEYS-----\r\n{key} root@{name}\r\n-----END SSH HOST KEY KEYS-----\r\n\
         cloud-init: Cloud-init v. 22.4.2 finished\r\n"
    )
}
