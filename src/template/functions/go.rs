//! Go's built-in functions, with Go's meaning: lengths in bytes, comparison of like with like, `printf` with its verbs
//! (packages `text/template` and `fmt`). What Go would print as `%!d(string=x)` is refused.

use super::{bounded, refuse};
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error};
use std::cmp::Ordering;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("len", len);
    environment.add_function("index", index);
    environment.add_function("slice", slice);
    environment.add_function("eq", eq);
    environment.add_function("ne", |a: Value, b: Value| Ok::<_, Error>(!equal(&a, &b)?));
    environment.add_function("lt", |a: Value, b: Value| {
        Ok::<_, Error>(order(&a, &b)?.is_lt())
    });
    environment.add_function("le", |a: Value, b: Value| {
        Ok::<_, Error>(order(&a, &b)?.is_le())
    });
    environment.add_function("gt", |a: Value, b: Value| {
        Ok::<_, Error>(order(&a, &b)?.is_gt())
    });
    environment.add_function("ge", |a: Value, b: Value| {
        Ok::<_, Error>(order(&a, &b)?.is_ge())
    });
    environment.add_function("print", |values: Rest<Value>| print(&values));
    environment.add_function("println", |values: Rest<Value>| {
        let texts: Vec<String> = values.iter().map(text).collect();
        bounded(texts.join(" ") + "\n")
    });
    environment.add_function("printf", |format: String, values: Rest<Value>| {
        super::printf::printf(&format, &values)
    });
    environment.add_function("html", |values: Rest<Value>| {
        bounded(escape(&print(&values)?, html))
    });
    environment.add_function("js", |values: Rest<Value>| {
        bounded(escape(&print(&values)?, js))
    });
    environment.add_function("urlquery", |values: Rest<Value>| {
        Ok::<_, Error>(urlquery(&print(&values)?))
    });
    environment.add_function("each", each);
    environment.add_function("pairs", pairs);
}

/// A value as Go's `%v` prints it; composite ones as JSON.
pub(super) fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), decimal)
        }
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::None => "null".to_owned(),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            super::super::engine::from_engine(value)
                .map_or_else(|_| value.to_string(), |json| json.to_string())
        }
        _ => value.to_string(),
    }
}

/// A number with a fraction, or with an exponent, as Go's `%v` prints it.
pub(in crate::template) fn decimal(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}", super::verb::general(number.abs(), None))
}

/// `fmt.Sprint`: a space between two operands of which neither is a string.
fn print(values: &[Value]) -> Result<String, Error> {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let string = |value: &Value| value.kind() == ValueKind::String;
        if at > 0 && !string(value) && !string(&values[at - 1]) {
            out.push(' ');
        }
        out.push_str(&text(value));
    }
    bounded(out)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn len(value: Value) -> Result<usize, Error> {
    match value.as_str() {
        Some(text) => Ok(text.len()),
        None => value
            .len()
            .ok_or_else(|| refuse(format!("{} has no length", value.kind()))),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn index(value: Value, keys: Rest<Value>) -> Result<Value, Error> {
    keys.iter().try_fold(value, |value, key| {
        if let Some(text) = value.as_str() {
            let at = key.as_usize();
            let byte = at.and_then(|at| text.as_bytes().get(at).copied());
            return byte.map(Value::from).ok_or_else(|| {
                refuse(format!("a text of {} bytes has no byte {key}", text.len()))
            });
        }
        let found = value.get_item(key)?;
        if found.is_undefined() {
            return Err(refuse(format!("there is nothing at {key}")));
        }
        Ok(found)
    })
}

/// Part of a text by bytes, or of a list.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn slice(value: Value, from: Option<usize>, to: Option<usize>) -> Result<Value, Error> {
    let from = from.unwrap_or(0);
    if let Some(text) = value.as_str() {
        let to = to.unwrap_or(text.len());
        let part = text.get(from..to).ok_or_else(|| {
            refuse(format!(
                "a text of {} bytes has no part {from} to {to}",
                text.len()
            ))
        })?;
        return Ok(part.into());
    }
    let items: Vec<Value> = value.try_iter()?.collect();
    let to = to.unwrap_or(items.len());
    let part = items.get(from..to).ok_or_else(|| {
        refuse(format!(
            "a list of {} has no part {from} to {to}",
            items.len()
        ))
    })?;
    Ok(part.to_vec().into())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn eq(first: Value, others: Rest<Value>) -> Result<bool, Error> {
    if others.is_empty() {
        return Err(refuse("`eq` compares two values at least"));
    }
    for other in others.iter() {
        if equal(&first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    let scalar = |kind| {
        matches!(
            kind,
            ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None
        )
    };
    if a.kind() != b.kind() || !scalar(a.kind()) {
        return Err(unlike(a, b));
    }
    Ok(a == b)
}

fn order(a: &Value, b: &Value) -> Result<Ordering, Error> {
    let ordered = matches!(a.kind(), ValueKind::String | ValueKind::Number);
    if a.kind() != b.kind() || !ordered {
        return Err(unlike(a, b));
    }
    Ok(a.cmp(b))
}

fn unlike(a: &Value, b: &Value) -> Error {
    refuse(format!(
        "{} and {} cannot be compared; ``{{{{user `x`}}}}`` is a string always",
        a.kind(),
        b.kind()
    ))
}

fn escape(text: &str, one: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match one(character) {
            Some(escaped) => out.push_str(&escaped),
            None => out.push(character),
        }
    }
    out
}

fn html(character: char) -> Option<String> {
    let escaped = match character {
        '"' => "&#34;",
        '\'' => "&#39;",
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '\0' => "\u{fffd}",
        _ => return None,
    };
    Some(escaped.to_owned())
}

fn js(character: char) -> Option<String> {
    Some(match character {
        '\\' => r"\\".to_owned(),
        '\'' => r"\'".to_owned(),
        '"' => "\\\"".to_owned(),
        '<' | '>' | '&' | '=' => format!("\\u{:04X}", u32::from(character)),
        control if control < ' ' => format!("\\u{:04X}", u32::from(control)),
        '\u{7f}' => return None,
        shapeless if !super::verb::is_printed(shapeless) => {
            format!("\\u{:04X}", u32::from(shapeless))
        }
        _ => return None,
    })
}

/// `url.QueryEscape`: a space is `+`.
fn urlquery(text: &str) -> String {
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What `range` goes over: the items of a list, the values of an object by their keys.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn each(value: Value) -> Result<Value, Error> {
    let pairs = entries(&value)?.into_iter();
    Ok(pairs.map(|(_, value)| value).collect::<Vec<_>>().into())
}

/// The same with index or key.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands arguments over by value"
)]
fn pairs(value: Value) -> Result<Value, Error> {
    let pairs = entries(&value)?.into_iter();
    Ok(pairs
        .map(|(key, value)| Value::from(vec![key, value]))
        .collect::<Vec<_>>()
        .into())
}

fn entries(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.enumerate();
            Ok(items.map(|(at, item)| (at.into(), item)).collect())
        }
        ValueKind::Map => {
            let mut keys: Vec<Value> = value.try_iter()?.collect();
            keys.sort();
            keys.into_iter()
                .map(|key| Ok((key.clone(), value.get_item(&key)?)))
                .collect()
        }
        ValueKind::None => Ok(Vec::new()),
        kind => Err(refuse(format!(
            "`range` goes over lists and objects, not {kind}"
        ))),
    }
}
