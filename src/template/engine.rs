//! The one engine that evaluates expressions. It gets scripts in which `forms` has marked the expressions, so that any
//! other text, braces included, stays as it is.

use super::late::Data;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Opens and closes an expression inside a script; control characters, which no text of a template holds.
pub(super) const EXPRESSION: (&str, &str) = ("\u{1}{", "}\u{1}");
/// Opens and closes a statement.
pub(super) const STATEMENT: (&str, &str) = ("\u{1}%", "%\u{1}");
/// Opens and closes a comment, which is empty and there for the blanks that it takes away.
pub(super) const COMMENT: (&str, &str) = ("\u{1}#", "#\u{1}");

/// The name under which `user` finds the variables, whatever late data shadows them.
pub(super) const VARIABLES: &str = "\u{1}variables";

/// Functions that translated Packer forms call have names that begin so; no variable is seen under such a name.
pub(super) const OURS: &str = "packer__";

/// The filter that the factors of every product go through.
pub(super) const FACTOR: &str = "packer__factor";

/// So many instructions one text may take, 64 bytes that are made or read counting as one: more than a script of a megabyte
/// needs, over in a second, and 32 MiB of memory.
const FUEL: u64 = 500_000;
/// So many values may one be made of, and so deep may they be in each other, when it is printed or becomes a variable's.
const MOST_VALUES: usize = 200_000;
const DEEPEST: usize = 200;

/// So long may a `range` be: names may stand for it a thousand times (`forms::growth`), and that must still be printed in
/// 100 MiB.
const LONGEST_RANGE: usize = 10_000;

/// Settled variables, by name.
pub(super) type Values = BTreeMap<String, serde_json::Value>;

/// Functions, and the variables that are settled.
#[derive(Clone)]
pub(super) struct Scope {
    environment: Environment<'static>,
    variables: Values,
}

impl Scope {
    /// A scope over an environment from [`environment`] with its functions added.
    pub(super) fn new(environment: Environment<'static>, variables: Values) -> Self {
        Self {
            environment,
            variables,
        }
    }

    pub(super) fn variables(&self) -> &Values {
        &self.variables
    }

    pub(super) fn set(&mut self, name: &str, value: serde_json::Value) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Renders a script.
    pub(super) fn render(&self, source: &str, data: &Data) -> Result<String, Error> {
        self.environment.render_str(source, self.context(data))
    }

    /// Evaluates one expression to the value it has, not to its text.
    pub(super) fn evaluate(&self, expression: &str, data: &Data) -> Result<Value, Error> {
        self.environment
            .compile_expression(expression)?
            .eval(self.context(data))
    }

    /// The names a script reads that it does not set itself, functions included.
    pub(super) fn names(&self, source: &str) -> Result<Vec<String>, Error> {
        let mut names: Vec<_> = self
            .environment
            .template_from_str(source)?
            .undeclared_variables(false)
            .into_iter()
            .collect();
        names.sort();
        Ok(names)
    }

    /// Whether a name is one of the engine's functions.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.environment.globals().any(|(known, _)| known == name)
    }

    /// The names of the engine's functions that users may write.
    pub(super) fn functions(&self) -> Vec<String> {
        let names = self.environment.globals().map(|(name, _)| name.to_owned());
        names.filter(|name| !name.starts_with(OURS)).collect()
    }

    fn context(&self, data: &Data) -> Value {
        let variables = self
            .variables
            .iter()
            .filter(|(name, _)| !name.starts_with(OURS))
            .map(|(name, value)| (name.clone(), to_engine(value)));
        let late = data
            .values()
            .iter()
            .map(|(name, value)| (name.clone(), to_engine(value)));
        let mut pairs: BTreeMap<String, Value> = variables.collect();
        pairs.insert(VARIABLES.to_owned(), Value::from(pairs.clone()));
        pairs.extend(late);
        Value::from(pairs)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// A translated text with the scope it was written in.
#[derive(Clone, Debug)]
pub(super) struct Script {
    source: Arc<str>,
    written: Arc<str>,
    scope: Arc<Scope>,
}

impl Script {
    /// A script and the text it was translated from.
    pub(super) fn new(source: &str, written: &str, scope: Arc<Scope>) -> Self {
        Self {
            source: source.into(),
            written: written.into(),
            scope,
        }
    }

    /// The text as the user wrote it.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    pub(super) fn render(&self, data: &Data) -> Result<String, Error> {
        self.scope.render(&self.source, data)
    }

    /// Whether it reads a name.
    pub(super) fn reads(&self, name: &str) -> bool {
        let names = self.scope.names(&self.source).unwrap_or_default();
        names.iter().any(|read| read == name)
    }

    /// The text before a character, and the script after it; `None` when an expression stands before it.
    pub(super) fn split_once(&self, at: char) -> Option<(&str, Self)> {
        let (before, source) = self.source.split_once(at)?;
        let written = self.written.split_once(at)?.1;
        let plain = !before.contains('\u{1}');
        plain.then(|| (before, Self::new(source, written, Arc::clone(&self.scope))))
    }
}

