//! Variables alone, without what uses them: their values, who set them, and expressions over them.

use super::layers::{Inputs, Settled};
use super::{Facts, Kind, Request, facts, sorted, texts};
use crate::source::json::Text;
use crate::source::{Diagnostic, SourceMap, Span};
use crate::template::credentials;
use crate::template::engine::{Scope, environment};
use crate::template::forms::Style;
use crate::template::late::Late;
use crate::template::secret::Secret;
use crate::template::vars::Layer;
use crate::template::{functions, read, vars};

/// The variables of a template or service file, settled.
pub struct Variables {
    pub(super) settled: Settled,
    facts: Facts,
    /// What was found in the files and in the variables, sorted by place.
    pub findings: Vec<Diagnostic>,
    /// Values that no sink may print.
    pub secrets: Vec<Secret>,
}

/// A variable and where its value is from.
#[derive(Debug)]
pub struct Variable<'v> {
    pub name: String,
    /// `None`: required and not set, or broken, which a finding says.
    pub value: Option<&'v serde_json::Value>,
    /// It must not be shown.
    pub secret: bool,
    /// The value that won.
    pub winner: Given,
    /// The values that it overrode, the strongest first. An object is merged with those that are objects.
    pub overridden: Vec<Given>,
}

/// A value as one layer gives it.
#[derive(Debug, Clone)]
pub struct Given {
    pub layer: Layer,
    pub place: Span,
    /// As written.
    pub value: serde_json::Value,
}

/// What a text came to.
#[derive(Debug)]
pub struct Evaluated {
    pub text: String,
    /// It must not be shown.
    pub secret: bool,
    /// What is worth knowing of it.
    pub findings: Vec<Diagnostic>,
}

/// Reads the variables of a template or service file with all layers. A builder that is wrong does not matter here.
///
/// # Errors
/// Every finding, sorted by place, when a file cannot be read or is not the one that is needed.
pub fn variables(request: &Request, sources: &mut SourceMap) -> Result<Variables, Vec<Diagnostic>> {
    let mut inputs = Inputs::read(request, sources);
    let kind = inputs.kinds().into_iter().map(|(_, kind)| kind);
    let kind = kind
        .filter(|kind| *kind != Kind::Vars)
        .max_by_key(|kind| *kind == Kind::Service);
    let Some((file, json)) = inputs.take_one(kind.unwrap_or(Kind::Template)) else {
        return Err(sorted(inputs.findings));
    };
    let declared = read::members(&json, "variables", &mut inputs.findings);
    if inputs.incomplete {
        return Err(sorted(inputs.findings));
    }
    let sensitive: Vec<Text> = json
        .get("sensitive-variables")
        .map(texts)
        .unwrap_or_default();
    let facts = facts(request, &file);
    let settled = inputs.settle(
        declared,
        &sensitive,
        credentials::texts(&json),
        request,
        &facts,
    );
    let secrets = settled.secrets(sources);
    let mut findings = inputs.findings;
    findings.append(&mut settled.interpolator.findings.borrow_mut());
    Ok(Variables {
        settled,
        facts,
        findings: sorted(findings),
        secrets,
    })
}

impl Variables {
    /// Every variable, by name.
    pub fn all(&self) -> Vec<Variable<'_>> {
        let interpolator = &self.settled.interpolator;
        let settings = self.settled.vars.settings().iter();
        let variable = |(name, setting): (&'_ String, &'_ vars::Setting)| {
            let mut given = setting.given.iter().rev().map(|given| Given {
                layer: given.layer,
                place: given.value.span,
                value: given.value.plain(),
            });
            Some(Variable {
                value: interpolator.variables().get(name),
                secret: interpolator.sensitive.contains(name),
                winner: given.next()?,
                overridden: given.collect(),
                name: name.clone(),
            })
        };
        settings.filter_map(variable).collect()
    }

    /// Evaluates a text, as an option of a builder would be.
    ///
    /// # Errors
    /// Every finding, when the text cannot be evaluated; none when a variable in it is broken, which is reported already.
    pub fn evaluate(&self, text: &Text) -> Result<Evaluated, Vec<Diagnostic>> {
        let mut engine = environment();
        functions::add(&mut engine, &self.facts);
        let outer = &self.settled.interpolator;
        let interpolator = outer.beside(Scope::new(engine, outer.variables().clone()));
        let late = interpolator.late(text, Style::Both, &[]);
        let secret = interpolator.secret_of(text).is_some();
        let findings = sorted(interpolator.findings.into_inner());
        match late.as_ref().and_then(Late::text) {
            Some(text) => Ok(Evaluated {
                text: text.to_owned(),
                secret,
                findings,
            }),
            None => Err(findings),
        }
    }
}
