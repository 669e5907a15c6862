//! A template as it is at any time and in anybody's hands: what changes with the clock or with chance stands still, and
//! sensitive variables are their names, as answers of stores are what was asked for. Two bakes of it are of the same thing.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::layers::Inputs;
use super::variables::variables;
use super::{Kind, Request};
use crate::source::{Diagnostic, SourceMap};
use crate::template::bake::Template;
use crate::template::check::Checker;
use crate::template::load::Folder;
use crate::template::read;
use crate::template::stores::Stores;

/// Loads a template so. Nothing where it cannot be: a sensitive variable that must be a number, for one.
///
/// A secret itself would let whoever may read the fingerprint try guesses on it, so that it has no part.
pub fn still(request: &Request) -> Option<Template> {
    let mut request = request.clone();
    request.strict = false;
    request.world.now = Timestamp::UNIX_EPOCH;
    request.world.uuid = Arc::new(|| uuid::Uuid::nil().to_string());
    request.world.stores = Stores::stand_ins();
    let named = secrets(&request)
        .into_iter()
        .map(|name| format!("{name}=the-{name}"));
    request.vars.extend(named);
    let mut sources = SourceMap::default();
    let mut inputs = Inputs::read(&request, &mut sources);
    let (file, json) = inputs.take_one(Kind::Template)?;
    let raw = read::read(&json, &mut inputs.findings);
    let facts = super::facts(&request, &file);
    let folder = Folder::new(&facts.directory);
    let local = super::local(&request, &folder, &file);
    // Stand-ins are no secrets: all that is made of them is known by what else it holds.
    inputs.sensitive.clear();
    let settled = inputs.settle(raw.variables.clone(), &[], vec![], &request, &facts);
    let checker = Checker {
        variables: &settled.interpolator,
        facts: &facts,
        local: &local,
        selection: &inputs.selection,
    };
    let template = checker.template(&raw, &file);
    let mut findings = settled.finish(&json);
    findings.append(&mut inputs.findings);
    (!findings.iter().any(Diagnostic::is_error)).then_some(template)
}

/// The variables that are secret by themselves, of what is set. One that is empty hides nothing.
fn secrets(request: &Request) -> BTreeSet<String> {
    let Ok(variables) = variables(request, &mut SourceMap::default()) else {
        return BTreeSet::new();
    };
    let settled = &variables.settled;
    let values = settled.interpolator.variables();
    let is_empty = |name: &String| values.get(name).is_some_and(|value| value == "");
    let roots = settled.roots.iter();
    roots.filter(|name| !is_empty(name)).cloned().collect()
}
