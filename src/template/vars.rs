//! Variables: layers folded low to high, each value with its place, then settled in the order they need each other.
//! Precedence: declared defaults < environment < var files in order < command line.

use super::interpolate::Interpolator;
use super::near;
use super::stores;
use crate::source::json::{Json, Member, Text, Value};
use crate::source::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Who set a value; the later, the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// A file that the template includes.
    Included,
    /// `variables` of the template.
    Default,
    /// `KILN_VAR_name`.
    Environment,
    /// A var file; the span says which.
    File,
    /// `-var`.
    CommandLine,
}

/// The values of one source.
#[derive(Debug)]
pub(super) struct VarLayer {
    pub layer: Layer,
    pub values: Vec<Member>,
}

/// A variable with the value that won.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub layer: Layer,
    pub key: Span,
    pub value: Json,
    /// Every value that it was given, the winner last.
    pub given: Vec<Given>,
}

impl Setting {
    /// Where `variables` declares it.
    fn declared(&self) -> Option<Span> {
        let first = self.given.first();
        let declared = first.filter(|given| given.layer == Layer::Default);
        declared.map(|given| given.value.span)
    }
}

/// A value as one layer gives it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub layer: Layer,
    pub value: Json,
}

/// All layers folded.
#[derive(Debug, Default)]
pub(super) struct Vars {
    settings: BTreeMap<String, Setting>,
}

impl Vars {
    /// Folds layers, the weakest first.
    pub(super) fn fold(layers: Vec<VarLayer>) -> Self {
        let mut vars = Self::default();
        for VarLayer { layer, values } in layers {
            for member in values {
                vars.set(layer, member);
            }
        }
        vars
    }

    /// Objects merge key by key, anything else is replaced whole.
    fn set(&mut self, layer: Layer, Member { key, mut value }: Member) {
        if layer == Layer::File && matches!(value.value, Value::Null) {
            // Packer reads a null in a var file as an empty string that counts as set.
            value.value = Value::String(Text::part(value.span.file, value.span.start, ""));
        }
        let mut given = self
            .settings
            .get(&key.value)
            .map(|setting| setting.given.clone())
            .unwrap_or_default();
        given.push(Given {
            layer,
            value: value.clone(),
        });
        let value = match self.settings.remove(&key.value) {
            // `null` asks for a value, and what is included is one.
            Some(before) if layer == Layer::Default && matches!(value.value, Value::Null) => {
                before.value
            }
            Some(before) => merge(before.value, value),
            None => value,
        };
        self.settings.insert(
            key.value.clone(),
            Setting {
                layer,
                key: key.span,
                value,
                given,
            },
        );
    }

    /// Every variable, by name.
    pub(super) fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.settings
    }

    /// Settles every variable in the interpolator's scope and tells it what is broken.
    pub(super) fn settle(&self, interpolator: &mut Interpolator, offline: bool) {
        let mut walk = Walk {
            vars: self,
            offline,
            done: BTreeSet::new(),
            ring: Vec::new(),
            interpolator,
        };
        for name in self.settings.keys() {
            walk.visit(name);
        }
        let Walk { interpolator, .. } = walk;
        interpolator.origins = self
            .settings
            .iter()
            .map(|(name, setting)| (name.clone(), setting.value.span))
            .collect();
    }

    /// Values from the command line that nothing declares or asks for, most likely misspelt. When `strict`, those are
    /// errors, and so are declared variables that nothing uses.
    pub(super) fn unused<'v>(
        &'v self,
        used: &'v BTreeSet<String>,
        strict: bool,
    ) -> impl Iterator<Item = Diagnostic> + 'v {
        let idle = move |(name, setting): &(&String, &Setting)| {
            let typed = setting.layer == Layer::CommandLine && setting.given.len() == 1;
            (typed || (strict && setting.declared().is_some())) && !used.contains(*name)
        };
        let finding = move |(name, setting): (&'v String, &'v Setting)| {
            let code = "template::unused_variable";
            let message = format!("nothing uses the variable `{name}`");
            let finding = if strict {
                Diagnostic::error(code, message)
            } else {
                Diagnostic::warning(code, message)
            };
            let others = used.iter().map(String::as_str);
            let place = setting.declared().unwrap_or(setting.key);
            finding.at(place, "set here").help(near::or_else(
                name,
                others,
                "check its name, or leave it out",
            ))
        };
        self.settings.iter().filter(idle).map(finding)
    }

    /// Every place where a sensitive variable got a value.
    pub(super) fn places_of(&self, sensitive: &BTreeSet<String>) -> Vec<Span> {
        let settings = sensitive.iter().filter_map(|name| self.settings.get(name));
        settings
            .flat_map(|setting| setting.given.iter().map(|given| given.value.span))
            .collect()
    }
}

