//! What a template consists of, as written: nothing is evaluated, so nothing need be set.

use super::layers::Inputs;
use super::{Kind, Request, sorted, texts};
use crate::source::json::{Json, Value};
use crate::source::{Diagnostic, SourceMap};
use crate::template::check::BUILDER;
use crate::template::read;
use serde::Serialize;

/// A template's parts, in the order written.
#[derive(Debug, Clone, Serialize)]
pub struct Outline {
    pub description: Option<String>,
    pub variables: Vec<OutlineVariable>,
    pub builders: Vec<OutlineBuilder>,
    /// Types.
    pub provisioners: Vec<String>,
    /// Types, a list a chain.
    pub post_processors: Vec<Vec<String>>,
}

/// A declared variable.
#[derive(Debug, Clone, Serialize)]
pub struct OutlineVariable {
    pub name: String,
    /// As written; what is no string, as JSON. `None`: another layer must set it.
    pub default: Option<String>,
    /// It is named in `sensitive-variables`.
    pub sensitive: bool,
}

/// A builder.
#[derive(Debug, Clone, Serialize)]
pub struct OutlineBuilder {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is kiln's to bake; others are left to Packer.
    pub ours: bool,
}

/// Reads a template's outline.
///
/// # Errors
/// Every finding about its shape, sorted by place, when at least one is an error.
pub fn outline(
    request: &Request,
    sources: &mut SourceMap,
) -> Result<(Outline, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut inputs = Inputs::read(request, sources);
    let Some((_, json)) = inputs.take_one(Kind::Template) else {
        return Err(sorted(inputs.findings));
    };
    let raw = read::read(&json, &mut inputs.findings);
    let findings = sorted(inputs.findings);
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    let sensitive = json
        .get("sensitive-variables")
        .map(texts)
        .unwrap_or_default();
    let variables = raw.variables.iter().map(|member| OutlineVariable {
        name: member.key.value.clone(),
        default: written(&member.value),
        sensitive: sensitive.contains(&member.key),
    });
    let builders = raw.builders.iter().map(|builder| OutlineBuilder {
        name: builder.name.value.clone(),
        kind: builder.kind.value.clone(),
        ours: builder.kind.value == BUILDER,
    });
    let outline = Outline {
        description: raw.description.as_ref().map(|text| text.value.clone()),
        variables: variables.collect(),
        builders: builders.collect(),
        provisioners: raw.provisioners.iter().map(kind).collect(),
        post_processors: raw
            .post_processors
            .iter()
            .map(|chain| chain.iter().map(kind).collect())
            .collect(),
    };
    Ok((outline, findings))
}

/// What is wrong with the files as JSON, and with the shape of the template. Nothing is evaluated and no option is looked at.
pub fn syntax(request: &Request, sources: &mut SourceMap) -> Vec<Diagnostic> {
    let mut inputs = Inputs::read(request, sources);
    let service = inputs
        .kinds()
        .iter()
        .any(|(_, kind)| *kind == Kind::Service);
    let kind = if service {
        Kind::Service
    } else {
        Kind::Template
    };
    if let Some((_, json)) = inputs.take_one(kind)
        && !service
    {
        read::read(&json, &mut inputs.findings);
    }
    sorted(inputs.findings)
}

fn written(json: &Json) -> Option<String> {
    match &json.value {
        Value::Null => None,
        Value::String(text) => Some(text.value.clone()),
        _ => Some(json.plain().to_string()),
    }
}

/// The type of a provisioner or post-processor; the latter may be nothing but its type.
fn kind(json: &Json) -> String {
    let kind = json
        .text()
        .or_else(|| json.get("type").and_then(Json::text));
    kind.map(|text| text.value.clone()).unwrap_or_default()
}
