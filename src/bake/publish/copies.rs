//! Copies of the image: begun side by side, waited for together.

use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::bake::coming::Coming;
use crate::bake::publish::plan::PlannedCopy;
use crate::bake::{BakePlan, Error};
use crate::cloud::{Cloud, Error as CloudError, Filter, Image, ImageId, ImageQuery, Kind, NewCopy};
use crate::run::{Failure, Ledger, Lifetime, Patience, Readiness, Run, Slot};
use crate::undo::{self, Undo, Unmade};

/// Calls under way at once. Each goes to another region, so this is only for our own sake.
const AT_ONCE: usize = 8;
/// A region that has enough copies under way is asked again so often, within the patience for images. Copies take
/// minutes; EC2 takes some of them at once a destination (anchors/packer.md 6.4).
const ROOM: Duration = Duration::from_secs(15);

/// A copy that has begun.
pub(super) struct Copying<'a, C> {
    pub planned: &'a PlannedCopy,
    pub cloud: C,
    pub id: ImageId,
}

/// Copies the image everywhere, and waits until all copies are whole.
pub(super) async fn make<'a, C: Cloud>(
    plan: &'a BakePlan,
    made: &Image,
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<(&'a PlannedCopy, Image)>, Failure> {
    let mut waiting: Vec<&PlannedCopy> = plan.publish.copies.iter().collect();
    let mut begun = Vec::new();
    let since = Instant::now();
    while !waiting.is_empty() {
        let round = std::mem::take(&mut waiting);
        let (copying, later) = run
            .step("copy image", async |made_so_far| {
                let patient = since.elapsed() < plan.waits.image.limit;
                begin((plan, &made.id), &round, cloud, patient, made_so_far).await
            })
            .await?;
        begun.extend(copying);
        waiting = later;
        if !waiting.is_empty() {
            room(run).await?;
        }
    }
    if begun.is_empty() {
        return Ok(Vec::new());
    }
    let mut coming: Vec<_> = begun
        .iter()
        .map(|copying| Coming::new(&copying.id))
        .collect();
    run.wait("copies available", &plan.waits.image, async || {
        available(&begun, &mut coming).await
    })
    .await
}

/// Begins the copies of one round; those for which there is no room yet come back.
async fn begin<'a, C: Cloud>(
    (plan, source): (&BakePlan, &ImageId),
    round: &[&'a PlannedCopy],
    cloud: &C,
    patient: bool,
    made: &mut Ledger<'_, Undo>,
) -> Result<(Vec<Copying<'a, C>>, Vec<&'a PlannedCopy>), Error> {
    let mut slots: Vec<Slot> = Vec::new();
    for planned in round {
        slots.push(made.intend(Lifetime::Product, taking_back(plan, planned, None))?);
    }
    let calls = round.iter().zip(slots).map(|(planned, slot)| async move {
        let cloud = cloud.in_region(&planned.region);
        let asked = ask(plan, source, planned, &cloud).await;
        (*planned, cloud, slot, asked)
    });
    let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
    let (mut begun, mut later, mut failed) = (Vec::new(), Vec::new(), None);
    while let Some((planned, cloud, slot, asked)) = calls.next().await {
        match asked {
            Ok(id) => {
                made.made(slot, taking_back(plan, planned, Some(&id)))?;
                begun.push(Copying { planned, cloud, id });
            }
            Err(Unmade { error, maybe }) => {
                if !maybe {
                    made.forget(slot)?;
                }
                if error.kind == Kind::Limit && !maybe && patient {
                    later.push(planned);
                } else {
                    failed.get_or_insert(error);
                }
            }
        }
    }
    match failed {
        Some(error) => Err(Error::from(error).blame(|_| plan.places.copies)),
        None => Ok((begun, later)),
    }
}

fn taking_back(plan: &BakePlan, planned: &PlannedCopy, id: Option<&ImageId>) -> Undo {
    let run = plan.run;
    let thing = match id {
        Some(id) => Undo::RemoveImage {
            id: id.clone(),
            run,
        },
        None => Undo::RemoveImagesOf { run },
    };
    if planned.region == plan.region {
        return thing;
    }
    Undo::In {
        region: planned.region.clone(),
        thing: Box::new(thing),
    }
}

async fn ask(
    plan: &BakePlan,
    source: &ImageId,
    planned: &PlannedCopy,
    cloud: &impl Cloud,
) -> Result<ImageId, Unmade> {
    let tags = super::first_tags(plan, &planned.region);
    let copy = NewCopy {
        from: plan.region.clone(),
        source: source.clone(),
        name: planned.name.clone(),
        description: plan.image.description.clone(),
        encrypted: planned.encrypted,
        key: planned.key.clone(),
        minutes: plan.publish.minutes,
        token: format!("kiln-{}-{}", plan.run, planned.region),
        snapshot_tags: plan
            .publish
            .snapshot_tags
            .clone()
            .unwrap_or_else(|| plan.image.tags.clone()),
        tags,
    };
    let mut wanted = undo::of(plan.run);
    wanted.push(Filter::new("name", planned.name.as_str()));
    let query = ImageQuery::own(wanted);
    undo::ask(
        async || cloud.copy_image(&copy).await,
        async || {
            let found = cloud.find_images(&query).await?;
            Ok::<_, CloudError>(found.into_iter().next().map(|image| image.id))
        },
    )
    .await
}

async fn room(run: &mut Run<'_, Undo>) -> Result<(), Failure> {
    let patience = Patience::new(ROOM * 2, ROOM, ROOM);
    let mut looked = false;
    run.wait("room for copies", &patience, async || {
        let ready = std::mem::replace(&mut looked, true);
        Ok::<_, Error>(if ready {
            Readiness::Ready(())
        } else {
            Readiness::NotYet("the region has enough copies under way".to_owned())
        })
    })
    .await
}

/// All of them, or how far the slowest is.
async fn available<'a, C: Cloud>(
    begun: &[Copying<'a, C>],
    coming: &mut [Coming<'_>],
) -> Result<Readiness<Vec<(&'a PlannedCopy, Image)>>, Error> {
    let looks = begun.iter().zip(coming);
    let looks = looks.map(|(copying, coming)| coming.look(&copying.cloud));
    let seen = try_join_all(looks).await?;
    let mut whole = Vec::new();
    let mut reasons = Vec::new();
    let mut least = 100;
    for (copying, seen) in begun.iter().zip(seen) {
        let region = &copying.planned.region;
        match seen {
            Readiness::Ready(image) => whole.push((copying.planned, image)),
            Readiness::NotYet(reason) => {
                least = 0;
                reasons.push(format!("{reason} in {region}"));
            }
            Readiness::Moving { reason, done } => {
                least = least.min(done);
                reasons.push(format!("{reason} in {region}"));
            }
            Readiness::Never(reason) => {
                return Ok(Readiness::Never(format!("{reason} in {region}")));
            }
        }
    }
    if reasons.is_empty() {
        return Ok(Readiness::Ready(whole));
    }
    let (reason, done) = (reasons.join(", "), least);
    Ok(Readiness::Moving { reason, done })
}
