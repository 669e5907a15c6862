//! Which statements a text may have.

use super::Scan;

/// Jinja's statements; another word after `{%` is text, or wrong where the whole text is Jinja.
const STATEMENTS: &[&str] = &[
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "with",
    "endwith",
    "filter",
    "endfilter",
];

/// Whether a text that begins with `{%` begins with a statement.
pub(super) fn begins(text: &str) -> bool {
    let word = word(text);
    STATEMENTS.contains(&word) || word == "raw"
}

/// The word behind `{%`.
fn word(text: &str) -> &str {
    let inner = text[2..].trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|c: char| !c.is_ascii_alphabetic());
    &inner[..end.unwrap_or(inner.len())]
}

impl Scan<'_> {
    pub(super) fn unknown_statement(&mut self, start: usize) {
        let message = match word(&self.text[start..]) {
            "" => "no statement is behind this `{%`".to_owned(),
            word => format!("there is no statement `{word}` here"),
        };
        let help = format!(
            "these are there: `raw`, `{}`; ``{{{{ '{{%' }}}}`` makes the text",
            STATEMENTS.join("`, `")
        );
        self.slip(start..start + 2, message, help);
        self.plain(start + 2);
    }
}
