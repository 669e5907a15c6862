//! Which temporary changes of a service are in force, whose they are, and which have run out. Pure.

mod office;

use jiff::{SignedDuration, Timestamp};

use super::scene::Scene;
use super::temporary::{
    BACK, Cure, HALF_MADE, KEPT, Known, LOW_ALARM, Owner, PROBE, State, TEST, Temporary, WATCH,
};
use crate::cloud::{Group, RulePlace, StartsFrom, VersionRef, tag};
use crate::roll::mark::Mark;
use crate::roll::names;
use crate::roll::regrow::HELD;
use crate::roll::takeback::undos;
use crate::run::RunId;
use crate::undo::Purpose;
use crate::undo::held::Held;
use crate::undo::lease::{Lease, Leased};
use crate::undo::refresh::rolled;
use crate::undo::root::rerooted;
use crate::undo::serving::Leading;
use crate::undo::tested::Tested;

/// Why a change of a run is over whose group serves, or served.
const THROUGH: &str = "its roll has gone through";
/// How long a half-made group without a mark of its own is taken for one of a run that lives (`plan::EXPIRY`).
const UNMARKED: SignedDuration = SignedDuration::from_hours(24);

/// Everything temporary of the service; half-made groups first, as they are taken back.
pub(in crate::roll) fn find(scene: &Scene, known: &Known, now: Timestamp) -> Vec<Temporary> {
    let mut look = Look {
        scene,
        known,
        now,
        half_made: Vec::new(),
    };
    let mut found: Vec<Temporary> = Vec::new();
    for group in scene.half_made() {
        let one = look.half_made(group);
        look.half_made.extend(one.run.map(|run| (run, one.clone())));
        found.push(one);
    }
    for group in &scene.groups {
        found.extend(
            Leased::ALL
                .iter()
                .filter_map(|what| look.lease(group, *what)),
        );
        found.extend(look.back(group));
        found.extend(look.scratch(group));
        found.extend(look.out_of_office(group));
        found.extend(look.draining(group));
    }
    found.extend(scene.stray_alarms.iter().map(|name| look.alarm(name)));
    let tested = scene.tested().into_iter();
    found.extend(tested.map(|(lease, tested)| look.tested(&lease, tested)));
    for purpose in [Purpose::Probe, Purpose::Watch] {
        let rules = purpose.tag().into_iter().flat_map(|tag| scene.rules(tag));
        found.extend(rules.filter_map(|rule| look.rule(rule, purpose)));
    }
    found
}

struct Look<'a> {
    scene: &'a Scene,
    known: &'a Known,
    now: Timestamp,
    half_made: Vec<(RunId, Temporary)>,
}

