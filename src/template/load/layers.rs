//! The inputs of a load: files read and told apart, values from the environment and the command line, and the variables
//! that come of them all.

use super::arguments::Arguments;
use super::disk::{self, Folder};
use super::findings::{last_wins, sets_nothing, unreadable};
use super::include::Ring;
use super::none::none_of;
use super::{Disk, Kind, Request};
use crate::source::json::{self, Json, Member, Text, Value};
use crate::source::{Diagnostic, SourceMap, Span};
use crate::template::check::Selection;
use crate::template::credentials;
use crate::template::engine::{Scope, Values, environment};
use crate::template::functions::{self, Facts};
use crate::template::interpolate::Interpolator;
use crate::template::read::check_sensitive;
use crate::template::secret::{self, Secret};
use crate::template::vars::{Layer, VarLayer, Vars, needs};
use std::collections::BTreeSet;
use std::path::Path;

/// Variables in the environment begin so.
const PREFIX: &str = "KILN_VAR_";

/// Everything that was handed in.
pub(super) struct Inputs {
    files: Vec<Input>,
    layers: Vec<VarLayer>,
    /// What the template or service file includes.
    below: Vec<VarLayer>,
    /// Names in `sensitive-variables` of included files.
    pub sensitive: Vec<Text>,
    pub selection: Selection,
    pub findings: Vec<Diagnostic>,
    /// Names of `-var` without a value, which is reported.
    unset: Vec<String>,
    /// Where the bare files were typed.
    typed: Option<Span>,
    /// Whether a file is missing from what follows, so that what variables are is not known.
    pub incomplete: bool,
}

struct Input {
    name: String,
    kind: Kind,
    json: Json,
    typed: Span,
}

/// Variables with their values.
pub(super) struct Settled {
    pub interpolator: Interpolator,
    pub vars: Vars,
    /// Variables that are secret by themselves, and not for what they are made of.
    pub roots: BTreeSet<String>,
    /// What stores of secrets have answered.
    told: Vec<String>,
}

impl Inputs {
    pub(super) fn read(request: &Request, sources: &mut SourceMap) -> Self {
        let arguments = Arguments::read(request, sources);
        let pair = |names: &[String], spans: &[Span]| {
            names.iter().cloned().zip(spans.iter().copied()).collect()
        };
        let selection = Selection {
            only: pair(&request.only, &arguments.only),
            except: pair(&request.except, &arguments.except),
        };
        let typed = arguments.files.first().copied();
        let mut inputs = Self {
            files: Vec::new(),
            layers: Vec::new(),
            below: Vec::new(),
            sensitive: Vec::new(),
            selection,
            findings: Vec::new(),
            unset: Vec::new(),
            typed,
            incomplete: false,
        };
        inputs.layers.push(environment_layer(request, sources));
        let disk = Folder::new(&request.world.directory);
        let stdin = request.stdin.as_deref();
        for (name, span) in request.var_files.iter().zip(&arguments.var_files) {
            let text = text_of(name, stdin, &disk);
            inputs.read_file(name, text, *span, Some(Kind::Vars), &disk, sources);
        }
        for (name, span) in request.files.iter().zip(&arguments.files) {
            let text = text_of(name, stdin, &disk);
            inputs.read_file(name, text, *span, None, &disk, sources);
        }
        let values = request
            .vars
            .iter()
            .zip(&arguments.vars)
            .filter_map(|(text, span)| inputs.variable(text, *span))
            .collect();
        inputs.layers.push(VarLayer {
            layer: Layer::CommandLine,
            values,
        });
        inputs
    }

