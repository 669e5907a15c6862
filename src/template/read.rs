//! The root of a template: which keys it may have, and its parts with their texts still unrendered.

use super::functions::PACKER_VERSION;
use super::interpolate::Interpolator;
use super::near;
use super::options::wrong_type;
use crate::source::json::{Json, Member, Text, Value};
use crate::source::{Diagnostic, Place, Span};

/// Root keys that are read.
const READ: &[&str] = &[
    "builders",
    "provisioners",
    "error-cleanup-provisioner",
    "post-processors",
    "variables",
    "sensitive-variables",
    "min_packer_version",
    "description",
    "include",
    "kiln",
];
/// A relic of Packer that it accepts and ignores.
const IGNORED: &[&str] = &["push"];

/// A template whose shape is known.
#[derive(Debug)]
pub(super) struct RawTemplate {
    pub span: Span,
    pub description: Option<Text>,
    pub kiln: Option<Json>,
    pub variables: Vec<Member>,
    pub sensitive: Vec<Text>,
    pub builders: Vec<RawBuilder>,
    /// Whether it lists any, wrong ones too.
    pub lists_builders: bool,
    pub provisioners: Vec<Json>,
    pub error_cleanup: Option<Json>,
    /// Each a chain.
    pub post_processors: Vec<Vec<Json>>,
}

/// A builder with the names that others know it by.
#[derive(Debug)]
pub(super) struct RawBuilder {
    pub kind: Text,
    /// As written; the type when there is none.
    pub name: Text,
    pub json: Json,
}

/// Reads the root. What is wrong with it goes into `findings`.
pub(super) fn read(json: &Json, findings: &mut Vec<Diagnostic>) -> RawTemplate {
    for Member { key, value } in json.members().unwrap_or_default() {
        findings.extend(check_key(key, value));
    }
    let list = |name: &str, findings: &mut Vec<Diagnostic>| list(json, name, findings);
    let listed = list("builders", findings);
    // One that is no list, or stands there twice, has its own finding.
    let some = |member: &Member| {
        let empty = match &member.value.value {
            Value::List(items) => items.is_empty(),
            Value::Null => true,
            _ => false,
        };
        member.key.value == "builders" && !empty
    };
    let lists_builders = json.members().unwrap_or_default().iter().any(some);
    let builders = listed
        .iter()
        .filter_map(|builder| read_builder(builder, findings))
        .collect();
    let template = RawTemplate {
        span: json.span,
        description: text(json, "description", findings),
        kiln: json.get("kiln").cloned(),
        variables: members(json, "variables", findings),
        sensitive: texts(list("sensitive-variables", findings), findings),
        builders,
        lists_builders,
        provisioners: objects(list("provisioners", findings), "a provisioner", findings),
        error_cleanup: error_cleanup(json, findings),
        post_processors: list("post-processors", findings)
            .into_iter()
            .map(|entry| chain(entry, findings))
            .collect(),
    };
    check_duplicates(&template.builders, findings);
    findings.extend(check_version(json.get("min_packer_version")));
    template
}

/// `min_packer_version` against the Packer whose language this is.
fn check_version(wanted: Option<&Json>) -> Option<Diagnostic> {
    let wanted = wanted.filter(|json| !matches!(json.value, Value::Null))?;
    let Some(text) = wanted.text() else {
        return Some(wrong_type(
            "`min_packer_version`",
            "a string",
            wanted.kind(),
            Place::at(wanted.span),
        ));
    };
    let least = match version(&text.value) {
        Some(_) if text.value.is_empty() => return None,
        Some(least) => least,
        None => {
            return Some(
                Diagnostic::error(
                    "template::wrong_value",
                    format!("`min_packer_version` cannot be `{}`", text.value),
                )
                .at(text.span, "not a version")
                .help("write a version such as \"1.6.0\""),
            );
        }
    };
    (version(PACKER_VERSION)? < least).then(|| {
        Diagnostic::error(
            "template::packer_version",
            format!(
                "this template requires Packer {} or higher, and kiln reads the language of {PACKER_VERSION}",
                text.value
            ),
        )
        .at(text.span, "required here")
        .help("lower it if the template needs nothing newer")
    })
}

