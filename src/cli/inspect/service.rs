//! `kiln inspect` of a service file: its settings as written, a line each.

use serde_json::{Value, json};

use super::{hide, on_a_line, section, variables_text, widest};
use crate::cli::{Context, Exit, input};
use crate::source::SourceMap;
use crate::template::load::{self, Request, ServiceOutline};

pub(super) fn show(request: &Request, context: &Context) -> Exit {
    let mut sources = SourceMap::default();
    let (mut outline, findings) = match load::service_outline(request, &mut sources) {
        Ok(read) => read,
        Err(findings) => return input::refuse(&findings, &sources, context),
    };
    hide(&mut outline.variables);
    input::show(&findings, &sources, context);
    context.document(&text(&outline), &json!(outline));
    Exit::Done
}

fn text(outline: &ServiceOutline) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for (key, value) in &outline.settings {
        match value {
            // What may be said of a group or its traffic is too much for a line.
            Value::Object(members) => {
                rows.extend(
                    members
                        .iter()
                        .map(|(name, value)| (format!("{key}.{name}"), plain(value))),
                );
            }
            value => rows.push((key.clone(), plain(value))),
        }
    }
    let width = widest(rows.iter().map(|(key, _)| key.as_str()));
    let rows = rows
        .iter()
        .map(|(key, value)| format!("  {key:width$}  {value}"));
    let mut parts = variables_text(&outline.variables);
    let heading = format!("Service {}:", on_a_line(&outline.service));
    parts.push(section(&heading, rows));
    parts.join("\n\n")
}

/// A value for a person: `port 80, match (host web.example)`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => on_a_line(text),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let several = items.len() > 1;
            let items = items.iter().map(|item| part(item, several));
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| format!("{name} {}", part(value, true)));
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A value beside others: what has parts of its own stands in brackets.
fn part(value: &Value, among_others: bool) -> String {
    let text = plain(value);
    let parts = match value {
        Value::Object(_) => true,
        Value::Array(items) => items.len() > 1,
        _ => false,
    };
    if parts && among_others {
        format!("({text})")
    } else {
        text
    }
}
