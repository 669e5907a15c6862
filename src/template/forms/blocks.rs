//! Go's actions: values, `if`, `else`, `range`, `with`, `end`, declarations and comments, each as Jinja's expression or
//! statement. `range` and `with` give `.` a meaning, which ends with them.

use super::go::{self, Pipeline, Read, Target};
use super::{EXPRESSION, STATEMENT, Scan, call};
use crate::template::engine::OURS;
use std::ops::Range;

/// An open block.
#[derive(Debug)]
pub(super) struct Block {
    kind: Kind,
    /// What `.` was before it, and how many variables there were.
    dot: Option<String>,
    variables: usize,
    /// How many there are in its `else`.
    in_else: usize,
    has_else: bool,
    /// So many `else if` are an `if` within its `else`, since they declare or set a variable.
    nested: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    If,
    Range,
    With,
}

impl Scan<'_> {
    /// `{{/* … */}}`: whether it was one.
    pub(super) fn go_comment(&mut self, start: usize) -> bool {
        let rest = &self.text[start + 2..];
        let inner = match rest.strip_prefix('-') {
            Some(trimmed) => trimmed.trim_start(),
            None => rest,
        };
        if !inner.starts_with("/*") {
            return false;
        }
        let body = self.text.len() - inner.len();
        let end = self.text[body..].find("*/").map(|length| body + length + 2);
        let close = end.and_then(|end| {
            let rest = &self.text[end..];
            let trimmed = rest.trim_start();
            let tail = trimmed
                .strip_prefix("-}}")
                .or_else(|| rest.strip_prefix("}}"))?;
            Some((self.text.len() - tail.len(), trimmed.starts_with('-')))
        });
        let Some((close, trims_after)) = close else {
            self.slip(
                start..start + 2,
                "this comment is never closed",
                "close it with `*/}}`",
            );
            self.plain(start + 2);
            return true;
        };
        let before = if rest.starts_with('-') { "-" } else { "" };
        let after = if trims_after { "-" } else { "" };
        let code = format!("{}{before} \"\" {after}{}", EXPRESSION.0, EXPRESSION.1);
        self.mark(&code, &(start..close));
        true
    }

    /// An action in Go's form: whether it was one, if only a wrong one.
    pub(super) fn go(
        &mut self,
        inner: &str,
        offset: usize,
        trims: (&str, &str),
        range: &Range<usize>,
    ) -> bool {
        let lead = inner.len() - inner.trim_start().len();
        let inner = inner.trim();
        let (word, rest) = first_word(inner);
        let at = offset + lead + inner.len() - rest.trim_start().len();
        let rest = rest.trim();
        match word {
            "if" | "with" | "range" if !rest.is_empty() => {
                self.opening(word, rest, at, trims, range)
            }
            "define" | "block" if !rest.is_empty() => match call::refused(word) {
                Some((message, help)) => self.unopened(range, message, help),
                None => false,
            },
            "else" => self.otherwise(rest, at, trims, range),
            "end" if rest.is_empty() => self.end(trims, range),
            "if" | "with" | "range" => self.unopened(
                range,
                format!("`{{{{{word}}}}}` says not of what"),
                format!("write `{{{{{word} …}}}}`, and `{{{{end}}}}` behind its text"),
            ),
            "break" | "continue" if rest.is_empty() && !self.open.is_empty() => self.wrong(
                range,
                format!("`{{{{{word}}}}}` is not supported"),
                "use `{{if}}` inside the `{{range}}`".to_owned(),
            ),
            _ => self.value(inner, offset + lead, trims, range),
        }
    }

    fn wrong(&mut self, range: &Range<usize>, message: String, help: String) -> bool {
        self.slip(range.clone(), message, help);
        self.at = range.end;
        true
    }

    fn value(&mut self, inner: &str, at: usize, trims: (&str, &str), range: &Range<usize>) -> bool {
        match go::pipeline(inner, at, &self.sight) {
            Read::Other => false,
            Read::Wrong(message, help) => self.wrong(range, message, help),
            Read::Go(Pipeline {
                target,
                code,
                found,
                user,
            }) => {
                self.out.found.extend(found);
                if target == Target::Value {
                    self.mark_expression(&go::printed(code), trims, range);
                    if let Some(piece) = self.out.pieces.last_mut() {
                        piece.variable = user;
                    }
                } else {
                    let sets = self.sets(&target, &code).map(|(_, sets)| sets);
                    self.mark_statements(&sets.into_iter().collect::<Vec<_>>(), trims, range);
                }
                true
            }
        }
    }

    /// `set` for a variable that is declared or set again, and its name; the last of two is the value.
    fn sets(&mut self, target: &Target, code: &str) -> Option<(String, String)> {
        let made = match target {
            Target::Value => return None,
            Target::Set(made) => made.clone(),
            Target::Declare(names) => {
                let variables = &mut self.sight.variables;
                names.iter().map(|name| variables.declare(name)).last()?
            }
        };
        let statement = format!("set {made} = {code}");
        Some((made, statement))
    }

    fn opening(
        &mut self,
        word: &str,
        pipeline: &str,
        at: usize,
        trims: (&str, &str),
        range: &Range<usize>,
    ) -> bool {
        let read = match go::pipeline(pipeline, at, &self.sight) {
            Read::Other => {
                let (message, help) = unread(word);
                return self.unopened(range, message, help);
            }
            Read::Wrong(message, help) => return self.unopened(range, message, help),
            Read::Go(read) => read,
        };
        let kind = match word {
            "if" => Kind::If,
            "with" => Kind::With,
            _ => Kind::Range,
        };
        if kind == Kind::Range && matches!(read.target, Target::Set(_)) {
            let (message, help) = go::set_by_range();
            return self.unopened(range, message, help);
        }
        let (dot, before) = (self.sight.dot.clone(), self.sight.variables.count());
        self.out.found.extend(read.found);
        let statements = match kind {
            Kind::If => self.condition(&read.target, &read.code),
            Kind::With => {
                let item = self.item();
                let set = format!("set {item} = {}", read.code);
                let mut statements = vec![set];
                statements.extend(self.sets(&read.target, &item).map(|(_, set)| set));
                statements.push(format!("if {item}"));
                self.sight.dot = Some(item);
                statements
            }
            Kind::Range => self.range(&read.target, &read.code),
        };
        // What an `if` or a `with` declares is there in its `else`, too.
        let in_else = match kind {
            Kind::Range => before,
            _ => self.sight.variables.count(),
        };
        self.open.push(Block {
            kind,
            dot,
            variables: before,
            in_else,
            has_else: false,
            nested: 0,
        });
        self.mark_statements(&statements, trims, range);
        true
    }

    /// A block that cannot be read; its `end` is no second slip.
    fn unopened(&mut self, range: &Range<usize>, message: String, help: String) -> bool {
        let variables = self.sight.variables.count();
        self.open.push(Block {
            kind: Kind::If,
            dot: self.sight.dot.clone(),
            variables,
            in_else: variables,
            has_else: false,
            nested: 0,
        });
        self.wrong(range, message, help)
    }

    fn condition(&mut self, target: &Target, code: &str) -> Vec<String> {
        match self.sets(target, code) {
            Some((made, set)) => vec![set, format!("if {made}")],
            None => vec![format!("if {code}")],
        }
    }

    fn range(&mut self, target: &Target, code: &str) -> Vec<String> {
        self.sight.variables.scopes.push("range");
        let item = self.item();
        let variables = &mut self.sight.variables;
        let mut statements = Vec::new();
        match target {
            Target::Declare(names) if names.len() == 2 => {
                let key = variables.declare(&names[0]);
                let value = variables.declare(&names[1]);
                statements.push(format!("for {key}, {item} in {OURS}pairs({code})"));
                statements.push(format!("set {value} = {item}"));
            }
            target => {
                statements.push(format!("for {item} in {OURS}each({code})"));
                statements.extend(self.sets(target, &item).map(|(_, set)| set));
            }
        }
        self.sight.dot = Some(item);
        statements
    }

    /// A new name for `.`.
    fn item(&mut self) -> String {
        self.items += 1;
        format!("{OURS}item_{}", self.items)
    }

    fn otherwise(
        &mut self,
        rest: &str,
        at: usize,
        trims: (&str, &str),
        range: &Range<usize>,
    ) -> bool {
        let Some(block) = self.open.last_mut() else {
            return self.outside("else", range);
        };
        if block.has_else {
            return self.wrong(
                range,
                "this block has an `else` already".to_owned(),
                "close it with `{{end}}` first".to_owned(),
            );
        }
        let kind = block.kind;
        let (dot, variables) = (block.dot.clone(), block.in_else);
        if rest.is_empty() {
            block.has_else = true;
            self.sight.dot = dot;
            if kind == Kind::Range {
                self.sight.variables.scopes.pop();
            }
            self.sight.variables.forget(variables);
            self.mark_statements(&["else".to_owned()], trims, range);
            return true;
        }
        let (word, condition) = first_word(rest);
        if word != "if" || condition.is_empty() || kind != Kind::If {
            return self.wrong(
                range,
                format!("`{{{{else {rest}}}}}` is not supported here"),
                "write `{{else}}` and another block inside it".to_owned(),
            );
        }
        self.sight.variables.forget(variables);
        let lead = rest.len() - condition.trim_start().len();
        match go::pipeline(condition.trim(), at + lead, &self.sight) {
            Read::Go(read) => {
                self.out.found.extend(read.found);
                let statements = self.else_if(&read.target, &read.code);
                self.mark_statements(&statements, trims, range);
                true
            }
            Read::Wrong(message, help) => self.wrong(range, message, help),
            Read::Other => {
                let (message, help) = unread("else if");
                self.wrong(range, message, help)
            }
        }
    }

    /// Jinja's `elif` cannot set anything before it decides. What it declares is there in the rest of the block.
    fn else_if(&mut self, target: &Target, code: &str) -> Vec<String> {
        if *target == Target::Value {
            return vec![format!("elif {code}")];
        }
        let mut statements = vec!["else".to_owned()];
        statements.extend(self.condition(target, code));
        if let Some(block) = self.open.last_mut() {
            block.nested += 1;
            block.in_else = self.sight.variables.count();
        }
        statements
    }

    fn end(&mut self, trims: (&str, &str), range: &Range<usize>) -> bool {
        let Some(block) = self.open.pop() else {
            return self.outside("end", range);
        };
        self.sight.dot = block.dot;
        if block.kind == Kind::Range && !block.has_else {
            self.sight.variables.scopes.pop();
        }
        self.sight.variables.forget(block.variables);
        let word = match block.kind {
            Kind::If | Kind::With => "endif",
            Kind::Range => "endfor",
        };
        let statements = vec![word.to_owned(); block.nested + 1];
        self.mark_statements(&statements, trims, range);
        true
    }

    fn outside(&mut self, word: &str, range: &Range<usize>) -> bool {
        let message = format!("`{{{{{word}}}}}` stands outside of any `if`, `range` or `with`");
        let help = "take it out, or open the block before it";
        self.wrong(range, message, help.to_owned())
    }

    /// Statements in a row; the trim marks stand at both ends.
    fn mark_statements(
        &mut self,
        statements: &[String],
        (before, after): (&str, &str),
        range: &Range<usize>,
    ) {
        let last = statements.len() - 1;
        let marked = statements.iter().enumerate().map(|(at, statement)| {
            let before = if at == 0 { before } else { "" };
            let after = if at == last { after } else { "" };
            format!("{}{before} {statement} {after}{}", STATEMENT.0, STATEMENT.1)
        });
        self.mark(&marked.collect::<String>(), range);
    }
}

/// The word that an action begins with, and what is behind it: blanks, or what Go lets stand close to it, where Jinja could mean
/// nothing else. `range(3)` is a call of Jinja, and `with.a` a member.
fn first_word(action: &str) -> (&str, &str) {
    let close: &[char] = match action {
        _ if action.starts_with("if") => &['(', '.'],
        _ if action.starts_with("with") => &['('],
        _ => &[],
    };
    let end = action.find(|next: char| next.is_whitespace() || close.contains(&next));
    action.split_at(end.unwrap_or(action.len()))
}

/// What is said of a block whose value is not Go's.
fn unread(word: &str) -> (String, String) {
    (
        format!("what this `{{{{{word} …}}}}` goes by cannot be read"),
        "write ``{{if user `name`}}`` as Packer does, or `{% if name %}` and `{% endif %}` as Jinja does"
            .to_owned(),
    )
}
