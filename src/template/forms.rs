//! From what users write to what the engine takes: finds the expressions of a text, turns Packer's Go-template forms into
//! Jinja, leaves Jinja as it is, and marks them all, so that nothing else in the text is ever looked at. It knows which
//! variables and which late data a text asks for; whether they exist is for `interpolate` to say.

mod blocks;
mod call;
mod go;
mod growth;
mod product;
mod statement;
mod tokens;
mod variables;

#[cfg(test)]
mod tests;

use super::engine::{COMMENT, EXPRESSION, FACTOR, STATEMENT};
use blocks::Block;
use go::Sight;
use std::ops::Range;
use tokens::{closing, trims};

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A string of a template: Go forms and Jinja, and braces of shells (`${#a}`) that are neither.
    Both,
    /// A file that is Jinja throughout, comments included.
    Jinja,
}

/// A text that the engine can take.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub source: String,
    /// Where the marked places stand.
    pub pieces: Vec<Piece>,
    pub found: Found,
    /// The expression, when the text is that and nothing else.
    pub single: Option<String>,
    pub slips: Vec<Slip>,
}

/// A marked place: in the text, and in the source made from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub written: Range<usize>,
    pub made: Range<usize>,
    /// The variable that is put here as it is, by ``user `name` `` alone or by its bare name.
    pub variable: Option<String>,
}

/// What the Go forms of a text ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Variables by ``user `name` ``.
    pub users: Vec<Named>,
    /// Late data by its dotted name.
    pub fields: Vec<Named>,
    /// What the world is asked for.
    pub asked: Vec<Asked>,
    /// Functions called by a name that Packer has given up.
    pub renamed: Vec<Named>,
}

/// A call that asks the environment, or a store of secrets by this name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub store: Option<String>,
    pub range: Range<usize>,
}

impl Asked {
    fn environment(range: Range<usize>) -> Self {
        Self { store: None, range }
    }

    fn store(name: &str, range: Range<usize>) -> Self {
        Self {
            store: Some(name.to_owned()),
            range,
        }
    }
}

/// A name at a place of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    pub range: Range<usize>,
}

/// Something that cannot be translated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slip {
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
}

/// Translates a text.
pub(super) fn translate(text: &str, style: Style) -> Translated {
    let mut scan = Scan {
        text,
        style,
        at: 0,
        out: Translated::default(),
        open: Vec::new(),
        statements: Vec::new(),
        sight: Sight::default(),
        items: 0,
        growth: growth::Growth::default(),
    };
    scan.run();
    scan.out
}

