//! Findings as SARIF 2.1.0 (OASIS; GitHub's "SARIF support for code scanning" says what it reads), for editors and CI.

use crate::source::{Diagnostic, Label, Severity, SourceMap, Span};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Says of each code what it means, in the rows of a table.
const MANUAL: &str = include_str!("../../docs/templates.md");
/// So many digits tell the findings of one file apart.
const DIGITS: usize = 16;

/// One run of `kiln check`. `fallback` is the file to blame for a finding without a place in a file, since GitHub takes none without.
pub fn sarif(findings: &[Diagnostic], sources: &SourceMap, fallback: &str) -> Value {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<_> = codes.iter().map(|code| rule(code)).collect();
    let result = |finding: &Diagnostic| {
        let mut result = result(finding, sources, fallback);
        result["ruleIndex"] = codes.iter().position(|code| *code == finding.code).into();
        result
    };
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "kiln",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(code: &str) -> Value {
    let meaning = meaning(code).unwrap_or(code);
    json!({
        "id": code,
        "shortDescription": { "text": meaning },
        "fullDescription": { "text": meaning },
        "help": { "text": format!("{meaning}. docs/templates.md of kiln says more.") },
    })
}

/// What the manual says of a code.
fn meaning(code: &str) -> Option<&'static str> {
    let written = format!("`{code}`");
    let row = |line: &'static str| {
        let (codes, meaning) = line.strip_prefix("| ")?.split_once(" | ")?;
        codes
            .contains(&written)
            .then(|| meaning.trim_end_matches(" |"))
    };
    MANUAL.lines().find_map(row)
}

fn result(finding: &Diagnostic, sources: &SourceMap, fallback: &str) -> Value {
    let mut places = finding
        .labels
        .iter()
        .filter(|label| sources.is_file(label.span.file));
    let place = places.next();
    let related: Vec<_> = places
        .enumerate()
        .map(|(at, label)| {
            let mut location = location(label, sources);
            location["id"] = at.into();
            location
        })
        .collect();
    let whole = json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(fallback) },
        "region": { "startLine": 1, "startColumn": 1 },
    } });
    let text = match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [place.map_or(whole, |label| location(label, sources))],
        "relatedLocations": related,
        "partialFingerprints": { "primaryLocationLineHash": fingerprint(finding, place, sources) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn location(label: &Label, sources: &SourceMap) -> Value {
    let span = label.span;
    let (line, column) = sources.line_column(span);
    let end = Span {
        start: span.end,
        ..span
    };
    let (end_line, end_column) = sources.line_column(end);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(sources.name(span.file)) },
            "region": {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
                "byteOffset": span.start,
                "byteLength": span.end.saturating_sub(span.start),
            },
        },
        "message": { "text": label.text },
    })
}

/// Stays the same while lines are added above: the code with the text of its line, of which secrets are no part.
fn fingerprint(finding: &Diagnostic, place: Option<&Label>, sources: &SourceMap) -> String {
    let line = place.map(|label| {
        let (line, _) = sources.line_column(label.span);
        let text = sources.shown(label.span.file);
        text.lines().nth(line - 1).unwrap_or("").trim().to_owned()
    });
    let digest = Sha256::digest(format!("{}\n{}", finding.code, line.unwrap_or_default()));
    let mut text = digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    });
    text.truncate(DIGITS);
    text + ":1"
}

/// A path as a URI reference: relative ones stay relative, to the folder that was checked.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(uri, "%{byte:02X}").unwrap_or_default();
        }
    }
    uri
}
