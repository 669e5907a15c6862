//! Post-processors of a build: what they know of it, and what their end means for it.

use serde_json::{Map, Value, json};

use crate::bake::{self, Artifact, Reached, SourceImage};
use crate::cli::bake::look_up::Wanted;
use crate::cli::bake::one::On;
use crate::cli::bake::record::{Ending, Record};
use crate::cli::{Context, Exit};
use crate::post::{self, Built, Extent, Step};
use crate::run::{Events, RunId, with_causes};
use crate::source::Diagnostic;
use crate::template::bake::Build;
use crate::template::post_processor::{Kind, PostProcessor};
use crate::template::provisioner::BUILD_DATA;

/// What `step` of a result document calls them.
const STEP: &str = "post-process";

/// A build whose image there is.
pub struct Made<'a> {
    pub build: &'a Build,
    pub source: &'a SourceImage,
    pub run: RunId,
    pub artifact: &'a Artifact,
    /// How its machine was reached; of an earlier run's that is not known.
    pub reached: Option<Reached>,
}

/// Carries them out; with an image that an earlier run made, its manifests only.
pub async fn process(
    made: &Made<'_>,
    earlier: bool,
    on: &On<'_>,
    events: &dyn Events,
) -> Vec<Step> {
    let run = made.run.to_string();
    let built = Built {
        name: &made.build.name,
        kind: "amazon-ebs",
        call: on.call.map_or_else(|| run.clone(), |call| call.to_string()),
        run,
        artifact: post::Artifact::Image(made.artifact.id()),
        data: data(made),
        afresh: on.afresh,
        clock: &on.context.clock,
    };
    let extent = if made.artifact.images.is_empty() {
        Extent::WithoutImage
    } else if earlier {
        Extent::Manifests
    } else {
        Extent::Whole
    };
    let chains = &made.build.post_processors;
    post::process(chains, &built, extent, on.stop, events).await
}

/// What of them would run for an image that an earlier run made, as a plan lists it.
pub fn listed(wanted: &Wanted<'_>, artifact: &Artifact, context: &Context) -> String {
    let due = artifact
        .image()
        .is_some_and(|image| wanted.subject.is_post_due(image, context));
    let manifests = |chain: &Vec<PostProcessor>| {
        let first = chain.iter();
        let first = first.take_while(|post| due || matches!(post.kind, Kind::Manifest(_)));
        first.cloned().collect()
    };
    let chains = &wanted.subject.build.post_processors;
    let chains: Vec<_> = chains.iter().map(manifests).collect();
    let listed = bake::list_chains(&chains, false).into_iter();
    let lines: Vec<_> = listed
        .map(|(label, text)| format!("  {label:<18}{text}\n"))
        .collect();
    lines.concat()
}

/// What ``{{build `…`}}`` gives once the machine has gone; what is not known any more is empty.
fn data(made: &Made<'_>) -> Map<String, Value> {
    let empty = BUILD_DATA
        .iter()
        .map(|name| ((*name).to_owned(), json!("")));
    let mut data: Map<_, _> = empty.collect();
    let mut set = |name: &str, value: Value| data.insert(name.to_owned(), value);
    let source = made.source;
    set("PackerRunUUID", json!(made.run));
    set("BuildRegion", json!(made.artifact.region));
    set("SourceAMI", json!(source.id));
    set("SourceAMIName", json!(source.name));
    set("SourceAMICreationDate", json!(source.created));
    set("SourceAMIOwner", json!(source.owner));
    set("SourceAMIOwnerName", json!(source.owner_alias));
    if let Some(reached) = &made.reached {
        set("ID", json!(reached.instance));
        set("Host", json!(reached.host));
        set("Port", json!(reached.port));
        set("User", json!(reached.user));
        set("ConnType", json!("ssh"));
    }
    data
}

/// How a build ended that did well until its post-processors.
pub fn exit(steps: &[Step]) -> Exit {
    let ended = |ending| steps.iter().any(|step| step.result == ending);
    if ended(post::Ending::Failed) {
        Exit::Failed
    } else if ended(post::Ending::Stopped) || ended(post::Ending::NotBegun) {
        Exit::Stopped
    } else {
        Exit::Done
    }
}

/// Why the first one failed, in words.
pub fn reason(steps: &[Step]) -> Option<String> {
    let failed = steps
        .iter()
        .find(|step| step.result == post::Ending::Failed)?;
    let reason = failed.reason.as_deref().unwrap_or_default();
    let named = if failed.name == failed.kind {
        String::new()
    } else {
        format!(" ({})", failed.name)
    };
    Some(format!("post-processor {}{named}: {reason}", failed.kind))
}

/// Notes them in a build's record, which has its image in any case.
pub fn note(record: &mut Record, steps: Vec<Step>, exit: Exit) {
    match self::exit(&steps) {
        Exit::Failed => {
            record.step = Some(STEP.to_owned());
            record.reason = reason(&steps);
            record.end(Ending::Failed, exit);
        }
        Exit::Stopped => {
            record.step = Some(STEP.to_owned());
            record.reason = Some("stopped on request".to_owned());
            record.end(Ending::Stopped, exit);
        }
        _ => {}
    }
    record.post_processors = steps;
}

/// What is wrong with a build's post-processors before anything is made.
pub fn check(build: &Build) -> Vec<Diagnostic> {
    let found = post::check(&build.post_processors).into_iter();
    let finding = found.map(|(post, error)| {
        let kind = post.kind.name();
        let reason = with_causes(&error);
        let message = format!("the post-processor `{kind}` cannot run: {reason}");
        Diagnostic::error("bake::post_processor", message).at_place(post.place, "this one")
    });
    finding.collect()
}