impl Translated {
    /// Whether there is nothing to evaluate.
    pub(super) fn is_plain(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether a variable is read by a name that is not written here, but computed.
    pub(super) fn computes(&self) -> bool {
        let made = self
            .pieces
            .iter()
            .map(|piece| &self.source[piece.made.clone()]);
        let calls: usize = made.map(call::mentions_of_user).sum();
        calls > self.found.users.len()
    }

    /// The place in the text that a place in the made source came from.
    pub(super) fn locate(&self, made: &Range<usize>) -> Option<Range<usize>> {
        self.pieces
            .iter()
            .find(|piece| piece.made.start <= made.start && made.start < piece.made.end)
            .map(|piece| piece.written.clone())
    }
}

struct Scan<'t> {
    text: &'t str,
    style: Style,
    at: usize,
    out: Translated,
    /// The open Go blocks.
    open: Vec<Block>,
    /// The open statements of Jinja.
    statements: Vec<statement::Open>,
    sight: Sight,
    /// So many blocks have named an item.
    items: usize,
    growth: growth::Growth,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(offset) = self.text[self.at..].find('{') {
            let start = self.at + offset;
            self.plain(start);
            match self.text.as_bytes().get(start + 1) {
                Some(b'{') => self.expression(start),
                Some(b'%') if statement::begins(&self.text[start..]) => self.statement(start),
                Some(b'%') if self.style == Style::Jinja => self.unknown_statement(start),
                Some(b'#') if self.is_comment(start) => self.comment(start),
                _ => self.plain(start + 1),
            }
        }
        self.plain(self.text.len());
        if !self.open.is_empty() {
            self.slip(
                0..self.text.len(),
                "an `if`, `range` or `with` has no `end`",
                "close it with `{{end}}`",
            );
        }
    }

    /// Text up to a place, as it is; the engine's own marks cannot occur in it.
    fn plain(&mut self, until: usize) {
        let text = &self.text[self.at..until];
        if text.contains('\u{1}') {
            self.slip(
                self.at..until,
                "the control character U+0001 stands in this text",
                "remove it",
            );
        }
        self.out.source.push_str(text);
        self.at = until;
    }

    fn expression(&mut self, start: usize) {
        if self.style == Style::Both && self.go_comment(start) {
            return;
        }
        let Some(end) = closing(self.text, start + 2, "}}") else {
            self.slip(
                start..start + 2,
                "this `{{` is never closed",
                "write ``{{`{{`}}`` for two braces that stay",
            );
            return self.plain(start + 2);
        };
        let range = start..end + 2;
        let (before, inner, after) = trims(&self.text[start + 2..end]);
        if inner.contains('\u{1}') {
            self.slip(
                range.clone(),
                "the control character U+0001 stands in this expression",
                "remove it",
            );
            self.at = range.end;
            return;
        }
        if self.style == Style::Both
            && self.go(inner, start + 2 + before.len(), (before, after), &range)
        {
            return;
        }
        let code = inner.trim();
        self.mark_expression(code, (before, after), &range);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some(piece) = self.out.pieces.last_mut()
            && code.chars().all(word)
        {
            piece.variable = Some(code.to_owned());
        }
    }

    fn mark_expression(&mut self, code: &str, (before, after): (&str, &str), range: &Range<usize>) {
        let code = &product::guard(code, FACTOR);
        if *range == (0..self.text.len()) {
            self.out.single = Some(code.to_owned());
        }
        self.mark(
            &format!("{}{before} {code} {after}{}", EXPRESSION.0, EXPRESSION.1),
            range,
        );
    }

    fn statement(&mut self, start: usize) {
        let Some(end) = closing(self.text, start + 2, "%}") else {
            self.slip(
                start..start + 2,
                "this `{%` is never closed",
                "close it with `%}`",
            );
            return self.plain(start + 2);
        };
        let inner = &self.text[start + 2..end];
        if inner.trim_matches(['-', '+', ' ']) == "raw" {
            return self.raw(start, end + 2);
        }
        self.scope(start);
        if self.growth.is_too_much(inner) {
            self.slip(
                start..end + 2,
                "this text puts what it makes into itself too often",
                "name a value in a variable of its own, and use it where it belongs",
            );
        }
        self.mark(
            &format!(
                "{}{}{}",
                STATEMENT.0,
                product::guard(inner, FACTOR),
                STATEMENT.1
            ),
            &(start..end + 2),
        );
    }

    /// `{% raw %}` … `{% endraw %}`: what is between stays text.
    fn raw(&mut self, start: usize, body: usize) {
        let found = self.text[body..]
            .match_indices("{%")
            .find_map(|(offset, _)| {
                let tag = body + offset;
                let end = tag + self.text[tag..].find("%}")?;
                (self.text[tag + 2..end].trim_matches(['-', '+', ' ']) == "endraw")
                    .then_some((tag, end + 2))
            });
        let Some((tag, end)) = found else {
            self.slip(
                start..body,
                "this `{% raw %}` never ends",
                "close it with `{% endraw %}`",
            );
            return self.plain(body);
        };
        let (opened, closed) = (
            &self.text[start + 2..body - 2],
            &self.text[tag + 2..end - 2],
        );
        if opened.starts_with('-') {
            self.trim("- ");
        }
        let mut text = body..tag;
        if opened.ends_with('-') {
            text.start = tag - self.text[text.clone()].trim_start().len();
        }
        if closed.starts_with('-') {
            text.end = text.start + self.text[text.clone()].trim_end().len();
        }
        self.at = text.start;
        self.plain(text.end);
        if closed.ends_with('-') {
            self.trim(" -");
        }
        self.at = end;
    }

    /// Has the blanks before or behind this place left out.
    fn trim(&mut self, marks: &str) {
        let made = format!("{}{marks}{}", COMMENT.0, COMMENT.1);
        self.out.source.push_str(&made);
    }

    /// `${#name}` is a shell's length, in a Jinja file too.
    fn is_comment(&self, start: usize) -> bool {
        self.style == Style::Jinja && !self.text[..start].ends_with('$')
    }

    fn comment(&mut self, start: usize) {
        if let Some(length) = self.text[start + 2..].find("#}") {
            let end = start + 2 + length;
            let (before, _, after) = trims(&self.text[start + 2..end]);
            if !before.is_empty() || !after.is_empty() {
                self.trim(&format!("{before} {after}"));
            }
            self.at = end + 2;
        } else {
            self.slip(
                start..start + 2,
                "this `{#` is never closed",
                "close it with `#}`",
            );
            self.plain(start + 2);
        }
    }

    fn mark(&mut self, made: &str, written: &Range<usize>) {
        let start = self.out.source.len();
        self.out.source.push_str(made);
        self.out.pieces.push(Piece {
            written: written.clone(),
            made: start..self.out.source.len(),
            variable: None,
        });
        self.at = written.end;
    }

    fn slip(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.out.slips.push(Slip {
            range,
            message: message.into(),
            help: help.into(),
        });
    }
}

impl Found {
    fn extend(&mut self, more: Found) {
        self.users.extend(more.users);
        self.fields.extend(more.fields);
        self.asked.extend(more.asked);
        self.renamed.extend(more.renamed);
    }
}
