//! The functions that expressions may call, in Packer's order of arguments, and as filters where Jinja would write them so.
//! Clock, environment and random numbers are handed in: one instant holds for the whole run.

mod go;
mod printf;
mod strftime;
mod text;
mod verb;

use super::engine::{OURS, VARIABLES};
use super::layout;
use super::stores::{self, Stores};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub(super) use go::decimal;
pub use text::clean_resource_name;

/// The version of Packer whose language this is; `min_packer_version` is held against it.
pub const PACKER_VERSION: &str = "1.16.0";

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
    /// For `vault` and its like.
    pub stores: Stores,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// A text that grows beyond this is refused: eight times what user data, the largest thing that is rendered, may be.
const LIMIT: usize = 8 << 20;

/// Adds the functions that hold everywhere.
pub(super) fn add(environment: &mut Environment<'static>, facts: &Facts) {
    let now = facts.now;
    environment.add_function("user", user);
    // Text, as Packer's is.
    environment.add_function("timestamp", move || now.as_second().to_string());
    environment.add_function("isotime", move |layout: Option<String>| {
        isotime(now, layout.as_deref())
    });
    environment.add_function("strftime", move |format: String| {
        strftime::strftime(&now.to_zoned(TimeZone::UTC), &format)
    });
    let uuid = Arc::clone(&facts.uuid);
    environment.add_function("uuid", move || uuid());
    let directory = facts.directory.clone();
    environment.add_function("pwd", move || directory.clone());
    let directory = facts.template_directory.clone();
    environment.add_function("template_dir", move || directory.clone());
    environment.add_function("packer_version", || PACKER_VERSION);
    text::add(environment);
    go::add(environment);
    own(environment);
}

/// Gives every function the name that translated Packer forms call it by.
fn own(environment: &mut Environment<'static>) {
    let named: Vec<(String, Value)> = environment
        .globals()
        .filter(|(name, _)| !name.starts_with(OURS))
        .map(|(name, value)| (format!("{OURS}{name}"), value))
        .collect();
    for (name, value) in named {
        environment.add_global(name, value);
    }
    // Go's loops alone need these.
    environment.remove_global("each");
    environment.remove_global("pairs");
}

/// Adds `env` and the functions that ask stores of secrets, which only values of variables may call.
pub(super) fn add_env(environment: &mut Environment<'static>, facts: &Facts) {
    let known = facts.environment.clone();
    environment.add_function("env", move |name: String| {
        known.get(&name).cloned().unwrap_or_default()
    });
    stores::add(environment, &facts.stores);
    own(environment);
}

