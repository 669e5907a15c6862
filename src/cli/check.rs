//! `kiln check`: every error and warning at once, offline.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::input::{self, Input, Selection};
use crate::cli::{Context, Exit};
use crate::source::{Diagnostic, SourceMap};
use crate::template::load::{self, Kind};

/// Find every error and warning in a template or service file
///
/// Reads the template or service file with its var files, and says all that is wrong or doubtful, each with its place and
/// what to do about it. Asks no account and changes nothing. Exits 2 when there is an error, 0 otherwise.
#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
}

impl Check {
    /// Checks, and draws what was found.
    pub fn run(&self, context: &Context) -> Exit {
        let request = self.input.request(&self.selection, false, context);
        let mut sources = SourceMap::default();
        let is_service = load::kinds(&request, &mut SourceMap::default())
            .iter()
            .any(|(_, kind)| *kind == Kind::Service);
        let checked = if is_service {
            load::service(&request, &mut sources).map(|(_, findings)| findings)
        } else {
            load::bake(&request, &mut sources).map(|(_, findings)| findings)
        };
        let (findings, exit) = match checked {
            Ok(findings) => (findings, Exit::Done),
            Err(findings) => (findings, Exit::Usage),
        };
        input::show(&findings, &sources, context);
        context.document("", &document(&findings, &sources));
        exit
    }
}

/// Findings for editors and scripts: code, severity, message, help and places by line and column.
fn document(findings: &[Diagnostic], sources: &SourceMap) -> Value {
    let one = |finding: &Diagnostic| {
        let places: Vec<_> = finding
            .labels
            .iter()
            .map(|label| {
                let (line, column) = sources.line_column(label.span);
                json!({"file": sources.name(label.span.file), "line": line, "column": column, "text": label.text})
            })
            .collect();
        json!({
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "help": finding.help,
            "places": places,
        })
    };
    json!({ "findings": findings.iter().map(one).collect::<Vec<_>>() })
}
