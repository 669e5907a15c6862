//! What goes on around the service, whether kiln is at work or not: load that is measured every minute, a tool that makes
//! groups again which kiln has deleted, an alarm.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use kiln::run::Clock as _;
use localcloud::model::view::GroupView;
use localcloud::model::{Model, Service as Api};
use serde_json::{Value, json};

use super::alarmed::Pager;
use super::drawn::{Around, Drawn};
use super::outside::serving;
use crate::simulation::roll::low_alarm::{measure, put};
use crate::simulation::roll::{AGAIN, Bench, Watchman};

/// Tells what is drawn here apart from all else that a seed draws.
const OWN: u64 = 0x5eed_e1e2;
/// Between two looks at the load.
const MINUTE: Duration = Duration::from_mins(1);
/// Of target tracking at 50: what neither alarm minds, and what the low one does.
const LOADS: [u32; 2] = [48, 3];

/// What a tool that makes groups again knows.
pub struct Maker {
    rng: RefCell<Rng>,
    /// When it looks next, and how often it still makes one.
    next: Cell<Timestamp>,
    left: Cell<u32>,
    /// What it has made since the run began that is under way.
    fresh: RefCell<Vec<String>>,
    known: Arc<Mutex<BTreeMap<String, GroupView>>>,
    machines: u32,
}

impl Maker {
    /// It knows every group from now on.
    pub fn new(drawn: &Drawn, bench: &Bench) -> Self {
        let known = Arc::<Mutex<BTreeMap<String, GroupView>>>::default();
        let seen = Arc::clone(&known);
        let mut world = bench.cloud.world();
        note(&world.model, &mut seen.lock().unwrap());
        world.watch(move |model, _| note(model, &mut seen.lock().unwrap()));
        drop(world);
        let mut rng = Rng::with_seed(drawn.seed ^ OWN);
        Self {
            left: Cell::new(rng.u32(1..4)),
            fresh: RefCell::default(),
            next: Cell::new(bench.cloud.now() + gap(&mut rng)),
            rng: RefCell::new(rng),
            known,
            machines: drawn.machines,
        }
    }

    /// Looks whether a group is missing when its time has come. Says what it made.
    async fn look(&self, bench: &Bench, watchman: &Watchman) -> Option<String> {
        let wait = self.next.get().duration_since(bench.cloud.now());
        tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
        let rng = &mut *self.rng.borrow_mut();
        self.next.set(bench.cloud.now() + gap(rng));
        let there: Vec<String> = {
            let groups = bench.cloud.world().model.view_groups().into_iter();
            groups.map(|group| group.name).collect()
        };
        let missing: Vec<GroupView> = {
            let known = self.known.lock().unwrap();
            let missing = known.values().filter(|one| !there.contains(&one.name));
            missing.cloned().collect()
        };
        if missing.is_empty() || self.left.get() == 0 {
            return None;
        }
        let group = &missing[rng.usize(0..missing.len())];
        let made = self.make(group, bench, watchman, rng);
        self.left.set(self.left.get() - u32::from(made.is_some()));
        made
    }

    fn make(
        &self,
        group: &GroupView,
        bench: &Bench,
        watchman: &Watchman,
        rng: &mut Rng,
    ) -> Option<String> {
        let desired = if rng.bool() { self.machines } else { 0 };
        let tagged = rng.u32(0..3);
        let kept = group.tags.iter().filter(|(key, _)| match tagged {
            0 => false,
            1 => !key.starts_with("kiln:"),
            // Nobody writes down what was there for a moment.
            _ => !key.starts_with("kiln:lease:") && *key != "kiln:expires",
        });
        let mut tags: BTreeMap<&str, &str> = kept
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        tags.insert(AGAIN, &group.name);
        let tags: Vec<Value> = (tags.into_iter())
            .map(|(key, value)| json!({ "Key": key, "Value": value, "PropagateAtLaunch": false }))
            .collect();
        let subnets = subnets(bench, group);
        let (template, version) = template(bench, group)?;
        let mut given = json!({
            "AutoScalingGroupName": group.name, "MinSize": 0, "MaxSize": self.machines, "DesiredCapacity": desired,
            "LaunchTemplate": { "LaunchTemplateId": template, "Version": version },
            "VPCZoneIdentifier": subnets, "Tags": tags,
        });
        let all = bench.cloud.world().model.view_target_groups();
        let are_there =
            (group.target_groups.iter()).all(|arn| all.iter().any(|one| one.arn == *arn));
        let behind = rng.bool() && are_there && !group.target_groups.is_empty();
        if behind {
            given["TargetGroupARNs"] = json!(group.target_groups);
        }
        bench.cloud.about_to_write(&bench.cloud.world());
        watchman.elsewhere(&bench.cloud, || {
            bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &given);
        });
        self.fresh.borrow_mut().push(group.name.clone());
        Some(format!(
            "{} with {desired} machines from version {version}, {} tags{}",
            group.name,
            tags.len() - 1,
            if behind { ", in its target group" } else { "" }
        ))
    }
}

/// Nobody writes down a group that is on its way out.
fn note(model: &Model, known: &mut BTreeMap<String, GroupView>) {
    for group in model.view_groups() {
        let state = group.tags.get("kiln:state").map(String::as_str);
        if !group.deleting && matches!(state, None | Some("live" | "next")) {
            known.insert(group.name.clone(), group);
        }
    }
}

