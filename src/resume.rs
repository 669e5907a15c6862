//! What dead bakes left, before the next one begins: an image that was being made of the same inputs is gone on with, all
//! else is taken back.
//!
//! Nothing before the image is gone on with: what a machine went through before its run died is not known. A finished image
//! whose run died before it could tell of it is told of now.

use std::io;
use std::time::Duration;

use jiff::SignedDuration;

use crate::bake::{self, Adopted, BakePlan, Identity, Inputs, LookUpError, Options, TOLD, Tools};
use crate::cloud::{
    Cloud, Error as CloudError, Home, Image, ImageId, ImageQuery, ImageState, Site, tag,
};
use crate::run::{Clock, Entry, KEPT_UNTIL, Lifetime, RunId, due};
use crate::store::{Claim, DeadRun, FileJournal, Store};
use crate::sweep::{Sweeping, sweep_run};
use crate::template::bake::{Build, Template};
use crate::undo::{self, Undo};

/// An image of an older run is not gone on with: it was made of packages of that day. Scratch lives as long (`bake::tags`).
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How often an image that a journal names is looked for, with doubling pauses from a second on: EC2 shows new things late.
const LOOKS: u32 = 5;

/// A bake that died with something left to do.
pub struct DeadBake<'a> {
    run: DeadRun<'a, Undo>,
    identity: Identity,
}

impl DeadBake<'_> {
    /// Whether it was of this build of this template.
    pub fn is_of(&self, template: &str, build: &str) -> bool {
        self.identity.template == template && self.identity.build == build
    }

    /// Until when it was left on purpose (`--on-error=keep`), when that is still to come.
    pub fn kept_until(&self, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        self.run.fact(KEPT_UNTIL).filter(|until| now < *until)
    }
}

/// What is to be baked.
pub struct Wanted<'a> {
    pub template: &'a Template,
    pub build: &'a Build,
    pub home: &'a Home,
    pub options: Options,
    /// The id, unless a dead run is gone on with.
    pub run: RunId,
    /// Otherwise it is only said what would be done.
    pub act: bool,
}

/// A plan, and what it goes on with.
pub struct Prepared<'a> {
    pub plan: BakePlan,
    pub inputs: Option<Inputs>,
    pub adopt: Option<(Adopted, FileJournal<'a>)>,
    /// What was done about dead runs, or would be.
    pub said: Vec<String>,
}

/// The dead bakes of a store that left something to do, newest first.
pub fn dead_bakes<'a>(store: &Store, clock: &'a dyn Clock) -> io::Result<Vec<DeadBake<'a>>> {
    let claims = store.claim(clock)?.into_iter().rev();
    Ok(claims
        .filter_map(|claim| match claim {
            Claim::Dead(run) => {
                let identity = run.fact(bake::BAKE)?;
                is_open(&run).then_some(DeadBake {
                    run: *run,
                    identity,
                })
            }
            Claim::Alive(_) | Claim::Torn(_) => None,
        })
        .collect())
}

fn entries(run: &DeadRun<'_, Undo>) -> impl Iterator<Item = Entry<Undo>> {
    run.lines.iter().map(|line| line.entry.clone())
}

fn is_open(run: &DeadRun<'_, Undo>) -> bool {
    let told = run.fact::<serde_json::Value>(TOLD).is_some();
    !due(entries(run)).is_empty() || (is_finished(run) && !told)
}

fn is_finished(run: &DeadRun<'_, Undo>) -> bool {
    entries(run).any(|entry| entry == Entry::Commit)
}

/// Looks up, settles what dead bakes of the same build left, and plans.
///
/// Errors as the look-up and the plan do.
pub async fn prepare<'a, C: Cloud + Site + Clone, T: Tools>(
    wanted: &Wanted<'_>,
    inputs: impl Fn(&ImageId) -> Option<Inputs>,
    dead: Vec<DeadBake<'a>>,
    (cloud, tools): (&C, &T),
    on: &Sweeping<'_>,
    connect: &impl AsyncFn(&Home) -> Result<C, CloudError>,
) -> Result<Prepared<'a>, LookUpError> {
    let mut facts = bake::look_up(wanted.build, cloud, tools).await?;
    let inputs = inputs(&facts.source.id);
    let identity = Identity {
        template: wanted.template.file.clone(),
        build: wanted.build.name.value.clone(),
        fingerprint: inputs
            .as_ref()
            .map(|inputs| inputs.fingerprint().to_string()),
    };
    let settled = settle(wanted, &identity, dead, cloud, on, connect).await;
    if settled.cleared {
        facts = bake::look_up(wanted.build, cloud, tools).await?;
    }
    // The image of a dead run has the name that its successor is to have.
    facts.publish.taken.retain(|_, taken| {
        let run = taken.image.tags.get(tag::RUN);
        let of = |other: &RunId| run.is_some_and(|run| *run == other.to_string());
        !settled.runs.iter().any(of)
    });
    let options = Options {
        fingerprint: inputs.as_ref().map(Inputs::fingerprint),
        ..wanted.options
    };
    let adopted = settled.adopt.as_ref();
    let run = adopted.map_or(wanted.run, |(run, ..)| *run);
    let now = on.clock.now();
    let plan = bake::plan(wanted.template, wanted.build, &facts, options, run, now);
    Ok(Prepared {
        plan: plan.map_err(LookUpError::Findings)?,
        inputs,
        adopt: settled
            .adopt
            .map(|(_, adopted, journal)| (adopted, journal)),
        said: settled.said,
    })
}

