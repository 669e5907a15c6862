//! `kiln check`: every error and warning at once, offline.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::bake::templates::once;
use crate::cli::input::{self, Input, Selection};
use crate::cli::machine::Lines;
use crate::cli::{Context, Exit, failure};
use crate::report::sarif;
use crate::run::Clock;
use crate::source::{Diagnostic, Label, SourceMap, Span};
use crate::template::load::{self, Kind, Request};

/// How findings are printed on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Nothing; findings are drawn on stderr
    #[default]
    Text,
    /// One document
    Json,
    /// SARIF 2.1.0
    Sarif,
}

/// Find every error and warning in templates or a service file
///
/// Reads templates, or a service file, with their var files, and says all that is wrong or doubtful, each with its place and
/// what to do about it: sorted by place, and one finding for one cause, so that a variable that is missing is not
/// reported again where it is used. Asks no account and changes nothing. `validate` is the same command.
///
/// Findings are drawn on stderr. With --json (or --format=json) stdout has {"findings": [{"code", "severity", "message", "help", "file",
/// "line", "column", "span": {"start", "end"}, "places": […]}]}: lines and columns from 1, columns in characters, spans in bytes from 0; `severity` is
/// error, warning or note; the place is that of the first label and null where there is none, `places` has all labels.
/// With --sarif (or --format=sarif) stdout has SARIF 2.1.0 for editors and for code scanning. docs/templates.md lists the codes.
///
/// -only and -except leave builders out. -syntax-only stops after the files' syntax and the template's shape. --strict makes errors of
/// variables that are undefined, in Packer's form too, or unused, and of local files that are not here. Exits 2 when there is an error, 0 otherwise.
#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
    /// Look at the files' syntax and the template's shape only
    #[arg(long)]
    syntax_only: bool,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Print SARIF on stdout, as --format=sarif
    #[arg(long, conflicts_with = "format")]
    sarif: bool,
    /// Print the findings as Packer's machine-readable lines
    #[arg(long, hide = true)]
    machine_readable: bool,
}

impl Check {
    /// Checks, and draws what was found.
    pub fn run(&self, context: &Context) -> Exit {
        let wants_sarif = self.sarif || self.format == Format::Sarif;
        if wants_sarif && context.json {
            let text = "--json and SARIF exclude each other: both are all of stdout";
            return failure::say(text, Exit::Usage, context);
        }
        let request = self.input.request(&self.selection, false, context);
        let mut sources = SourceMap::default();
        let findings = self.findings(&request, &mut sources);
        let failed = findings.iter().any(Diagnostic::is_error);
        input::show(&findings, &sources, context);
        let document = document(&findings, &sources);
        let text = if self.machine_readable {
            lines(&findings, &sources, context)
        } else if wants_sarif {
            let first = request.files.first().map_or("", String::as_str);
            format!("{:#}", sarif(&findings, &sources, first))
        } else if self.format == Format::Json {
            format!("{document:#}")
        } else {
            String::new()
        };
        context.document(&text, &document);
        if failed { Exit::Usage } else { Exit::Done }
    }

    fn findings(&self, request: &Request, sources: &mut SourceMap) -> Vec<Diagnostic> {
        let kinds = load::kinds(request, &mut SourceMap::default());
        let is_service = kinds.iter().any(|(_, kind)| *kind == Kind::Service);
        let one = |request: &Request| {
            if self.syntax_only {
                return load::syntax(request, sources);
            }
            if is_service {
                let checked = load::service(request, sources);
                return checked.map_or_else(|findings| findings, |(_, findings)| findings);
            }
            let checked = load::bake(request, sources);
            checked.map_or_else(|findings| findings, |(_, findings)| findings)
        };
        let requests = if is_service {
            vec![request.clone()]
        } else {
            load::each_template(request)
        };
        let findings = requests.iter().flat_map(one).collect();
        once(findings, sources)
    }
}

/// Findings for editors and scripts.
fn document(findings: &[Diagnostic], sources: &SourceMap) -> Value {
    let place = |label: &Label| {
        let Span { file, start, end } = label.span;
        let (line, column) = sources.line_column(label.span);
        json!({
            "file": sources.name(file),
            "line": line,
            "column": column,
            "span": { "start": start, "end": end },
            "text": label.text,
        })
    };
    let one = |finding: &Diagnostic| {
        let places: Vec<_> = finding.labels.iter().map(place).collect();
        let first = |key: &str| places.first().map(|place| place[key].clone());
        json!({
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "help": finding.help,
            "file": first("file"),
            "line": first("line"),
            "column": first("column"),
            "span": first("span"),
            "places": places,
        })
    };
    json!({ "findings": findings.iter().map(one).collect::<Vec<_>>() })
}

/// Findings as Packer would say them to a machine.
fn lines(findings: &[Diagnostic], sources: &SourceMap, context: &Context) -> String {
    let mut lines = Lines::new(context.clock.now());
    for finding in findings {
        let place = finding
            .labels
            .first()
            .map(|label| sources.locate(label.span));
        let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
        let kind = if finding.is_error() { "error" } else { "say" };
        let text = format!("{place}{} [{}]", finding.message, finding.code);
        lines.add("", "ui", &[kind, &text]);
    }
    if !findings.iter().any(Diagnostic::is_error) {
        lines.say("Template validated successfully.");
    }
    lines.text().to_owned()
}
