//! The words of Go's text/template, and its strings and numbers as the engine writes them.

use super::super::decode::{go_integer, ungrouped};
use std::ops::Range;

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Word(String),
    /// `.`, `.a`, `.a.b`, without the first dot.
    Field(String),
    /// `$`, `$x`, `$x.a`: the name without `$`, and the rest without its first dot.
    Variable(String, String),
    /// A string, and whether backquotes hold it, which no Jinja has.
    Text(String, bool),
    /// In decimal.
    Number(String),
    /// `'a'`, which is a number in Go.
    Character(u32),
    Open,
    Close,
    Pipe,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

#[derive(Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// The tokens of an expression; `None` when it is not of Go's making.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if character.is_whitespace() {
            at += character.len_utf8();
            continue;
        }
        let (kind, length) = token(&text[at..], character)?;
        tokens.push(Token {
            kind,
            range: at..at + length,
        });
        at += length;
    }
    separated(text, &tokens).then_some(tokens)
}

fn token(rest: &str, first: char) -> Option<(Kind, usize)> {
    Some(match first {
        '(' => (Kind::Open, 1),
        ')' => (Kind::Close, 1),
        '|' => (Kind::Pipe, 1),
        ',' => (Kind::Comma, 1),
        ':' => (rest.starts_with(":=").then_some(Kind::Declare)?, 2),
        '=' => ((!rest.starts_with("==")).then_some(Kind::Assign)?, 1),
        '`' => {
            let end = rest[1..].find('`')? + 1;
            // Go drops carriage returns from strings in backquotes.
            (Kind::Text(rest[1..end].replace('\r', ""), true), end + 1)
        }
        '"' => double_quoted(rest)?,
        '\'' => character(rest)?,
        '.' => {
            let end = length(&rest[1..], |c| word_character(c) || c == '.') + 1;
            (Kind::Field(rest[1..end].to_owned()), end)
        }
        '$' => {
            let end = length(&rest[1..], |c| word_character(c) || c == '.') + 1;
            let (name, fields) = rest[1..end].split_once('.').unwrap_or((&rest[1..end], ""));
            (Kind::Variable(name.to_owned(), fields.to_owned()), end)
        }
        '0'..='9' | '-' | '+' => {
            let end = number_length(rest);
            (Kind::Number(number(&rest[..end])?), end)
        }
        _ if word_character(first) => {
            let end = length(rest, word_character);
            (Kind::Word(rest[..end].to_owned()), end)
        }
        _ => return None,
    })
}

/// So long is what begins like a number: a sign belongs to it at its beginning, and in an exponent.
fn number_length(rest: &str) -> usize {
    let unsigned = rest.trim_start_matches(['+', '-']);
    let hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let mut before = ' ';
    let mut ends = |(at, character): (usize, char)| {
        let exponent = !hexadecimal && matches!(before, 'e' | 'E');
        let sign = matches!(character, '+' | '-') && (at == 0 || exponent);
        before = character;
        !(sign || character.is_ascii_alphanumeric() || matches!(character, '.' | '_'))
    };
    let mut all = rest.char_indices();
    all.find(|next| ends(*next))
        .map_or(rest.len(), |(at, _)| at)
}

/// A number as the engine reads it: `0x1F` and `017` are whole numbers, `1.5` and `1e3` are not.
fn number(text: &str) -> Option<String> {
    if let Some(whole) = go_integer(text) {
        return Some(whole.to_string());
    }
    let number: f64 = ungrouped(text)?.parse().ok()?;
    let decimal = text.contains(['.', 'e', 'E']) && number.is_finite();
    decimal.then(|| format!("{number:?}"))
}

/// Go wants white space between operands: `lower("x")` is Jinja, `lower ("x")` is Go. Both say the same; only one is read here.
fn separated(text: &str, tokens: &[Token]) -> bool {
    tokens.windows(2).all(|pair| {
        let tight = pair[0].range.end == pair[1].range.start;
        let bracket = |kind: &Kind| {
            matches!(
                kind,
                Kind::Open | Kind::Close | Kind::Pipe | Kind::Comma | Kind::Declare | Kind::Assign
            )
        };
        let chained = pair[0].kind == Kind::Close && matches!(pair[1].kind, Kind::Field(_));
        !tight
            || chained
            || bracket(&pair[1].kind) && pair[1].kind != Kind::Open
            || bracket(&pair[0].kind) && pair[0].kind != Kind::Close
    }) && !text.is_empty()
}

