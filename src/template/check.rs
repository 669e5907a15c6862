//! From a read template and its variables to a [`Template`]: which builders are meant, and each with what applies to it.

use super::amazon;
use super::bake::{Build, Family, Retention, Template};
use super::clear;
use super::engine::{Scope, environment};
use super::functions::{self, Facts};
use super::interpolate::Interpolator;
use super::local::Local;
use super::near;
use super::options::{Key, Options, on};
use super::post_processors;
use super::provisioners;
use super::read::{RawBuilder, RawTemplate};
use super::tags;
use crate::source::json::{Json, Text};
use crate::source::{Diagnostic, Place, Span, Spanned};

/// The builder that kiln bakes.
pub(super) const BUILDER: &str = "amazon-ebs";

const KILN: &[Key] = &[
    on("family"),
    on("version"),
    on("verify"),
    on("cache"),
    on("max_age"),
    on("retention"),
];
const RETENTION: &[Key] = &[on("images"), on("days")];

/// Packer's own builders with names like that of kiln's.
const PACKERS: &[&str] = &[
    "amazon-ebssurrogate",
    "amazon-ebsvolume",
    "amazon-chroot",
    "amazon-instance",
];

/// What the command line selects: names with the places where they were typed.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub only: Vec<(String, Span)>,
    pub except: Vec<(String, Span)>,
}

/// Everything a check needs besides the template.
pub(super) struct Checker<'c> {
    /// The scope of variables' values, settled.
    pub variables: &'c Interpolator,
    pub facts: &'c Facts,
    pub local: &'c Local<'c>,
    pub selection: &'c Selection,
}

impl Checker<'_> {
    /// Checks the whole; findings are left with the interpolator.
    pub(super) fn template(&self, raw: &RawTemplate, file: &str) -> Template {
        let names: Vec<&str> = raw
            .builders
            .iter()
            .map(|builder| builder.name.value.as_str())
            .collect();
        raw.provisioners
            .iter()
            .chain(&raw.error_cleanup)
            .for_each(|json| provisioners::check_names(self.variables, json, &names));
        raw.post_processors
            .iter()
            .flatten()
            .for_each(|json| provisioners::check_names(self.variables, json, &names));
        if !raw.lists_builders {
            self.report_no_builder(raw);
        }
        let outer = self.interpolator(None);
        let family = raw.kiln.as_ref().and_then(|json| read_family(&outer, json));
        let description = raw
            .description
            .as_ref()
            .and_then(|text| outer.settle(text))
            .and_then(|d| d.value.as_str().map(str::to_owned));
        let with_names: Vec<_> = raw
            .builders
            .iter()
            .map(|builder| (builder, self.name(&outer, builder)))
            .collect();
        self.check_selection(raw, &with_names);
        self.take_findings(outer);
        let selected = with_names
            .iter()
            .filter(|(builder, name)| self.is_selected(builder, name));
        let builds = selected
            .filter_map(|(builder, name)| self.build(raw, builder, name, family.as_ref()))
            .collect();
        Template {
            file: file.to_owned(),
            description,
            family,
            builds,
            secrets: Vec::new(),
        }
    }

    fn report_no_builder(&self, raw: &RawTemplate) {
        self.variables.report(
            Diagnostic::error("template::no_builder", "a template needs a builder")
                .at(raw.span.first_byte(), "has none")
                .help("add \"builders\": [{ \"type\": \"amazon-ebs\", … }]"),
        );
    }

    /// An interpolator over the settled variables, inside a build or outside of any.
    fn interpolator(&self, build: Option<(&str, &str)>) -> Interpolator {
        let mut environment = environment();
        functions::add(&mut environment, self.facts);
        if let Some((name, kind)) = build {
            functions::add_build(&mut environment, name, kind);
        }
        let scope = Scope::new(environment, self.variables.variables().clone());
        self.variables.beside(scope)
    }

    fn take_findings(&self, inner: Interpolator) {
        self.variables
            .used
            .borrow_mut()
            .extend(inner.used.into_inner());
        self.variables
            .findings
            .borrow_mut()
            .extend(inner.findings.into_inner());
    }

    fn name(&self, outer: &Interpolator, builder: &RawBuilder) -> Spanned<String> {
        let _ = self;
        let fallback = || Spanned::new(builder.name.value.clone(), Place::at(builder.name.span));
        let settled = outer.settle(&builder.name);
        settled.map_or_else(fallback, |name| {
            Spanned::new(
                name.value
                    .as_str()
                    .map_or_else(|| name.value.to_string(), str::to_owned),
                name.place,
            )
        })
    }

    fn build(
        &self,
        raw: &RawTemplate,
        builder: &RawBuilder,
        name: &Spanned<String>,
        family: Option<&Family>,
    ) -> Option<Build> {
        if builder.kind.value != BUILDER {
            self.variables.report(other_builder(&builder.kind));
            return None;
        }
        let inner = self.interpolator(Some((name, BUILDER)));
        let options = amazon::read(&inner, &builder.json, self.local);
        let reading = provisioners::Build {
            interpolator: &inner,
            local: self.local,
            raw_name: &builder.name.value,
            family,
        };
        let provisioners = raw
            .provisioners
            .iter()
            .filter_map(|json| provisioners::read(&reading, json))
            .collect();
        let error_cleanup = raw.error_cleanup.as_ref();
        let error_cleanup = error_cleanup.and_then(|json| provisioners::read(&reading, json));
        let excepted = |name: &str| self.selection.except.iter().any(|(other, _)| other == name);
        let chains = raw.post_processors.iter();
        let chains = chains.map(|chain| post_processors::read_chain(&reading, chain, excepted));
        let post_processors = chains.filter(|chain| !chain.is_empty()).collect();
        self.take_findings(inner);
        Some(Build {
            name: name.clone(),
            place: Place::at(builder.json.span.first_byte()),
            builder: options?,
            provisioners,
            error_cleanup,
            post_processors,
        })
    }

    fn is_selected(&self, builder: &RawBuilder, name: &Spanned<String>) -> bool {
        let listed = |names: &[(String, Span)]| {
            names
                .iter()
                .any(|(other, _)| *other == name.value || *other == builder.name.value)
        };
        (self.selection.only.is_empty() || listed(&self.selection.only))
            && !listed(&self.selection.except)
    }

    /// Reports selected names that nothing has, a selection that leaves nothing, and a template without our builder.
    fn check_selection(&self, raw: &RawTemplate, named: &[(&RawBuilder, Spanned<String>)]) {
        let builders: Vec<&str> = named.iter().map(|(_, name)| name.value.as_str()).collect();
        let raw_names = named.iter().map(|(builder, _)| builder.name.value.as_str());
        let posts = raw
            .post_processors
            .iter()
            .flatten()
            .filter_map(post_processors::name_text);
        let known: Vec<&str> = builders.iter().copied().chain(raw_names).collect();
        let posts: Vec<&str> = posts.map(|text| text.value.as_str()).collect();
        let wrong_only = self
            .selection
            .only
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()));
        let wrong_except =
            self.selection.except.iter().filter(|(name, _)| {
                !known.contains(&name.as_str()) && !posts.contains(&name.as_str())
            });
        let mut wrong = false;
        for (name, span) in wrong_only.chain(wrong_except) {
            wrong = true;
            let other = format!("the builders are {}", near::list(builders.iter().copied()));
            self.variables.report(
                Diagnostic::error(
                    "template::unknown_builder",
                    format!("no builder is named `{name}`"),
                )
                .at(*span, "names no builder")
                .help(near::or_else(name, builders.iter().copied(), &other)),
            );
        }
        let ours = |(builder, name): &&(&RawBuilder, Spanned<String>)| {
            builder.kind.value == BUILDER && self.is_selected(builder, name)
        };
        if !wrong && !named.is_empty() && named.iter().find(ours).is_none() {
            self.variables.report(
                Diagnostic::error(
                    "template::no_builder",
                    format!("there is no `{BUILDER}` builder to bake"),
                )
                .at(
                    raw.builders[0].kind.span,
                    "this is another, or not selected",
                )
                .help(format!(
                    "kiln bakes `{BUILDER}`; the builders are {}",
                    near::list(builders.iter().copied())
                )),
            );
        }
    }
}

