//! `kiln bake`: from a template to images.

use std::collections::BTreeMap;

use clap::Args;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::aws::{Access, Aws, Clients};
use crate::bake::{self, Artifact, BakePlan, HostTools, LookUpError, Options, World};
use crate::cli::input::{self, Input, Selection};
use crate::cli::{Context, Exit, failure, home};
use crate::cloud::Home;
use crate::report::Report;
use crate::run::{self, Clock, Events, Outcome, Setup, Stop};
use crate::source::{Diagnostic, SourceMap};
use crate::store::{ManifestBuild, Store, add_to_manifest};
use crate::template::bake::{Build, Manifest, PostProcessor, Template};
use crate::template::load;
use crate::template::{Data, Late};
use crate::undo::Undo;

/// Bake images from a template
///
/// Looks up the source image and whether the names are free, prints or carries out the plan: launches a machine, provisions
/// it over SSH, makes the image, tags it ready, and removes everything else. The image's id is the only thing on stdout.
/// Ctrl-C takes everything back and exits 6; a second one lists what is left for `kiln sweep`.
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
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    parallel_builds: usize,
}

/// A build with all that its run needs.
struct Planned<'t> {
    build: &'t Build,
    plan: BakePlan,
    aws: Aws,
    home: Home,
}

impl Bake {
    /// Bakes every selected build.
    pub fn run(&self, context: &Context) -> Exit {
        let request = self.input.request(&self.selection, true, context);
        for taken in input::taken_for(&request) {
            context.say(&taken);
        }
        let mut sources = SourceMap::default();
        let (template, findings) = match load::bake(&request, &mut sources) {
            Ok(loaded) => loaded,
            Err(findings) => return input::refuse(&findings, &sources, context),
        };
        input::show(&findings, &sources, context);
        context.hide(&template.secrets);
        context.block_on(async {
            match self.look_up(&template, context).await {
                Err(Refusal::Findings(findings)) => input::refuse(&findings, &sources, context),
                Err(Refusal::Cloud(text)) => failure::say(&text, Exit::Failed, context),
                Ok(planned) if self.plan => print_plans(&planned, context),
                Ok(planned) => self.bake(planned, &sources, context).await,
            }
        })
    }

    /// Plans every build before anything is written; all objections come at once.
    async fn look_up<'t>(
        &self,
        template: &'t Template,
        context: &Context,
    ) -> Result<Vec<Planned<'t>>, Refusal> {
        let options = Options {
            require_host_key: self.require_host_key,
            terminal: crate::provision::has_terminal(),
        };
        let mut planned = Vec::new();
        let mut findings = Vec::new();
        let clients = Clients::new(context.jitter());
        for build in &template.builds {
            let access = access(build);
            let cloud = |error| Refusal::Cloud(failure::chain(&error));
            let aws = clients.get(&access).await.map_err(cloud)?;
            let (home, facts) = tokio::join!(
                home::of(&access, &aws),
                bake::look_up(build, &aws, &HostTools)
            );
            let home = home.map_err(cloud)?;
            let facts = match facts {
                Ok(facts) => facts,
                Err(LookUpError::Findings(found)) => {
                    findings.extend(found);
                    continue;
                }
                Err(LookUpError::Cloud(error)) => return Err(cloud(error)),
            };
            match bake::plan(
                template,
                build,
                &facts,
                options,
                context.run_id(),
                context.clock.now(),
            ) {
                Ok(plan) => planned.push(Planned {
                    build,
                    plan,
                    aws,
                    home,
                }),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() {
            Ok(planned)
        } else {
            Err(Refusal::Findings(findings))
        }
    }

    async fn bake(
        &self,
        planned: Vec<Planned<'_>>,
        sources: &SourceMap,
        context: &Context,
    ) -> Exit {
        let stop = Stop::default();
        let at_once = if self.parallel_builds == 0 {
            planned.len()
        } else {
            self.parallel_builds
        };
        let alone = planned.len() == 1;
        let all = stream::iter(planned)
            .map(|planned| one(planned, alone, &stop, sources, context))
            .buffered(at_once.max(1))
            .collect::<Vec<_>>();
        let Some(ends) = context.until_killed(&stop, all).await else {
            return Exit::Stopped;
        };
        let artifacts: Vec<_> = ends
            .iter()
            .filter_map(|end| end.artifact.as_ref())
            .collect();
        let ids: Vec<_> = artifacts
            .iter()
            .map(|artifact| artifact.image.to_string())
            .collect();
        context.document(&ids.join("\n"), &json!({ "artifacts": artifacts }));
        Exit::worst(ends.iter().map(|end| end.exit))
    }
}

