//! What others do to the service while kiln is at work, and what happens to its machines.

use fastrand::Rng;
use jiff::SignedDuration;
use kiln::run::Clock as _;
use localcloud::model::view::GroupView;
use localcloud::model::{FaultPlan, Model, Scarcity, Service as Api};
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use crate::simulation::roll::{Bench, Watchman, office, production, quick};

/// Something that happens by itself. A new one is a line here and one in `happen`.
const EVENTS: [(u32, Event); 11] = [
    (4, Event::ScaleOut),
    (4, Event::ScaleIn),
    (2, Event::Crash),
    (2, Event::Terminate),
    (2, Event::Sicken),
    (2, Event::Flap),
    (2, Event::Stillborn),
    (2, Event::Scarce),
    (2, Event::Weights),
    (3, Event::SecondRoll),
    (2, Event::SecondRollback),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The policies of the group that serves want more of it.
    ScaleOut,
    ScaleIn,
    /// A machine stops by itself.
    Crash,
    /// A machine is taken away, as spare capacity is.
    Terminate,
    /// A machine answers with an error from now on.
    Sicken,
    /// A machine's service comes and goes.
    Flap,
    /// A machine that is about to boot never gets there.
    Stillborn,
    /// The next launches find no capacity.
    Scarce,
    /// A tool that knows nothing of rolls leads traffic where its own file says.
    Weights,
    /// Somebody impatient starts another roll, or a rollback.
    SecondRoll,
    SecondRollback,
}

impl Event {
    pub fn draw(rng: &mut Rng) -> Self {
        let all: u32 = EVENTS.iter().map(|(odds, _)| odds).sum();
        let mut drawn = rng.u32(0..all);
        for (odds, event) in EVENTS {
            if drawn < odds {
                return event;
            }
            drawn -= odds;
        }
        Self::ScaleOut
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::ScaleOut => "scale-out",
            Self::ScaleIn => "scale-in",
            Self::Crash => "machine crashed",
            Self::Terminate => "machine taken away",
            Self::Sicken => "machine sick",
            Self::Flap => "flapping health",
            Self::Stillborn => "boot that never ends",
            Self::Scarce => "no capacity",
            Self::Weights => "weights reset",
            Self::SecondRoll => "second roll",
            Self::SecondRollback => "second rollback",
        }
    }
}

/// Has it happen now, as far as it can. Says what it did.
pub fn happen(event: Event, bench: &Bench, watchman: &Watchman, rng: &mut Rng) -> Option<String> {
    match event {
        Event::ScaleOut => scale(bench, watchman, i64::from(rng.u32(1..4))),
        Event::ScaleIn => scale(bench, watchman, -i64::from(rng.u32(1..4))),
        Event::Crash => one(bench, watchman, rng, false, |bench, id| {
            let now = bench.cloud.now();
            bench.cloud.world().physics.crash(id, now);
        }),
        Event::Terminate => one(bench, watchman, rng, false, |bench, id| {
            bench.meanwhile(
                Api::Ec2,
                "TerminateInstances",
                &json!({ "InstanceId": [id] }),
            );
        }),
        Event::Sicken => one(bench, watchman, rng, true, |bench, id| {
            behave(bench, id, Answers::WrongStatus(500));
        }),
        Event::Flap => {
            let period = SignedDuration::from_secs(i64::from(rng.u32(15..60)));
            one(bench, watchman, rng, true, |bench, id| {
                behave(bench, id, Answers::Flaps(period));
            })
        }
        Event::Stillborn => stillborn(bench, rng),
        Event::Scarce => {
            let scarcity = Scarcity {
                times: rng.u32(1..4),
                ..Scarcity::default()
            };
            let text = format!("{} launches find no capacity", scarcity.times);
            bench
                .cloud
                .world()
                .model
                .inject(FaultPlan::default().scarce(scarcity));
            watchman.scarce();
            Some(text)
        }
        Event::Weights => weights(bench, watchman),
        Event::SecondRoll | Event::SecondRollback => None,
    }
}

fn behave(bench: &Bench, id: &str, service: Answers) {
    let behaviour = Behaviour { service, ..quick() };
    bench.cloud.world().physics.set_behaviour(id, behaviour);
}