/// The numbers of a version, without zeros at its end; what follows `-` or `+` does not count.
fn version(text: &str) -> Option<Vec<u64>> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let plain = plain.split(['-', '+']).next().unwrap_or("");
    let numbers: Option<Vec<u64>> = plain.split('.').map(|part| part.parse().ok()).collect();
    let mut numbers = if text.is_empty() {
        Vec::new()
    } else {
        numbers?
    };
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

fn check_key(key: &Text, value: &Json) -> Option<Diagnostic> {
    let name = key.value.as_str();
    if READ.contains(&name) {
        return None;
    }
    if IGNORED.contains(&name) {
        let text = format!("`{name}` has no effect: it was for Atlas, which is no more");
        let finding = Diagnostic::note("template::idle_option", text);
        return Some(finding.at(key.span, "no effect"));
    }
    if name.starts_with('_') {
        let wrong = value.text().is_none();
        return wrong.then(|| {
            wrong_type(
                &format!("the comment `{name}`"),
                "a string",
                value.kind(),
                Place::at(value.span),
            )
        });
    }
    let other = format!("a template has {}", near::list(READ.iter().copied()));
    Some(
        Diagnostic::error(
            "template::unknown_key",
            format!("a template has no key `{name}`"),
        )
        .at(key.span, "unknown")
        .help(near::or_else(name, READ.iter().copied(), &other)),
    )
}

fn list(json: &Json, name: &str, findings: &mut Vec<Diagnostic>) -> Vec<Json> {
    match json.get(name) {
        Some(Json {
            value: Value::List(items),
            ..
        }) => items.clone(),
        None
        | Some(Json {
            value: Value::Null, ..
        }) => Vec::new(),
        Some(other) => {
            findings.push(wrong_type(
                &format!("`{name}`"),
                "a list",
                other.kind(),
                Place::at(other.span),
            ));
            Vec::new()
        }
    }
}

/// Those that are objects; any others are reported.
fn objects(items: Vec<Json>, what: &str, findings: &mut Vec<Diagnostic>) -> Vec<Json> {
    let sound = |item: &Json| {
        let sound = item.members().is_some();
        if !sound {
            let place = Place::at(item.span);
            findings.push(wrong_type(what, "an object", item.kind(), place));
        }
        sound
    };
    items.into_iter().filter(sound).collect()
}

/// A string; a number is its digits.
fn text(json: &Json, name: &str, findings: &mut Vec<Diagnostic>) -> Option<Text> {
    let written = json.get(name)?;
    let Span { file, start, .. } = written.span;
    match &written.value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(digits) => Some(Text::part(file, start, digits)),
        _ => {
            let (what, place) = (format!("`{name}`"), Place::at(written.span));
            findings.push(wrong_type(&what, "a string", written.kind(), place));
            None
        }
    }
}

fn texts(items: Vec<Json>, findings: &mut Vec<Diagnostic>) -> Vec<Text> {
    let text = |item: Json| {
        if item.text().is_none() {
            let (what, place) = ("a name in `sensitive-variables`", Place::at(item.span));
            findings.push(wrong_type(what, "a string", item.kind(), place));
        }
        item.text().cloned()
    };
    items.into_iter().filter_map(text).collect()
}

fn error_cleanup(json: &Json, findings: &mut Vec<Diagnostic>) -> Option<Json> {
    const NAME: &str = "error-cleanup-provisioner";
    let written = json.get(NAME)?;
    if matches!(written.value, Value::Null) {
        return None;
    }
    objects(vec![written.clone()], &format!("`{NAME}`"), findings).pop()
}

