//! What keeps a service from being left: a roll that is half-made, and what is changed for a while.

use super::Leave;
use super::belongings::{Belongings, is_ours};
use crate::cloud::{Group, tag};
use crate::roll::doctor::{Doctor, Known, Owner, State, Temporary, find};
use crate::roll::hold;
use crate::undo::lease::Leased;

/// Why the service cannot be left now; each line says what ends it.
pub(super) fn hindrances(found: &Belongings, how: Leave, doctor: &Doctor<'_>) -> Vec<String> {
    let Some(scene) = &found.scene else {
        return Vec::new();
    };
    let known = Known {
        holder: None,
        ..doctor.known.clone()
    };
    let now = doctor.clock.now();
    let all = find(scene, &known, now).into_iter();
    match how {
        Leave::Release => {
            let mut reasons = half_gone(&scene.groups, doctor.service);
            let spent = scene.groups.iter();
            let spent = spent.filter(|group| group.tag(tag::STATE) == Some(tag::RETIRING));
            let spent: Vec<String> = spent.map(named).collect();
            let all = all.filter(|one| !one.is_kept() && !stays(one) && !spent.contains(&one.on));
            reasons.extend(all.map(|one| line(&one, doctor.service)));
            reasons
        }
        Leave::Destroy { .. } => {
            let groups = scene.groups.iter();
            let ours = groups.filter(|group| is_ours(group, doctor.service));
            let ours: Vec<String> = ours.map(named).collect();
            let counts = |one: &Temporary| {
                let of_others = one.on.starts_with("group ") && !ours.contains(&one.on);
                one.is_of_a_roll() || one.owner == Owner::Alive || of_others && !stays(one)
            };
            let all = all.filter(|one| counts(one) && !one.is_kept());
            let mut reasons: Vec<String> = all.map(|one| line(&one, doctor.service)).collect();
            let sides = scene.sides.iter();
            let holds = sides.filter_map(|side| hold::in_force(&side.tags, now));
            reasons.extend(holds.take(1).map(|why| {
                let service = doctor.service;
                format!("{service} is held: {why}: `kiln unhold {service}` first")
            }));
            reasons
        }
    }
}

/// Groups of kiln's that are half taken away.
fn half_gone(groups: &[Group], service: &str) -> Vec<String> {
    let groups = groups.iter();
    let half = groups
        .filter(|group| group.tag(tag::STATE) == Some(tag::RETIRING) && is_ours(group, service));
    let say = |group: &Group| {
        let name = &group.name;
        format!("group {name} is half taken away: `kiln roll --finish {service}` first")
    };
    half.map(say).collect()
}

/// A pin, which stays as it is.
fn stays(one: &Temporary) -> bool {
    one.what == Leased::Version.to_string() && one.state != State::RunOut
}

fn named(group: &Group) -> String {
    format!("group {}", group.name)
}

/// A temporary change, with what ends it.
fn line(one: &Temporary, service: &str) -> String {
    match (one.state, one.run) {
        (State::RunOut, _) => format!("{one}: `kiln doctor {service}` first"),
        (State::InForce, _) if one.ends_by_itself() => {
            format!("{one}: wait for it, then `kiln roll --finish {service}`")
        }
        (State::InForce, Some(run)) if one.owner != Owner::Alive => {
            format!(
                "{one}: wait for its run or its end; where that run is over, `kiln doctor {service} --run {run}`"
            )
        }
        (State::InForce, _) => format!("{one}: wait for its run or its end"),
        (State::Stays, _) => one.to_string(),
    }
}
