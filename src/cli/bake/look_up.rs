//! Every build is looked up and planned before anything is written; all objections come at once.

use std::collections::BTreeMap;
use std::io;

use futures_util::{StreamExt, stream};

use crate::aws::{Aws, Clients};
use crate::bake::{self, BakePlan, HostTools, Inputs, LookUpError, Objections, Options};
use crate::cli::bake::account::Lenders;
use crate::cli::bake::posts;
use crate::cli::bake::templates::{self, Loaded};
use crate::cli::bake::unchanged::{Subject, Unchanged};
use crate::cli::bake::{Bake, PARALLEL};
use crate::cli::roll::holder;
use crate::cli::{Context, home};
use crate::cloud::{Fence, Home, ImageId};
use crate::report::Report;
use crate::resume::{self, DeadBake, Prepared};
use crate::run::{Clock as _, Journal, Stop};
use crate::source::Diagnostic;
use crate::store::Store;
use crate::sweep::Sweeping;
use crate::template::bake::Template;
use crate::undo::Undo;

/// A build and its template, before anything is known of the account.
pub struct Wanted<'t> {
    pub index: usize,
    pub label: String,
    pub template: &'t Template,
    pub subject: Subject<'t>,
}

/// A build with all that its run needs.
pub struct Planned<'t> {
    pub plan: BakePlan,
    pub inputs: Option<Inputs>,
    pub adopt: Option<(bake::Adopted, Box<dyn Journal<Undo> + 't>)>,
    pub aws: Aws,
    pub home: Home,
}

/// What is to be done for a build.
pub enum Looked<'t> {
    Bake(Box<Planned<'t>>),
    Unchanged(Box<Unchanged>),
}

/// Why nothing runs.
pub enum Refusal {
    Store(io::Error),
    /// Of all builds.
    Objections(Objections),
}

/// The builds of the templates, in their order.
pub fn wanted(loaded: &[Loaded]) -> Vec<Wanted<'_>> {
    let mut subjects = Vec::new();
    for loaded in loaded {
        for (number, build) in loaded.template.builds.iter().enumerate() {
            subjects.push(Subject {
                loaded,
                number,
                build,
            });
        }
    }
    let names: Vec<_> = subjects
        .iter()
        .map(|subject| (&subject.loaded.template, subject.build))
        .collect();
    let labels = templates::labels(&names);
    let numbered = subjects.into_iter().zip(labels).enumerate();
    numbered
        .map(|(index, (subject, label))| Wanted {
            index,
            label,
            template: &subject.loaded.template,
            subject,
        })
        .collect()
}

/// Looks all of them up. With `act`, what dead runs left is taken back first.
pub async fn all<'t>(
    bake: &Bake,
    wanted: &[Wanted<'t>],
    context: &'t Context,
) -> Result<Vec<Looked<'t>>, Refusal> {
    let store = Store::at(&context.state);
    let report = context.report("before", false);
    let on = Sweeping {
        store: &store,
        clock: &context.clock,
        events: &report,
        stop: Stop::default(),
        holder: holder(context.run_id(), context),
    };
    let dead = resume::dead_bakes(&store, &context.clock);
    let mut dead = dead.map_err(Refusal::Store)?;
    let (clients, lenders) = (Clients::new(context.jitter()), Lenders::default());
    let each = wanted.iter().map(|wanted| {
        let build = &wanted.subject.build.name.value;
        let of = |dead: &mut DeadBake<'_>| dead.is_of(&wanted.template.file, build);
        let dead = dead.extract_if(.., of).collect::<Vec<_>>();
        (wanted, dead)
    });
    let each: Vec<_> = each.collect();
    let look = Look {
        bake,
        clients: &clients,
        lenders: &lenders,
        on: &on,
        report: &report,
        context,
    };
    let looked: Vec<_> = stream::iter(each)
        .map(|(wanted, dead)| look.one(wanted, dead))
        .buffered(PARALLEL)
        .collect()
        .await;
    let checked = wanted
        .iter()
        .map(|wanted| posts::check(wanted.subject.build));
    let (mut all, mut objections) = (Vec::new(), Objections::default());
    objections.findings.extend(checked.flatten());
    for (looked, wanted) in looked.into_iter().zip(wanted) {
        match looked {
            Ok(one) => all.push((wanted, one)),
            Err(others) => objections.extend(others),
        }
    }
    objections.findings.extend(of_one_name(&all));
    if objections.is_empty() {
        Ok(all.into_iter().map(|(_, one)| one).collect())
    } else {
        Err(Refusal::Objections(objections.in_order()))
    }
}

