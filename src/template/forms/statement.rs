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

/// A statement that is open, and how many of Go's variables there were before it.
#[derive(Debug)]
pub(super) struct Open {
    word: Word,
    variables: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    If,
    For,
    With,
    /// The part of a `for` for a list that is empty; it is no loop.
    ForElse,
}

impl Scan<'_> {
    /// Takes in that a statement opens a scope, or ends one: what Go's variables are set to in it is forgotten with it.
    pub(super) fn scope(&mut self, start: usize) {
        let opened = match word(&self.text[start..]) {
            "if" => Word::If,
            "for" => Word::For,
            "with" => Word::With,
            "else" => {
                if let Some(open) = self.statements.last_mut()
                    && open.word == Word::For
                {
                    open.word = Word::ForElse;
                    let variables = &mut self.sight.variables;
                    variables.scopes.pop();
                    variables.forget(open.variables);
                }
                return;
            }
            "endif" | "endfor" | "endwith" => {
                if let Some(open) = self.statements.pop()
                    && matches!(open.word, Word::For | Word::With)
                {
                    let variables = &mut self.sight.variables;
                    variables.scopes.pop();
                    variables.forget(open.variables);
                }
                return;
            }
            _ => return,
        };
        let variables = &mut self.sight.variables;
        self.statements.push(Open {
            word: opened,
            variables: variables.count(),
        });
        match opened {
            Word::For => variables.scopes.push("{% for %}"),
            Word::With => variables.scopes.push("{% with %}"),
            Word::If | Word::ForElse => {}
        }
    }

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