/// Said of a builder that is not kiln's; louder when it looks like a slip in the name of one that is.
fn other_builder(kind: &Text) -> Diagnostic {
    let known = [&[BUILDER], PACKERS].concat();
    let slip = !known.contains(&kind.value.as_str())
        && near::nearest(&kind.value, known.iter().copied()) == Some(BUILDER);
    let text = format!("builders of type `{}` are left to Packer", kind.value);
    let finding = if slip {
        Diagnostic::warning("template::other_builder", text)
            .help(format!("did you mean `{BUILDER}`?"))
    } else {
        Diagnostic::note("template::other_builder", text).help(format!("kiln bakes `{BUILDER}`"))
    };
    finding.at(kind.span, "skipped")
}

fn read_family(outer: &Interpolator, json: &Json) -> Option<Family> {
    let options = Options::open(outer, json, "`kiln`", &[KILN])?;
    clear::check(&options, clear::of_family);
    let name = options.need_text(
        "family",
        "name the family that this template's images belong to",
    );
    let retention = options.object("retention", "`retention`", RETENTION);
    let count = |name| {
        let count = retention.as_ref()?.number(name)?;
        Some(count.value)
    };
    let verify = options.lates("verify", &["build"]).items;
    let version = options.text("version");
    tags::check_own(&options, "kiln:family", name.as_ref());
    tags::check_own(&options, "kiln:version", version.as_ref());
    Some(Family {
        version,
        verify,
        cache: options.flag("cache"),
        max_age: options.duration("max_age").map(|age| age.value),
        retention: Retention {
            images: count("images"),
            days: count("days"),
        },
        name: name?,
    })
}
