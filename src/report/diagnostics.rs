//! Findings about a user's files, drawn by miette: the text with its place, and what to do about it. What is found, and
//! where, is `template`'s and `source`'s matter.

use crate::source::{Diagnostic, FileId, Label, Severity, SourceMap};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;

/// Draws findings, in the order given, followed by how many there were of each kind. No findings draw nothing.
pub fn render(findings: &[Diagnostic], sources: &SourceMap, color: bool, width: usize) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(0);
    let mut out = String::new();
    for finding in findings {
        let drawn = Drawn::new(finding, sources);
        if handler.render_report(&mut out, &drawn).is_err() {
            out.push_str(&finding.message);
        }
        out.push('\n');
    }
    out + &count(findings)
}

/// `2 errors, 1 warning`, with a line's end; empty when there is nothing.
fn count(findings: &[Diagnostic]) -> String {
    let of = |severity, one: &str| {
        let number = findings.iter().filter(|finding| finding.severity == severity).count();
        match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{number} {one}s")),
        }
    };
    let parts: Vec<_> = [of(Severity::Error, "error"), of(Severity::Warning, "warning"), of(Severity::Note, "note")].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { parts.join(", ") + "\n" }
}

/// A finding with the text of its first label's file; labels in other files follow as parts of it.
#[derive(Debug)]
struct Drawn {
    code: Option<&'static str>,
    severity: Severity,
    message: String,
    help: Option<String>,
    text: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Drawn>,
}

impl Drawn {
    fn new(finding: &Diagnostic, sources: &SourceMap) -> Self {
        let file = finding.labels.first().map(|label| label.span.file);
        let (here, there): (Vec<&Label>, Vec<&Label>) = finding.labels.iter().partition(|label| Some(label.span.file) == file);
        let elsewhere = there.into_iter().map(|label| Self::part(label, sources));
        Self {
            code: Some(finding.code),
            severity: finding.severity,
            message: finding.message.clone(),
            help: finding.help.clone(),
            text: file.map(|file| named(file, sources)),
            labels: here.into_iter().map(labeled).collect(),
            elsewhere: elsewhere.collect(),
        }
    }

    fn part(label: &Label, sources: &SourceMap) -> Self {
        Self {
            code: None,
            severity: Severity::Note,
            message: label.text.clone(),
            help: None,
            text: Some(named(label.span.file, sources)),
            labels: vec![labeled(label)],
            elsewhere: Vec::new(),
        }
    }
}

fn named(file: FileId, sources: &SourceMap) -> NamedSource<String> {
    NamedSource::new(sources.name(file), sources.shown(file).into_owned())
}

fn labeled(label: &Label) -> LabeledSpan {
    let length = label.span.end.saturating_sub(label.span.start);
    LabeledSpan::new(Some(label.text.clone()), label.span.start, length)
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|part| part as &dyn miette::Diagnostic)))
    }
}
