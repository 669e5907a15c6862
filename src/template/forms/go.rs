//! Expressions of Go's text/template, as far as Packer templates use them: calls, pipelines, parentheses, strings, dotted
//! names. What does not read as one of these is left to Jinja.

use super::{Found, Named, call};
use std::ops::Range;

/// The name that `range` gives to the current item.
pub(super) const ITEM: &str = "item_";

/// More parentheses than any template has; the parser recurses into them.
const DEPTH: usize = 64;

/// A Go expression as Jinja, with what it asks for; `None` when it is not one. `offset` is where the text stands; `in_range`
/// gives `.` a meaning.
pub(super) fn expression(text: &str, offset: usize, in_range: bool) -> Option<(String, Found)> {
    let tokens = tokens(text)?;
    if tokens
        .iter()
        .filter(|token| token.kind == Kind::Open)
        .count()
        > DEPTH
    {
        return None;
    }
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        offset,
        in_range,
        found: Found::default(),
    };
    let operand = parser.pipeline()?;
    (parser.at == tokens.len()).then_some((operand.code, parser.found))
}

/// A translated piece; the literal is kept for names.
pub(super) struct Operand {
    pub code: String,
    pub literal: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Word(String),
    /// `.`, `.a`, `.a.b`, without the first dot.
    Field(String),
    Text(String),
    Number(String),
    Open,
    Close,
    Pipe,
}

struct Token {
    kind: Kind,
    range: Range<usize>,
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    offset: usize,
    in_range: bool,
    found: Found,
}

impl Parser<'_> {
    fn pipeline(&mut self) -> Option<Operand> {
        let mut value = self.command(None)?;
        while self.peek() == Some(&Kind::Pipe) {
            self.at += 1;
            value = self.command(Some(value))?;
        }
        Some(value)
    }

    fn command(&mut self, piped: Option<Operand>) -> Option<Operand> {
        let start = self.at;
        let name = match self.peek()? {
            Kind::Word(word) if literal_word(word).is_none() => word.clone(),
            _ if piped.is_some() => return None,
            _ => return self.operand(),
        };
        self.at += 1;
        let mut arguments = Vec::new();
        while !matches!(self.peek(), None | Some(Kind::Pipe | Kind::Close)) {
            arguments.push(self.operand()?);
        }
        arguments.extend(piped);
        self.call(&name, &arguments, start)
    }

    fn operand(&mut self) -> Option<Operand> {
        let start = self.at;
        let token = self.tokens.get(start)?;
        self.at += 1;
        match &token.kind {
            Kind::Text(text) => Some(Operand {
                code: quote(text),
                literal: Some(text.clone()),
            }),
            Kind::Number(digits) => Some(Operand {
                code: digits.clone(),
                literal: None,
            }),
            Kind::Word(word) => match literal_word(word) {
                Some(code) => Some(Operand {
                    code: code.to_owned(),
                    literal: None,
                }),
                None => self.call(word, &[], start),
            },
            Kind::Field(name) => self.field(name, token.range.clone()),
            Kind::Open => {
                let inner = self.pipeline()?;
                (self.peek() == Some(&Kind::Close)).then(|| self.at += 1)?;
                Some(inner)
            }
            Kind::Close | Kind::Pipe => None,
        }
    }

    fn field(&mut self, name: &str, range: Range<usize>) -> Option<Operand> {
        if self.in_range && name.is_empty() {
            return Some(Operand {
                code: ITEM.to_owned(),
                literal: None,
            });
        }
        if name.is_empty() {
            return None;
        }
        self.found.fields.push(Named {
            name: name.to_owned(),
            range: self.offset + range.start..self.offset + range.end,
        });
        Some(Operand {
            code: name.to_owned(),
            literal: None,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Operand], start: usize) -> Option<Operand> {
        let code = call::code(name, arguments)?;
        let range = self.offset + self.tokens[start].range.start
            ..self.offset + self.tokens[self.at - 1].range.end;
        let literal = arguments
            .first()
            .and_then(|argument| argument.literal.clone());
        match (name, literal) {
            ("user", Some(name)) => self.found.users.push(Named { name, range }),
            ("build", Some(key)) => self.found.fields.push(Named {
                name: format!("build.{key}"),
                range,
            }),
            ("env", _) => self.found.environment.push(range),
            _ => {}
        }
        Some(Operand {
            code,
            literal: None,
        })
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }
}

fn literal_word(word: &str) -> Option<&'static str> {
    match word {
        "true" => Some("true"),
        "false" => Some("false"),
        "nil" => Some("none"),
        _ => None,
    }
}

/// A string literal of the engine.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let start = at;
        let rest = &text[at..];
        let kind = match character {
            _ if character.is_whitespace() => {
                at += character.len_utf8();
                continue;
            }
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            '|' => (Kind::Pipe, 1),
            '`' => {
                let end = rest[1..].find('`')? + 1;
                (Kind::Text(rest[1..end].to_owned()), end + 1)
            }
            '"' => double_quoted(rest)?,
            '.' => {
                let end = length(&rest[1..], |c| word_character(c) || c == '.') + 1;
                (Kind::Field(rest[1..end].to_owned()), end)
            }
            '0'..='9' | '-' => {
                let end = 1 + length(&rest[1..], |c| c.is_ascii_digit() || c == '.');
                (
                    Kind::Number(
                        rest[..end]
                            .parse::<f64>()
                            .is_ok()
                            .then(|| rest[..end].to_owned())?,
                    ),
                    end,
                )
            }
            _ if word_character(character) => {
                let end = length(rest, word_character);
                (Kind::Word(rest[..end].to_owned()), end)
            }
            _ => return None,
        };
        at += kind.1;
        tokens.push(Token {
            kind: kind.0,
            range: start..at,
        });
    }
    separated(text, &tokens).then_some(tokens)
}

/// Go wants white space between operands: `lower("x")` is Jinja, `lower ("x")` is Go. Both say the same; only one is read here.
fn separated(text: &str, tokens: &[Token]) -> bool {
    tokens.windows(2).all(|pair| {
        let tight = pair[0].range.end == pair[1].range.start;
        let bracket = |kind: &Kind| matches!(kind, Kind::Open | Kind::Close | Kind::Pipe);
        !tight
            || bracket(&pair[1].kind) && pair[1].kind != Kind::Open
            || bracket(&pair[0].kind) && pair[0].kind != Kind::Close
    }) && !text.is_empty()
}

fn double_quoted(rest: &str) -> Option<(Kind, usize)> {
    let mut escaped = false;
    let end = rest[1..].char_indices().find_map(|(at, character)| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes.then_some(at + 2)
    })?;
    Some((Kind::Text(serde_json::from_str(&rest[..end]).ok()?), end))
}

fn word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn length(text: &str, takes: impl Fn(char) -> bool) -> usize {
    text.find(|c| !takes(c)).unwrap_or(text.len())
}
