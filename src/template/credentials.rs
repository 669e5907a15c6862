//! Secrets that nobody calls so: a variable that alone makes up a credential of the builder is as secret as the credential.

use super::check::BUILDER;
use super::interpolate::Interpolator;
use super::stores;
use super::vars::{Vars, needs, secret_of};
use crate::source::json::{Json, Member, Text, Value};
use std::collections::BTreeSet;

/// Options of `amazon-ebs` that are secrets whatever they hold.
const CREDENTIALS: [&str; 5] = [
    "secret_key",
    "token",
    "ssh_password",
    "ssh_bastion_password",
    "ssh_proxy_password",
];

/// Options that are known to everybody: a password that is one is no secret either.
const NAMES: [&str; 3] = ["ssh_username", "ssh_bastion_username", "ssh_proxy_username"];

/// The variables that make up these texts, by themselves or by way of another variable. Those that are secret anyway, as
/// answers of stores are, are not among them; nor are the parts that one is put together from, of which any may be plain.
pub(super) fn variables<'v>(
    mut texts: Vec<&'v Text>,
    vars: &'v Vars,
    interpolator: &Interpolator,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    while let Some(text) = texts.pop() {
        let names = interpolator.variables_of(text);
        let mut set = names
            .iter()
            .filter_map(|name| Some((name, vars.settings().get(name)?)));
        let (Some((name, setting)), None) = (set.next(), set.next()) else {
            continue;
        };
        let value = &setting.value;
        let asked = needs(value, interpolator)
            .iter()
            .any(|name| stores::asks(name));
        if !asked && secret_of(value, interpolator).is_none() && found.insert(name.clone()) {
            texts.extend(value.text());
        }
    }
    found
}

/// The credentials in a template's builders, as written. One that says no more than the name beside it hides nothing.
pub(super) fn texts(template: &Json) -> Vec<&Text> {
    let builders = match template.get("builders").map(|json| &json.value) {
        Some(Value::List(builders)) => builders.as_slice(),
        _ => &[],
    };
    let ours = |builder: &&Json| {
        let kind = builder.get("type").and_then(Json::text);
        kind.is_some_and(|kind| kind.value == BUILDER)
    };
    builders.iter().filter(ours).flat_map(of_builder).collect()
}

fn of_builder(builder: &Json) -> Vec<&Text> {
    let options = builder.members().unwrap_or_default();
    let texts_of = |names: &'static [&str]| {
        let is_one = move |option: &&Member| {
            let name = option.key.value.to_ascii_lowercase();
            names.contains(&name.as_str())
        };
        let options = options.iter().filter(is_one);
        options.filter_map(|option| option.value.text())
    };
    let names: Vec<&str> = texts_of(&NAMES).map(|text| text.value.as_str()).collect();
    let credentials = texts_of(&CREDENTIALS);
    credentials
        .filter(|text| !names.contains(&text.value.as_str()))
        .collect()
}
