//! What a template or service file consists of, as written: nothing is evaluated, so nothing need be set.

use super::layers::Inputs;
use super::{Kind, Request, is_about_packer, sorted, texts};
use crate::source::json::{Json, Member, Value};
use crate::source::{Diagnostic, SourceMap};
use crate::template::check::BUILDER;
use crate::template::credentials;
use crate::template::engine::{Scope, Values, environment};
use crate::template::interpolate::Interpolator;
use crate::template::read;
use crate::template::vars::{Layer, VarLayer, Vars};
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

/// A service file's parts, in the order written.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceOutline {
    pub service: String,
    pub variables: Vec<OutlineVariable>,
    /// Every other root key, as written.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A declared variable.
#[derive(Debug, Clone, Serialize)]
pub struct OutlineVariable {
    pub name: String,
    /// As written; what is no string, as JSON. `None`: another layer must set it.
    pub default: Option<String>,
    /// It is named in `sensitive-variables`, or alone makes up a credential.
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
    let builders = raw.builders.iter().map(|builder| OutlineBuilder {
        name: builder.name.value.clone(),
        kind: builder.kind.value.clone(),
        ours: builder.kind.value == BUILDER,
    });
    let outline = Outline {
        description: raw.description.as_ref().map(|text| text.value.clone()),
        variables: variables(&raw.variables, &json),
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

/// Reads a service file's outline.
///
/// # Errors
/// Every finding about it as JSON, sorted by place, when at least one is an error.
pub fn service_outline(
    request: &Request,
    sources: &mut SourceMap,
) -> Result<(ServiceOutline, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut inputs = Inputs::read(request, sources);
    let Some((_, json)) = inputs.take_one(Kind::Service) else {
        return Err(sorted(inputs.findings));
    };
    inputs
        .findings
        .retain(|finding| !is_about_packer(finding, &json));
    let declared = read::members(&json, "variables", &mut inputs.findings);
    let findings = sorted(inputs.findings);
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    let apart = [
        "format",
        "service",
        "include",
        "variables",
        "sensitive-variables",
    ];
    let members = json.members().unwrap_or_default().iter();
    let settings = members
        .filter(|member| !apart.contains(&member.key.value.as_str()))
        .map(|member| (member.key.value.clone(), member.value.plain()));
    let outline = ServiceOutline {
        service: json.get("service").and_then(written).unwrap_or_default(),
        variables: variables(&declared, &json),
        settings: settings.collect(),
    };
    Ok((outline, findings))
}

fn variables(declared: &[Member], json: &Json) -> Vec<OutlineVariable> {
    let layer = VarLayer {
        layer: Layer::Default,
        values: declared.to_vec(),
    };
    let interpolator = Interpolator::new(Scope::new(environment(), Values::new()), true, false);
    let implied = credentials::variables(
        credentials::texts(json),
        &Vars::fold(vec![layer]),
        &interpolator,
    );
    let named = json
        .get("sensitive-variables")
        .map(texts)
        .unwrap_or_default();
    let variable = |member: &Member| OutlineVariable {
        name: member.key.value.clone(),
        default: written(&member.value),
        sensitive: named.contains(&member.key) || implied.contains(&member.key.value),
    };
    declared.iter().map(variable).collect()
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
