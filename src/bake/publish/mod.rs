//! Publishing: from the machine at rest to images that are ready in every region.
//!
//! Everything that can fail comes before the point of no return: images, copies, rights. What comes after it, taking a
//! name over and saying that an image is ready, stands on the ledger as a sequel and is finished whoever dies.

mod copies;
mod facts;
mod plan;
mod show;

pub use facts::{PublishFacts, Taken};
pub(in crate::bake) use facts::{check_volume_keys, look_up};
pub(in crate::bake) use plan::plan;
pub use plan::{PlannedCopy, Publishing};

use futures_util::future::{join_all, try_join_all};
use serde::Serialize;

use crate::bake::coming::Coming;
use crate::bake::{BakePlan, Error, World, image};
use crate::cloud::{Cloud, Filter, Image, ImageId, ImageQuery, Region, SnapshotId, Tags, tag};
use crate::run::{Event, Failure, Lifetime, Outcome, Run};
use crate::undo::{self, Publication, Undo};

/// The type under which manifests and scripts know this builder; see Packer's own artifact (anchors/packer.md 2.13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    pub build: String,
    /// The build region.
    pub region: Region,
    pub name: String,
    /// The build region's first, if it kept one; none with `skip_create_ami`.
    pub images: Vec<PublishedImage>,
}

/// An image in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedImage {
    pub region: Region,
    pub image: ImageId,
    pub snapshots: Vec<SnapshotId>,
}

impl Artifact {
    /// `region:ami-…` of every region, sorted and parted by commas, as manifests and Packer's own output have it.
    pub fn id(&self) -> String {
        let images = self.images.iter();
        let mut ids: Vec<_> = images
            .map(|published| format!("{}:{}", published.region, published.image))
            .collect();
        ids.sort();
        ids.join(",")
    }

    /// The image of the build region, or the first copy where that keeps none.
    pub fn image(&self) -> Option<&ImageId> {
        self.images.first().map(|published| &published.image)
    }
}

/// What `plan` makes when there is nothing to publish.
pub(super) fn nothing(plan: &BakePlan) -> Artifact {
    artifact(plan, Vec::new())
}

fn artifact(plan: &BakePlan, images: Vec<PublishedImage>) -> Artifact {
    Artifact {
        build: plan.build.clone(),
        region: plan.region.clone(),
        name: plan.publish.name.clone(),
        images,
    }
}

/// Tags from the moment an image exists. One that waits for its name says so, since it may be the last that has it.
pub(super) fn first_tags(plan: &BakePlan, region: &Region) -> Tags {
    let mut tags = plan.image.tags.clone();
    if plan.publish.takes.contains_key(region) {
        tags.insert(tag::TAKES_NAME.to_owned(), plan.publish.name.clone());
    }
    tags
}

/// Waits for the image, makes its copies, and publishes them. A dead run's image comes here too, so that each step must
/// bear to be done again. What could not be finished at the first try is added to `unfinished`.
pub(super) async fn publish<C: Cloud, T>(
    plan: &BakePlan,
    id: &ImageId,
    on: &World<'_, C, T>,
    unfinished: &mut Vec<Publication>,
    run: &mut Run<'_, Undo>,
) -> Result<Artifact, Failure> {
    let mut coming = Coming::new(id);
    let made = run
        .wait("image available", &plan.waits.image, async || {
            coming.look(on.cloud).await
        })
        .await?;
    let copies = copies::make(plan, &made, on.cloud, run).await?;
    let own = (!plan.publish.intermediary).then(|| (plan.region.clone(), made));
    let copies = copies.into_iter();
    let copies = copies.map(|(planned, image)| (planned.region.clone(), image));
    let whole: Vec<(Region, Image)> = own.into_iter().chain(copies).collect();
    run.step("check image", async |_| {
        whole.iter().try_for_each(|(_, whole)| image::check(whole))
    })
    .await?;
    give_settings(plan, &whole, on.cloud, run).await?;
    let now = on.clock.now();
    let publications = whole.into_iter();
    let publications = publications.map(|(region, image)| publication(plan, region, &image, now));
    let images = finish(publications.collect(), on.cloud, unfinished, run).await?;
    Ok(artifact(plan, images))
}

/// Before the point of no return, so that a refusal takes everything back; an image that gets its name later gets its
/// rights a second time then, when nothing refuses them any more.
async fn give_settings(
    plan: &BakePlan,
    whole: &[(Region, Image)],
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let settings = &plan.publish.settings;
    if settings.is_empty() {
        return Ok(());
    }
    run.step("share image", async |_| {
        let each = whole.iter().map(|(region, image)| async {
            let cloud = cloud.in_region(region);
            let snapshots = image.own_snapshots(&plan.image.devices);
            settings.give(&image.id, &snapshots, &cloud).await
        });
        let given = try_join_all(each).await;
        given.map_err(|error| Error::from(error).blame(|_| plan.places.share))
    })
    .await?;
    Ok(())
}