/// The groups that get production traffic; without a load balancer, the one in office.
pub fn serving(model: &Model) -> Vec<GroupView> {
    let rules = production(model);
    if rules.is_empty() {
        return office(model).into_iter().collect();
    }
    let arns: Vec<String> = (rules.into_iter())
        .flat_map(|rule| rule.forwards)
        .filter(|(_, weight)| *weight > 0)
        .map(|(arn, _)| arn)
        .collect();
    let groups = model.view_groups().into_iter();
    groups
        .filter(|group| group.target_groups.iter().any(|arn| arns.contains(arn)))
        .filter(|group| !group.deleting)
        .collect()
}

/// Policies act within the group's bounds, and not at all where alarms are not heeded.
fn scale(bench: &Bench, watchman: &Watchman, by: i64) -> Option<String> {
    let group = serving(&bench.cloud.world().model).into_iter().next()?;
    if group
        .suspended
        .iter()
        .any(|name| name == "AlarmNotification")
    {
        return None;
    }
    // The last machine is left: a service of none has nothing to lose.
    let desired = (group.desired + by).max(group.min.max(1)).min(group.max);
    if desired == group.desired {
        return None;
    }
    let given = json!({ "AutoScalingGroupName": group.name, "DesiredCapacity": desired });
    watchman.elsewhere(&bench.cloud, || {
        bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &given);
    });
    Some(format!(
        "{} scales from {} to {desired}",
        group.name, group.desired
    ))
}

/// Does something to a machine of any group.
fn one(
    bench: &Bench,
    watchman: &Watchman,
    rng: &mut Rng,
    lasting: bool,
    act: impl FnOnce(&Bench, &str),
) -> Option<String> {
    let groups = bench.cloud.world().model.view_groups();
    let members = groups.iter().flat_map(|group| &group.members);
    let alive: Vec<_> = members.filter(|one| one.state == "InService").collect();
    if alive.is_empty() {
        return None;
    }
    let member = alive[rng.usize(0..alive.len())];
    watchman.harmed(&bench.cloud.world().model, &member.instance, lasting);
    act(bench, &member.instance);
    Some(format!("{} of {}", member.instance, member.image))
}

fn stillborn(bench: &Bench, rng: &mut Rng) -> Option<String> {
    let groups = bench.cloud.world().model.view_groups();
    let members = groups.iter().flat_map(|group| &group.members);
    let coming: Vec<_> = members.filter(|one| one.state == "Pending").collect();
    if coming.is_empty() {
        return None;
    }
    let id = coming[rng.usize(0..coming.len())].instance.clone();
    behave(bench, &id, Answers::Absent);
    Some(id)
}

/// Leads all traffic to the target group that it knows, by every listener, if some machine there is healthy.
fn weights(bench: &Bench, watchman: &Watchman) -> Option<String> {
    let world = bench.cloud.world();
    let groups = world.model.view_target_groups();
    let known = groups.into_iter().find(|group| group.name == "web-a")?;
    if !known.targets.iter().any(|target| target.state == "healthy") {
        return None;
    }
    let rules = production(&world.model).into_iter();
    let elsewhere: Vec<String> = rules
        .filter(|rule| rule.priority.is_none())
        .filter(|rule| rule.forwards.len() != 1 || rule.forwards[0].0 != known.arn)
        .map(|rule| rule.arn)
        .collect();
    let listeners = world.model.view_listeners().into_iter();
    let elsewhere: Vec<String> = listeners
        .filter(|listener| (listener.rules.iter()).any(|rule| elsewhere.contains(&rule.arn)))
        .map(|listener| listener.arn)
        .collect();
    if elsewhere.is_empty() {
        return None;
    }
    bench.cloud.about_to_write(&world);
    drop(world);
    let actions = json!([{ "Type": "forward", "TargetGroupArn": known.arn }]);
    watchman.elsewhere(&bench.cloud, || {
        for listener in elsewhere {
            let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
            bench.meanwhile(Api::Elb, "ModifyListener", &given);
        }
    });
    Some("all traffic to web-a".to_owned())
}
