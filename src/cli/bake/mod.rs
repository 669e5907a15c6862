//! `kiln bake`: from templates to images.

mod manifest;
mod one;
mod record;
pub mod templates;

use clap::Args;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::aws::{Access, Aws, Clients};
use crate::bake::{self, BakePlan, HostTools, LookUpError, Options};
use crate::cli::input::{self, Input, Selection};
use crate::cli::{Context, Exit, failure, home};
use crate::cloud::Home;
use crate::run::{Clock, Stop};
use crate::source::{Diagnostic, SourceMap};
use crate::template::bake::{Build, Template};

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
pub struct Bake {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
    /// Print what would be made, and change nothing
    #[arg(long)]
    plan: bool,
    /// Refuse a machine whose host key the console does not show
    #[arg(long)]
    require_host_key: bool,
    /// Builds that run at once; 0 is all of them
    #[arg(long, default_value_t = PARALLEL, value_name = "COUNT")]
    parallel_builds: usize,
}

/// A build with all that its run needs.
struct Planned<'t> {
    /// Its place among the records.
    index: usize,
    label: String,
    build: &'t Build,
    plan: BakePlan,
    aws: Aws,
    home: Home,
}

/// A build and its template, before anything is known of the account.
struct Wanted<'t> {
    index: usize,
    label: String,
    template: &'t Template,
    build: &'t Build,
}

impl Bake {
    /// Bakes every selected build.
    pub fn run(&self, context: &Context) -> Exit {
        let request = self.input.request(&self.selection, true, context);
        for taken in input::taken_for(&request) {
            context.say(&taken);
        }
        let records = Records::default();
        records.expect([], context);
        let mut sources = SourceMap::default();
        let loaded = match templates::load(&request, &mut sources, context) {
            Ok(loaded) => loaded,
            Err(exit) => return exit,
        };
        let wanted = wanted(&loaded);
        let names = wanted
            .iter()
            .map(|wanted| Record::new(wanted.label.clone(), wanted.template.file.clone()));
        records.expect(names, context);
        context.block_on(async {
            match self.look_up(&wanted, context).await {
                Err(Refusal::Findings(findings)) => input::refuse(&findings, &sources, context),
                Err(Refusal::Cloud(text)) => failure::say(&text, Exit::Failed, context),
                Ok(planned) if self.plan => print_plans(&planned, context),
                Ok(planned) => self.bake(planned, &records, &sources, context).await,
            }
        })
    }

    /// Plans every build before anything is written; all objections come at once.
    async fn look_up<'t>(
        &self,
        wanted: &[Wanted<'t>],
        context: &Context,
    ) -> Result<Vec<Planned<'t>>, Refusal> {
        let clients = Clients::new(context.jitter());
        let looked: Vec<_> = stream::iter(wanted)
            .map(|wanted| self.look_up_one(wanted, &clients, context))
            .buffered(PARALLEL)
            .collect()
            .await;
        let (mut planned, mut findings) = (Vec::new(), Vec::new());
        for looked in looked {
            match looked {
                Ok(one) => planned.push(one),
                Err(Refusal::Findings(found)) => findings.extend(found),
                Err(refusal @ Refusal::Cloud(_)) => return Err(refusal),
            }
        }
        if findings.is_empty() {
            Ok(planned)
        } else {
            Err(Refusal::Findings(findings))
        }
    }

    async fn look_up_one<'t>(
        &self,
        wanted: &Wanted<'t>,
        clients: &Clients,
        context: &Context,
    ) -> Result<Planned<'t>, Refusal> {
        let Wanted {
            index,
            label,
            template,
            build,
        } = wanted;
        let access = access(build);
        let cloud = |error| Refusal::Cloud(failure::chain(&error));
        let aws = clients.get(&access).await.map_err(cloud)?;
        let (home, facts) = tokio::join!(
            home::of(&access, &aws),
            bake::look_up(build, &aws, &HostTools)
        );
        let home = home.map_err(cloud)?;
        let facts = facts.map_err(|error| match error {
            LookUpError::Findings(found) => Refusal::Findings(found),
            LookUpError::Cloud(error) => cloud(error),
        })?;
        let options = Options {
            require_host_key: self.require_host_key,
            terminal: crate::provision::has_terminal(),
        };
        let (run, now) = (context.run_id(), context.clock.now());
        let plan = bake::plan(template, build, &facts, options, run, now);
        Ok(Planned {
            index: *index,
            label: label.clone(),
            build,
            plan: plan.map_err(Refusal::Findings)?,
            aws,
            home,
        })
    }

    async fn bake(
        &self,
        planned: Vec<Planned<'_>>,
        records: &Records,
        sources: &SourceMap,
        context: &Context,
    ) -> Exit {
        let stop = Stop::default();
        let at_once = match self.parallel_builds {
            0 => planned.len(),
            count => count,
        };
        let on = one::On {
            alone: planned.len() == 1,
            stop: &stop,
            records,
            sources,
            context,
        };
        let all = stream::iter(planned)
            .map(|planned| one::bake(planned, &on))
            .buffer_unordered(at_once.max(1))
            .collect::<Vec<()>>();
        // After the third signal too, images that are finished are listed.
        let ended = context.until_killed(&stop, all).await;
        let exit = records.conclude(context);
        if ended.is_none() { Exit::Stopped } else { exit }
    }
}

enum Refusal {
    Findings(Vec<Diagnostic>),
    Cloud(String),
}

fn wanted(loaded: &[Template]) -> Vec<Wanted<'_>> {
    let each = |template| move |build| (template, build);
    let builds: Vec<(&Template, &Build)> = loaded
        .iter()
        .flat_map(|template| template.builds.iter().map(each(template)))
        .collect();
    let labels = templates::labels(&builds);
    let numbered = builds.into_iter().zip(labels).enumerate();
    numbered
        .map(|(index, ((template, build), label))| Wanted {
            index,
            label,
            template,
            build,
        })
        .collect()
}

fn print_plans(planned: &[Planned], context: &Context) -> Exit {
    let text: Vec<_> = planned
        .iter()
        .map(|planned| planned.plan.to_string())
        .collect();
    let plans: Vec<_> = planned.iter().map(|planned| &planned.plan).collect();
    let document = json!({ "format": record::FORMAT, "command": "bake", "plans": plans });
    context.conclude(&text.join("\n"), document, Exit::Done);
    Exit::Done
}

/// What a template says about reaching its account.
fn access(build: &Build) -> Access {
    let access = &build.builder.access;
    let text = |value: &Option<crate::source::Spanned<String>>| {
        value.as_ref().map(|value| value.value.clone())
    };
    Access {
        profile: text(&access.profile),
        region: text(&access.region),
        ec2_endpoint: text(&access.custom_endpoint_ec2),
        keys: access.keys.as_ref().map(|keys| crate::aws::Keys {
            access_key: keys.access_key.value.reveal().to_owned(),
            secret_key: keys.secret_key.value.reveal().to_owned(),
            token: keys.token.as_ref().map(|token| token.reveal().to_owned()),
        }),
        max_attempts: access.max_retries,
        ..Access::default()
    }
}
