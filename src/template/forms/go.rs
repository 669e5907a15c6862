//! Expressions of Go's text/template as Jinja: calls, pipelines, parentheses, strings, dotted names, variables. What does not
//! read as one of these is left to Jinja.

use super::super::functions::decimal;
use super::tokens::{Kind, Token, tokens};
use super::variables::{Trouble, Variables};
use super::{Asked, Found, Named, call};
use std::ops::Range;

/// More parentheses than any template has; the parser recurses into them.
const DEPTH: usize = 64;

/// What an expression may refer to.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The name of the current item, where `range` or `with` has made one.
    pub dot: Option<String>,
    pub variables: Variables,
}

/// What came of reading a text as Go.
#[derive(Debug)]
pub(super) enum Read {
    Go(Pipeline),
    /// It can be nothing else than Go, and is wrong: why, and what to do.
    Wrong(String, String),
    /// It is not Go.
    Other,
}

/// A pipeline as the engine's expression.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub target: Target,
    pub code: String,
    pub found: Found,
    /// The variable's name, when this is ``user `name` `` alone.
    pub user: Option<String>,
}

/// What a pipeline's value is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It is printed, or decides.
    Value,
    /// `$x :=`, or two of them in a `range`.
    Declare(Vec<String>),
    /// `$x =`, by what the engine calls it.
    Set(String),
}

/// Reads a pipeline; `offset` is where the text stands.
pub(super) fn pipeline(text: &str, offset: usize, sight: &Sight) -> Read {
    let Some(tokens) = tokens(text) else {
        return Read::Other;
    };
    let depth = tokens.iter().filter(|token| token.kind == Kind::Open);
    if depth.count() > DEPTH {
        return Read::Wrong(
            "there are too many parentheses in this expression".to_owned(),
            format!("up to {DEPTH} are read"),
        );
    }
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        offset,
        sight,
        found: Found::default(),
        wrong: None,
    };
    let read = parser.whole();
    match (parser.wrong, read) {
        (Some((message, help)), _) => Read::Wrong(message, help),
        (None, Some(mut pipeline)) if parser.at == tokens.len() => {
            pipeline.found = parser.found;
            Read::Go(pipeline)
        }
        _ => Read::Other,
    }
}

/// A translated piece; a literal is kept for names.
pub(super) struct Operand {
    pub code: String,
    pub literal: Option<String>,
    user: Option<String>,
}

impl Operand {
    fn of(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            literal: None,
            user: None,
        }
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    offset: usize,
    sight: &'t Sight,
    found: Found,
    wrong: Option<(String, String)>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<Pipeline> {
        let target = self.target()?;
        let operand = self.pipeline()?;
        Some(Pipeline {
            target,
            code: operand.code,
            found: Found::default(),
            user: operand.user,
        })
    }

    /// `$x :=`, `$i, $x :=` and `$x =`.
    fn target(&mut self) -> Option<Target> {
        let kinds = self.tokens.iter().take(4).map(|token| &token.kind);
        let kinds: Vec<&Kind> = kinds.collect();
        let names: Vec<&String> = match kinds.as_slice() {
            [Kind::Variable(name, _), Kind::Assign, ..] => {
                self.at = 2;
                return self.set(name).map(Target::Set);
            }
            [
                Kind::Variable(..),
                Kind::Comma,
                Kind::Variable(..),
                Kind::Assign,
            ] => {
                self.wrong = Some(set_by_range());
                return None;
            }
            [Kind::Variable(one, _), Kind::Declare, ..] => vec![one],
            [
                Kind::Variable(one, _),
                Kind::Comma,
                Kind::Variable(two, _),
                Kind::Declare,
            ] => vec![one, two],
            _ => return Some(Target::Value),
        };
        self.at = names.len() * 2;
        let nameless = names.iter().any(|name| name.is_empty());
        let names = (!nameless).then_some(names)?;
        Some(Target::Declare(names.into_iter().cloned().collect()))
    }

