//! What is said of texts that ask for what they may not see.

use super::super::forms::Translated;
use crate::source::{Diagnostic, Span};
use std::ops::Range;

/// The environment, or a store of secrets, asked where it may not be.
pub(super) fn outside(store: Option<&str>, span: Span) -> Diagnostic {
    let help = "declare a variable with this as its default, and use the variable here";
    let finding = match store {
        None => Diagnostic::error(
            "template::env_outside_variables",
            "the environment can be read in values of variables only",
        ),
        Some(store) => Diagnostic::error(
            "template::secret_outside_variables",
            format!("`{store}` can be asked in values of variables only"),
        ),
    };
    finding.at(span, "read here").help(help)
}

/// A function by its old name.
pub(super) fn renamed(name: &str, span: Span) -> Diagnostic {
    Diagnostic::note(
        "template::renamed",
        format!("Packer has no `{name}` any more; kiln takes it for `clean_resource_name`"),
    )
    .at(span, "its old name")
    .help("write `clean_resource_name`, which both have")
}

fn written(name: &str) -> String {
    name.strip_prefix("build.").map_or_else(
        || format!("{{{{.{name}}}}}"),
        |key| format!("{{{{build `{key}`}}}}"),
    )
}

pub(super) fn unknown_field(name: &str, span: Span, data: &[&str]) -> Diagnostic {
    let written = written(name);
    let known: Vec<_> = data.iter().map(|name| format!("`{name}`")).collect();
    let help = if known.is_empty() {
        format!("to keep the braces as they are, write ``{{{{`{written}`}}}}``")
    } else {
        format!(
            "known here: {}; to keep the braces as they are, write ``{{{{`{written}`}}}}``",
            known.join(", ")
        )
    };
    Diagnostic::error(
        "template::unknown_field",
        format!("`{written}` is not known here"),
    )
    .at(span, "used here")
    .help(help)
}

/// A variable with data of the run, used as part of an expression.
pub(super) fn late_in_part(variable: &str, field: &str, span: Span) -> Diagnostic {
    let written = written(field);
    Diagnostic::error(
        "template::unknown_field",
        format!("`{variable}` holds `{written}`, which is not known yet where this is evaluated"),
    )
    .at(span, "used here")
    .help(format!("use it alone: ``{{{{user `{variable}`}}}}``"))
}

/// Where a text mentions a name inside an expression; the whole text when it cannot be told.
pub(super) fn mention(text: &str, translated: &Translated, name: &str) -> Range<usize> {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let in_piece = |piece: &Range<usize>| {
        text[piece.clone()]
            .match_indices(name)
            .find_map(|(offset, _)| {
                let range = piece.start + offset..piece.start + offset + name.len();
                let alone =
                    !text[..range.start].ends_with(word) && !text[range.end..].starts_with(word);
                alone.then_some(range)
            })
    };
    translated
        .pieces
        .iter()
        .find_map(|piece| in_piece(&piece.written))
        .unwrap_or(0..text.len())
}
