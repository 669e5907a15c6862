//! The command line as a text of its own, so that what was typed has a place too.

use super::Request;
use crate::source::{SourceMap, Span};

/// Where each argument stands in the text `command line`.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub files: Vec<Span>,
    pub var_files: Vec<Span>,
    /// Of the part after `-var `.
    pub vars: Vec<Span>,
    pub only: Vec<Span>,
    pub except: Vec<Span>,
}

/// The name of the text.
const NAME: &str = "command line";

impl Arguments {
    /// Writes the arguments down, in the order in which they take effect.
    pub(super) fn read(request: &Request, sources: &mut SourceMap) -> Self {
        let mut line = Line::default();
        let files = line.add_all("", &request.files);
        let var_files = line.add_all("-var-file=", &request.var_files);
        let vars = line.add_all("-var ", &request.vars);
        let only = line.add_list("-only=", &request.only);
        let except = line.add_list("-except=", &request.except);
        let file = sources.add_typed(NAME, line.text);
        let place = |ranges: Vec<(usize, usize)>| {
            ranges
                .into_iter()
                .map(|(start, end)| Span::new(file, start, end))
                .collect()
        };
        Self {
            files: place(files),
            var_files: place(var_files),
            vars: place(vars),
            only: place(only),
            except: place(except),
        }
    }
}

#[derive(Default)]
struct Line {
    text: String,
}

impl Line {
    fn add_all(&mut self, flag: &str, values: &[String]) -> Vec<(usize, usize)> {
        values.iter().map(|value| self.add(flag, value)).collect()
    }

    fn add_list(&mut self, flag: &str, values: &[String]) -> Vec<(usize, usize)> {
        let add = |(at, value): (usize, &String)| {
            if at == 0 {
                self.add(flag, value)
            } else {
                self.push(",", value)
            }
        };
        values.iter().enumerate().map(add).collect()
    }

    fn add(&mut self, flag: &str, value: &str) -> (usize, usize) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.push(flag, value)
    }

    fn push(&mut self, before: &str, value: &str) -> (usize, usize) {
        self.text.push_str(before);
        let start = self.text.len();
        self.text.push_str(value);
        (start, self.text.len())
    }
}
