//! The texts of a run, each under the name a user knows it by, and spans into them. Values given on the command line or
//! in the environment are texts too, so that every value has a place.

use std::borrow::Cow;
use std::collections::HashMap;

/// A text of the [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// A range of bytes in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// A span from its ends, in bytes.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start, end }
    }

    /// Its first byte: the opening bracket of an object, to blame the object without marking all of it.
    #[must_use]
    pub fn first_byte(self) -> Self {
        Self {
            end: self.end.min(self.start + 1),
            ..self
        }
    }

    /// The smallest span that holds both; `self` when the other is in another file.
    #[must_use]
    pub fn to(self, other: Span) -> Self {
        if self.file != other.file {
            return self;
        }
        Self {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// Every text that a run has read.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<File>,
    by_name: HashMap<String, FileId>,
    hidden: Vec<Span>,
    /// Texts that are no files.
    typed: Vec<FileId>,
}

#[derive(Debug)]
struct File {
    name: String,
    text: String,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a text in. A name that is known already with the same text keeps its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let (name, text) = (name.into(), text.into());
        if let Some(known) = self.by_name.get(&name)
            && self.text(*known) == text
        {
            return *known;
        }
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.by_name.insert(name.clone(), id);
        self.files.push(File { name, text });
        id
    }

    /// Takes in a text that is no file: what was typed, or stands in the environment.
    pub fn add_typed(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = self.add(name, text);
        self.typed.push(id);
        id
    }

    /// Whether a text is a file.
    pub fn is_file(&self, file: FileId) -> bool {
        !self.typed.contains(&file)
    }

    /// The name the user knows a text by.
    pub fn name(&self, file: FileId) -> &str {
        self.file(file).map_or("", |file| &file.name)
    }

    /// The whole text.
    pub fn text(&self, file: FileId) -> &str {
        self.file(file).map_or("", |file| &file.text)
    }

    /// The text of a span; empty when the span does not lie on character borders of its text.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or("")
    }

    /// Marks a span as a secret's; [`SourceMap::shown`] covers it.
    pub fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// The whole text as it may be shown: every byte of a secret is `*`, so that places stay the same.
    pub fn shown(&self, file: FileId) -> Cow<'_, str> {
        let text = self.text(file);
        let mut hidden = self
            .hidden
            .iter()
            .filter(|span| span.file == file && span.start < span.end)
            .peekable();
        if hidden.peek().is_none() {
            return Cow::Borrowed(text);
        }
        let mut bytes = text.as_bytes().to_vec();
        for span in hidden {
            let end = span.end.min(bytes.len());
            let secret = bytes.get_mut(span.start..end).unwrap_or_default();
            secret
                .iter_mut()
                .filter(|byte| **byte != b'\n')
                .for_each(|byte| *byte = b'*');
        }
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Line and column of a span's first byte, both from 1; columns count characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.file);
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// `name:line:column` of a span, as editors and terminals open it.
    pub fn locate(&self, span: Span) -> String {
        let (line, column) = self.line_column(span);
        format!("{}:{line}:{column}", self.name(span.file))
    }

    fn file(&self, file: FileId) -> Option<&File> {
        self.files.get(file.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_spans_count_bytes() {
        let mut sources = SourceMap::new();
        let file = sources.add("vars/größe.json", "{\n \"ä\": 1}");
        let one = Span::new(file, 9, 10);
        assert_eq!(sources.slice(one), "1");
        assert_eq!(sources.locate(one), "vars/größe.json:2:7");
    }

    #[test]
    fn a_hidden_span_is_covered_byte_by_byte() {
        let mut sources = SourceMap::new();
        let file = sources.add("a", "x = gehéim!");
        sources.hide(Span::new(file, 4, 11));
        assert_eq!(sources.shown(file), "x = *******!");
    }

    #[test]
    fn the_same_text_is_taken_in_once() {
        let mut sources = SourceMap::new();
        let first = sources.add("a", "x");
        assert_eq!(first, sources.add("a", "x"));
        assert_ne!(first, sources.add("a", "y"));
    }
}
