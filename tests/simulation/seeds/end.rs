//! The end of a roll that is done, and the end of a life: the storm is over, what was begun is ended, and the last image goes
//! into service.

use std::collections::BTreeMap;

use fastrand::Rng;
use kiln::cloud::tag;
use kiln::roll::{Ended, Verdict, clear_hold};
use kiln::template::service::Strategy;

use super::around::{of_others, taken_away};
use super::ground::LAST;
use super::life::Life;
use crate::simulation::roll::{DATA, production};

/// One in so many of those whose latest roll came to its end, so that what it leaves was looked at, is asked for one more roll: it
/// costs as much as all that was before.
const ASKED: u32 = 4;
/// Tells the draw of them apart from all others.
const END: u64 = 0x5eed_e5e6;

impl Life {
    /// A roll that is done has put its image in service, and no other of kiln's is.
    pub fn serves(&self, image: &str, before: &BTreeMap<String, usize>) -> Result<(), String> {
        let mut now = self.bench.serving();
        let others = of_others(&self.bench);
        now.retain(|one, _| one == image || !others.contains(one));
        // Machines that die by themselves may do so right behind the checks: how lately they were well is looked at by I2.
        let is_led = !production(&self.bench.cloud.world().model).is_empty();
        let may_be_dead = self.mortal == Some(image) && is_led && now.is_empty();
        // Its only machine may have been taken away behind the last look.
        let may_be_gone = now.is_empty() && self.watchman.all_harmed();
        if now.keys().ne([image]) && !may_be_dead && !may_be_gone && !self.trouble() {
            return Err(format!("done, and {now:?} serve instead of {before:?}"));
        }
        Ok(())
    }

    /// The machine that stays where nothing but its root is replaced.
    pub fn machine(&self) -> Option<String> {
        if !matches!(self.bench.service.strategy, Strategy::ReplaceRoot(_)) {
            return None;
        }
        let groups = self.bench.cloud.world().model.view_groups();
        // That of a first roll that died is not proven, and goes.
        let proven = groups.into_iter().filter(|group| {
            let state = group.tags.get(tag::STATE);
            state.is_none_or(|state| state != tag::NEXT)
        });
        let mut members = proven.flat_map(|group| group.members);
        members.next().map(|one| one.instance)
    }

    /// A roll that is done has left the machine, with its data, where it was.
    pub fn stayed(&self, before: Option<&String>) -> Result<(), String> {
        if before.is_none() || self.watchman.has_harmed() {
            return Ok(());
        }
        let volumes = self.bench.cloud.world().model.view_volumes().into_iter();
        let data = volumes.filter(|volume| volume.tags.contains_key(DATA));
        let mut held = data.map(|volume| volume.instance);
        let now = self.machine();
        let text =
            (now.as_ref() != before).then(|| format!("{now:?} serves, and no more {before:?}"));
        let lost = || {
            let lost = held.find(|by| by.as_ref() != before)?;
            Some(format!("the data of {before:?} is on {lost:?}"))
        };
        self.watchman.report(3, text.or_else(lost));
        self.finding()
    }

    pub async fn end(&mut self, seed: u64) -> Result<(), String> {
        self.say("calm");
        self.amid(self.bench.pass(600)).await;
        self.finding()?;
        if self.looked_at && Rng::with_seed(seed ^ END).u32(0..ASKED) > 0 {
            return Ok(());
        }
        self.count("last rolls");
        self.going.calm(&self.bench);
        self.going.begin();
        self.watchman.forward(&self.bench.cloud.world().model);
        if let Err(error) = clear_hold(&self.bench.client, "web").await {
            self.say(format!("no hold is cleared: {error}"));
        }
        let mut ended = self.last().await;
        if ended.verdict == Verdict::Frozen {
            // It has done what a rollback left that died behind its write, which sets a hold.
            drop(clear_hold(&self.bench.client, "web").await);
            ended = self.last().await;
        }
        if !ended.refused.is_empty() || ended.verdict == Verdict::CleanUpDue {
            self.without_again(&ended).await?;
            ended = self.last().await;
        }
        self.finding()?;
        self.ended(&ended)?;
        if !matches!(ended.verdict, Verdict::Done | Verdict::NothingToDo) {
            return Err(format!(
                "the last roll ended as {:?}{}",
                ended.verdict,
                why(&ended)
            ));
        }
        let serving = self.bench.serving();
        if serving.keys().ne([LAST]) {
            return Err(format!("after the last roll {serving:?} serve"));
        }
        Ok(())
    }

    async fn last(&self) -> Ended {
        self.say(format!("roll {LAST}"));
        let ended = self.amid(self.bench.roll(LAST)).await;
        self.say(format!("{:?}{}", ended.verdict, why(&ended)));
        ended
    }

    /// A group that others have made again may keep a roll off, which names it, or start from a version that is to go: they
    /// take it away.
    async fn without_again(&self, ended: &Ended) -> Result<(), String> {
        let away = taken_away(&self.bench, &self.watchman);
        let why = why(ended);
        let is_named = away.iter().any(|name| why.contains(name.as_str()));
        if away.is_empty() || !ended.refused.is_empty() && !is_named {
            return Err(format!("the last roll ended as {:?}{why}", ended.verdict));
        }
        self.say(format!("{away:?} are taken away"));
        self.amid(self.bench.pass(600)).await;
        self.finding()
    }
}

pub fn why(ended: &Ended) -> String {
    let mut text = String::new();
    if let Some(failure) = &ended.failure {
        text = format!(": {failure}: {}", failure.cause);
    }
    for refusal in &ended.refused {
        text = format!(
            "{text}: {} {}",
            refusal.finding.code, refusal.finding.message
        );
    }
    for left in &ended.left {
        text = format!("{text}; left {}: {}", left.undo, left.reason);
    }
    for loose in &ended.loose {
        text = format!("{text}; {loose}");
    }
    text
}
