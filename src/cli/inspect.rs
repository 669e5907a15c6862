//! `kiln inspect`: what a template or service file consists of.

mod service;

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use crate::cli::input::{self, Input, Selection};
use crate::cli::machine::Lines;
use crate::cli::{Context, Exit};
use crate::run::Clock;
use crate::source::SourceMap;
use crate::template::load::{self, Kind, Outline, OutlineVariable};

const HIDDEN: &str = "<sensitive>";
/// Packer's last words, which it says to machines, too.
const NOTE: &str = "\nNote: If your build names contain user variables or template\nfunctions such as 'timestamp', these are processed at build time,\nand therefore only show in their raw form here.";

/// Show what a template or service file consists of
///
/// Of a template its variables, those that must be set first, its builders, provisioners and post-processors, all as written: nothing is
/// evaluated, so nothing need be set, and var files are not needed; of a service file its variables and settings. `kiln vars` shows values, `kiln check` what is wrong, `kiln
/// bake --plan` what would be made. Asks no account and changes nothing.
///
/// With --json one document: `{"description", "variables": [{"name", "default", "sensitive"}], "builders": [{"name", "type", "ours"}],
/// "provisioners": [type], "post_processors": [[type]]}`, or of a service `{"service", "variables", "settings"}`, `default` null where it must
/// be set. With -machine-readable the lines of
/// `packer inspect -machine-readable`: `unix_ts,target,category,data…` with categories template-variable (name, default, 1 when it
/// must be set), template-builder (name, type), template-provisioner (type) and ui; in data a comma is `%!(PACKER_COMMA)`. Defaults of
/// sensitive variables show as `<sensitive>`. Exits 2 when the template's shape is wrong, 0 otherwise.
#[derive(Args, Debug)]
pub struct Inspect {
    #[command(flatten)]
    input: Input,
    /// Print Packer's machine-readable lines
    #[arg(long)]
    machine_readable: bool,
}

impl Inspect {
    /// Prints the outline.
    pub fn run(&self, context: &Context) -> Exit {
        let request = self.input.request(&Selection::default(), false, context);
        let mut sources = SourceMap::default();
        let kinds = load::kinds(&request, &mut SourceMap::default());
        if !self.machine_readable && kinds.iter().any(|(_, kind)| *kind == Kind::Service) {
            return service::show(&request, context);
        }
        let (mut outline, findings) = match load::outline(&request, &mut sources) {
            Ok(read) => read,
            Err(findings) => return input::refuse(&findings, &sources, context),
        };
        hide(&mut outline.variables);
        if self.machine_readable {
            let mut lines = Lines::new(context.clock.now());
            machine(&outline, &mut lines);
            context.result(lines.text());
            return Exit::Done;
        }
        input::show(&findings, &sources, context);
        context.document(&text(&outline), &json!(outline));
        Exit::Done
    }
}

/// Hides the defaults of sensitive variables, and every default that equals one of them, as Packer does.
fn hide(variables: &mut [OutlineVariable]) {
    let default = |variable: &OutlineVariable| variable.default.clone().unwrap_or_default();
    let sensitive = variables.iter().filter(|variable| variable.sensitive);
    let secrets: Vec<String> = sensitive
        .map(default)
        .filter(|text| !text.is_empty())
        .collect();
    for variable in variables {
        if let Some(text) = &mut variable.default
            && secrets.contains(text)
        {
            HIDDEN.clone_into(text);
        }
    }
}

/// Variables by name, those that must be set or the others.
fn variables(all: &[OutlineVariable], required: bool) -> Vec<(&str, &str)> {
    let mut named: Vec<_> = all
        .iter()
        .filter(|variable| variable.default.is_none() == required)
        .map(|variable| {
            let none = if variable.sensitive { HIDDEN } else { "" };
            let default = variable.default.as_deref().unwrap_or(none);
            (variable.name.as_str(), default)
        })
        .collect();
    named.sort_unstable();
    named
}

fn widest<'n>(names: impl IntoIterator<Item = &'n str>) -> usize {
    names
        .into_iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
}

