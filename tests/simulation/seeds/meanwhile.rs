//! What others do in the middle of a roll, and the stop that somebody asks for.

use std::time::Duration;

use fastrand::Rng;
use kiln::roll::Verdict;
use kiln::run::Urgency;

use super::life::Life;
use super::outside::{self, Event};
use crate::simulation::roll::V3;

impl Life {
    pub async fn meanwhile(&self, others: u32, stop: Option<u64>, rng: &mut Rng) {
        let mut at: Vec<(u64, Option<Event>)> = (0..others)
            .map(|_| (rng.u64(0..150), Some(Event::draw(rng))))
            .collect();
        at.extend(stop.map(|second| (second, None)));
        at.sort_by_key(|(second, _)| *second);
        let mut now = 0;
        for (second, event) in at {
            tokio::time::sleep(Duration::from_secs(second - now)).await;
            now = second;
            match event {
                None => {
                    self.say("stop");
                    self.count("stops");
                    self.bench.stop.request(Urgency::Ask);
                }
                Some(event @ (Event::SecondRoll | Event::SecondRollback)) => {
                    self.count(event.name());
                    self.second(event).await;
                }
                Some(event) => {
                    if let Some(text) = outside::happen(event, &self.bench, &self.watchman, rng) {
                        self.count(event.name());
                        self.say(format!("{}: {text}", event.name()));
                    }
                }
            }
        }
    }

    /// Somebody impatient.
    async fn second(&self, event: Event) {
        let verdict = match event {
            Event::SecondRoll => self.bench.roll(V3).await.verdict,
            _ => match self.bench.rollback_leased(None).await {
                Some(back) => back.verdict,
                None => Verdict::Busy,
            },
        };
        self.say(format!("{}: {verdict:?}", event.name()));
    }
}
