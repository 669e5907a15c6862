//! Packer's functions and Go's built-ins, each as the Jinja that does the same (anchors: template functions of the Packer
//! SDK, and Go's text/template).

use super::go::Operand;

/// A call as Jinja that can stand as an operand; `None` when there is no such function, or not with so many arguments.
pub(super) fn code(name: &str, arguments: &[Operand]) -> Option<String> {
    let codes: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.code.as_str())
        .collect();
    let joined = |operator: &str| format!("({})", codes.join(operator));
    Some(match (name, codes.as_slice()) {
        (
            "timestamp" | "uuid" | "pwd" | "template_dir" | "packer_version" | "build_name"
            | "build_type" | "isotime",
            [],
        ) => {
            format!("{name}()")
        }
        (
            "user" | "env" | "isotime" | "strftime" | "upper" | "lower" | "clean_resource_name",
            [_],
        )
        | ("replace_all" | "split", [_, _, _])
        | ("replace", [_, _, _, _]) => format!("{name}({})", codes.join(", ")),
        ("clean_ami_name" | "clean_image_name", [text]) => format!("clean_resource_name({text})"),
        ("build", [key]) => format!("build[{key}]"),
        ("len", [value]) => format!("({value}|length)"),
        ("not", [value]) => format!("(not {value})"),
        ("and", [_, ..]) => joined(" and "),
        ("or", [_, ..]) => joined(" or "),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            let each: Vec<_> = others
                .iter()
                .map(|other| format!("{first} == {other}"))
                .collect();
            format!("({})", each.join(" or "))
        }
        ("ne", [_, _]) => joined(" != "),
        ("lt", [_, _]) => joined(" < "),
        ("le", [_, _]) => joined(" <= "),
        ("gt", [_, _]) => joined(" > "),
        ("ge", [_, _]) => joined(" >= "),
        ("print", [_, ..]) => joined(" ~ "),
        ("printf", [format, values @ ..]) => format!("printf({format}, [{}])", values.join(", ")),
        ("index", [value, keys @ ..]) if !keys.is_empty() => {
            format!("{value}[{}]", keys.join("]["))
        }
        _ => return None,
    })
}

/// Functions of Packer that are known and not here: message and help.
pub(super) fn refused(inner: &str) -> Option<(String, &'static str)> {
    let inner = inner.trim();
    let word = inner
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()
        .unwrap_or("");
    let called = inner[word.len()..].starts_with([' ', '`', '"']);
    match word {
        "vault" | "consul_key" | "aws_secretsmanager" | "aws_secretsmanager_raw" if called => {
            Some((
                format!("the function `{word}` is not supported yet"),
                "hand the value in as a variable: KILN_VAR_name in the environment keeps it off the command line",
            ))
        }
        "sed" if called => Some((
            "the function `sed` was removed from Packer".to_owned(),
            "use `replace_all`",
        )),
        "with" | "define" | "template" | "block" if called => Some((
            format!("`{{{{{word}}}}}` is not supported"),
            "use `{% set %}` and `{% if %}`",
        )),
        _ => None,
    }
}
