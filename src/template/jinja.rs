//! A file that is Jinja throughout, rendered with values that are all known: a role's template. It has the language and the
//! bounds of a template's own texts (docs/templates.md).

use super::engine::{self, Scope};
use super::forms::{Style, Translated, translate};
use super::late::Data;
use minijinja::Error;
use std::collections::BTreeMap;

/// Why a file cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Unrendered {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

/// Renders a file. No name may be undefined, nothing is escaped, and every newline stays.
///
/// # Errors
/// The first thing in it that is wrong, or takes too much.
pub fn render(
    text: &str,
    variables: &BTreeMap<String, serde_json::Value>,
) -> Result<String, Unrendered> {
    let translated = translate(text, Style::Jinja);
    let at = |byte: usize, reason: String| Unrendered {
        line: newlines(text, byte) + 1,
        reason,
    };
    if let Some(slip) = translated.slips.first() {
        let reason = format!("{}: {}", slip.message, slip.help);
        return Err(at(slip.range.start, reason));
    }
    let scope = Scope::new(engine::environment(), variables.clone());
    let rendered = scope.render(&translated.source, &Data::new());
    rendered.map_err(|error| at(place(&error, &translated), engine::reason(&error)))
}

/// Where in the text an error is.
fn place(error: &Error, translated: &Translated) -> usize {
    let made = error.range().map_or_else(
        || {
            let mut ends = translated.source.match_indices('\n');
            let before = error.line().and_then(|line| line.checked_sub(2));
            let end = before.and_then(|before| ends.nth(before));
            end.map_or(0, |(end, _)| end + 1)
        },
        |range| range.start,
    );
    let pieces = translated.pieces.iter();
    match pieces.take_while(|piece| piece.made.start <= made).last() {
        Some(piece) if made < piece.made.end => piece.written.start,
        // Behind a piece stands text, as it is.
        Some(piece) => piece.written.end + (made - piece.made.end),
        None => made,
    }
}

fn newlines(text: &str, until: usize) -> usize {
    let before = text.bytes().take(until);
    before.filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(text: &str) -> Result<String, (usize, String)> {
        let values =
            json!({ "name": "it's <web>", "list": [1, "a"], "deep": { "a": [true, null] } });
        let values = serde_json::from_value(values).unwrap();
        render(text, &values).map_err(|error| (error.line, error.reason))
    }

    #[test]
    fn jinja_is_rendered_and_all_else_stays() {
        for (text, expected) in [
            ("{{ {'a': {'b': 7}}.a.b }}", "7"),
            ("{% set x = {'a': {'b': 7}} %}{{ x.a.b }}", "7"),
            ("a{# don't }} #}b", "ab"),
            ("a {%- raw -%} {{ x }} {%- endraw -%} b", "a{{ x }}b"),
            ("{#- don't -#} b", "b"),
            ("", ""),
            ("a\n\n", "a\n\n"),
            (
                "{{ name }} {{list}} {{ deep.a[0] }}\n",
                "it's <web> [1,\"a\"] true\n",
            ),
            (
                "${#list} ${name} { { %} }} #}",
                "${#list} ${name} { { %} }} #}",
            ),
            ("{# one\ntwo #}x {{ name|upper }}", "x IT'S <WEB>"),
            ("a {#- b -#} c", "ac"),
            ("{% for i in list -%}\n  {{ i }},\n{%- endfor %}", "1,a,"),
            ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
            ("{% if '%}' %}y{% endif %}", "y"),
            ("{% set x = 2 * 3 %}{{ x }}{{ '-' * 3 }}", "6---"),
        ] {
            assert_eq!(rendered(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, reason) in [
            ("{# a\nb #}\n{{ nam }}", 3, "undefined"),
            ("\n{{ 1 + }}", 2, "unexpected end"),
            ("a\n{{ name", 2, "never closed"),
            ("a\n\n{% macro f(x) %}{% endmacro %}", 3, "`macro`"),
            ("\n{% set x = [1] * 9 %}", 2, "a list cannot be multiplied"),
        ] {
            let (at, said) = rendered(text).unwrap_err();
            assert_eq!(at, line, "{text}: {said}");
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
