//! Findings about a user's files, drawn by miette: the text with its place, and what to do about it. What is found, and
//! where, is `template`'s and `source`'s matter.

use crate::source::{Diagnostic, FileId, Label, Severity, SourceMap};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;

/// Lines of a user's file are cut here unless a label stands further right.
const LINE: usize = 120;
/// A label marks at most so many characters; a whole script on one line would wrap otherwise.
const LABEL: usize = 60;

/// Draws findings, in the order given, followed by how many there were of each kind. No findings draw nothing.
pub fn render(findings: &[Diagnostic], sources: &SourceMap, color: bool, width: usize) -> String {
    let theme = if color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_context_lines(1);
    let mut out = String::new();
    for finding in findings {
        for (at, part) in parts(finding, sources).iter().enumerate() {
            let mut drawn = String::new();
            if handler.render_report(&mut drawn, part).is_err() {
                drawn.clone_from(&finding.message);
            }
            out.push_str(if at == 0 { &drawn } else { snippet(&drawn) });
        }
        out.push('\n');
    }
    out + &count(findings)
}

/// A finding as one drawing for each file it points into; the last has the help.
fn parts(finding: &Diagnostic, sources: &SourceMap) -> Vec<Drawn> {
    let mut files: Vec<FileId> = Vec::new();
    for label in &finding.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    let labels = |file: FileId| {
        finding
            .labels
            .iter()
            .filter(move |label| label.span.file == file)
    };
    let mut parts: Vec<_> = files
        .iter()
        .map(|file| Drawn::new(finding, Some((*file, labels(*file).collect())), sources))
        .collect();
    if parts.is_empty() {
        parts.push(Drawn::new(finding, None, sources));
    }
    if let Some(last) = parts.last_mut() {
        last.help.clone_from(&finding.help);
    }
    parts
}

/// A drawing without its heading.
fn snippet(drawn: &str) -> &str {
    let frame = drawn.find('╭').unwrap_or(0);
    &drawn[drawn[..frame].rfind('\n').map_or(0, |line| line + 1)..]
}

/// `2 errors, 1 warning`, with a line's end; empty when there is nothing.
fn count(findings: &[Diagnostic]) -> String {
    let of = |severity, one: &str| {
        let number = findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count();
        match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{number} {one}s")),
        }
    };
    let parts: Vec<_> = [
        of(Severity::Error, "error"),
        of(Severity::Warning, "warning"),
        of(Severity::Note, "note"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        String::new()
    } else {
        parts.join(", ") + "\n"
    }
}

/// A finding with one of the texts it points into.
#[derive(Debug)]
struct Drawn {
    code: &'static str,
    severity: Severity,
    message: String,
    help: Option<String>,
    text: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl Drawn {
    fn new(
        finding: &Diagnostic,
        place: Option<(FileId, Vec<&Label>)>,
        sources: &SourceMap,
    ) -> Self {
        let (text, labels) = match place {
            Some((file, labels)) => {
                let (text, labels) = clip(&sources.shown(file), &labels);
                (Some(NamedSource::new(sources.name(file), text)), labels)
            }
            None => (None, Vec::new()),
        };
        Self {
            code: finding.code,
            severity: finding.severity,
            message: finding.message.clone(),
            help: None,
            text,
            labels,
        }
    }
}

/// A text with over-long lines cut, and the labels moved with it.
fn clip(text: &str, labels: &[&Label]) -> (String, Vec<LabeledSpan>) {
    let mut clipped = String::with_capacity(text.len());
    let mut drawn = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let here: Vec<_> = labels
            .iter()
            .filter(|label| {
                (start..end).contains(&label.span.start)
                    || label.span.start == text.len() && end == text.len()
            })
            .collect();
        let mut keep = nth_character(line, LINE);
        for label in here {
            let from = label.span.start - start;
            let length = nth_character(line.get(from..).unwrap_or(""), LABEL)
                .min(label.span.end - label.span.start);
            keep = keep.max(from + length);
            let first = labels
                .first()
                .is_some_and(|first| std::ptr::eq(*first, *label));
            let place = (clipped.len() + from, length);
            let make = if first {
                LabeledSpan::new_primary_with_span
            } else {
                LabeledSpan::new_with_span
            };
            drawn.push(make(Some(label.text.clone()), place));
        }
        clipped.push_str(&line[..keep]);
        if keep < line.trim_end().len() {
            clipped.push('…');
        }
        clipped.push_str(if keep < line.len() && line.ends_with('\n') {
            "\n"
        } else {
            ""
        });
        start = end;
    }
    (clipped, drawn)
}

/// Where a text's n-th character begins; its length when it has fewer.
fn nth_character(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
