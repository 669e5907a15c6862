//! The functions that expressions may call, in Packer's order of arguments, and as filters where Jinja would write them so.
//! Clock, environment and random numbers are handed in: one instant holds for the whole run.

use super::engine::VARIABLES;
use super::layout;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What functions may tell of the world.
#[derive(Clone)]
pub struct Facts {
    /// The run's one instant.
    pub now: Timestamp,
    /// The environment, for `env` and `KILN_VAR_…`.
    pub environment: BTreeMap<String, String>,
    /// Makes a new UUID at each call.
    pub uuid: Arc<dyn Fn() -> String + Send + Sync>,
    /// The working directory, absolute.
    pub directory: String,
    /// The template's directory, absolute.
    pub template_directory: String,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Adds the functions that hold everywhere.
pub(super) fn add(environment: &mut Environment<'static>, facts: &Facts) {
    let now = facts.now;
    environment.add_function("user", user);
    environment.add_function("timestamp", move || now.as_second());
    environment.add_function("isotime", move |layout: Option<String>| {
        isotime(now, layout.as_deref())
    });
    environment.add_function("strftime", move |format: String| strftime(now, &format));
    let uuid = Arc::clone(&facts.uuid);
    environment.add_function("uuid", move || uuid());
    let directory = facts.directory.clone();
    environment.add_function("pwd", move || directory.clone());
    let directory = facts.template_directory.clone();
    environment.add_function("template_dir", move || directory.clone());
    environment.add_function("packer_version", || env!("CARGO_PKG_VERSION"));
    add_text(environment);
}

fn add_text(environment: &mut Environment<'static>) {
    environment.add_function("upper", |text: String| text.to_uppercase());
    environment.add_function("lower", |text: String| text.to_lowercase());
    environment.add_function("replace", replace);
    environment.add_function("replace_all", |old: String, new: String, text: String| {
        text.replace(&old, &new)
    });
    environment.add_function("split", split);
    environment.add_function("printf", |format: String, values: Vec<Value>| {
        printf(&format, &values)
    });
    environment.add_function("clean_resource_name", |text: String| {
        clean_resource_name(&text)
    });
    environment.add_filter("clean_resource_name", |text: String| {
        clean_resource_name(&text)
    });
    environment.add_filter("replace_all", |text: String, old: String, new: String| {
        text.replace(&old, &new)
    });
}

/// Adds `env`, which only values of variables may call.
pub(super) fn add_env(environment: &mut Environment<'static>, facts: &Facts) {
    let known = facts.environment.clone();
    environment.add_function("env", move |name: String| {
        known.get(&name).cloned().unwrap_or_default()
    });
}

/// Adds what is known inside one build.
pub(super) fn add_build(environment: &mut Environment<'static>, name: &str, kind: &str) {
    let (name, kind) = (name.to_owned(), kind.to_owned());
    environment.add_function("build_name", move || name.clone());
    environment.add_function("build_type", move || kind.clone());
}

/// An undefined variable is empty, as in Packer; `interpolate` has warned of it. Scalars are text, as Packer knows no others.
fn user(state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
    let value = state.lookup(VARIABLES).unwrap_or_default().get_attr(name)?;
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::from(""),
        ValueKind::Seq | ValueKind::Map => value,
        ValueKind::Bool => Value::from(value.is_true().to_string()),
        _ => Value::from(value.to_string()),
    })
}

fn isotime(now: Timestamp, layout: Option<&str>) -> String {
    layout::format(
        &now.to_zoned(TimeZone::UTC),
        layout.unwrap_or("2006-01-02T15:04:05Z07:00"),
    )
}

