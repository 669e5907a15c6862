//! What dead bakes left, before the next one begins: an image that was being made of the same inputs is gone on with, all
//! else is taken back.
//!
//! Nothing before the image is gone on with: what a machine went through before its run died is not known. A finished image
//! whose run died before it could tell of it is told of now.

use std::io;
use std::time::Duration;

use jiff::SignedDuration;

use crate::bake::{
    self, Adopted, BakeFacts, BakePlan, Draft, Fingerprint, Identity, Inputs, Objections, Options,
    TOLD, Tools,
};
use crate::cloud::{
    Cloud, Error as CloudError, Filter, Home, Image, ImageId, ImageQuery, ImageState, Site, tag,
};
use crate::run::{Clock, Entry, Journal, KEPT_UNTIL, Lifetime, RunId, due};
use crate::store::{Claim, DeadRun, Store};
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
    pub adopt: Option<(Adopted, Box<dyn Journal<Undo> + 'a>)>,
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

/// Looks up and plans; then, when nothing stands against the bake, settles what dead bakes of the same build left.
///
/// Errors with everything that stands against it; then nothing was changed.
pub async fn prepare<'a, C: Cloud + Site + Clone, T: Tools>(
    wanted: &Wanted<'_>,
    inputs: impl Fn(&ImageId) -> Option<Inputs>,
    dead: Vec<DeadBake<'a>>,
    (cloud, tools): (&C, &T),
    on: &Sweeping<'_>,
    connect: &impl AsyncFn(&Home) -> Result<C, CloudError>,
) -> Result<Prepared<'a>, Objections> {
    let mut known = bake::look_up(wanted.build, cloud, tools).await;
    let source = known.0.source.as_ref();
    let inputs = source.and_then(|source| inputs(&source.id));
    let identity = Identity {
        template: wanted.template.file.clone(),
        build: wanted.build.name.value.clone(),
        fingerprint: inputs
            .as_ref()
            .map(|inputs| inputs.fingerprint().to_string()),
    };
    let mut settled = decide(wanted, &identity, dead, cloud, on).await;
    if wanted.act && settled.finishing {
        // Who has the names is known when these publications are finished.
        known.0.publish.taken.clear();
    }
    let print = inputs.as_ref().map(Inputs::fingerprint);
    let mut draft = draft(wanted, print, known, &settled, on);
    // Nothing is launched where an image is taken over.
    if settled.adopt.is_none() {
        draft = draft.rehearse(&settled.runs, cloud).await;
    }
    let mut plan = draft.done()?;
    if wanted.act && settled.clear(wanted.home, cloud, on, connect).await {
        let known = bake::look_up(wanted.build, cloud, tools).await;
        plan = self::draft(wanted, print, known, &settled, on).done()?;
    }
    Ok(Prepared {
        plan,
        inputs,
        adopt: settled
            .adopt
            .map(|(_, adopted, journal)| (adopted, journal)),
        said: settled.said,
    })
}

fn draft(
    wanted: &Wanted<'_>,
    fingerprint: Option<Fingerprint>,
    (mut facts, objections): (BakeFacts, Objections),
    settled: &Settled<'_>,
    on: &Sweeping<'_>,
) -> Draft {
    // The image of a dead run has the name that its successor is to have.
    facts.publish.taken.retain(|_, taken| {
        let run = taken.image.tags.get(tag::RUN);
        let of = |other: &RunId| run.is_some_and(|run| *run == other.to_string());
        !settled.runs.iter().any(of)
    });
    let options = Options {
        fingerprint,
        ..wanted.options
    };
    let adopted = settled.adopt.as_ref();
    let run = adopted.map_or(wanted.run, |(run, ..)| *run);
    let (template, now) = (wanted.template, on.clock.now());
    bake::draft(template, wanted.build, &facts, options, run, now).after(objections)
}

/// What becomes of the dead.
#[derive(Default)]
struct Settled<'a> {
    adopt: Option<(RunId, Adopted, Box<dyn Journal<Undo> + 'a>)>,
    /// Runs whose image is adopted, or goes.
    runs: Vec<RunId>,
    /// What is to be taken back.
    due: Vec<DeadRun<'a, Undo>>,
    /// Whether a publication is among it, which is not taken back but finished.
    finishing: bool,
    said: Vec<String>,
}

impl Settled<'_> {
    /// Takes back what is to be. Whether there was something.
    async fn clear<C: Cloud + Clone>(
        &mut self,
        home: &Home,
        cloud: &C,
        on: &Sweeping<'_>,
        connect: &impl AsyncFn(&Home) -> Result<C, CloudError>,
    ) -> bool {
        // Keys, a role's external id and a file of credentials stand in the template: no journal knows them.
        let connect = async |there: &Home| {
            if there == home {
                return Ok(cloud.clone());
            }
            connect(there).await
        };
        let due = std::mem::take(&mut self.due);
        let cleared = !due.is_empty();
        for dead in due {
            let swept = sweep_run(dead, on, &connect).await;
            let left = swept.left.iter();
            let left = left.map(|left| format!("left behind: {}: {}", left.undo, left.reason));
            self.said.extend(left);
        }
        cleared
    }
}

/// Decides what becomes of each of the dead, and changes nothing.
async fn decide<'a>(
    wanted: &Wanted<'_>,
    identity: &Identity,
    dead: Vec<DeadBake<'a>>,
    cloud: &impl Cloud,
    on: &Sweeping<'_>,
) -> Settled<'a> {
    let mut settled = Settled::default();
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
            settled.finishing |= finished;
            settled.due.push(dead.run);
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
    let failed = matches!(image.state, ImageState::Failed(_));
    (!failed && may_get_its_name(&image, cloud).await).then_some(image.id)
}

/// An image that was made to take a name over is of use while somebody has the name: one that is free by now is given when
/// an image is made, and to no image afterwards.
async fn may_get_its_name(image: &Image, cloud: &impl Cloud) -> bool {
    let Some(name) = image.tags.get(tag::TAKES_NAME) else {
        return true;
    };
    let query = ImageQuery::own(vec![Filter::new("name", name.as_str())]);
    let holders = cloud.find_images(&query).await;
    holders.is_ok_and(|holders| !holders.is_empty())
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