fn merge(before: Json, after: Json) -> Json {
    let (Value::Object(mut members), Value::Object(newer)) = (before.value, after.value.clone())
    else {
        return after;
    };
    for new in newer {
        match members.iter().position(|member| member.key == new.key) {
            Some(at) => {
                let old = members.remove(at);
                members.insert(
                    at,
                    Member {
                        value: merge(old.value, new.value),
                        key: new.key,
                    },
                );
            }
            None => members.push(new),
        }
    }
    Json {
        value: Value::Object(members),
        span: after.span,
    }
}

/// A depth-first walk over what variables need.
struct Walk<'w> {
    vars: &'w Vars,
    /// Stores of secrets are not asked.
    offline: bool,
    done: BTreeSet<String>,
    /// The names between the one being settled and the one that asked first.
    ring: Vec<String>,
    interpolator: &'w mut Interpolator,
}

impl Walk<'_> {
    fn visit(&mut self, name: &str) {
        let Some(setting) = self.vars.settings.get(name) else {
            return;
        };
        if self.done.contains(name) {
            return;
        }
        if let Some(start) = self.ring.iter().position(|other| other == name) {
            return self.report_ring(start);
        }
        self.ring.push(name.to_owned());
        for need in needs(&setting.value, self.interpolator) {
            self.visit(&need);
        }
        if secret_of(&setting.value, self.interpolator).is_some() {
            self.interpolator.sensitive.insert(name.to_owned());
        }
        self.ring.pop();
        if self.done.insert(name.to_owned()) && !self.interpolator.broken.contains(name) {
            self.settle(name, setting);
        }
    }

    fn settle(&mut self, name: &str, setting: &Setting) {
        if matches!(setting.value.value, Value::Null) && setting.layer <= Layer::Default {
            self.interpolator.report(
                Diagnostic::error("template::missing_variable", format!("the variable `{name}` is required and not set"))
                    .at(setting.key, "declared here with null")
                    .help(format!("set it in a var file, with `-var {name}=…`, or as KILN_VAR_{name} in the environment")),
            );
            self.interpolator.broken.insert(name.to_owned());
            return;
        }
        let asks = needs(&setting.value, self.interpolator)
            .iter()
            .any(|name| stores::asks(name));
        if asks {
            self.interpolator.sensitive.insert(name.to_owned());
        }
        if let Value::String(text) = &setting.value.value
            && let Some(text) = self.interpolator.open(name, text)
        {
            return self.interpolator.set(name, text.into());
        }
        match self.interpolator.settle_all(&setting.value) {
            // Nobody was asked: nothing is known of it, and nothing is said of what uses it.
            Some(_) if asks && self.offline => {
                self.interpolator.broken.insert(name.to_owned());
            }
            Some(value) => self.interpolator.set(name, value),
            None => drop(self.interpolator.broken.insert(name.to_owned())),
        }
    }

    fn report_ring(&mut self, start: usize) {
        let names = &self.ring[start..];
        if names
            .iter()
            .any(|name| self.interpolator.broken.contains(name))
        {
            return;
        }
        let shown: Vec<_> = names
            .iter()
            .chain(names.first())
            .map(|name| format!("`{name}`"))
            .collect();
        let message = format!("variables need each other in a ring: {}", shown.join(" → "));
        let mut finding = Diagnostic::error("template::variable_ring", message)
            .help("give one of them a value of its own");
        for name in names {
            if let Some(setting) = self.vars.settings.get(name) {
                finding = finding.at(setting.value.span, format!("`{name}`"));
            }
        }
        self.interpolator.report(finding);
        self.interpolator.broken.extend(names.iter().cloned());
    }
}

/// The sensitive variable that the texts of a value read, with the first text that does.
pub(super) fn secret_of(json: &Json, interpolator: &Interpolator) -> Option<(Span, String)> {
    match &json.value {
        Value::String(text) => Some((text.span, interpolator.secret_of(text)?)),
        Value::List(items) => items.iter().find_map(|item| secret_of(item, interpolator)),
        Value::Object(members) => members.iter().find_map(|Member { key, value }| {
            let key = interpolator.secret_of(key).map(|name| (key.span, name));
            key.or_else(|| secret_of(value, interpolator))
        }),
        _ => None,
    }
}

/// The variables that the texts of a value read.
pub(super) fn needs(json: &Json, interpolator: &Interpolator) -> BTreeSet<String> {
    match &json.value {
        Value::String(text) => interpolator.variables_of(text),
        Value::List(items) => items
            .iter()
            .flat_map(|item| needs(item, interpolator))
            .collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|member| needs(&member.value, interpolator))
            .collect(),
        _ => BTreeSet::new(),
    }
}
