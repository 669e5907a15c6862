//! A template as it is at any time and in anybody's hands: what changes with the clock or with chance stands still, and
//! sensitive variables are their names, as answers of stores are what was asked for. Two bakes of it are of the same thing.

use std::sync::Arc;

use jiff::Timestamp;

use super::layers::Inputs;
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
    let sensitive = sensitive(&request);
    let named = sensitive.iter().map(|name| format!("{name}=the-{name}"));
    request.vars.extend(named);
    let mut sources = SourceMap::default();
    let mut inputs = Inputs::read(&request, &mut sources);
    let (file, json) = inputs.take_one(Kind::Template)?;
    let raw = read::read(&json, &mut inputs.findings);
    let facts = super::facts(&request, &file);
    let folder = Folder::new(&facts.directory);
    let local = super::local(&request, &folder, &file);
    let settled = inputs.settle(raw.variables.clone(), &[], &request, &facts);
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

fn sensitive(request: &Request) -> Vec<String> {
    let mut inputs = Inputs::read(request, &mut SourceMap::default());
    let Some((_, json)) = inputs.take_one(Kind::Template) else {
        return Vec::new();
    };
    let raw = read::read(&json, &mut inputs.findings);
    raw.sensitive.into_iter().map(|text| text.value).collect()
}