fn gap(rng: &mut Rng) -> SignedDuration {
    SignedDuration::from_secs(rng.i64(10..120))
}

fn subnets(bench: &Bench, group: &GroupView) -> String {
    let subnets = bench.cloud.world().model.view_subnets().into_iter();
    let subnets = subnets.filter(|subnet| group.zones.contains(&subnet.zone));
    let subnets: Vec<String> = subnets.map(|subnet| subnet.id).collect();
    subnets.join(",")
}

/// The template and the version that the group started from, or the newest where that is gone; nothing where all are.
fn template(bench: &Bench, group: &GroupView) -> Option<(String, String)> {
    let (id, version) = group.template.clone()?;
    let templates = bench.cloud.world().model.view_templates();
    let of = templates.iter().find(|template| template.id == id)?;
    let number: Option<u64> = version.parse().ok();
    let is_gone = number.is_some_and(|number| !of.versions.contains_key(&number));
    let version = if is_gone {
        "$Latest".to_owned()
    } else {
        version
    };
    Some((id, version))
}

/// What goes on around a seed's service.
pub enum Going {
    Nothing,
    Tool(Maker),
    Load,
    Alarm(Pager),
}

impl Going {
    pub fn of(drawn: &Drawn, bench: &Bench) -> Self {
        match drawn.around {
            Around::Nothing => Self::Nothing,
            Around::MadeAgain => Self::Tool(Maker::new(drawn, bench)),
            Around::Tracked => Self::Load,
            Around::Alarmed => Self::Alarm(Pager::new(drawn, bench)),
        }
    }

    /// How many seconds pass before the next thing is done, so that kept groups are deleted.
    pub fn pause(&self) -> u64 {
        match self {
            Self::Tool(maker) => maker.rng.borrow_mut().u64(0..2) * 4000,
            Self::Nothing | Self::Load | Self::Alarm(_) => 0,
        }
    }

    /// A run begins, for which nothing has been made again yet.
    pub fn begin(&self) {
        if let Self::Tool(maker) = self {
            maker.fresh.borrow_mut().clear();
        }
    }

    /// Whether a group that was made again during this run is what the text speaks of: the run may have looked for its like before.
    pub fn explains(&self, text: &str) -> bool {
        match self {
            Self::Tool(maker) => (maker.fresh.borrow().iter()).any(|name| text.contains(name)),
            Self::Nothing | Self::Load | Self::Alarm(_) => false,
        }
    }

    /// Nothing is made again or red from now on.
    pub fn calm(&self, bench: &Bench) {
        match self {
            Self::Tool(maker) => maker.left.set(0),
            Self::Alarm(pager) => pager.calm(bench),
            Self::Nothing | Self::Load => {}
        }
    }

    /// Goes on for as long as it is polled. `told` hears what has happened, and more about it.
    pub async fn on(
        &self,
        bench: &Bench,
        watchman: &Watchman,
        told: impl Fn(&'static str, String),
    ) {
        match self {
            Self::Nothing => std::future::pending().await,
            Self::Load => loop {
                load(bench);
                tokio::time::sleep(MINUTE).await;
            },
            Self::Tool(maker) => loop {
                if let Some(text) = maker.look(bench, watchman).await {
                    told("group made again", text);
                }
            },
            Self::Alarm(pager) => loop {
                let state = pager.turn(bench).await;
                told("alarm turned", state.to_owned());
            },
        }
    }
}

fn of(group: &str) -> Value {
    json!([{ "Name": "AutoScalingGroupName", "Value": group }])
}

/// Measures the load of each group: what gets requests has some, the rest has hardly any.
fn load(bench: &Bench) {
    let (all, busy) = {
        let model = &bench.cloud.world().model;
        (model.view_groups(), serving(model))
    };
    for group in all {
        let is_busy = busy.iter().any(|one| one.name == group.name);
        measure(bench, &of(&group.name), 1, LOADS[usize::from(!is_busy)]);
    }
}

/// Has the group that serves follow its load, of which there is some for a while already.
pub fn track(bench: &Bench) {
    let busy = serving(&bench.cloud.world().model);
    for group in busy {
        put(bench, &group.name, &of(&group.name));
        measure(bench, &of(&group.name), 5, LOADS[0]);
    }
}

/// The tool's owner takes away what it has made again. Says what, if anything.
pub fn taken_away(bench: &Bench, watchman: &Watchman) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups().into_iter();
    let again = groups.filter(is_again);
    let again: Vec<String> = again.map(|group| group.name).collect();
    for name in &again {
        let given = json!({ "AutoScalingGroupName": name, "ForceDelete": true });
        watchman.elsewhere(&bench.cloud, || {
            bench.meanwhile(Api::AutoScaling, "DeleteAutoScalingGroup", &given);
        });
    }
    again
}

/// The images of what others have made again.
pub fn of_others(bench: &Bench) -> BTreeSet<String> {
    let groups = bench.cloud.world().model.view_groups().into_iter();
    let again = groups.filter(is_again);
    let members = again.flat_map(|group| group.members);
    members.map(|member| member.image).collect()
}

fn is_again(group: &GroupView) -> bool {
    group.tags.get(AGAIN) == Some(&group.name)
}