    fn read_file(
        &mut self,
        name: &str,
        text: Result<String, String>,
        typed: Span,
        kind: Option<Kind>,
        disk: &Folder,
        sources: &mut SourceMap,
    ) {
        if disk::is_hcl(name) {
            self.incomplete = true;
            return self.findings.push(disk::hcl(name, typed));
        }
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                self.incomplete = true;
                return self.findings.push(unreadable(name, &reason, typed, disk));
            }
        };
        let file = sources.add(name, text);
        let reading = json::read(file, sources);
        // An empty file has no place of its own.
        let placed = |finding: Diagnostic| {
            if finding.labels.is_empty() {
                finding.at(typed, "this file")
            } else {
                finding
            }
        };
        let kind = kind.or_else(|| reading.value.as_ref().map(kind_of));
        let milder = |finding| match kind {
            Some(Kind::Vars) => last_wins(finding),
            _ => finding,
        };
        let findings = reading.findings.into_iter().map(milder).map(placed);
        self.findings.extend(findings);
        let (Some(json), Some(kind)) = (reading.value, kind) else {
            self.incomplete = true;
            return;
        };
        if json.members().is_none() {
            self.findings.push(
                Diagnostic::error(
                    "template::wrong_type",
                    format!("`{name}` must hold an object, not {}", json.kind()),
                )
                .at(json.span.first_byte(), "expected `{`")
                .help("templates, service files and var files are JSON objects"),
            );
            return;
        }
        let mut ring = Ring::new(name);
        if kind == Kind::Vars {
            let mut values = json.clone().without_earlier().into_members();
            // A text of this name may be a variable's.
            if matches!(
                json.get("include").map(|json| &json.value),
                Some(Value::List(_))
            ) {
                values.retain(|member| member.key.value != "include");
                let below = self.included(&json, Layer::File, &mut ring, disk, sources);
                self.layers.extend(below);
            }
            self.layers.push(VarLayer {
                layer: Layer::File,
                values,
            });
        } else {
            self.below = self.included(&json, Layer::Included, &mut ring, disk, sources);
        }
        self.files.push(Input {
            name: name.to_owned(),
            kind,
            json,
            typed,
        });
    }

    fn variable(&mut self, text: &str, span: Span) -> Option<Member> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            self.findings.push(sets_nothing(text, span));
            // It was meant to be set.
            self.unset
                .extend((!text.contains('=')).then(|| text.to_owned()));
            return None;
        };
        Some(member(span.file, span.start, name, value))
    }

    pub(super) fn kinds(&self) -> Vec<(String, Kind)> {
        self.files
            .iter()
            .map(|input| (input.name.clone(), input.kind))
            .collect()
    }

    /// The one file of a kind; anything else than one is reported, unless a file could not be read at all.
    pub(super) fn take_one(&mut self, kind: Kind) -> Option<(String, Json)> {
        let what = if kind == Kind::Template {
            "template"
        } else {
            "service file"
        };
        let found: Vec<usize> = (0..self.files.len())
            .filter(|at| self.files[*at].kind == kind)
            .collect();
        match found.as_slice() {
            [one] => {
                let input = self.files.swap_remove(*one);
                Some((input.name, input.json))
            }
            [first, second, ..] => {
                let finding = Diagnostic::error(
                    "template::several_files",
                    format!("there is more than one {what}"),
                )
                .at(self.files[*second].typed, "the second")
                .at(self.files[*first].typed, "the first");
                self.findings.push(finding.help("give one at a time"));
                None
            }
            [] => {
                if !self.findings.iter().any(Diagnostic::is_error) {
                    let read = self.files.iter().map(|input| &input.json);
                    self.findings.push(none_of(kind, what, self.typed, read));
                }
                None
            }
        }
    }

    /// Folds the layers over the declared defaults and settles every variable. What `credentials`
    /// are made of is secret too.
    pub(super) fn settle(
        &mut self,
        declared: Vec<Member>,
        sensitive: &[Text],
        credentials: Vec<&Text>,
        request: &Request,
        facts: &Facts,
    ) -> Settled {
        let mut layers = std::mem::take(&mut self.layers);
        let mut engine = environment();
        functions::add(&mut engine, facts);
        functions::add_env(&mut engine, facts);
        let mut interpolator =
            Interpolator::new(Scope::new(engine, Values::new()), true, request.strict);
        let sensitive: Vec<Text> = [sensitive, &self.sensitive].concat();
        let included = self.below.iter().flat_map(|layer| layer.values.clone());
        let known: Vec<Member> = declared.iter().cloned().chain(included).collect();
        check_sensitive(&interpolator, &sensitive, &known);
        let declared = VarLayer {
            layer: Layer::Default,
            values: declared,
        };
        let below = std::mem::take(&mut self.below).into_iter();
        layers.splice(0..0, below.chain([declared]));
        let vars = Vars::fold(layers);
        interpolator.sensitive = sensitive.iter().map(|text| text.value.clone()).collect();
        let implied = credentials::variables(credentials, &vars, &interpolator);
        interpolator.sensitive.extend(implied);
        let roots = interpolator.sensitive.clone();
        interpolator.broken.extend(self.unset.drain(..));
        vars.settle(&mut interpolator, facts.stores.is_offline());
        Settled {
            interpolator,
            vars,
            roots,
            told: facts.stores.told(),
        }
    }
}