/// A character between quotes. More than one of them are not Go's.
fn character(rest: &str) -> Option<(Kind, usize)> {
    let inner = &rest[1..];
    let (code, length) = match inner.strip_prefix('\\') {
        Some(after) if after.starts_with('\'') => (u32::from('\''), 2),
        Some(after) if after.starts_with('"') => return None,
        Some(after) => {
            let (bytes, length) = escape(after)?;
            let code = match bytes.as_slice() {
                // `\xff` and `\377` are numbers, and no part of a text.
                [byte] => u32::from(*byte),
                bytes => u32::from(std::str::from_utf8(bytes).ok()?.chars().next()?),
            };
            (code, length + 1)
        }
        None => {
            let first = inner.chars().next().filter(|first| *first != '\'')?;
            (u32::from(first), first.len_utf8())
        }
    };
    let closed = inner[length..].starts_with('\'');
    closed.then_some((Kind::Character(code), length + 2))
}

fn double_quoted(rest: &str) -> Option<(Kind, usize)> {
    let mut escaped = false;
    let end = rest[1..].char_indices().find_map(|(at, character)| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes.then_some(at + 1)
    })?;
    Some((Kind::Text(unquote(&rest[1..end])?, false), end + 1))
}

/// The inside of a double-quoted string of Go, with its escapes (Go's `strconv.Unquote`). Bytes that make no UTF-8 are refused.
fn unquote(inner: &str) -> Option<String> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let (escape, length) = escape(after)?;
        out.extend_from_slice(&escape);
        rest = &after[length..];
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).ok()
}

/// What an escape stands for, and how many bytes follow its backslash.
fn escape(after: &str) -> Option<(Vec<u8>, usize)> {
    let first = after.chars().next()?;
    let code = |from: usize, length: usize, radix: u32| {
        let digits = after.get(from..from + length)?;
        let sound = digits.chars().all(|digit| digit.is_digit(radix));
        u32::from_str_radix(digits, radix).ok().filter(|_| sound)
    };
    let character = |length: usize| {
        let character = char::from_u32(code(1, length, 16)?)?;
        Some((character.to_string().into_bytes(), length + 1))
    };
    let byte = |code: Option<u32>, length| Some((vec![u8::try_from(code?).ok()?], length));
    let plain = |byte| Some((vec![byte], 1));
    match first {
        'a' => plain(7),
        'b' => plain(8),
        'f' => plain(12),
        'n' => plain(b'\n'),
        'r' => plain(b'\r'),
        't' => plain(b'\t'),
        'v' => plain(11),
        '\\' => plain(b'\\'),
        '"' => plain(b'"'),
        'x' => byte(code(1, 2, 16), 3),
        'u' => character(4),
        'U' => character(8),
        '0'..='7' => byte(code(0, 3, 8), 3),
        _ => None,
    }
}

fn word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn length(text: &str, takes: impl Fn(char) -> bool) -> usize {
    text.find(|c| !takes(c)).unwrap_or(text.len())
}

/// The first `close` after `from` that stands neither in quotes nor within braces.
pub(super) fn closing(text: &str, from: usize, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (offset, character) in text[from..].char_indices() {
        match quote {
            Some(open) => {
                if character == open && !escaped {
                    quote = None;
                }
                escaped = character == '\\' && open != '`' && !escaped;
            }
            None if depth == 0 && text[from + offset..].starts_with(close) => {
                return Some(from + offset);
            }
            None if character == '{' => depth += 1,
            None if character == '}' => depth = depth.saturating_sub(1),
            None if matches!(character, '"' | '\'' | '`') => quote = Some(character),
            None => {}
        }
    }
    None
}

/// The trim marks at both ends of an expression, and what is between.
pub(super) fn trims(inner: &str) -> (&str, &str, &str) {
    let (before, rest) = match inner.strip_prefix('-') {
        Some(rest) if rest.starts_with(char::is_whitespace) => ("-", rest),
        _ => ("", inner),
    };
    match rest.strip_suffix('-') {
        Some(middle) if middle.ends_with(char::is_whitespace) => (before, middle, "-"),
        _ => (before, rest, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_gos_escapes() {
        for (inner, text) in [
            (r"a\tb\\\x41\u00e9\101\a", Some("a\tb\\Aé\u{41}\u{7}")),
            (r"\xc3\xa9", Some("é")),
            (r"\U0001F600", Some("😀")),
            (r"\q", None),
            (r"\xff", None),
            (r"\u12", None),
            (r"\400", None),
        ] {
            assert_eq!(unquote(inner).as_deref(), text, "{inner}");
        }
    }

    #[test]
    fn numbers_have_gos_bases() {
        for (text, number_) in [
            ("0x1F", Some("31")),
            ("017", Some("15")),
            ("-3", Some("-3")),
            ("1.5", Some("1.5")),
            ("1e3", Some("1000.0")),
            ("1e-2", Some("0.01")),
            ("0b11", Some("3")),
            ("1_000", Some("1000")),
            ("1_000.5", Some("1000.5")),
            ("1__0", None),
            ("1_", None),
            ("1x", None),
            ("-", None),
        ] {
            assert_eq!(number(text).as_deref(), number_, "{text}");
        }
    }
}
