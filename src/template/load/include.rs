//! `include`: var files, or files with `variables`, that a template or var file builds on. They lie below what the file
//! itself says; paths are relative to the file that names them.

use super::Disk;
use super::disk::Folder;
use super::findings::unreadable;
use super::layers::Inputs;
use crate::source::json::{self, Json, Member, Text, Value};
use crate::source::{Diagnostic, SourceMap, Span};
use crate::template::options::wrong_type;
use crate::template::vars::{Layer, VarLayer};
use std::path::{Component, Path, PathBuf};

/// The root keys that an included file may have besides `variables`.
const BESIDES: &[&str] = &["include", "description", "sensitive-variables"];

/// The files between the one that is read and the one that was named first.
pub(super) struct Ring {
    files: Vec<(PathBuf, Option<Span>)>,
}

impl Ring {
    pub(super) fn new(file: &str) -> Self {
        Self {
            files: vec![(tidy(Path::new(file)), None)],
        }
    }

    fn folder(&self) -> PathBuf {
        let last = self.files.last().and_then(|(file, _)| file.parent());
        last.map(Path::to_path_buf).unwrap_or_default()
    }

    /// What a file closes, when it is in the ring already.
    fn closes(&self, file: &Path) -> Option<Vec<(PathBuf, Option<Span>)>> {
        let start = self.files.iter().position(|(known, _)| known == file)?;
        Some(self.files[start..].to_vec())
    }
}

impl Inputs {
    /// The layers that a file includes, the weakest first.
    pub(super) fn included(
        &mut self,
        json: &Json,
        layer: Layer,
        ring: &mut Ring,
        disk: &Folder,
        sources: &mut SourceMap,
    ) -> Vec<VarLayer> {
        let mut layers = Vec::new();
        for name in self.names(json) {
            let file = tidy(&ring.folder().join(&name.value));
            if let Some(closed) = ring.closes(&file) {
                self.findings.push(in_a_ring(&closed, &file, name.span));
                self.incomplete = true;
                continue;
            }
            let Some(json) = self.open(&file, name.span, disk, sources) else {
                continue;
            };
            ring.files.push((file, Some(name.span)));
            layers.extend(self.included(&json, layer, ring, disk, sources));
            ring.files.pop();
            layers.push(VarLayer {
                layer,
                values: self.values(&json),
            });
        }
        layers
    }

    fn names(&mut self, json: &Json) -> Vec<Text> {
        let items = match json.get("include") {
            None => return Vec::new(),
            Some(Json {
                value: Value::List(items),
                ..
            }) => items.iter().collect(),
            Some(one) => vec![one],
        };
        let mut names = Vec::new();
        for item in items {
            match item.text() {
                Some(text) if !text.value.is_empty() => names.push(text.clone()),
                _ => self.findings.push(wrong_type(
                    "`include`",
                    "a list of files",
                    item.kind(),
                    crate::source::Place::at(item.span),
                )),
            }
        }
        names
    }

    fn open(
        &mut self,
        file: &Path,
        named: Span,
        disk: &Folder,
        sources: &mut SourceMap,
    ) -> Option<Json> {
        let name = file.to_string_lossy();
        let text = match disk.read(file) {
            Ok(text) => text,
            Err(reason) => {
                self.incomplete = true;
                let finding = unreadable(&name, &reason, named, disk);
                self.findings.push(
                    finding.help("paths of `include` are relative to the file that they stand in"),
                );
                return None;
            }
        };
        let id = sources.add(name.clone(), text);
        let reading = json::read(id, sources);
        let placed = |finding: Diagnostic| {
            if finding.labels.is_empty() {
                finding.at(named, "this file")
            } else {
                finding
            }
        };
        self.findings
            .extend(reading.findings.into_iter().map(placed));
        let json = reading.value.filter(|json| {
            let sound = json.members().is_some();
            if !sound {
                self.findings.push(
                    Diagnostic::error(
                        "template::wrong_type",
                        format!("`{name}` must hold an object, not {}", json.kind()),
                    )
                    .at(json.span.first_byte(), "expected `{`")
                    .help("an included file is a JSON object of variables"),
                );
            }
            sound
        });
        self.incomplete |= json.is_none();
        json
    }

    /// The variables of an included file: those below `variables`, or all of it.
    fn values(&mut self, json: &Json) -> Vec<Member> {
        let all = json.members().unwrap_or_default();
        let declared = json.get("variables").and_then(Json::members);
        let Some(declared) = declared else {
            let plain = all.iter().filter(|member| member.key.value != "include");
            return plain.cloned().map(emptied).collect();
        };
        for Member { key, .. } in all {
            let name = key.value.as_str();
            if name != "variables" && !name.starts_with('_') && !BESIDES.contains(&name) {
                self.findings.push(
                    Diagnostic::error(
                        "template::unknown_key",
                        format!("an included file has no key `{name}`"),
                    )
                    .at(key.span, "unknown here")
                    .help("what is included gives variables; builders and provisioners stand in the template"),
                );
            }
        }
        if let Some(Json {
            value: Value::List(items),
            ..
        }) = json.get("sensitive-variables")
        {
            self.sensitive
                .extend(items.iter().filter_map(Json::text).cloned());
        }
        declared.to_vec()
    }
}

/// A null in a var file is an empty string that counts as set, as in Packer.
fn emptied(mut member: Member) -> Member {
    if matches!(member.value.value, Value::Null) {
        let span = member.value.span;
        member.value.value = Value::String(Text::part(span.file, span.start, ""));
    }
    member
}

fn in_a_ring(closed: &[(PathBuf, Option<Span>)], file: &Path, named: Span) -> Diagnostic {
    let ring = closed.iter().map(|(file, _)| file.as_path()).chain([file]);
    let shown: Vec<String> = ring.map(|file| format!("`{}`", file.display())).collect();
    let finding = Diagnostic::error(
        "template::include_ring",
        format!("files include each other in a ring: {}", shown.join(" → ")),
    )
    .at(named, "closes the ring")
    .help("take one of them out");
    let spans = closed.iter().skip(1).filter_map(|(_, span)| *span);
    spans.fold(finding, |finding, span| finding.at(span, "included here"))
}

/// A path without `.` and with `..` taken back where it can be.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