/// An environment without functions: strict about undefined names, no escaping, every newline kept.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    // It would print every variable, and nobody could tell that a secret is among them.
    environment.remove_global("debug");
    // What a loop adds to again and again is bounded by nothing.
    environment.remove_global("namespace");
    environment.add_filter(FACTOR, factor);
    environment.add_function("range", range);
    print_as_json(&mut environment);
    let syntax = SyntaxConfig::builder()
        .variable_delimiters(EXPRESSION.0, EXPRESSION.1)
        .block_delimiters(STATEMENT.0, STATEMENT.1)
        .comment_delimiters(COMMENT.0, COMMENT.1)
        .keep_trailing_newline(true)
        .build();
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment
}

/// Why a text cannot be rendered, in words for users.
pub(super) fn reason(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            "it takes more than half a million steps, of which 64 bytes that it makes or reads are one".to_owned()
        }
        // Users know the functions by their own names.
        (_, Some(detail)) => detail.replace(OURS, ""),
        (kind, None) => kind.to_string(),
    }
}

/// A factor, unless it is a list: see `forms::product`.
fn factor(value: Value) -> Result<Value, Error> {
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        let reason = "a list cannot be multiplied: write it out, or loop over a `range`";
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    }
    Ok(value)
}

fn range(lower: isize, upper: Option<isize>, step: Option<isize>) -> Result<Value, Error> {
    let range = minijinja::functions::range(lower, upper, step)?;
    if range.len().is_some_and(|length| length > LONGEST_RANGE) {
        let reason = format!("a range of more than {LONGEST_RANGE} numbers is too long");
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    }
    Ok(range)
}

/// A JSON value as the engine's.
pub(super) fn to_engine(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => number_to_engine(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => {
            Value::from(items.iter().map(to_engine).collect::<Vec<_>>())
        }
        serde_json::Value::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(key, value)| (key.clone(), to_engine(value))),
        ),
    }
}

fn number_to_engine(number: &serde_json::Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    number.as_u64().map_or_else(
        || Value::from(number.as_f64().unwrap_or_default()),
        Value::from,
    )
}

/// A value of the engine as JSON.
pub(super) fn from_engine(value: &Value) -> Result<serde_json::Value, Error> {
    to_json(value, DEEPEST, &mut { MOST_VALUES })
}

fn to_json(value: &Value, depth: usize, left: &mut usize) -> Result<serde_json::Value, Error> {
    let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        let reason = format!("this value is made of more than {MOST_VALUES} others, or too deep");
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    };
    *left = fewer;
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::None => serde_json::Value::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => {
            serde_json::from_str(&value.to_string()).unwrap_or_else(|_| value.to_string().into())
        }
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()?
            .map(|item| to_json(&item, deeper, left))
            .collect::<Result<_, _>>()?,
        ValueKind::Map => {
            let mut members = serde_json::Map::new();
            for key in value.try_iter()? {
                let member = to_json(&value.get_item(&key)?, deeper, left)?;
                members.insert(key.to_string(), member);
            }
            members.into()
        }
        _ => value.to_string().into(),
    })
}

/// Makes an environment print values as JSON has them: `true`, `null`, lists and objects whole. Strings print as they are.
fn print_as_json(environment: &mut Environment<'static>) {
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::Bool
        | ValueKind::None
        | ValueKind::Seq
        | ValueKind::Map
        | ValueKind::Iterable => Ok(write!(out, "{}", from_engine(value)?)?),
        ValueKind::Plain => Err(Error::new(
            ErrorKind::InvalidOperation,
            "this is a function, and it is not called",
        )),
        _ => escape_formatter(out, state, value),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope::new(
            environment(),
            Values::from([("name".into(), json!("web")), ("n".into(), json!(7))]),
        )
    }

    #[test]
    fn only_marked_places_are_evaluated() {
        let text = "{{ name }} {% if %} {# \u{1}{ name }\u{1}-\u{1}{ n }\u{1}\n";
        assert_eq!(
            scope().render(text, &Data::new()).unwrap(),
            "{{ name }} {% if %} {# web-7\n"
        );
    }

    #[test]
    fn text_that_comes_out_is_not_evaluated_again() {
        let data = Data::new().with("x", "\u{1}{ name }\u{1} {{ name }}");
        assert_eq!(
            scope().render("\u{1}{ x }\u{1}", &data).unwrap(),
            "\u{1}{ name }\u{1} {{ name }}"
        );
    }

    #[test]
    fn an_undefined_name_is_an_error() {
        assert!(scope().render("\u{1}{ nam }\u{1}", &Data::new()).is_err());
    }
}
