//! Names that nothing has: what is said of them, and what they were meant to be.

use super::super::forms::{self, Named, Style};
use super::{Interpolator, OURS, near};
use crate::source::json::Text;
use crate::source::{Diagnostic, Span};

/// Functions that there are in builds only.
const OF_BUILDS: [&str; 2] = ["build_name", "build_type"];

impl Interpolator {
    /// Makes an error of an undefined variable, in a text that must not be empty; false when the text has none.
    pub(in crate::template) fn blame_undefined(&self, option: &str, text: &Text) -> bool {
        let users = forms::translate(&text.value, Style::Both).found.users;
        let undefined = |user: &&Named| !self.variables().contains_key(&user.name);
        let Some(Named { name, range }) = users.iter().find(undefined) else {
            return false;
        };
        let span = text.locate(range.clone());
        let mut findings = self.findings.borrow_mut();
        findings.retain(|found| found.labels.first().is_none_or(|label| label.span != span));
        let message = format!("variable `{name}` is not defined, and `{option}` must not be empty");
        findings.push(
            Diagnostic::error("template::undefined_variable", message)
                .at(span, "used here")
                .help(near::variable(name, self.variables().keys())),
        );
        true
    }

    /// A function that there is in builds only, when this is none.
    pub(super) fn of_a_build<'n>(&self, name: &'n str) -> Option<&'n str> {
        let plain = name.strip_prefix(OURS).unwrap_or(name);
        let called = name.len() > plain.len() || !self.variables().contains_key(plain);
        (OF_BUILDS.contains(&plain) && called && !self.scope.is_function(plain)).then_some(plain)
    }

    /// Said of a name in Jinja's form that is neither a variable's nor a function's.
    pub(super) fn unknown_name(&self, name: &str, span: Span) -> Diagnostic {
        let functions = self.scope.functions();
        let functions = functions.iter().map(String::as_str);
        let variables = self.variables().keys().map(String::as_str);
        let known = variables.chain(functions).chain(OF_BUILDS);
        let nearest = near::nearest(name, known);
        if let Some(near) = nearest.filter(|near| self.of_a_build(near).is_some()) {
            return only_in_builds(name, near, span);
        }
        let message = format!("variable `{name}` is not defined");
        let near = nearest.map(str::to_owned);
        Diagnostic::error("template::undefined_variable", message)
            .at(span, "used here")
            .help(near::variable(name, near.as_ref()))
    }
}

/// A function of builds where there is no build, by its own name or a misspelt one.
pub(super) fn only_in_builds(written: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "template::unknown_field",
        format!("`{written}` is not known here"),
    )
    .at(span, "used here")
    .help(format!(
        "`{name}` is known in options of builders, provisioners and post-processors, and not in a builder's `name` or in variables"
    ))
}
