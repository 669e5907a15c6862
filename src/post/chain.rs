//! Chains: what each step is given, what becomes of that afterwards, and how each step ended.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::post::artifact::Removal;
use crate::post::job::Watch;
use crate::post::{Artifact, Built, Error, artifice, checksum, compress, manifest};
use crate::provision;
use crate::run::{Event, Events, Stop, with_causes};
use crate::template::post_processor::{Kind, PostProcessor};

/// How much of the chains is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// The manifests with which chains begin: for an image that an earlier run made, and whose post-processors have run.
    Manifests,
    /// What does not need an image: chains that begin with `artifice`. As in Packer, the others are left out.
    WithoutImage,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done,
    Failed,
    Stopped,
    /// One before it in its chain failed, or a stop came first.
    NotBegun,
    /// It has nothing to do: see [`Extent`].
    LeftOut,
}

/// One step of a chain, for documents.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Which chain of the build it belongs to, from 1.
    pub chain: usize,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub name: String,
    pub result: Ending,
    pub reason: Option<String>,
    pub seconds: Option<f64>,
    /// What it handed on and is still there; none while that is the image.
    pub files: Vec<PathBuf>,
}

/// Carries all chains out, one after the other. A step that fails ends its chain and no other; a stop ends all but the
/// manifests that come first, so that what was made is known of.
pub async fn process(
    chains: &[Vec<PostProcessor>],
    built: &Built<'_>,
    extent: Extent,
    stop: &Stop,
    events: &dyn Events,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, chain) in chains.iter().enumerate() {
        let run = Chain {
            place: (index + 1, chains.len()),
            built,
            stop,
            events,
        };
        steps.extend(run.carry_out(chain, extent).await);
    }
    steps
}

struct Chain<'a> {
    /// Which one it is, and of how many.
    place: (usize, usize),
    built: &'a Built<'a>,
    stop: &'a Stop,
    events: &'a dyn Events,
}

impl Chain<'_> {
    async fn carry_out(&self, chain: &[PostProcessor], extent: Extent) -> Vec<Step> {
        let mut artifact = self.built.artifact.clone();
        let mut ended = match (extent, chain.first().map(|first| &first.kind)) {
            (Extent::WithoutImage, Some(Kind::Artifice(_))) => None,
            (Extent::WithoutImage, _) => Some(Ending::LeftOut),
            _ => None,
        };
        let mut steps: Vec<Step> = Vec::new();
        for (number, post) in chain.iter().enumerate() {
            if !matches!(post.kind, Kind::Manifest(_)) && ended.is_none() {
                if extent == Extent::Manifests {
                    ended = Some(Ending::LeftOut);
                } else if self.stop.asked.is_cancelled() {
                    ended = Some(Ending::NotBegun);
                }
            }
            let mut step = self.step(post);
            if let Some(ending) = ended {
                step.result = ending;
                steps.push(step);
                continue;
            }
            self.say(post, number + 1, chain.len());
            let began = Instant::now();
            let result = self.one(post, &artifact).await;
            let result = result.and_then(|next| {
                if !post.keeps_input && number > 0 {
                    self.remove(&artifact, &next, steps.last_mut())?;
                }
                Ok(next)
            });
            let took = began.elapsed();
            step.seconds = Some((took.as_secs_f64() * 10.0).round() / 10.0);
            self.tell(post, took, result.as_ref().err());
            match result {
                Ok(next) => {
                    step.files = next.files().to_vec();
                    artifact = next;
                }
                Err(error) => {
                    step.result = match error {
                        Error::Stopped => Ending::Stopped,
                        _ => Ending::Failed,
                    };
                    step.reason = Some(with_causes(&error));
                    ended = Some(Ending::NotBegun);
                }
            }
            steps.push(step);
        }
        steps
    }

    fn step(&self, post: &PostProcessor) -> Step {
        Step {
            chain: self.place.0,
            kind: post.kind.name(),
            name: post.name.clone(),
            result: Ending::Done,
            reason: None,
            seconds: None,
            files: Vec::new(),
        }
    }

    async fn one(&self, post: &PostProcessor, artifact: &Artifact) -> Result<Artifact, Error> {
        match &post.kind {
            Kind::Manifest(manifest) => {
                manifest::run(manifest, artifact, self.built)?;
                Ok(artifact.clone())
            }
            Kind::Artifice(artifice) => artifice::run(artifice),
            Kind::Checksum(checksum) => {
                checksum::run(checksum, artifact, self.built, self.watch(post)).await
            }
            Kind::Compress(compress) => {
                compress::run(compress, artifact, self.built, self.watch(post)).await
            }
            Kind::ShellLocal(shell) => {
                let context = self.context(artifact);
                tokio::select! {
                    biased;
                    () = self.stop.asked.cancelled() => Err(Error::Stopped),
                    ended = provision::run_here(shell, &context, self.events) => {
                        ended?;
                        Ok(artifact.clone())
                    }
                }
            }
        }
    }

    fn watch(&self, post: &PostProcessor) -> Watch<'_> {
        Watch {
            step: post.kind.name(),
            stop: self.stop,
            events: self.events,
        }
    }

    fn context(&self, artifact: &Artifact) -> provision::Context {
        provision::Context {
            build_name: self.built.name.to_owned(),
            builder_type: self.built.kind.to_owned(),
            run: self.built.run.clone(),
            build: self.built.data.clone(),
            artifact: Some(artifact.id().to_owned()),
        }
    }

    fn remove(
        &self,
        old: &Artifact,
        new: &Artifact,
        before: Option<&mut Step>,
    ) -> Result<(), Error> {
        let Removal { gone, kept } = old.remove_but(new)?;
        for path in &gone {
            let text = format!("removed {}, which is not kept", path.display());
            self.events.emit(Event::Note { text });
        }
        for path in &kept {
            let text = format!("left {}, which holds what was made", path.display());
            self.events.emit(Event::Note { text });
        }
        if let Some(step) = before {
            step.files.retain(|file| !gone.contains(file));
        }
        Ok(())
    }

    fn say(&self, post: &PostProcessor, number: usize, of: usize) {
        let (chain, chains) = self.place;
        let kind = post.kind.name();
        let named = if post.name == kind {
            String::new()
        } else {
            format!(" ({})", post.name)
        };
        let of_chain = if chains == 1 {
            String::new()
        } else {
            format!(" of chain {chain}")
        };
        self.events.emit(Event::Started { step: kind });
        let text = format!("post-processor {number} of {of}{of_chain}: {kind}{named}");
        self.events.emit(Event::Note { text });
    }

    fn tell(&self, post: &PostProcessor, took: Duration, error: Option<&Error>) {
        let step = post.kind.name();
        self.events.emit(match error {
            None => Event::Finished { step, took },
            Some(error) => Event::Failed {
                step,
                took,
                reason: with_causes(error),
            },
        });
    }
}