fn text(outline: &Outline) -> String {
    let mut parts = Vec::new();
    parts.extend(outline.description.clone());
    parts.extend(variables_text(&outline.variables));
    let builders = outline.builders.iter().map(|builder| {
        let kind = (builder.name != builder.kind).then(|| format!(" ({})", builder.kind));
        let left = if builder.ours { "" } else { ", left to Packer" };
        format!("  {}{}{left}", builder.name, kind.unwrap_or_default())
    });
    parts.push(section("Builders:", builders));
    if !outline.provisioners.is_empty() {
        let rows = outline.provisioners.iter().enumerate();
        let rows = rows.map(|(at, kind)| format!("  {}. {kind}", at + 1));
        parts.push(section("Provisioners, in order:", rows));
    }
    if !outline.post_processors.is_empty() {
        let rows = outline.post_processors.iter();
        parts.push(section(
            "Post-processors:",
            rows.map(|chain| format!("  {}", chain.join(" → "))),
        ));
    }
    parts.join("\n\n")
}

fn variables_text(all: &[OutlineVariable]) -> Vec<String> {
    let mut parts = Vec::new();
    let required = variables(all, true);
    if !required.is_empty() {
        let names = required.iter().map(|(name, _)| format!("  {name}"));
        parts.push(section("Variables that must be set:", names));
    }
    let optional = variables(all, false);
    if !optional.is_empty() {
        let width = widest(optional.iter().map(|(name, _)| *name));
        let rows = optional
            .iter()
            .map(|(name, default)| format!("  {name:width$} = {}", on_a_line(default)));
        parts.push(section("Variables and their defaults:", rows));
    }
    parts
}

/// A text that is empty or has line ends shows as JSON.
fn on_a_line(text: &str) -> String {
    if text.is_empty() || text.contains(char::is_control) {
        json!(text).to_string()
    } else {
        text.to_owned()
    }
}

fn section(heading: &str, rows: impl Iterator<Item = String>) -> String {
    rows.fold(heading.to_owned(), |mut text, row| {
        // Writing to a string cannot fail.
        write!(text, "\n{row}").unwrap_or_default();
        text
    })
}

/// What `packer inspect -machine-readable` prints, line by line (core `packer/core.go`, `InspectConfig`).
fn machine(outline: &Outline, lines: &mut Lines) {
    lines.say("Packer Inspect: JSON mode");
    if let Some(description) = outline
        .description
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        lines.say("Description:\n");
        lines.say(&format!("{description}\n"));
    }
    machine_variables(outline, lines);
    lines.say("");
    lines.say("Builders:\n");
    let mut builders: Vec<_> = outline.builders.iter().collect();
    builders.sort_by_key(|builder| &builder.name);
    let width = builders.iter().map(|builder| builder.name.len()).max();
    if builders.is_empty() {
        lines.say("  <No builders>");
    }
    for builder in builders {
        lines.add("", "template-builder", &[&builder.name, &builder.kind]);
        let kind = (builder.name != builder.kind).then(|| format!(" ({})", builder.kind));
        let padded = padded(&builder.name, width.unwrap_or(0));
        lines.say(&format!("  {padded}{}", kind.unwrap_or_default()));
    }
    lines.say("");
    lines.say("Provisioners:\n");
    if outline.provisioners.is_empty() {
        lines.say("  <No provisioners>");
    }
    for kind in &outline.provisioners {
        lines.add("", "template-provisioner", &[kind]);
        lines.say(&format!("  {kind}"));
    }
    lines.say(NOTE);
}

fn machine_variables(outline: &Outline, lines: &mut Lines) {
    if outline.variables.is_empty() {
        lines.say("Variables:\n");
        return lines.say("  <No variables>");
    }
    let required = variables(&outline.variables, true);
    if !required.is_empty() {
        lines.say("Required variables:\n");
        for (name, default) in required {
            lines.add("", "template-variable", &[name, default, "1"]);
            lines.say(&format!("  {name}"));
        }
        lines.say("");
    }
    lines.say("Optional variables and their defaults:\n");
    let width = outline.variables.iter().map(|variable| variable.name.len());
    let width = width.max().unwrap_or(0);
    for (name, default) in variables(&outline.variables, false) {
        lines.add("", "template-variable", &[name, default, "0"]);
        lines.say(&format!("  {} = {default}", padded(name, width)));
    }
}

/// Packer counts bytes.
fn padded(name: &str, width: usize) -> String {
    format!("{name}{}", " ".repeat(width.saturating_sub(name.len())))
}
