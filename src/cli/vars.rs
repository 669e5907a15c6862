//! `kiln vars`: what the variables are, and who said so.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::input::Input;
use crate::cli::{Context, Exit};
use crate::source::{Diagnostic, SourceMap};
use crate::template::load::{Given, Layer, Variable};

/// So many characters of a value are shown in the table; `--json` has it whole.
const SHOWN: usize = 60;
const HIDDEN: &str = "<sensitive>";

/// Show every variable, its value and where the value is from
///
/// For a template or a service file with its var files: a line a variable with its value, everything in it evaluated, the layer
/// that won with its place, and below it each value that was overridden, the strongest first. Layers from weak to strong:
/// default (`variables` of the file), environment (`KILN_VAR_name`), var file (in order), command line (-var). Objects
/// merge key by key, so an overridden object may still have a part in the value. Sensitive values are not shown.
///
/// With --json: {"variables": [{"name", "value", "sensitive", "layer", "place", "overridden": [{"layer", "place", "value"}]}]}. The value of a
/// variable that is required and not set, or cannot be evaluated, is null. Asks no account and changes nothing. Builders are
/// not looked at. Exits 2 when a variable has no value, 0 otherwise.
#[derive(Args, Debug)]
pub struct Vars {
    #[command(flatten)]
    input: Input,
}

impl Vars {
    /// Prints the table.
    pub fn run(&self, context: &Context) -> Exit {
        let (variables, sources) = match self.input.variables(context) {
            Ok(loaded) => loaded,
            Err(exit) => return exit,
        };
        let all = variables.all();
        let documents: Vec<_> = all.iter().map(|one| document(one, &sources)).collect();
        context.document(&table(&all, &sources), &json!({ "variables": documents }));
        if variables.findings.iter().any(Diagnostic::is_error) {
            Exit::Usage
        } else {
            Exit::Done
        }
    }
}

/// The layer as users know it.
fn word(layer: Layer) -> &'static str {
    match layer {
        Layer::Included => "included file",
        Layer::Default => "default",
        Layer::Environment => "environment",
        Layer::File => "var file",
        Layer::CommandLine => "command line",
    }
}

/// Where a value stands; the environment and the command line have no lines.
fn place(given: &Given, sources: &SourceMap) -> Option<String> {
    let in_a_file = matches!(given.layer, Layer::Included | Layer::Default | Layer::File);
    in_a_file.then(|| sources.locate(given.place))
}

fn origin(given: &Given, sources: &SourceMap) -> String {
    match place(given, sources) {
        Some(place) => format!("{} {place}", word(given.layer)),
        None => word(given.layer).to_owned(),
    }
}

fn table(all: &[Variable<'_>], sources: &SourceMap) -> String {
    let shown = |variable: &Variable<'_>, value: &Value| {
        if variable.secret {
            HIDDEN.to_owned()
        } else {
            short(value)
        }
    };
    let mut rows = Vec::new();
    for variable in all {
        let value = variable.value.map(|value| shown(variable, value));
        rows.push([
            variable.name.clone(),
            value.unwrap_or_else(|| "(not set)".to_owned()),
            origin(&variable.winner, sources),
        ]);
        rows.extend(variable.overridden.iter().map(|given| {
            let value = format!("  over {}", shown(variable, &given.value));
            [String::new(), value, origin(given, sources)]
        }));
    }
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, values) = (width(0), width(1));
    let line =
        |[name, value, origin]: &[String; 3]| format!("{name:names$}  {value:values$}  {origin}\n");
    rows.iter().map(line).collect()
}

/// A value on one line of bounded width.
fn short(value: &Value) -> String {
    let whole = match value.as_str() {
        Some(text) if !text.is_empty() && !text.contains(char::is_control) => text.to_owned(),
        _ => value.to_string(),
    };
    if whole.chars().count() <= SHOWN {
        return whole;
    }
    whole.chars().take(SHOWN - 1).chain(['…']).collect()
}

fn document(variable: &Variable<'_>, sources: &SourceMap) -> Value {
    let hide = |value: &Value| {
        if variable.secret {
            Value::from(HIDDEN)
        } else {
            value.clone()
        }
    };
    let overridden: Vec<_> = variable
        .overridden
        .iter()
        .map(|given| {
            json!({
                "layer": word(given.layer),
                "place": place(given, sources),
                "value": hide(&given.value),
            })
        })
        .collect();
    json!({
        "name": variable.name,
        "value": variable.value.map(hide),
        "sensitive": variable.secret,
        "layer": word(variable.winner.layer),
        "place": place(&variable.winner, sources),
        "overridden": overridden,
    })
}
