//! `kiln console`: expressions over a template's variables, a line each.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::input::{self, Input};
use crate::cli::{Context, Exit};
use crate::source::SourceMap;
use crate::source::json::Text;
use crate::template::load::Variables;

const HELP: &str = "\
A line is a text as it would stand in an option: `{{user `name`}}-{{timestamp}}`, `{{ name | upper }}`.
variables  lists the variables and their values
exit       leaves";

/// Evaluate expressions over a template's variables
///
/// Reads lines from stdin and prints what each comes to on stdout, a line for a line. A line is a text as it would stand in an
/// option of a builder, in Packer's form or in Jinja's: `{{user `region`}}`, `{{ region | upper }}`, `web-{{timestamp}}`. The lines
/// `variables`, `help` and `exit` are commands, as in `packer console`; an empty line is passed over. What cannot be evaluated is said on stderr,
/// and nothing is printed for it. With --json the result is one document: {"values": [{"text", "value", "findings"}]}, `value` null
/// where there is none.
///
/// Unlike `packer console`, which prints nothing but the last value of a pipe, this prints all of them. Sensitive values
/// show as `<sensitive>`. Builders are not looked at, so a template that `kiln check` refuses can be asked, too.
/// Exits 0 when every line had a value, 2 otherwise.
#[derive(Args, Debug)]
pub struct Console {
    #[command(flatten)]
    input: Input,
}

/// What the lines came to so far.
struct Session<'s> {
    variables: &'s Variables,
    sources: SourceMap,
    context: &'s Context,
    values: Vec<Value>,
    exit: Exit,
}

impl Console {
    /// Reads lines until there are no more.
    pub fn run(&self, context: &Context) -> Exit {
        let (variables, sources) = match self.input.variables(context) {
            Ok(loaded) => loaded,
            Err(exit) => return exit,
        };
        let mut session = Session {
            variables: &variables,
            sources,
            context,
            values: Vec::new(),
            exit: Exit::Done,
        };
        let stdin = io::stdin();
        let prompt = stdin.is_terminal();
        ask(prompt);
        for (number, line) in stdin.lock().lines().enumerate() {
            match line {
                Err(error) => {
                    context.say(&format!("error: stdin cannot be read: {error}"));
                    session.exit = Exit::Usage;
                    break;
                }
                Ok(line) if line.trim() == "exit" => break,
                Ok(line) => session.take(number + 1, &line),
            }
            ask(prompt);
        }
        if context.json {
            context.document("", &json!({ "values": session.values }));
        }
        session.exit
    }
}

/// Asks for a line, of a person only.
fn ask(prompt: bool) {
    if prompt {
        let mut stderr = io::stderr().lock();
        // A reader who has gone away is no failure.
        write!(stderr, "> ")
            .and_then(|()| stderr.flush())
            .unwrap_or_default();
    }
}

impl Session<'_> {
    fn take(&mut self, number: usize, line: &str) {
        match line.trim() {
            "" => {}
            "help" => self.context.say(HELP),
            "variables" => self.list(),
            _ => self.evaluate(number, line),
        }
    }

    fn list(&self) {
        for variable in self.variables.all() {
            let value = match variable.value {
                None => "(not set)".to_owned(),
                Some(_) if variable.secret => "<sensitive>".to_owned(),
                Some(value) => plain(value),
            };
            if !self.context.json {
                let line = format!("{}: {value}", variable.name);
                self.context.result(&line);
            }
        }
    }

    fn evaluate(&mut self, number: usize, line: &str) {
        let file = self.sources.add_typed(format!("line {number}"), line);
        let evaluated = self.variables.evaluate(&Text::file(file, line));
        let (value, findings) = match evaluated {
            Ok(evaluated) => {
                let shown = if evaluated.secret {
                    "<sensitive>".to_owned()
                } else {
                    evaluated.text
                };
                if !self.context.json {
                    self.context.result(&shown);
                }
                (Value::from(shown), evaluated.findings)
            }
            Err(findings) => {
                self.exit = Exit::Usage;
                if findings.is_empty() {
                    let text =
                        format!("line {number}: a variable in it has no value, as said above");
                    self.context.say(&text);
                }
                (Value::Null, findings)
            }
        };
        input::show(&findings, &self.sources, self.context);
        let messages: Vec<_> = findings.iter().map(|finding| &finding.message).collect();
        self.values
            .push(json!({ "text": line, "value": value, "findings": messages }));
    }
}

/// A value as it prints: text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
