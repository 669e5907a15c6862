//! Several templates in one call: a request for each.

use std::collections::BTreeMap;

use super::layers::Inputs;
use super::{Kind, Request, read};
use crate::source::SourceMap;
use crate::template::near;

/// A request for each template: the template and all var files. With one template or none it stays as it is.
pub fn each_template(request: &Request) -> Vec<Request> {
    let kinds: BTreeMap<String, Kind> = super::kinds(request, &mut SourceMap::default())
        .into_iter()
        .collect();
    let is_template = |file: &&String| kinds.get(*file) == Some(&Kind::Template);
    let templates: Vec<&String> = request.files.iter().filter(is_template).collect();
    if templates.len() < 2 {
        return vec![request.clone()];
    }
    let one = |template: &String| {
        let mut one = request.clone();
        one.files
            .retain(|file| file == template || kinds.get(file) != Some(&Kind::Template));
        one
    };
    let mut requests: Vec<Request> = templates.into_iter().map(one).collect();
    requests.dedup_by(|one, other| one.files == other.files);
    select(requests)
}

/// A name of `-only` or `-except` that another template has is no mistake in this one. One that none has stays with the
/// template that has the nearest, whose load says so.
fn select(requests: Vec<Request>) -> Vec<Request> {
    let names: Vec<Vec<String>> = requests.iter().map(names).collect();
    let home = |name: &str| {
        let all = names.iter().flatten().map(String::as_str);
        let nearest = near::nearest(name, all);
        let has = |own: &Vec<String>| own.iter().any(|own| Some(own.as_str()) == nearest);
        names.iter().position(has).unwrap_or_default()
    };
    let mut selected = Vec::new();
    for (index, (request, own)) in requests.iter().zip(&names).enumerate() {
        let mut request = request.clone();
        let known = |name: &String| names.iter().flatten().any(|other| other == name);
        let is_here = |name: &String| {
            if known(name) {
                own.contains(name)
            } else {
                home(name) == index
            }
        };
        let asked = !request.only.is_empty();
        request.only.retain(is_here);
        request.except.retain(is_here);
        let left = own.iter().any(|name| !request.except.contains(name));
        if (asked && request.only.is_empty()) || (!own.is_empty() && !left) {
            continue;
        }
        selected.push(request);
    }
    // A selection that leaves nothing is the load's to refuse.
    if selected.is_empty() {
        requests
    } else {
        selected
    }
}

/// The names of the builders of a request's template as they are written; what is wrong with it is for `load::bake` to say.
fn names(request: &Request) -> Vec<String> {
    let mut inputs = Inputs::read(request, &mut SourceMap::default());
    let Some((_, json)) = inputs.take_one(Kind::Template) else {
        return Vec::new();
    };
    let raw = read::read(&json, &mut inputs.findings);
    let names = raw.builders.into_iter();
    names.map(|builder| builder.name.value).collect()
}