/// Adds what is known inside one build.
pub(super) fn add_build(environment: &mut Environment<'static>, name: &str, kind: &str) {
    let (name, kind) = (name.to_owned(), kind.to_owned());
    environment.add_function("build_name", move || name.clone());
    environment.add_function("build_type", move || kind.clone());
    own(environment);
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

/// A text, unless it is larger than any template needs.
fn bounded(text: String) -> Result<String, Error> {
    if text.len() > LIMIT {
        return Err(refuse(format!(
            "the result is larger than {} MiB",
            LIMIT >> 20
        )));
    }
    Ok(text)
}

pub(super) fn refuse(reason: impl Into<String>) -> Error {
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
            stores: Stores::default(),
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
            ("empty".into(), json!([])),
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
            ("{{1.0}} {{1e3}} {{1e21}} {{-0.5}}", "1 1000 1e+21 -0.5"),
            ("{{if 0.0}}x{{end}}{{print 1e6 2.5}}", "1e+06 2.5"),
            (
                "{{printf \"%c\" 'ß'}}{{print '\\n' '\\'' '\\u00e9'}}{{'a'}}",
                "ß10 39 233a",
            ),
            ("{{js \"\\u2028é\\u200b\"}}", "\\u2028é\\u200B"),
            ("{{printf \"%s-%03d-%q%%\" \"a\" 7 \"b\"}}", "a-007-\"b\"%"),
            ("{{index (user `l`) 1}}{{len (user `l`)}}", "b2"),
            ("{{ n + 1 }}{{ v | clean_resource_name }}", "4v1.2-b"),
        ] {
            assert_eq!(render(text), result, "{text}");
        }
    }

    #[test]
    fn blocks_and_variables_are_what_packers_are() {
        for (text, result) in [
            ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
            ("{{$ö := 1}}{{$ü := 2}}{{$_ := 3}}{{$ö}}{{$ü}}{{$_}}", "123"),
            ("{{$x := `a`}}{{if true}}{{$x = `b`}}{{end}}{{$x}}", "b"),
            ("{{$x := `a`}}{{with `w`}}{{$x = .}}{{end}}{{$x}}", "w"),
            (
                "{{$x := `a`}}{{if true}}{{$x := `b`}}{{$x}}{{end}}{{$x}}",
                "ba",
            ),
            ("{{$x := `a`}}{{if $x := `c`}}{{$x}}{{end}}{{$x}}", "ca"),
            ("{{$x := `a`}}{{with $x := `c`}}{{$x}}{{end}}{{$x}}", "ca"),
            (
                "{{$x := `a`}}{{if $x = ``}}{{else}}[{{$x}}]{{end}}{{$x}}",
                "[]",
            ),
            ("{{if $x := ``}}a{{else}}b{{$x}}{{end}}", "b"),
            ("{{with $x := ``}}a{{else}}b{{$x}}{{end}}", "b"),
            (
                "{{$x := `a`}}{{range $i, $x := user `l`}}{{$y := $x}}{{if $i}}{{$y = `z`}}{{end}}{{$y}}{{end}}{{$x}}",
                "aza",
            ),
            (
                "{{$x := `a`}}{{range user `l`}}{{else}}{{$x = `b`}}{{end}}{{$x}}",
                "a",
            ),
            (
                "{{$x := `a`}}{{range user `empty`}}{{else}}{{$x = `b`}}{{end}}{{$x}}",
                "b",
            ),
            (
                "{{if $x := ``}}a{{else if $y := `2`}}b{{$y}}{{$x}}{{end}}c",
                "b2c",
            ),
            (
                "{{if $x := ``}}a{{else if $y := ``}}b{{else if false}}{{else}}c{{$y}}{{$x}}{{end}}d",
                "cd",
            ),
            (
                "{{if false}}a{{else if $y := ``}}b{{else if $z := `z`}}{{$y}}{{$z}}{{else}}d{{end}}e",
                "ze",
            ),
            (
                "{{$x := 3}}{{if false}}b{{else if $x = 0}}a{{else}}{{$x}}{{end}}{{$x}}",
                "00",
            ),
            (
                "{{$y := 1}}{{if true}}a{{else if $y := 2}}b{{end}}{{$y}}",
                "a1",
            ),
            (
                "{{if(true)}}a{{else}}b{{end}}{{if false}}{{else if(true)}}c{{end}}",
                "ac",
            ),
            ("{{with(`q`)}}{{.}}{{end}}", "q"),
            ("{{range(2)}}", "[0,1]"),
            (
                "{{$x := `a`}}{% for i in [1] %}{{$y := 1}}{{$y = 2}}{{$y}}{% endfor %}{{$x = `b`}}{{$x}}",
                "2b",
            ),
            (
                "{{$x := `a`}}{% for i in [] %}{% else %}{{$x = `b`}}{% endfor %}{{$x}}",
                "b",
            ),
            (
                "{{$x := `a`}}{% if true %}{{$x = `b`}}{% else %}{{$x = `c`}}{% endif %}{{$x}}",
                "b",
            ),
            (
                "{{$x := `a`}}{% filter upper %}{{$x = `b`}}{% endfilter %}{{$x}}",
                "b",
            ),
            (
                "{{$x := `a`}}{% set y %}{{$x = `b`}}{% endset %}{{$x}}",
                "b",
            ),
        ] {
            assert_eq!(render(text), result, "{text}");
        }
    }
}