impl Look<'_> {
    fn owner(&self, run: Option<RunId>) -> Owner {
        let is_in = |runs: &[RunId]| run.is_some_and(|run| runs.contains(&run));
        if is_in(&self.known.alive) || self.holder() == run && run.is_some() {
            Owner::Alive
        } else if is_in(&self.known.dead) {
            Owner::Dead
        } else {
            Owner::Unknown
        }
    }

    fn holder(&self) -> Option<RunId> {
        self.known.holder.as_ref().map(|holder| holder.run)
    }

    /// Whether somebody may still need what the run changed, whatever its time is.
    fn is_at_work(&self, run: Option<RunId>) -> bool {
        self.known.holder.is_some() || self.owner(run) == Owner::Alive
    }

    /// Why a change of the run is over; nothing while it is not.
    fn over(&self, run: Option<RunId>, until: Option<Timestamp>) -> Option<&'static str> {
        if self.is_at_work(run) {
            None
        } else if self.known.alone {
            Some("no run is at work")
        } else if run.is_some() && run == self.known.given_up {
            Some("its run is given up")
        } else if until.is_some_and(|until| until <= self.now) {
            Some("its time is up")
        } else {
            None
        }
    }

    /// Whether the run is over because its group serves, or served.
    fn went_through(&self, run: RunId) -> bool {
        let mut groups = self.scene.groups.iter();
        groups.any(|group| names::run_of(group) == Some(run) && !names::is_next(group))
    }

    fn one(&self, what: impl Into<String>, on: String, run: Option<RunId>) -> Temporary {
        Temporary {
            what: what.into(),
            on,
            run,
            owner: self.owner(run),
            until: None,
            before: None,
            state: State::InForce,
            why: String::new(),
            cure: None,
        }
    }

    fn half_made(&self, group: &Group) -> Temporary {
        let run = names::run_of(group);
        let mut one = self.one(HALF_MADE, named(group), run);
        let marked = group.tag(tag::EXPIRES).and_then(|text| text.parse().ok());
        one.until = marked.or_else(|| run?.began().checked_add(UNMARKED).ok());
        let dead = self.scene.on_ground(|ground| undos(&ground, group));
        match (self.over(run, one.until), dead) {
            (Some(why), Some(dead)) => one.run_out(why, Cure::TakeBack(Box::new(dead))),
            (_, None) => one.stays("no tag says which run it is of"),
            (None, Some(_)) => one,
        }
    }

    /// Whether it goes with a half-made group; then it is not taken back on its own.
    fn goes_with_half_made(&self, one: &mut Temporary) -> bool {
        let mut half_made = self.half_made.iter();
        let Some((_, of)) = half_made.find(|(run, _)| Some(*run) == one.run) else {
            return false;
        };
        one.state = of.state;
        one.why = format!("with the half-made {}", of.on);
        true
    }

    fn lease(&self, group: &Group, what: Leased) -> Option<Temporary> {
        let text = group.tag(what.tag())?;
        let Some(lease) = Lease::of(group, what) else {
            let mut one = self.one(what.to_string(), named(group), None);
            one.before = Some(text.to_owned());
            let mend = format!(
                "its tag cannot be read; once all is as it should be: `aws autoscaling delete-tags --tags \
                 ResourceId={},ResourceType=auto-scaling-group,Key={}`",
                group.name,
                what.tag()
            );
            return Some(one.stays(mend));
        };
        let mut one = self.one(what.to_string(), named(group), Some(lease.run));
        one.until = Some(lease.until);
        let held = Held::of(group, what).map(|held| held.before.to_string());
        one.before = held.or_else(|| Some(lease.before.join(" ")));
        if self.goes_with_half_made(&mut one) {
            return Some(one);
        }
        Some(self.loose_lease(one, group, what, &lease))
    }

    /// A lease of a run that has no half-made group.
    fn loose_lease(
        &self,
        mut one: Temporary,
        group: &Group,
        what: Leased,
        lease: &Lease,
    ) -> Temporary {
        let cure = Cure::Release(group.name.clone(), what, lease.run);
        let state = group.tag(tag::STATE);
        let rolled = rolled(group).is_some_and(|rolled| rolled.run == lease.run)
            || rerooted(group).is_some_and(|rerooted| rerooted.run == lease.run);
        match (what, state) {
            // A group that stays keeps its number: what it followed may mean another version by now.
            (Leased::Refresh | Leased::Root | Leased::Version, _) if rolled => {
                let note = Cure::Untag(group.name.clone(), what.tag());
                return one.run_out(THROUGH, note);
            }
            (Leased::Version, _) => return self.pin(one, group, cure),
            (Leased::LowAlarm, Some(tag::LIVE)) if !self.is_at_work(one.run) => {
                LOW_ALARM.clone_into(&mut one.why);
                return if lease.until <= self.now {
                    one.run_out("its time is up", cure)
                } else {
                    one
                };
            }
            (Leased::MinSize | Leased::LowAlarm, Some(tag::KEPT)) => {
                one.until = one.until.max(names::keep_until(group));
                KEPT.clone_into(&mut one.why);
                return one;
            }
            (_, Some(tag::RETIRING)) => {
                "it goes with its group".clone_into(&mut one.why);
                return one;
            }
            _ => {}
        }
        let is_done = state == Some(tag::LIVE) && names::run_of(group) == Some(lease.run);
        if is_done && !self.is_at_work(one.run) {
            return one.run_out(THROUGH, cure);
        }
        match self.over(one.run, one.until) {
            Some(why) => one.run_out(why, cure),
            None => one,
        }
    }

    /// A pin is taken off only where nothing changes by it: what the group followed may be the image that was no good.
    fn pin(&self, one: Temporary, group: &Group, cure: Cure) -> Temporary {
        let Some(why) = self.over(one.run, one.until) else {
            return one;
        };
        let StartsFrom::Template {
            version: VersionRef::Number(pinned),
            ..
        } = &group.starts_from
        else {
            return one.run_out("the group is not pinned any more", cure);
        };
        match self.scene.followed.get(&group.name) {
            Some(followed) if followed == pinned => one.run_out(why, cure),
            Some(followed) => {
                let text = format!("without it the group would start version {followed}");
                one.stays(text)
            }
            None => one.stays("for as long as the group serves"),
        }
    }

    /// The mark of a rollback.
    fn back(&self, group: &Group) -> Option<Temporary> {
        let Mark { run, until, .. } = Mark::of(group)?;
        let mut one = self.one(BACK, named(group), run);
        one.until = until.or_else(|| run?.began().checked_add(HELD).ok());
        let serves = self.scene.on_ground(|ground| ground.leads_to(group));
        Some(if serves && !self.is_at_work(run) {
            let service = &self.scene.service;
            one.stays(format!(
                "it led traffic here and could not say so: `kiln rollback {service}` finishes it"
            ))
        } else {
            match self.over(run, one.until) {
                Some(why) => one.run_out(why, Cure::Untag(group.name.clone(), tag::BACK)),
                None => one,
            }
        })
    }

    /// The mark of scratch on a group that is there for good.
    fn scratch(&self, group: &Group) -> Option<Temporary> {
        let until = group.tag(tag::EXPIRES)?;
        if names::is_next(group) {
            return None;
        }
        let mut one = self.one("mark of scratch", named(group), names::run_of(group));
        one.until = until.parse().ok();
        if self.is_at_work(one.run) {
            return Some(one);
        }
        let cure = Cure::Untag(group.name.clone(), tag::EXPIRES);
        Some(one.run_out("the group is there for good", cure))
    }

    /// An alarm of a group that somebody has deleted. One of a group that is there goes with it.
    fn alarm(&self, name: &str) -> Temporary {
        let one = self.one(
            format!("alarm {name}"),
            "a group that is gone".to_owned(),
            None,
        );
        if self.known.holder.is_some() {
            return one;
        }
        one.run_out("nobody else takes it", Cure::DeleteAlarm(name.to_owned()))
    }

    /// A test listener that leads to the next target group.
    fn tested(&self, lease: &Lease, tested: Tested) -> Temporary {
        let mut one = self.one(TEST, tested.place().to_string(), Some(lease.run));
        one.until = Some(lease.until);
        one.before = Some(lease.before.join(" "));
        if self.goes_with_half_made(&mut one) {
            return one;
        }
        let cure = Cure::LeadBack(Box::new(tested), lease.run);
        if self.went_through(lease.run) && !self.is_at_work(one.run) {
            return one.run_out(THROUGH, cure);
        }
        match self.over(one.run, one.until) {
            Some(why) => one.run_out(why, cure),
            None => one,
        }
    }

    fn rule(&self, rule: &Leading, purpose: Purpose) -> Option<Temporary> {
        let RulePlace::Rule(arn) = &rule.place else {
            return None;
        };
        let run = rule.tags.get(tag::RUN).and_then(|run| run.parse().ok());
        let what = match purpose {
            Purpose::Probe => PROBE,
            _ => WATCH,
        };
        let mut one = self.one(what, rule.place.to_string(), run);
        let marked = rule.tags.get(tag::EXPIRES);
        one.until = marked.and_then(|text| text.parse().ok());
        let cure = Cure::DeleteRule(arn.clone());
        if self.goes_with_half_made(&mut one) {
            return Some(one);
        }
        if purpose == Purpose::Watch {
            let kept = self.watched(rule);
            one.until = kept.and_then(names::keep_until);
            return Some(match kept {
                Some(_) => one,
                None if self.is_at_work(run) => one,
                None => one.run_out("there is nothing to watch", cure),
            });
        }
        if run.is_some_and(|run| self.went_through(run)) && !self.is_at_work(run) {
            return Some(one.run_out(THROUGH, cure));
        }
        Some(match self.over(run, one.until) {
            Some(why) => one.run_out(why, cure),
            None => one,
        })
    }

    /// The group with machines behind an idle target group that a rule keeps in use.
    fn watched(&self, rule: &Leading) -> Option<&Group> {
        let serving = self.scene.on_ground(|ground| ground.serving());
        let sides = self.scene.sides.iter().enumerate();
        let mut idle = sides.filter(|(side, there)| {
            let arn = there.target_group.as_ref().map(|group| &group.arn);
            Some(*side) != serving && arn.is_some_and(|arn| rule.names(arn))
        });
        let groups = idle.next().map(|(_, there)| there.groups.as_slice());
        let mut groups = groups.unwrap_or_default().iter();
        groups.find(|group| group.size.desired > 0)
    }
}

fn named(group: &Group) -> String {
    format!("group {}", group.name)
}