enum Refusal {
    Findings(Vec<Diagnostic>),
    Cloud(String),
}

/// How one build ended.
struct End {
    exit: Exit,
    artifact: Option<Artifact>,
}

/// One build, from its journal to its manifest.
async fn one(
    planned: Planned<'_>,
    alone: bool,
    stop: &Stop,
    sources: &SourceMap,
    context: &Context,
) -> End {
    let Planned {
        build,
        plan,
        aws,
        home,
    } = planned;
    let report = context.report(&build.name.value, alone);
    let journal = match Store::at(&context.state).begin(plan.run, &context.clock) {
        Ok(journal) => journal,
        Err(error) => {
            let text = format!(
                "the journal in {} cannot be begun: {error}",
                context.state.display()
            );
            return End {
                exit: failure::say(&text, Exit::Failed, context),
                artifact: None,
            };
        }
    };
    let setup = Setup {
        journal: &journal,
        events: &report,
        stop: stop.clone(),
    };
    let world = World {
        cloud: &aws,
        tools: &HostTools,
        clock: &context.clock,
    };
    let outcome = bake::carry_out(&plan, &home, &world, setup).await;
    report.close();
    let exit = conclude(build, &plan, &outcome, &report, sources, context);
    End {
        exit,
        artifact: outcome.result.ok(),
    }
}

/// Says how it ended, and adds to the manifests.
fn conclude(
    build: &Build,
    plan: &BakePlan,
    outcome: &Outcome<Artifact, Undo>,
    report: &Report,
    sources: &SourceMap,
    context: &Context,
) -> Exit {
    failure::say_left(&outcome.left, plan.run, context);
    let artifact = match &outcome.result {
        Ok(artifact) => artifact,
        Err(failure) => {
            if let Some(finding) = failure
                .error::<bake::Error>()
                .and_then(bake::Error::finding)
            {
                input::show(&[finding], sources, context);
            } else {
                failure::say_failure(&build.name.value, failure, context);
            }
            return exit(outcome);
        }
    };
    if let Err(text) = write_manifests(build, plan, artifact, context) {
        report.emit(run::Event::Warning { text });
        return Exit::CleanUpDue;
    }
    exit(outcome)
}

fn exit(outcome: &Outcome<Artifact, Undo>) -> Exit {
    match bake::verdict(outcome) {
        bake::Verdict::Done => Exit::Done,
        bake::Verdict::Failed => Exit::Failed,
        bake::Verdict::CleanUpDue => Exit::CleanUpDue,
        bake::Verdict::Stopped => Exit::Stopped,
    }
}

fn write_manifests(
    build: &Build,
    plan: &BakePlan,
    artifact: &Artifact,
    context: &Context,
) -> Result<(), String> {
    let source = &plan.source;
    let data = Data::new().with(
        "build",
        json!({
            "PackerRunUUID": plan.run,
            "BuildRegion": plan.region,
            "SourceAMI": source.id,
            "SourceAMIName": source.name,
            "SourceAMICreationDate": source.created,
            "SourceAMIOwner": source.owner,
            "SourceAMIOwnerName": source.owner_alias,
        }),
    );
    for PostProcessor::Manifest(manifest) in &build.post_processors {
        let entry = ManifestBuild {
            name: build.name.value.clone(),
            builder_type: "amazon-ebs".to_owned(),
            build_time: (!manifest.strip_time).then(|| context.clock.now().as_second()),
            files: None,
            artifact_id: artifact.id(),
            packer_run_uuid: plan.run.to_string(),
            custom_data: (!manifest.custom_data.is_empty())
                .then(|| custom_data(manifest, &data))
                .transpose()?,
        };
        let path = &manifest.output;
        add_to_manifest(path, entry).map_err(|error| {
            format!(
                "the image is there, but {} cannot be written: {error}",
                path.display()
            )
        })?;
    }
    Ok(())
}

fn custom_data(manifest: &Manifest, data: &Data) -> Result<BTreeMap<String, String>, String> {
    let render = |(key, text): &(String, Late)| match text.render(data) {
        Ok(text) => Ok((key.clone(), text)),
        Err(finding) => Err(format!(
            "custom_data `{key}` of the manifest: {}",
            finding.message
        )),
    };
    manifest.custom_data.iter().map(render).collect()
}

fn print_plans(planned: &[Planned], context: &Context) -> Exit {
    let text: Vec<_> = planned
        .iter()
        .map(|planned| planned.plan.to_string())
        .collect();
    let plans: Vec<_> = planned.iter().map(|planned| &planned.plan).collect();
    context.document(&text.join("\n"), &json!({ "plans": plans }));
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