/// EC2 takes a name once a region: of two bakes that want one, the second would fail when its image is due.
fn of_one_name(all: &[(&Wanted<'_>, Looked<'_>)]) -> Vec<Diagnostic> {
    let mut names = BTreeMap::new();
    let mut findings = Vec::new();
    for (wanted, looked) in all {
        let Looked::Bake(planned) = looked else {
            continue;
        };
        let (publish, home) = (&planned.plan.publish, &planned.home);
        let clash = publish.regions(&planned.plan.region).find_map(|region| {
            let place = (&home.account, &home.endpoint, region, &publish.name);
            let other = names.insert(place, &wanted.label)?;
            Some((other, region))
        });
        if let Some((other, region)) = clash {
            let text = format!(
                "{} and {other} would give two images the name {} in {region}",
                wanted.label, publish.name
            );
            let finding = Diagnostic::error("bake::image_name", text)
                .at_value(&wanted.subject.build.builder.image.name, "named here")
                .help("put `{{build_name}}` into the name");
            findings.push(finding);
        }
    }
    findings
}

struct Look<'a, 't> {
    bake: &'a Bake,
    clients: &'a Clients,
    lenders: &'a Lenders,
    on: &'a Sweeping<'a>,
    report: &'a Report<'a>,
    context: &'t Context,
}

impl<'t> Look<'_, 't> {
    async fn one(
        &self,
        wanted: &Wanted<'t>,
        dead: Vec<DeadBake<'t>>,
    ) -> Result<Looked<'t>, Objections> {
        let (context, subject) = (self.context, &wanted.subject);
        let build = subject.build;
        let access = self.lenders.access(build, context).await;
        let access = access.map_err(LookUpError::from)?;
        let aws = self.clients.get(&access).await?;
        // What died is settled first; what was left on purpose changes nothing.
        let now = self.context.clock.now();
        let settled = dead.iter().all(|dead| dead.kept_until(now).is_some());
        if self.bake.if_changed
            && settled
            && let Some(unchanged) = self.unchanged(wanted, &aws).await?
        {
            return Ok(Looked::Unchanged(Box::new(unchanged)));
        }
        let home = home::of(&access, &aws).await?;
        let asked = resume::Wanted {
            template: wanted.template,
            build,
            home: &home,
            options: Options {
                require_host_key: self.bake.require_host_key,
                force: self.bake.force,
                terminal: crate::provision::has_terminal(),
                fingerprint: None,
            },
            run: context.run_id(),
            act: !self.bake.plan,
        };
        let inputs = |source: &ImageId| subject.inputs(source, context);
        let connect = async |home: &Home| home::reach(home, &Fence::default()).await;
        let prepared =
            resume::prepare(&asked, inputs, dead, (&aws, &HostTools), self.on, &connect).await?;
        let Prepared {
            plan,
            inputs,
            adopt,
            said,
        } = prepared;
        for text in said {
            context.say(&format!("{}: {text}", wanted.label));
        }
        self.report.close();
        if self.bake.if_changed
            && !settled
            && adopt.is_none()
            && let Some(unchanged) = self.unchanged(wanted, &aws).await?
        {
            return Ok(Looked::Unchanged(Box::new(unchanged)));
        }
        Ok(Looked::Bake(Box::new(Planned {
            plan,
            inputs,
            adopt,
            aws,
            home,
        })))
    }

    async fn unchanged(
        &self,
        wanted: &Wanted<'t>,
        aws: &Aws,
    ) -> Result<Option<Unchanged>, Objections> {
        let subject = &wanted.subject;
        let Ok(source) = bake::source_image(subject.build, aws).await else {
            // It is said with everything else that stands against the bake.
            return Ok(None);
        };
        let Some(inputs) = subject.inputs(&source.id, self.context) else {
            return Ok(None);
        };
        let print = inputs.fingerprint();
        let found = bake::unchanged(subject.build, print, aws.region(), aws).await?;
        let say = |text: &str| self.context.say(&format!("{}: {text}", wanted.label));
        let Some(artifact) = found else {
            say(&subject.changes(&inputs, self.context));
            return Ok(None);
        };
        let Some(image) = artifact.image().cloned() else {
            return Ok(None);
        };
        if subject.has_other_secrets(&image, self.context) {
            say("changed: sensitive values");
            return Ok(None);
        }
        say(&format!("nothing has changed: {image} is the image"));
        Ok(Some(Unchanged { source, artifact }))
    }
}
