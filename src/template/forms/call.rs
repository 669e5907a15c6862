//! Packer's functions and Go's built-ins, each as the Jinja that does the same (anchors: template functions of the Packer
//! SDK, and Go's text/template). The engine's functions are called under names that no variable can have, so that a variable
//! `timestamp` or `user` does not stand in their way.

use super::super::engine::OURS;
use super::super::near;
use super::go::Operand;
use std::ops::RangeInclusive;

const ANY: usize = usize::MAX;

/// Name, and how many arguments it takes.
const FUNCTIONS: &[(&str, RangeInclusive<usize>)] = &[
    ("user", 1..=1),
    ("env", 1..=1),
    ("build", 1..=1),
    ("build_name", 0..=0),
    ("build_type", 0..=0),
    ("timestamp", 0..=0),
    ("isotime", 0..=1),
    ("strftime", 1..=1),
    ("uuid", 0..=0),
    ("pwd", 0..=0),
    ("template_dir", 0..=0),
    ("packer_version", 0..=0),
    ("upper", 1..=1),
    ("lower", 1..=1),
    ("replace", 4..=4),
    ("replace_all", 3..=3),
    ("split", 3..=3),
    ("clean_resource_name", 1..=1),
    ("clean_ami_name", 1..=1),
    ("clean_image_name", 1..=1),
    ("vault", 2..=2),
    ("consul_key", 1..=1),
    ("aws_secretsmanager", 1..=2),
    ("aws_secretsmanager_raw", 1..=1),
    ("and", 1..=ANY),
    ("or", 1..=ANY),
    ("not", 1..=1),
    ("len", 1..=1),
    ("index", 1..=ANY),
    ("slice", 1..=3),
    ("eq", 2..=ANY),
    ("ne", 2..=2),
    ("lt", 2..=2),
    ("le", 2..=2),
    ("gt", 2..=2),
    ("ge", 2..=2),
    ("print", 0..=ANY),
    ("println", 0..=ANY),
    ("printf", 1..=ANY),
    ("html", 1..=ANY),
    ("js", 1..=ANY),
    ("urlquery", 1..=ANY),
];

/// Those that take texts and nothing else, or print what they are given.
const TEXTUAL: &[&str] = &[
    "upper",
    "lower",
    "replace",
    "replace_all",
    "split",
    "clean_resource_name",
    "isotime",
    "strftime",
    "print",
    "println",
    "printf",
    "html",
    "js",
    "urlquery",
];

/// What is wrong, and what to do.
type Wrong = (String, String);

/// Whether a function of this name may be called.
pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, _)| *known == name) || refused(name).is_some()
}

/// Whether a function asks a store of secrets.
pub(super) fn asks(name: &str) -> bool {
    matches!(
        name,
        "vault" | "consul_key" | "aws_secretsmanager" | "aws_secretsmanager_raw"
    )
}

pub(super) fn unknown(name: &str) -> Wrong {
    let names = FUNCTIONS.iter().map(|(name, _)| *name);
    (
        format!("there is no function `{name}`"),
        near::or_else(name, names, "docs/templates.md lists the functions"),
    )
}

/// A call as Jinja that can stand as an operand; `None` when it may be a name in Jinja's form.
pub(super) fn code(name: &str, arguments: &[Operand]) -> Result<Option<String>, Wrong> {
    if let Some(wrong) = refused(name)
        && !arguments.is_empty()
    {
        return Err(wrong);
    }
    let Some((_, takes)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        return Ok(None);
    };
    if !takes.contains(&arguments.len()) {
        // `{{ split }}` is a variable in Jinja's form.
        return if arguments.is_empty() {
            Ok(None)
        } else {
            Err(wrong_count(name, takes, arguments.len()))
        };
    }
    let codes: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.code.as_str())
        .collect();
    if codes.contains(&"none") && TEXTUAL.contains(&name) {
        return Err(nothing());
    }
    let all = codes.join(", ");
    Ok(Some(match name {
        "build" => format!("build[{all}]"),
        "and" | "or" => format!("({})", codes.join(&format!(" {name} "))),
        "not" => format!("(not {all})"),
        "clean_ami_name" | "clean_image_name" => format!("{OURS}clean_resource_name({all})"),
        _ => format!("{OURS}{name}({all})"),
    }))
}

pub(super) fn nothing() -> Wrong {
    (
        "`nil` is nothing that could be printed".to_owned(),
        "write a string: \"nil\"".to_owned(),
    )
}

fn wrong_count(name: &str, takes: &RangeInclusive<usize>, given: usize) -> Wrong {
    let count = match (*takes.start(), *takes.end()) {
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (least, ANY) => format!("at least {least} arguments"),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    (
        format!("`{name}` takes {count}, not {given}"),
        "a pipe hands its value over as the last argument".to_owned(),
    )
}

/// Functions and actions that are known and not here: message and help.
pub(super) fn refused(word: &str) -> Option<Wrong> {
    let (message, help) = match word {
        "sed" => (
            "the function `sed` was removed from Packer".to_owned(),
            "use `replace_all`",
        ),
        "define" | "template" | "block" => (
            format!("`{{{{{word}}}}}` is not supported"),
            "a string of a template is short enough to be written in one piece",
        ),
        "call" => (
            "there is nothing to `call` in a template".to_owned(),
            "call the function by its name",
        ),
        _ => return None,
    };
    Some((message, help.to_owned()))
}

/// How often the function `user` is named in an expression, strings aside.
pub(super) fn mentions_of_user(made: &str) -> usize {
    let words = super::growth::words(made).into_iter();
    words
        .filter(|word| word.strip_prefix(OURS).unwrap_or(word) == "user")
        .count()
}
