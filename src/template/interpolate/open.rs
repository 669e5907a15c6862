//! Variables that hold data of the run, such as a command line with `{{.Vars}}`: Packer leaves such places as they are and
//! fills them in where the variable is used. Here the variable keeps its script, and that takes the variable's place.

use super::super::engine::STATEMENT;
use super::super::forms::{Named, Style, Translated};
use super::{Interpolator, late_in_part};
use crate::source::json::Text;
use std::ops::Range;

/// A variable's script.
#[derive(Debug, Clone)]
pub(in crate::template) struct Open {
    source: String,
    /// Dotted names of the data.
    fields: Vec<String>,
    /// The text with its data as written.
    text: String,
}

impl Interpolator {
    /// A variable's text that holds data of the run: known from now on, and its text as far as it is known. `None`: it holds
    /// none, or is wrong, which is reported when it is settled.
    pub(in crate::template) fn open(&mut self, name: &str, text: &Text) -> Option<String> {
        let plain = super::forms::translate(&text.value, Style::Both);
        let through = |piece: &super::forms::Piece| {
            let variable = piece.variable.as_ref();
            variable.is_some_and(|name| self.opened.contains_key(name))
        };
        if plain.found.fields.is_empty() && !plain.pieces.iter().any(through) {
            return None;
        }
        let open = self.script(text)?;
        let known = open.text.clone();
        self.opened.insert(name.to_owned(), open);
        Some(known)
    }

    /// The script with everything rendered that can be; inside of `if` and its like nothing is.
    fn script(&self, text: &Text) -> Option<Open> {
        let translated = self.translate(text, Style::Both, None)?;
        let fields: Vec<String> = translated
            .found
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect();
        if translated.source.contains(STATEMENT.0) {
            return Some(Open {
                source: translated.source,
                fields,
                text: text.value.clone(),
            });
        }
        let (mut source, mut known) = (String::new(), String::new());
        let mut at = 0;
        for piece in &translated.pieces {
            let made = &translated.source[piece.made.clone()];
            source.push_str(&translated.source[at..piece.made.start]);
            known.push_str(&translated.source[at..piece.made.start]);
            at = piece.made.end;
            let late = |field: &&Named| {
                piece.written.start <= field.range.start && field.range.end <= piece.written.end
            };
            if let Some(open) = piece
                .variable
                .as_ref()
                .and_then(|name| self.opened.get(name))
            {
                source.push_str(&open.source);
                known.push_str(&open.text);
            } else if translated.found.fields.iter().any(|field| late(&field)) {
                source.push_str(made);
                known.push_str(&text.value[piece.written.clone()]);
            } else {
                let rendered = match self.scope.render(made, &super::Data::new()) {
                    Ok(rendered) => rendered,
                    Err(error) => return self.refuse(text, &translated, &error),
                };
                source.push_str(&rendered);
                known.push_str(&rendered);
            }
        }
        source.push_str(&translated.source[at..]);
        known.push_str(&translated.source[at..]);
        Some(Open {
            source,
            fields,
            text: known,
        })
    }

    /// Puts the scripts of such variables where they are used alone; used in another way, they are reported.
    pub(super) fn put_open(&self, text: &Text, translated: &mut Translated) -> bool {
        let mut moved: isize = 0;
        let mut put: Vec<Range<usize>> = Vec::new();
        for piece in &mut translated.pieces {
            let shift = |at: usize| at.saturating_add_signed(moved);
            piece.made = shift(piece.made.start)..shift(piece.made.end);
            let Some(open) = piece
                .variable
                .as_ref()
                .and_then(|name| self.opened.get(name))
            else {
                continue;
            };
            translated
                .source
                .replace_range(piece.made.clone(), &open.source);
            let end = piece.made.start + open.source.len();
            moved += end.cast_signed() - piece.made.end.cast_signed();
            piece.made.end = end;
            put.push(piece.written.clone());
            self.used.borrow_mut().extend(piece.variable.clone());
            translated.single = None;
            let range = piece.written.clone();
            let fields = open.fields.iter().map(|name| Named {
                name: name.clone(),
                range: range.clone(),
            });
            translated.found.fields.extend(fields);
        }
        let mut sound = true;
        for Named { name, range } in &translated.found.users {
            let alone = put
                .iter()
                .any(|piece| piece.start <= range.start && range.end <= piece.end);
            if let Some(open) = self.opened.get(name).filter(|_| !alone) {
                let field = open.fields.first().map_or("", String::as_str);
                self.report(late_in_part(name, field, text.locate(range.clone())));
                sound = false;
            }
        }
        sound
    }
}
