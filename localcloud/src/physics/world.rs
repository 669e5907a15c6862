//! The model and the physics together, driven by whoever calls: nothing happens between two calls but what was due.

use super::Physics;
use crate::{
    model::{Answer, Config, Model, Request},
    wire::{self, HttpRequest, HttpResponse},
};
use jiff::{SignedDuration, Timestamp};

/// What looks at the cloud after every change.
pub type Checker = Box<dyn FnMut(&Model, Timestamp) + Send>;

/// A whole cloud in virtual time.
pub struct World {
    pub model: Model,
    pub physics: Physics,
    now: Timestamp,
    checkers: Vec<Checker>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl World {
    /// Opens an account; its seed is the physics' seed too.
    pub fn new(config: Config) -> Self {
        let (seed, now) = (config.seed, config.opened);
        Self {
            model: Model::new(config),
            physics: Physics::new(seed),
            now,
            checkers: Vec::new(),
        }
    }

    /// Has something look at the model after every call that may change it, every fact and step of time, with the time of
    /// each.
    pub fn watch(&mut self, checker: impl FnMut(&Model, Timestamp) + Send + 'static) {
        self.checkers.push(Box::new(checker));
    }

    /// The time up to which everything has happened.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When something happens next by itself.
    pub fn next(&self) -> Option<Timestamp> {
        [self.model.next_due(), self.physics.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets everything happen up to `to`, each at its own time. A time in the past changes nothing.
    pub fn advance_to(&mut self, to: Timestamp) {
        while let Some(at) = self.next().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            // What the model has due comes before what the world does at the same instant.
            if self.model.next_due().is_some_and(|due| due <= at) {
                let effects = self.model.advance(self.now);
                self.physics.take(effects, self.now);
            } else if let Some((_, facts)) = self.physics.happen(self.now) {
                if facts.is_empty() {
                    // A health check that said nothing new: the model has not heard of it.
                    continue;
                }
                for fact in facts {
                    let effects = self.model.observe(fact, self.now);
                    self.physics.take(effects, self.now);
                }
            }
            self.check();
        }
        self.now = self.now.max(to);
    }

    /// Answers one call at a time that is not before the last one.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        self.advance_to(now);
        let mut answer = self.model.call(request, self.now);
        self.physics
            .take(std::mem::take(&mut answer.effects), self.now);
        self.check();
        answer
    }

    /// Takes a spot instance back; see [`Model::interrupt`].
    pub fn interrupt(&mut self, instance: &str, after: SignedDuration, now: Timestamp) -> bool {
        self.advance_to(now);
        let (known, effects) = self.model.interrupt(instance, after, self.now);
        self.physics.take(effects, self.now);
        self.check();
        known
    }

    /// Answers one HTTP request of an AWS client.
    pub fn answer(&mut self, http: &HttpRequest, now: Timestamp) -> HttpResponse {
        self.advance_to(now);
        let (response, effects) = wire::answer(&mut self.model, http, self.now);
        self.physics.take(effects, self.now);
        if !is_read(http) {
            self.check();
        }
        response
    }

    fn check(&mut self) {
        for checker in &mut self.checkers {
            checker(&self.model, self.now);
        }
    }
}

/// Most calls are reads, and most of what a check costs is copies of what is there.
fn is_read(http: &HttpRequest) -> bool {
    http.method == "GET" || http.body.starts_with(b"Action=Describe")
}