pub(super) fn members(json: &Json, name: &str, findings: &mut Vec<Diagnostic>) -> Vec<Member> {
    match json.get(name) {
        Some(Json {
            value: Value::Object(members),
            ..
        }) => members.clone(),
        None
        | Some(Json {
            value: Value::Null, ..
        }) => Vec::new(),
        Some(other) => {
            findings.push(wrong_type(
                &format!("`{name}`"),
                "an object",
                other.kind(),
                Place::at(other.span),
            ));
            Vec::new()
        }
    }
}

fn read_builder(json: &Json, findings: &mut Vec<Diagnostic>) -> Option<RawBuilder> {
    if json.members().is_none() {
        findings.push(wrong_type(
            "a builder",
            "an object",
            json.kind(),
            Place::at(json.span),
        ));
        return None;
    }
    let Some(kind) = json.get("type").and_then(Json::text) else {
        let help = "write \"type\": \"amazon-ebs\"";
        findings.push(without_type("a builder", json, help));
        return None;
    };
    let name = text(json, "name", findings).filter(|name| !name.value.is_empty());
    Some(RawBuilder {
        kind: kind.clone(),
        name: name.unwrap_or_else(|| kind.clone()),
        json: json.clone(),
    })
}

/// That an object has no `type`, or that it is misspelt.
pub(super) fn without_type(what: &str, json: &Json, help: &str) -> Diagnostic {
    let keys = json.members().unwrap_or_default().iter();
    let misspelt = keys
        .map(|member| &member.key)
        .find(|key| key.value != "type" && near::nearest(&key.value, ["type"]).is_some());
    if let Some(key) = misspelt {
        let message = format!("{what} has no option `{}`", key.value);
        return Diagnostic::error("template::unknown_key", message)
            .at(key.span, "unknown")
            .help("did you mean `type`?");
    }
    Diagnostic::error("template::missing_option", format!("{what} needs a `type`"))
        .at(json.span.first_byte(), "has none")
        .help(help)
}

/// Packer compares names as written, before they are rendered.
fn check_duplicates(builders: &[RawBuilder], findings: &mut Vec<Diagnostic>) {
    for (at, builder) in builders.iter().enumerate() {
        if let Some(first) = builders[..at]
            .iter()
            .find(|first| first.name == builder.name)
        {
            findings.push(
                Diagnostic::error(
                    "template::duplicate_builder",
                    format!("two builders are named `{}`", builder.name.value),
                )
                .at(builder.name.span, "again here")
                .at(first.name.span, "first here")
                .help("give one of them a `name` of its own"),
            );
        }
    }
}

/// An entry of `post-processors`: a name, an object, or a list of those.
fn chain(entry: Json, findings: &mut Vec<Diagnostic>) -> Vec<Json> {
    let items = match entry.value {
        Value::List(items) => items,
        _ => vec![entry],
    };
    let sound = |item: &Json| {
        let sound = matches!(item.value, Value::Object(_) | Value::String(_));
        if !sound {
            findings.push(wrong_type(
                "a post-processor",
                "a name or an object",
                item.kind(),
                Place::at(item.span),
            ));
        }
        sound
    };
    items.into_iter().filter(sound).collect()
}

/// Reports names in `sensitive-variables` that nothing declares, since they hide nothing.
pub(super) fn check_sensitive(
    interpolator: &Interpolator,
    sensitive: &[Text],
    declared: &[Member],
) {
    let names: Vec<&str> = declared
        .iter()
        .map(|member| member.key.value.as_str())
        .collect();
    for text in sensitive
        .iter()
        .filter(|text| !names.contains(&text.value.as_str()))
    {
        interpolator.report(
            Diagnostic::warning(
                "template::undeclared_sensitive",
                format!("`{}` is not declared in `variables`", text.value),
            )
            .at(text.span, "declared nowhere")
            .help(near::or_else(
                &text.value,
                names.iter().copied(),
                "declare it, with null if it has no default",
            )),
        );
    }
}
