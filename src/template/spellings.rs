//! One translation: whatever is written in Packer's form and in Jinja's gives the same text, or is refused in both.

use super::engine::{Scope, Values, environment};
use super::forms::{Style, translate};
use super::functions::{self, Facts};
use super::late::Data;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone)]
enum Expression {
    Variable(&'static str),
    Field,
    Text(String),
    Whole(i32),
    Call(&'static str, Vec<Expression>),
    /// The last argument comes through a pipe.
    Piped(&'static str, Vec<Expression>),
    Infix(&'static str, Vec<Expression>),
    Not(Box<Expression>),
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value(Expression),
    If(Expression, Vec<Part>, Vec<Part>),
    With(Expression, Vec<Part>),
    Range(Expression, Vec<Part>),
}

impl Expression {
    /// As an operand of Go.
    fn go(&self) -> String {
        match self {
            Self::Text(text) if text.contains(['`', '\r']) => quoted(text),
            Self::Text(text) => format!("`{text}`"),
            Self::Whole(number) => number.to_string(),
            Self::Field => "$.Path".to_owned(),
            _ => format!("({})", self.go_command()),
        }
    }

    fn go_command(&self) -> String {
        let all = |arguments: &[Expression]| -> String {
            let texts = arguments.iter().map(Expression::go);
            texts.flat_map(|text| [" ".to_owned(), text]).collect()
        };
        match self {
            Self::Variable(name) => format!("user `{name}`"),
            Self::Call(name, arguments) | Self::Infix(name, arguments) => {
                format!("{name}{}", all(arguments))
            }
            Self::Piped(name, arguments) => {
                let (last, first) = arguments.split_last().unwrap();
                format!("{} | {name}{}", last.go_command(), all(first))
            }
            Self::Not(inner) => format!("not {}", inner.go()),
            _ => self.go(),
        }
    }

    fn jinja(&self) -> String {
        let each = |arguments: &[Expression]| -> Vec<String> {
            arguments.iter().map(Expression::jinja).collect()
        };
        match self {
            Self::Variable(name) => (*name).to_owned(),
            Self::Field => "Path".to_owned(),
            Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Call(name, arguments) | Self::Piped(name, arguments) => {
                let name = name.replace("clean_ami_name", "clean_resource_name");
                // A variable stands in its way.
                let name = name.replace("upper", "packer__upper");
                format!("{name}({})", each(arguments).join(", "))
            }
            Self::Infix(name, arguments) => {
                format!("({})", each(arguments).join(&format!(" {name} ")))
            }
            Self::Not(inner) => format!("(not {})", inner.jinja()),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn go(parts: &[Part]) -> String {
    let one = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Value(value) => format!("{{{{{}}}}}", value.go_command()),
        Part::If(condition, yes, no) => format!(
            "{{{{if {}}}}}{}{{{{else}}}}{}{{{{end}}}}",
            condition.go_command(),
            go(yes),
            go(no)
        ),
        Part::With(value, inner) => {
            format!(
                "{{{{with {}}}}}{{{{.}}}}{}{{{{end}}}}",
                value.go_command(),
                go(inner)
            )
        }
        Part::Range(value, inner) => {
            format!(
                "{{{{range {}}}}}{{{{.}}}}{}{{{{end}}}}",
                value.go_command(),
                go(inner)
            )
        }
    };
    parts.iter().map(one).collect()
}

fn jinja(parts: &[Part]) -> String {
    let one = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Value(value) => format!("{{{{ {} }}}}", value.jinja()),
        Part::If(condition, yes, no) => format!(
            "{{% if {} %}}{}{{% else %}}{}{{% endif %}}",
            condition.jinja(),
            jinja(yes),
            jinja(no)
        ),
        Part::With(value, inner) => format!(
            "{{% with x = {} %}}{{% if x %}}{{{{ x }}}}{}{{% endif %}}{{% endwith %}}",
            value.jinja(),
            jinja(inner)
        ),
        Part::Range(value, inner) => format!(
            "{{% for x in {} %}}{{{{ x }}}}{}{{% endfor %}}",
            value.jinja(),
            jinja(inner)
        ),
    };
    parts.iter().map(one).collect()
}

fn render(text: &str) -> Result<String, String> {
    let mut environment = environment();
    let facts = Facts {
        now: "2026-03-09T05:07:08Z".parse().unwrap(),
        environment: BTreeMap::new(),
        uuid: Arc::new(|| "uuid-1".to_owned()),
        directory: "/home/ada".to_owned(),
        template_directory: "/home/ada/templates".to_owned(),
        stores: super::stores::Stores::default(),
    };
    functions::add(&mut environment, &facts);
    let variables = Values::from([
        ("v".into(), json!("v1.2-b")),
        ("w".into(), json!("")),
        ("upper".into(), json!("É x")),
        ("list".into(), json!(["a", "é", ""])),
    ]);
    let translated = translate(text, Style::Both);
    assert_eq!(translated.slips, [], "{text}");
    let data = Data::new().with("Path", "/tmp/script.sh");
    Scope::new(environment, variables)
        .render(&translated.source, &data)
        .map_err(|error| error.kind().to_string())
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        Just(Expression::Variable("v")),
        Just(Expression::Variable("w")),
        Just(Expression::Variable("list")),
        Just(Expression::Field),
        "[a-c.é`'\"\\\\ -]{0,6}".prop_map(Expression::Text),
        (-3..9i32).prop_map(Expression::Whole),
        Just(Expression::Call("timestamp", vec![])),
        Just(Expression::Call("isotime", vec![])),
        Just(Expression::Call("pwd", vec![])),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let some = |count: usize| prop::collection::vec(inner.clone(), count);
        let many = prop::collection::vec(inner.clone(), 1..4);
        let one = prop::sample::select(vec![
            "upper",
            "lower",
            "clean_resource_name",
            "clean_ami_name",
            "len",
            "html",
            "urlquery",
            "js",
            "isotime",
        ]);
        let two = prop::sample::select(vec!["eq", "ne", "lt", "le", "gt", "ge", "index", "print"]);
        let three = prop::sample::select(vec!["replace_all", "split", "eq", "print", "slice"]);
        let functions = prop_oneof![
            (one, some(1)),
            (two, some(2)),
            (three, some(3)),
            (Just("replace"), some(4)),
            (
                Just("printf"),
                many.clone().prop_map(|mut values| {
                    values[0] = Expression::Text("%s-%5v-%d".to_owned());
                    values
                })
            ),
        ];
        prop_oneof![
            functions
                .clone()
                .prop_map(|(name, arguments)| Expression::Call(name, arguments)),
            functions.prop_map(|(name, arguments)| Expression::Piped(name, arguments)),
            (prop::sample::select(vec!["and", "or"]), many)
                .prop_map(|(name, arguments)| Expression::Infix(name, arguments)),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let leaf = prop_oneof![
        "[a-c \né$]{0,4}".prop_map(Part::Text),
        expression().prop_map(Part::Value),
    ];
    let part = leaf.prop_recursive(2, 12, 3, |inner| {
        let inner = prop::collection::vec(inner, 0..3);
        prop_oneof![
            (expression(), inner.clone(), inner.clone())
                .prop_map(|(condition, yes, no)| Part::If(condition, yes, no)),
            (expression(), inner.clone()).prop_map(|(value, inner)| Part::With(value, inner)),
            inner.prop_map(|inner| Part::Range(Expression::Variable("list"), inner)),
        ]
    });
    prop::collection::vec(part, 1..4)
}

proptest! {
    #[test]
    fn both_spellings_give_the_same_text(parts in parts()) {
        prop_assert_eq!(render(&go(&parts)), render(&jinja(&parts)), "{} / {}", go(&parts), jinja(&parts));
    }
}

#[test]
fn a_variable_may_have_the_name_of_a_function() {
    assert_eq!(
        render("{{user `upper`}}{{upper `x`}}{{ upper }}").unwrap(),
        "É xXÉ x"
    );
}

#[test]
fn what_would_take_all_time_or_memory_is_refused() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    let long = "x".repeat(3_000);
    let widths = "%999999d".repeat(300);
    for text in [
        loops.to_owned(),
        format!("{{{{replace \"\" \"{long}\" 1000000000 `{long}`}}}}"),
        format!("{{{{printf \"{widths}\" {}}}}}", "1 ".repeat(300)),
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ range(1000000000) }}".to_owned(),
        "{{ 'a' | indent(1000000000) }}{{ 'x' * 1000000000 }}".to_owned(),
    ] {
        assert!(render(&text).is_err(), "{}", &text[..40.min(text.len())]);
    }
    let nested = format!("{}x{}", "{{if true}}".repeat(800), "{{end}}".repeat(800));
    render(&nested).unwrap_err();
}