    fn set(&mut self, name: &str) -> Option<String> {
        let wrong = match self.sight.variables.set(name) {
            Ok(made) => return Some(made.to_owned()),
            Err(Trouble::Undeclared) => undeclared(name),
            Err(Trouble::OutsideOf(scope)) => (
                format!("`${name}` is declared outside of this `{scope}`, and cannot be set in it"),
                format!(
                    "print what the `{scope}` finds, or declare another variable in it with `:=`"
                ),
            ),
        };
        self.wrong = Some(wrong);
        None
    }

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
            // Alone it is Jinja's text: see docs/templates.md.
            Kind::Character(_) => return None,
            Kind::Word(word) if word == "nil" && piped.is_none() => {
                self.wrong = Some(call::nothing());
                return None;
            }
            _ if piped.is_some() => return None,
            _ => return self.operand(),
        };
        self.at += 1;
        let certain = piped.is_none() && matches!(self.peek(), Some(Kind::Text(..)));
        if certain && !call::is_known(&name) && !["not", "in", "is"].contains(&name.as_str()) {
            self.wrong = Some(call::unknown(&name));
            return None;
        }
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
        let range = token.range.clone();
        match &token.kind {
            Kind::Text(text, _) => Some(Operand {
                literal: Some(text.clone()),
                ..Operand::of(quote(text))
            }),
            Kind::Number(digits) => Some(Operand::of(digits)),
            Kind::Character(code) => Some(Operand::of(code.to_string())),
            Kind::Word(word) => match literal_word(word) {
                Some(code) => Some(Operand::of(code)),
                None => self.call(word, &[], start),
            },
            Kind::Field(name) => self.field(name, &range),
            Kind::Variable(name, fields) => self.variable(name, fields, &range),
            Kind::Open => {
                let inner = self.pipeline()?;
                (self.peek() == Some(&Kind::Close)).then(|| self.at += 1)?;
                self.chained(inner)
            }
            Kind::Close | Kind::Pipe | Kind::Comma | Kind::Declare | Kind::Assign => None,
        }
    }

    /// `(…).a.b`
    fn chained(&mut self, inner: Operand) -> Option<Operand> {
        let end = self.tokens[self.at - 1].range.end;
        let Some(token) = self.tokens.get(self.at) else {
            return Some(inner);
        };
        match &token.kind {
            Kind::Field(name) if token.range.start == end => {
                self.at += 1;
                (!name.is_empty()).then(|| Operand::of(member(&inner.code, name)))
            }
            _ => Some(inner),
        }
    }

    fn field(&mut self, name: &str, range: &Range<usize>) -> Option<Operand> {
        match &self.sight.dot {
            Some(dot) => Some(Operand::of(member(dot, name))),
            None => self.late(name, range),
        }
    }

    /// Data of the run.
    fn late(&mut self, name: &str, range: &Range<usize>) -> Option<Operand> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        if root.is_empty() {
            return None;
        }
        self.found.fields.push(Named {
            name: name.to_owned(),
            range: self.offset + range.start..self.offset + range.end,
        });
        Some(Operand::of(member(root, rest)))
    }

    fn variable(&mut self, name: &str, fields: &str, range: &Range<usize>) -> Option<Operand> {
        if name.is_empty() {
            return self.late(fields, range);
        }
        let Some(made) = self.sight.variables.read(name) else {
            self.wrong = Some(undeclared(name));
            return None;
        };
        Some(Operand::of(member(made, fields)))
    }

    fn call(&mut self, name: &str, arguments: &[Operand], start: usize) -> Option<Operand> {
        let code = match call::code(name, arguments) {
            Ok(code) => code?,
            Err(wrong) => {
                self.wrong.get_or_insert(wrong);
                return None;
            }
        };
        let range = self.offset + self.tokens[start].range.start
            ..self.offset + self.tokens[self.at - 1].range.end;
        let literal = arguments
            .first()
            .and_then(|argument| argument.literal.clone());
        let mut operand = Operand::of(code);
        match (name, literal) {
            ("user", Some(name)) => {
                operand.user = Some(name.clone());
                self.found.users.push(Named { name, range });
            }
            ("build", Some(key)) => self.found.fields.push(Named {
                name: format!("build.{key}"),
                range,
            }),
            ("clean_ami_name" | "clean_image_name", _) => self.found.renamed.push(Named {
                name: name.to_owned(),
                range,
            }),
            ("env", _) => self.found.asked.push(Asked::environment(range)),
            (name, _) if call::asks(name) => self.found.asked.push(Asked::store(name, range)),
            _ => {}
        }
        Some(operand)
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }
}

fn undeclared(name: &str) -> (String, String) {
    (
        format!("the variable `${name}` is not declared"),
        format!("declare it before with `{{{{${name} := …}}}}`"),
    )
}

pub(super) fn set_by_range() -> (String, String) {
    (
        "a `range` cannot set variables that are there".to_owned(),
        "declare others with `:=`".to_owned(),
    )
}

/// What the engine would print as 1000.0 is 1000 in Go: a number that is not whole, as text.
pub(super) fn printed(code: String) -> String {
    let fraction = |code: &str| code.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let number = code
        .parse()
        .ok()
        .filter(|_| fraction(&code) && code.contains(['.', 'e']));
    number.map_or(code, |number| quote(&decimal(number)))
}

/// `value` with the members of a dotted name.
fn member(value: &str, dotted: &str) -> String {
    let parts = dotted.split('.').filter(|part| !part.is_empty());
    parts.fold(value.to_owned(), |code, part| {
        format!("{code}[{}]", quote(part))
    })
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
