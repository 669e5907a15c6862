//! The one task that owns the model: calls, facts and time come in, effects go out in the order in which they arose.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use crate::model::{Effect, Fact, Model};
use crate::wire::{self, HttpRequest, HttpResponse, Way};

use super::pace::Pacer;
use super::status::{self, Seen};
use super::trouble::Trouble;

/// What comes from outside and wants an answer.
#[derive(Debug)]
pub(super) enum Question {
    Call(HttpRequest, oneshot::Sender<HttpResponse>),
    /// A packet to the name server; nothing is answered to what is none.
    Name(Vec<u8>, Way, oneshot::Sender<Option<Vec<u8>>>),
    Look(oneshot::Sender<Seen>),
    Trouble(Trouble, oneshot::Sender<String>),
}

/// The channels of the task.
#[derive(Debug)]
pub(super) struct Pulse {
    pub questions: mpsc::Receiver<Question>,
    pub facts: mpsc::UnboundedReceiver<Fact>,
    pub effects: mpsc::UnboundedSender<Effect>,
    /// Becomes true when the first load balancer listens.
    pub balanced: watch::Sender<bool>,
    pub pacer: Pacer,
    pub now: fn() -> Timestamp,
}

impl Pulse {
    /// Runs until nobody asks any more.
    pub async fn run(mut self, mut model: Model) {
        loop {
            let due = model.next_due();
            let now = self.now;
            let effects = tokio::select! {
                question = self.questions.recv() => match question {
                    Some(question) => answer(&mut model, question, now()),
                    None => return,
                },
                Some(fact) = self.facts.recv() => match self.pacer.pass(fact, now()) {
                    Some(fact) => self.observe(&mut model, fact),
                    None => continue,
                },
                () = until(self.pacer.next(), now) => match self.pacer.take(now()) {
                    Some(fact) => self.observe(&mut model, fact),
                    None => continue,
                },
                () = until(due, now) => model.advance(now()),
            };
            for effect in effects {
                self.pacer.begin(&effect, now());
                tracing::debug!(?effect, "effect");
                if self.effects.send(effect).is_err() {
                    return;
                }
            }
        }
    }

    fn observe(&self, model: &mut Model, fact: Fact) -> Vec<Effect> {
        if !matches!(fact, Fact::Console { .. }) {
            tracing::debug!(?fact, "fact");
        }
        if let Fact::Balanced { .. } = fact {
            self.balanced.send_replace(true);
        }
        model.observe(fact, (self.now)())
    }
}

fn answer(model: &mut Model, question: Question, now: Timestamp) -> Vec<Effect> {
    match question {
        Question::Call(request, asker) => {
            let (response, effects) = wire::answer(model, &request, now);
            if asker.send(response).is_err() {
                tracing::debug!("the client went away before its answer");
            }
            effects
        }
        Question::Name(packet, way, asker) => {
            let answer = wire::name_server(model, &packet, way, now);
            if asker.send(answer).is_err() {
                tracing::debug!("nobody waits for the name any more");
            }
            Vec::new()
        }
        Question::Trouble(trouble, asker) => {
            let (said, effects) = trouble.cause(model, now);
            if asker.send(said).is_err() {
                tracing::debug!("nobody waits to hear of the trouble any more");
            }
            effects
        }
        Question::Look(asker) => {
            let (seen, effects) = status::look(model, now);
            if asker.send(seen).is_err() {
                tracing::debug!("nobody waits for the status any more");
            }
            effects
        }
    }
}

/// Waits for an instant; for ever when there is none.
async fn until(due: Option<Timestamp>, now: fn() -> Timestamp) {
    let Some(due) = due else {
        return std::future::pending().await;
    };
    // A due instant in the past must not wait; one is waited past, so that the model finds it due.
    let left = Duration::try_from(due.duration_since(now())).unwrap_or_default();
    sleep(left + Duration::from_millis(1)).await;
}