fn publication(plan: &BakePlan, region: Region, image: &Image, at: jiff::Timestamp) -> Publication {
    let publish = &plan.publish;
    Publication {
        run: plan.run,
        image: image.id.clone(),
        snapshots: image.own_snapshots(&plan.image.devices),
        name: publish.name.clone(),
        tags: plan.image.tags.clone(),
        snapshot_tags: publish.snapshot_tags.clone(),
        settings: publish.settings.clone(),
        protection: publish.protection,
        at,
        takes: publish.takes.get(&region).cloned(),
        region,
    }
}

/// Passes the point of no return, and finishes. What does not go through stays on the ledger and is tried once more when
/// the run is settled; then it is a sweep's.
async fn finish(
    publications: Vec<Publication>,
    cloud: &impl Cloud,
    unfinished: &mut Vec<Publication>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<PublishedImage>, Failure> {
    let slots = run
        .step("begin to publish", async |made| {
            let intend = |publication: &Publication| {
                let undo = Undo::Publish(Box::new(publication.clone()));
                made.intend(Lifetime::Sequel, undo)
            };
            publications
                .iter()
                .map(intend)
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    run.commit()?;
    let events = run.events();
    run.step("publish", async |made| {
        let finished = join_all(publications.iter().map(|one| one.finish(cloud))).await;
        let mut images = Vec::new();
        for ((publication, slot), finished) in publications.iter().zip(&slots).zip(finished) {
            let image = match finished {
                Ok(image) => {
                    made.forget(*slot)?;
                    image
                }
                Err(error) => {
                    let text = format!("{publication}: {error}");
                    events.emit(Event::Warning { text });
                    unfinished.push(publication.clone());
                    publication.image.clone()
                }
            };
            images.push(PublishedImage {
                region: publication.region.clone(),
                image,
                snapshots: publication.snapshots.clone(),
            });
        }
        Ok::<_, std::io::Error>(images)
    })
    .await
}

/// Says what became of publications that were finished only when the run was settled: which image has the name. Where ours
/// gave way to somebody else's, the bake has failed.
pub(super) async fn look_again(
    mut outcome: Outcome<Artifact, Undo>,
    unfinished: &[Publication],
    cloud: &impl Cloud,
) -> Outcome<Artifact, Undo> {
    let Ok(artifact) = &mut outcome.result else {
        return outcome;
    };
    let mut gave_way = None;
    for publication in unfinished.iter().filter(|one| one.takes.is_some()) {
        let due = outcome
            .left
            .iter()
            .any(|left| is_of(&left.undo, publication));
        let mut wanted = undo::of(publication.run);
        wanted.push(Filter::new("name", publication.name.as_str()));
        let cloud = cloud.in_region(&publication.region);
        let found = cloud.find_images(&ImageQuery::own(wanted)).await;
        let here = |published: &PublishedImage| published.region == publication.region;
        match found.map(|found| found.into_iter().next()) {
            Ok(Some(found)) => {
                let mut images = artifact.images.iter_mut();
                if let Some(published) = images.find(|published| here(published)) {
                    published.image = found.id;
                }
            }
            Ok(None) if !due => {
                artifact.images.retain(|published| !here(published));
                gave_way = Some(publication);
            }
            Ok(None) | Err(_) => {}
        }
    }
    if let Some(publication) = gave_way {
        let error = Error::GaveWay {
            name: publication.name.clone(),
            region: publication.region.clone(),
            rest: published_elsewhere(&artifact.images),
        };
        outcome.result = Err(Failure::new("publish", error));
    }
    outcome
}

/// Whether everything that was made is under its name, ready, and nothing about it is due.
pub fn is_published(outcome: &Outcome<Artifact, Undo>) -> bool {
    let mut left = outcome.left.iter();
    outcome.result.is_ok() && !left.any(|left| matches!(left.undo, Undo::Publish(_)))
}

fn is_of(undo: &Undo, publication: &Publication) -> bool {
    matches!(undo, Undo::Publish(one) if one.region == publication.region && one.run == publication.run)
}

fn published_elsewhere(images: &[PublishedImage]) -> String {
    let each = images.iter();
    let each = each.map(|published| format!("; {} in {} stays", published.image, published.region));
    each.collect()
}
