//! Go's actions: values, `if`, `else`, `range`, `with`, `end`, declarations and comments, each as Jinja's expression or
//! statement. `range` and `with` give `.` a meaning, which ends with them.

use super::go::{self, Pipeline, Read, VARIABLE};
use super::{EXPRESSION, STATEMENT, Scan};
use crate::template::engine::OURS;
use std::ops::Range;

/// An open block.
#[derive(Debug)]
pub(super) struct Block {
    kind: Kind,
    /// What `.` was before it, and how many variables there were.
    dot: Option<String>,
    variables: usize,
    has_else: bool,
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
        let (word, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let at = offset + lead + inner.len() - rest.trim_start().len();
        let rest = rest.trim();
        match word {
            "if" | "with" | "range" if !rest.is_empty() => {
                self.opening(word, rest, at, trims, range)
            }
            "else" => self.otherwise(rest, at, trims, range),
            "end" if rest.is_empty() => self.end(trims, range),
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
                declared,
                code,
                found,
                user,
            }) => {
                self.out.found.extend(found);
                if declared.is_empty() {
                    self.mark_expression(&code, trims, range);
                    if let Some(piece) = self.out.pieces.last_mut() {
                        piece.variable = user;
                    }
                } else {
                    let sets = self.declare(&declared, &code);
                    self.mark_statements(&[sets], trims, range);
                }
                true
            }
        }
    }

    /// `set` for a declared variable; the last of two is the value.
    fn declare(&mut self, names: &[String], code: &str) -> String {
        self.sight.variables.extend(names.iter().cloned());
        let name = names.last().map_or("", String::as_str);
        format!("set {VARIABLE}{name} = {code}")
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
            Read::Other => return false,
            Read::Wrong(message, help) => return self.wrong(range, message, help),
            Read::Go(read) => read,
        };
        let kind = match word {
            "if" => Kind::If,
            "with" => Kind::With,
            _ => Kind::Range,
        };
        self.open.push(Block {
            kind,
            dot: self.sight.dot.clone(),
            variables: self.sight.variables.len(),
            has_else: false,
        });
        self.out.found.extend(read.found);
        let code = read.code;
        let statements = match kind {
            Kind::If if read.declared.is_empty() => vec![format!("if {code}")],
            Kind::If => {
                let set = self.declare(&read.declared, &code);
                let name = read.declared.last().map_or("", String::as_str);
                vec![set, format!("if {VARIABLE}{name}")]
            }
            Kind::With => {
                let item = self.item();
                let mut statements = vec![format!("with {item} = {code}"), format!("if {item}")];
                if !read.declared.is_empty() {
                    statements.push(self.declare(&read.declared, &item));
                }
                self.sight.dot = Some(item);
                statements
            }
            Kind::Range => self.range(&read.declared, &code),
        };
        self.mark_statements(&statements, trims, range);
        true
    }

    fn range(&mut self, declared: &[String], code: &str) -> Vec<String> {
        let item = self.item();
        let head = match declared {
            [key, _] => format!("for {VARIABLE}{key}, {item} in {OURS}pairs({code})"),
            _ => format!("for {item} in {OURS}each({code})"),
        };
        let mut statements = vec![head];
        if !declared.is_empty() {
            statements.push(self.declare(declared, &item));
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
            return false;
        };
        if block.has_else {
            return self.wrong(
                range,
                "this block has an `else` already".to_owned(),
                "close it with `{{end}}` first".to_owned(),
            );
        }
        let kind = block.kind;
        let (dot, variables) = (block.dot.clone(), block.variables);
        if rest.is_empty() {
            block.has_else = true;
            self.sight.dot = dot;
            self.sight.variables.truncate(variables);
            self.mark_statements(&["else".to_owned()], trims, range);
            return true;
        }
        let condition = rest.strip_prefix("if").filter(|_| kind == Kind::If);
        let Some(condition) = condition.filter(|rest| rest.starts_with(char::is_whitespace)) else {
            return self.wrong(
                range,
                format!("`{{{{else {rest}}}}}` is not supported here"),
                "write `{{else}}` and another block inside it".to_owned(),
            );
        };
        let lead = rest.len() - condition.trim_start().len();
        match go::pipeline(condition.trim(), at + lead, &self.sight) {
            Read::Go(read) if read.declared.is_empty() => {
                self.out.found.extend(read.found);
                self.mark_statements(&[format!("elif {}", read.code)], trims, range);
                true
            }
            Read::Wrong(message, help) => self.wrong(range, message, help),
            _ => false,
        }
    }

    fn end(&mut self, trims: (&str, &str), range: &Range<usize>) -> bool {
        let Some(block) = self.open.pop() else {
            return false;
        };
        self.sight.dot = block.dot;
        self.sight.variables.truncate(block.variables);
        let statements: &[&str] = match block.kind {
            Kind::If => &["endif"],
            Kind::Range => &["endfor"],
            Kind::With => &["endif", "endwith"],
        };
        let statements: Vec<String> = statements.iter().map(|&word| word.to_owned()).collect();
        self.mark_statements(&statements, trims, range);
        true
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
