//! Strings whose characters remember their bytes in the file, whatever escapes stand between; and how they are read.

use super::super::{Diagnostic, FileId, Span};
use super::parser::{Parser, Stop};
use std::ops::Range;

/// A decoded string. Two are equal when their values are.
#[derive(Debug, Clone)]
pub struct Text {
    pub value: String,
    /// With its quotes, when it has some.
    pub span: Span,
    /// Where a stretch without escapes begins: offset in the value, offset in the file. Ascending; never empty.
    stretches: Vec<(usize, usize)>,
}

impl Text {
    /// A whole file as one string.
    pub fn file(file: FileId, text: &str) -> Self {
        Self {
            value: text.to_owned(),
            span: Span::new(file, 0, text.len()),
            stretches: vec![(0, 0)],
        }
    }

    /// A part of a file that stands there as it is.
    pub fn part(file: FileId, start: usize, text: &str) -> Self {
        let span = Span::new(file, start, start + text.len());
        Self {
            value: text.to_owned(),
            span,
            stretches: vec![(0, start)],
        }
    }

    /// An empty string that begins after the quote at `quote`.
    pub(super) fn open(file: FileId, quote: usize) -> Self {
        Self {
            value: String::new(),
            span: Span::new(file, quote, quote + 1),
            stretches: vec![(0, quote + 1)],
        }
    }

    /// Adds characters that stand in the file as they are.
    pub(super) fn push_plain(&mut self, text: &str) {
        self.value.push_str(text);
    }

    /// Adds a character that an escape ending at `end` stands for.
    pub(super) fn push_escaped(&mut self, character: char, end: usize) {
        self.value.push(character);
        self.stretches.push((self.value.len(), end));
    }

    /// The bytes in the file of a range of bytes in the value.
    pub fn locate(&self, range: Range<usize>) -> Span {
        Span::new(
            self.span.file,
            self.offset(range.start),
            self.offset(range.end),
        )
    }

    fn offset(&self, at: usize) -> usize {
        let after = self.stretches.partition_point(|(value, _)| *value <= at);
        let (value, file) = self
            .stretches
            .get(after.saturating_sub(1))
            .copied()
            .unwrap_or((0, self.span.start));
        let next = self
            .stretches
            .get(after)
            .map_or(usize::MAX, |(_, file)| *file);
        (file + (at - value)).min(next)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Parser<'_> {
    /// A string, in double quotes or, reported, in single ones.
    pub(super) fn string(&mut self) -> Result<Text, Stop> {
        let start = self.at;
        let quote = self.peek().unwrap_or(b'"');
        let mut text = Text::open(self.file, start);
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == char::from(quote) || c == '\\' || c < ' ')
                .unwrap_or(rest.len());
            text.push_plain(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'\\') => self.escape(&mut text)?,
                Some(byte) if byte == quote => break,
                Some(byte) => self.control(byte, &mut text),
                None => {
                    self.at = start;
                    return self.fail(
                        "this string never ends",
                        "opened here, the closing quote is missing",
                    );
                }
            }
        }
        self.at += 1;
        text.span = self.since(start);
        if quote == b'\'' {
            self.slip(
                "strings stand in double quotes",
                text.span,
                "single quotes are not JSON",
            );
        }
        Ok(text)
    }

    fn control(&mut self, byte: u8, text: &mut Text) {
        let here = Span::new(self.file, self.at, self.at + 1);
        let write = match byte {
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            _ => format!("\\u{byte:04x}"),
        };
        self.findings.push(
            Diagnostic::error(
                "json::syntax",
                "a control character stands bare in a string",
            )
            .at(here, "this one")
            .help(format!(
                "write `{write}`, or check that the string's closing quote is there"
            )),
        );
        text.push_plain(&self.text[self.at..=self.at]);
        self.at += 1;
    }

    fn escape(&mut self, text: &mut Text) -> Result<(), Stop> {
        let start = self.at;
        self.at += 2;
        let character = match self.text.as_bytes().get(start + 1) {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => self.unicode(start)?,
            _ => {
                self.at = start;
                return self.fail("this escape is not JSON", "a backslash is written `\\\\`");
            }
        };
        text.push_escaped(character, self.at);
        Ok(())
    }

    fn unicode(&mut self, start: usize) -> Result<char, Stop> {
        let first = self.hex();
        let code = match first {
            Some(high @ 0xd800..=0xdbff) if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                let low = self.hex().filter(|low| (0xdc00..=0xdfff).contains(low));
                low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            }
            other => other,
        };
        if let Some(character) = code.and_then(char::from_u32) {
            return Ok(character);
        }
        self.at = start;
        self.fail(
            "this escape stands for no character",
            "expected four hexadecimal digits, or a pair of surrogates",
        )
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
