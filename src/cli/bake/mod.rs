//! `kiln bake`: from templates to images.

mod account;
mod look_up;
mod machine;
mod one;
mod operator;
mod posts;
mod record;
pub mod templates;
mod unchanged;

use clap::Args;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use serde_json::json;

use crate::cli::input::{self, Input, Selection};
use crate::cli::{Context, Exit, failure, state};
use crate::run::Stop;
use crate::source::SourceMap;

use look_up::{Looked, Refusal, Wanted};
use operator::{OnError, Wishes};
use record::{Record, Records};

/// Builds at once where `-parallel-builds` does not say. Packer runs all of them, and users meet the API's limits with it
/// (anchors/packer.md 6.6, P#5615; 6.2, P#4030).
const PARALLEL: usize = 8;

/// Bake images from templates
///
/// Looks up the source image and whether the names are free, prints or carries out the plan: launches a machine, provisions
/// it over SSH, makes the image, tags it ready, and removes everything else. Several templates may be given, var files hold
/// for all of them; one build that fails leaves the others alone. The images' ids are the only thing on stdout.
/// Ctrl-C takes everything back and exits 6; a second one lists what is left for `kiln sweep`, a third ends at once.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Bake {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
    /// Print what would be made, and change nothing
    #[arg(long)]
    plan: bool,
    /// Bake nothing when there is a finished image of the same template, files and source image; its id is the result.
    /// With --plan, what has changed is said
    #[arg(long)]
    if_changed: bool,
    /// Refuse a machine whose host key the console does not show
    #[arg(long)]
    require_host_key: bool,
    /// Take the image's name over from an image that has it, even when something still uses that one
    #[arg(long)]
    force: bool,
    /// Builds that run at once; 0 is all of them
    #[arg(long, default_value_t = PARALLEL, value_name = "COUNT")]
    parallel_builds: usize,
    /// What becomes of a bake that failed
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    on_error: OnError,
    /// How long what is left by --on-error stays until `kiln sweep` takes it, such as 90m or 2d
    #[arg(long, default_value = "8h", value_parser = span, value_name = "TIME")]
    keep_for: SignedDuration,
    /// One build at a time, waiting for Enter before each step on a terminal; the machine's key is written to a file
    #[arg(long)]
    debug: bool,
    /// Print Packer's machine-readable lines instead of ids: `unix_ts,target,category,data…` with artifact-count, artifact,
    /// error-count, error and ui; progress stays on stderr
    #[arg(long)]
    machine_readable: bool,
}

impl Bake {
    /// Bakes every selected build.
    pub fn run(&self, context: &Context) -> Exit {
        let request = self.input.request(&self.selection, true, context);
        for taken in input::taken_for(&request) {
            context.say(&taken);
        }
        let wishes = Wishes {
            on_error: self.on_error,
            debug: self.debug,
        };
        if let Some(reason) = wishes.objection() {
            return failure::say(reason, Exit::Usage, context);
        }
        if let Some(reason) = state::refuse_remote(context) {
            return failure::say(&reason, Exit::Usage, context);
        }
        let records = Records::new(self.machine_readable);
        records.expect([], context);
        let mut sources = SourceMap::default();
        let loaded = match templates::load(&request, &mut sources, context) {
            Ok(loaded) => loaded,
            Err(exit) => return exit,
        };
        let wanted = look_up::wanted(&loaded);
        let names = wanted
            .iter()
            .map(|wanted| Record::new(wanted.label.clone(), wanted.template.file.clone()));
        records.expect(names, context);
        let on = one::On {
            alone: wanted.len() == 1 && !self.debug && self.on_error != OnError::Ask,
            stop: &Stop::default(),
            wishes,
            keep_for: self.keep_for,
            call: (wanted.len() > 1).then(|| context.run_id()),
            afresh: self.force,
            records: &records,
            sources: &sources,
            context,
        };
        context.block_on(async {
            let flow = self.look_up_and_bake(&wanted, &on);
            let goes_on = "`kiln sweep` removes what is left";
            if let Some(exit) = context.until_killed(on.stop, goes_on, flow).await {
                return exit;
            }
            // After the third signal too, images that are finished are listed.
            records.conclude(context);
            Exit::Stopped
        })
    }

    async fn look_up_and_bake<'t>(&self, wanted: &[Wanted<'t>], on: &one::On<'t>) -> Exit {
        let context = on.context;
        let looked = tokio::select! {
            biased;
            () = on.stop.asked.cancelled() => return on.records.conclude(context),
            looked = look_up::all(self, wanted, context) => looked,
        };
        match looked {
            Err(refusal) => refuse(&refusal, on.sources, context),
            Ok(looked) if self.plan => print_plans(wanted, &looked, context),
            Ok(looked) => self.bake(wanted, looked, on).await,
        }
    }

    async fn bake<'t>(
        &self,
        wanted: &[Wanted<'t>],
        looked: Vec<Looked<'t>>,
        on: &one::On<'t>,
    ) -> Exit {
        let at_once = match self.parallel_builds {
            _ if self.debug => 1,
            0 => looked.len(),
            count => count,
        };
        stream::iter(wanted.iter().zip(looked))
            .map(|(wanted, looked)| one::bake(wanted, looked, on))
            .buffer_unordered(at_once.max(1))
            .collect::<Vec<()>>()
            .await;
        on.records.conclude(on.context)
    }
}

/// Says everything that stands against the builds.
fn refuse(refusal: &Refusal, sources: &SourceMap, context: &Context) -> Exit {
    let failed = |text: &str| failure::say(text, Exit::Failed, context);
    let objections = match refusal {
        Refusal::Store(error) => return failed(&format!("the store cannot be read: {error}")),
        Refusal::Objections(objections) => objections,
    };
    let findings = &objections.findings;
    let refused = (!findings.is_empty()).then(|| input::refuse(findings, sources, context));
    let failures = objections.failures();
    let failures = failures.iter().map(|text| failed(text));
    Exit::worst(refused.into_iter().chain(failures))
}

/// A time as `jiff` reads it: `90m`, `8h`, `2d`, `PT8H`.
pub fn span(text: &str) -> Result<SignedDuration, String> {
    let span: jiff::Span = text.parse().map_err(|error| format!("{error}"))?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length = span.to_duration(days).map_err(|error| format!("{error}"))?;
    if length.is_positive() {
        Ok(length)
    } else {
        Err("it must be longer than nothing".to_owned())
    }
}

fn print_plans(wanted: &[Wanted<'_>], looked: &[Looked<'_>], context: &Context) -> Exit {
    let (mut text, mut plans, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for (wanted, looked) in wanted.iter().zip(looked) {
        match looked {
            Looked::Bake(planned) => {
                text.push(planned.plan.to_string());
                plans.push(&planned.plan);
            }
            Looked::Unchanged(found) => {
                let image = found.artifact.id();
                let label = &wanted.label;
                let posts = posts::listed(wanted, &found.artifact, context);
                text.push(format!(
                    "nothing to bake for {label}: {image} is there\n{posts}"
                ));
                unchanged.push(&found.artifact);
            }
        }
    }
    let document = json!({
        "format": record::FORMAT, "command": "bake", "plans": plans, "unchanged": unchanged,
    });
    context.conclude(&text.join("\n"), document, Exit::Done);
    Exit::Done
}