impl Settled {
    /// The values that must not be shown; their places are hidden in the texts from now on.
    pub(super) fn secrets(&self, sources: &mut SourceMap) -> Vec<Secret> {
        let Interpolator { sensitive, .. } = &self.interpolator;
        for place in self.vars.places_of(sensitive) {
            sources.hide(place);
        }
        let values = sensitive
            .iter()
            .filter_map(|name| self.interpolator.variables().get(name));
        let mut texts = self.told.clone();
        for value in values {
            secret::texts(value, &mut texts);
        }
        texts.sort();
        texts.dedup();
        texts.into_iter().map(Secret::new).collect()
    }

    /// All findings of the variables and of what used them. A variable that a part of `json` reads which was not looked at,
    /// such as a builder that is left to Packer, is not unused.
    pub(super) fn finish(self, json: &Json) -> Vec<Diagnostic> {
        let Self {
            interpolator, vars, ..
        } = self;
        let mut findings = interpolator.findings.take();
        let mut used = interpolator.used.take();
        if vars.unused(&used, interpolator.strict).next().is_some() {
            let parts = json.members().unwrap_or_default().iter();
            let parts = parts.filter(|member| member.key.value != "variables");
            used.extend(parts.flat_map(|member| needs(&member.value, &interpolator)));
        }
        findings.extend(vars.unused(&used, interpolator.strict));
        findings
    }
}

/// The text of a file, or of the standard input by the name `-`.
fn text_of(name: &str, stdin: Option<&str>, disk: &Folder) -> Result<String, String> {
    match (name, stdin) {
        ("-", Some(text)) => Ok(text.to_owned()),
        _ => disk.read(Path::new(name)),
    }
}

fn kind_of(json: &Json) -> Kind {
    if json.get("builders").is_some() {
        Kind::Template
    } else if json.get("format").is_some() && json.get("service").is_some() {
        Kind::Service
    } else {
        Kind::Vars
    }
}

fn member(file: crate::source::FileId, start: usize, name: &str, value: &str) -> Member {
    let text = Text::part(file, start + name.len() + 1, value);
    let span = text.span;
    Member {
        key: Text::part(file, start, name),
        value: Json {
            value: Value::String(text),
            span,
        },
    }
}

fn environment_layer(request: &Request, sources: &mut SourceMap) -> VarLayer {
    let variables = request
        .world
        .environment
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
    let text: Vec<String> = variables
        .clone()
        .map(|(name, value)| format!("{PREFIX}{name}={value}\n"))
        .collect();
    let file = sources.add_typed("environment", text.concat());
    let mut start = 0;
    let values = variables.zip(&text).map(|((name, value), line)| {
        let member = member(file, start + PREFIX.len(), name, value);
        start += line.len();
        member
    });
    VarLayer {
        layer: Layer::Environment,
        values: values.collect(),
    }
}
