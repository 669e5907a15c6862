//! `--if-changed`: whether there is an image of the same inputs already, and what has changed since the last one.

use std::path::Path;

use crate::bake::{Artifact, Inputs, SourceImage};
use crate::cli::Context;
use crate::cli::bake::templates::Loaded;
use crate::cloud::ImageId;
use crate::run::{Clock as _, RunId};
use crate::store::{Baked, Store};
use crate::template::Secret;
use crate::template::bake::Build;

/// The input that only the store can compare.
const SECRETS: &str = "sensitive values";

/// One build of a loaded template, as far as its inputs are concerned.
pub struct Subject<'t> {
    pub loaded: &'t Loaded,
    /// Which of the template's builds.
    pub number: usize,
    pub build: &'t Build,
}

impl Subject<'_> {
    /// What an image of this source image would come of. Nothing, with a word to the user, where that cannot be told.
    pub fn inputs(&self, source: &ImageId, context: &Context) -> Option<Inputs> {
        let name = &self.build.name.value;
        let Some(still) = &self.loaded.still else {
            context.say(&format!(
                "{name}: no fingerprint: the template cannot be loaded without its sensitive values"
            ));
            return None;
        };
        let build = still.builds.get(self.number)?;
        let directory = std::env::current_dir().unwrap_or_default();
        match Inputs::of(still, build, source, Path::new(&directory)) {
            Ok(inputs) => Some(inputs),
            Err(error) => {
                context.say(&format!("{name}: no fingerprint: {error}"));
                None
            }
        }
    }

    /// Whether this host knows that the sensitive values are others than those of `image`. The fingerprint, which others
    /// can read, has no part of them.
    pub fn has_other_secrets(&self, image: &ImageId, context: &Context) -> bool {
        let last = self.last(context).filter(|last| last.image == *image);
        let before = last.and_then(|last| last.inputs.get(SECRETS).map(ToOwned::to_owned));
        before.is_some_and(|before| self.secrets(context).is_some_and(|now| now != before))
    }

    /// What has changed since the last bake that this host knows, in words.
    pub fn changes(&self, inputs: &Inputs, context: &Context) -> String {
        let Some(last) = self.last(context) else {
            return "no earlier bake of this build is known here".to_owned();
        };
        let changed = self.known(inputs.clone(), context).changed(&last.inputs);
        let image = &last.image;
        if changed.is_empty() {
            return format!("nothing has changed since {image}, which is not there any more");
        }
        format!("changed since {image}: {}", changed.join(", "))
    }

    /// Notes a finished bake, and whether its post-processors are still due.
    pub fn note(
        &self,
        inputs: Inputs,
        run: RunId,
        artifact: &Artifact,
        post_due: bool,
        context: &Context,
    ) {
        let Some(image) = artifact.image().cloned() else {
            return;
        };
        let baked = Baked {
            template: self.loaded.template.file.clone(),
            build: self.build.name.value.clone(),
            run,
            image,
            at: context.clock.now(),
            inputs: self.known(inputs, context),
            post_due,
        };
        write(&baked, context);
    }

    /// Whether this host knows that post-processors of an image failed, or were stopped.
    pub fn is_post_due(&self, image: &ImageId, context: &Context) -> bool {
        let last = self.last(context);
        last.is_some_and(|last| last.image == *image && last.post_due)
    }

    /// Notes that they have run.
    pub fn note_post_done(&self, context: &Context) {
        if let Some(last) = self.last(context) {
            let post_due = false;
            write(&Baked { post_due, ..last }, context);
        }
    }

    fn last(&self, context: &Context) -> Option<Baked<Inputs>> {
        let (template, build) = (&self.loaded.template.file, &self.build.name.value);
        let last = Store::at(&context.state).last_bake(template, build);
        last.unwrap_or_else(|error| {
            context.say(&format!("warning: the history cannot be read: {error}"));
            None
        })
    }

    fn known(&self, inputs: Inputs, context: &Context) -> Inputs {
        match self.secrets(context) {
            Some(digest) => inputs.with(SECRETS, digest),
            None => inputs,
        }
    }

    fn secrets(&self, context: &Context) -> Option<String> {
        let secrets = self.loaded.template.secrets.iter();
        let secrets: Vec<&str> = secrets.map(Secret::reveal).collect();
        if secrets.is_empty() {
            return None;
        }
        Store::at(&context.state).salted(&secrets).ok()
    }
}

fn write(baked: &Baked<Inputs>, context: &Context) {
    if let Err(error) = Store::at(&context.state).note_bake(baked) {
        context.say(&format!("warning: the history cannot be written: {error}"));
    }
}

/// What a manifest says of an image that an earlier run made.
pub struct Unchanged {
    pub source: SourceImage,
    pub artifact: Artifact,
}