fn strftime(now: Timestamp, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, &now.to_zoned(TimeZone::UTC))
        .map_err(|error| refuse(format!("this format is not known: {error}")))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn replace(old: String, new: String, count: i64, text: String) -> String {
    match usize::try_from(count) {
        Ok(count) => text.replacen(&old, &new, count),
        Err(_) => text.replace(&old, &new),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn split(text: String, separator: String, index: usize) -> Result<String, Error> {
    let fields: Vec<&str> = text.split(&separator).collect();
    let count = fields.len();
    let field = fields.get(index).ok_or_else(|| {
        refuse(format!(
            "`{text}` has {count} fields, and field {index} is asked for"
        ))
    })?;
    Ok((*field).to_owned())
}

/// `%s`, `%d`, `%v`, `%q` with optional zero-padded width, which is what templates use of Go's verbs.
fn printf(format: &str, values: &[Value]) -> Result<String, Error> {
    let (mut out, mut rest, mut values) = (String::new(), format, values.iter());
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let verb = after
            .find(|c: char| c.is_ascii_alphabetic() || c == '%')
            .ok_or_else(|| refuse("a `%` has no verb"))?;
        let (width, letter) = (&after[..verb], &after[verb..=verb]);
        rest = &after[verb + 1..];
        if letter == "%" {
            out.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| refuse("there are fewer values than verbs"))?
            .to_string();
        let size: usize = width.trim_start_matches('0').parse().unwrap_or(0);
        let text = match letter {
            "q" => serde_json::Value::from(value).to_string(),
            "s" | "v" | "d" if width.starts_with('0') => format!("{value:0>size$}"),
            "s" | "v" | "d" => format!("{value:>size$}"),
            _ => return Err(refuse(format!("the verb `%{letter}` is not known"))),
        };
        out.push_str(&text);
    }
    Ok(out + rest)
}

/// EC2's alphabet for image names; each byte outside it becomes `-` (amazon plugin, `templateCleanResourceName`).
pub fn clean_resource_name(text: &str) -> String {
    let clean = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b" ()[]./-'@_".contains(&byte) {
            char::from(byte)
        } else {
            '-'
        }
    };
    text.bytes().map(clean).collect()
}

fn refuse(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}

#[cfg(test)]
mod tests {
    use super::super::engine::{Scope, Values, environment};
    use super::super::forms::{Style, translate};
    use super::super::late::Data;
    use super::*;
    use serde_json::json;

    fn facts() -> Facts {
        Facts {
            now: "2026-03-09T05:07:08Z".parse().unwrap(),
            environment: BTreeMap::from([("HOME".to_owned(), "/home/é".to_owned())]),
            uuid: Arc::new(|| "uuid-1".to_owned()),
            directory: "/home/ada".to_owned(),
            template_directory: "/home/ada/templates".to_owned(),
        }
    }

    fn render(text: &str) -> String {
        let mut environment = environment();
        add(&mut environment, &facts());
        add_env(&mut environment, &facts());
        add_build(&mut environment, "web", "amazon-ebs");
        let variables = Values::from([
            ("v".into(), json!("v1.2-b")),
            ("n".into(), json!(3)),
            ("l".into(), json!(["a", "b"])),
        ]);
        let translated = translate(text, Style::Both);
        assert_eq!(translated.slips, []);
        Scope::new(environment, variables)
            .render(&translated.source, &Data::new())
            .unwrap_or_else(|error| panic!("{text}: {error:#}"))
    }

    #[test]
    fn functions_give_what_packers_give() {
        for (text, result) in [
            (
                "{{timestamp}} {{isotime}}",
                "1773032828 2026-03-09T05:07:08Z",
            ),
            (
                "{{isotime \"20060102\"}} {{strftime \"%Y\"}}",
                "20260309 2026",
            ),
            ("{{isotime | clean_resource_name}}", "2026-03-09T05-07-08Z"),
            (
                "{{uuid}} {{pwd}} {{template_dir}}",
                "uuid-1 /home/ada /home/ada/templates",
            ),
            ("{{build_name}}/{{build_type}}", "web/amazon-ebs"),
            ("{{user `v` | upper}}{{lower \"X\"}}", "V1.2-Bx"),
            ("{{user `v` | replace \"v\" \"\" 1}}", "1.2-b"),
            (
                "{{replace \".\" \"-\" -1 \"a.b.c\"}}{{replace_all \"a\" \"b\" \"aa\"}}",
                "a-b-cbb",
            ),
            ("{{split (user `v`) \"-\" 0}}", "v1.2"),
            ("{{env `HOME`}}{{env `NONE`}}", "/home/é"),
            ("{{if eq (user `n`) \"3\"}}three{{else}}not{{end}}", "three"),
            ("{{if user `none`}}x{{end}}{{user `none`}}", ""),
            ("{{range user `l`}}{{.}},{{end}}", "a,b,"),
            ("{{printf \"%s-%03d-%q%%\" \"a\" 7 \"b\"}}", "a-007-\"b\"%"),
            ("{{index (user `l`) 1}}{{len (user `l`)}}", "b2"),
            ("{{ n + 1 }}{{ v | clean_resource_name }}", "4v1.2-b"),
        ] {
            assert_eq!(render(text), result, "{text}");
        }
    }

    #[test]
    fn names_are_cleaned_byte_by_byte() {
        assert_eq!(
            clean_resource_name("a€b: (c)[d]./-'@_"),
            "a---b- (c)[d]./-'@_"
        );
    }
}