/// What became of the dead.
#[derive(Default)]
struct Settled<'a> {
    adopt: Option<(RunId, Adopted, FileJournal<'a>)>,
    /// Runs whose image is adopted, or goes.
    runs: Vec<RunId>,
    cleared: bool,
    said: Vec<String>,
}

async fn settle<'a, C: Cloud + Clone>(
    wanted: &Wanted<'_>,
    identity: &Identity,
    dead: Vec<DeadBake<'a>>,
    cloud: &C,
    on: &Sweeping<'_>,
    connect: &impl AsyncFn(&Home) -> Result<C, CloudError>,
) -> Settled<'a> {
    let mut settled = Settled::default();
    // Keys, a role's external id and a file of credentials stand in the template: no journal knows them.
    let connect = async |home: &Home| {
        if home == wanted.home {
            return Ok(cloud.clone());
        }
        connect(home).await
    };
    let of = |dead: &DeadBake<'_>| dead.is_of(&identity.template, &identity.build);
    for dead in dead.into_iter().filter(of) {
        let (run, finished) = (dead.run.run, is_finished(&dead.run));
        if let Some(until) = dead.kept_until(on.clock.now()) {
            let text = format!("run {run} was left on purpose until {until}; it stays");
            settled.said.push(text);
            continue;
        }
        let image = match settled.adopt {
            None if is_direct(wanted.build) => {
                adoptable(&dead, identity, wanted.home, cloud, on).await
            }
            _ => None,
        };
        if let Some(image) = image {
            settled.said.push(format!(
                "going on with image {image}, which run {run} had begun"
            ));
            settled.runs.push(run);
            let entries = entries(&dead.run).collect();
            let adopted = Adopted { image, entries };
            settled.adopt = Some((run, adopted, dead.run.journal));
        } else if !due(entries(&dead.run)).is_empty() {
            settled
                .said
                .push(format!("taking back what run {run} left"));
            settled.runs.extend((!finished).then_some(run));
            if wanted.act {
                let swept = sweep_run(dead.run, on, &connect).await;
                let left = swept
                    .left
                    .iter()
                    .map(|left| format!("{}: {}", left.undo, left.reason));
                settled
                    .said
                    .extend(left.map(|text| format!("left behind: {text}")));
                settled.cleared = true;
            }
        }
    }
    settled
}

/// Whether the image of the machine is the one that is published. One that only serves to be copied is scratch, and made
/// anew.
fn is_direct(build: &Build) -> bool {
    let image = &build.builder.image;
    let encrypted = image.encryption.wanted.as_ref().is_some_and(|w| w.value);
    !encrypted && !image.copies.skip_build_region
}

/// The image that can be gone on with: of the same inputs in the same place, of today, and there.
async fn adoptable(
    dead: &DeadBake<'_>,
    identity: &Identity,
    home: &Home,
    cloud: &impl Cloud,
    on: &Sweeping<'_>,
) -> Option<ImageId> {
    let there: Option<Home> = dead.run.fact(Home::KEY);
    let age = on.clock.now().duration_since(dead.run.run.began());
    let same = dead.identity == *identity && identity.fingerprint.is_some();
    if !same || there.as_ref() != Some(home) || age > FRESH {
        return None;
    }
    let query = match product(&dead.run)? {
        Undo::RemoveImage { id, .. } => ImageQuery::id(&id),
        Undo::RemoveImagesOf { run } => ImageQuery::own(undo::of(run)),
        _ => return None,
    };
    let image = look(&query, cloud).await?;
    (!matches!(image.state, ImageState::Failed(_))).then_some(image.id)
}

/// The undo of the first product, which is the image in the build's own region, unless it has been carried out.
fn product(run: &DeadRun<'_, Undo>) -> Option<Undo> {
    let mut product: Option<(usize, Undo)> = None;
    for entry in entries(run) {
        match entry {
            Entry::Intend {
                slot,
                lifetime: Lifetime::Product,
                undo: undo @ (Undo::RemoveImagesOf { .. } | Undo::RemoveImage { .. }),
            } if product.is_none() => product = Some((slot, undo)),
            Entry::Made { slot, undo } if product.as_ref().is_some_and(|one| one.0 == slot) => {
                product = Some((slot, undo));
            }
            Entry::Forget { slot } | Entry::Undone { slot } => {
                product = product.filter(|one| one.0 != slot);
            }
            _ => {}
        }
    }
    product.map(|(_, undo)| undo)
}

async fn look(query: &ImageQuery, cloud: &impl Cloud) -> Option<Image> {
    let mut pause = Duration::from_secs(1);
    for _ in 0..LOOKS {
        if let Ok(found) = cloud.find_images(query).await
            && let Some(image) = found.into_iter().next()
        {
            return Some(image);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    None
}
