//! Go's `printf` over strings, numbers and booleans.

use super::go::text;
use super::{LIMIT, bounded, refuse};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// One verb with its flags.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
    letter: char,
}

/// A format with its values; every verb needs a value that it can print, and every value a verb.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Error> {
    let (mut out, mut rest, mut values) = (String::new(), format, values.iter());
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (verb, length) = read(after)?;
        rest = &after[length..];
        if verb.letter == '%' {
            out.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| refuse("there are fewer values than verbs"))?;
        let body = verb.format(value)?;
        out.push_str(&verb.pad(&body));
        if out.len() > LIMIT {
            return bounded(out);
        }
    }
    if values.next().is_some() {
        return Err(refuse("there are more values than verbs"));
    }
    bounded(out + rest)
}

/// The verb after a `%`, and its length.
fn read(after: &str) -> Result<(Verb, usize), Error> {
    let mut verb = Verb::default();
    let mut at = 0;
    for flag in after.bytes() {
        match flag {
            b'-' => verb.minus = true,
            b'+' => verb.plus = true,
            b' ' => verb.space = true,
            b'0' => verb.zero = true,
            b'#' => verb.sharp = true,
            _ => break,
        }
        at += 1;
    }
    verb.width = number(after, &mut at)?;
    if after[at..].starts_with('.') {
        at += 1;
        verb.precision = Some(number(after, &mut at)?.unwrap_or(0));
    }
    verb.letter = after[at..]
        .chars()
        .next()
        .ok_or_else(|| refuse("a `%` has no verb"))?;
    at += verb.letter.len_utf8();
    Ok((verb, at))
}

fn number(after: &str, at: &mut usize) -> Result<Option<usize>, Error> {
    let digits = after[*at..].bytes().take_while(u8::is_ascii_digit).count();
    let text = &after[*at..*at + digits];
    *at += digits;
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(number) if number <= 1_000_000 => Ok(Some(number)),
        // Go's own limit.
        _ => Err(refuse("a width in this format is above a million")),
    }
}

impl Verb {
    fn format(&self, value: &Value) -> Result<String, Error> {
        match self.letter {
            'v' => Ok(match value.kind() {
                ValueKind::String => self.cut(&text(value)),
                _ => text(value),
            }),
            's' if value.kind() == ValueKind::String => Ok(self.cut(&text(value))),
            'q' if value.kind() == ValueKind::String => Ok(quoted(&self.cut(&text(value)))),
            'x' | 'X' if value.kind() == ValueKind::String => Ok(self.hex(&self.cut(&text(value)))),
            't' if value.kind() == ValueKind::Bool => Ok(text(value)),
            'd' | 'b' | 'o' | 'x' | 'X' | 'c' => self.whole(value),
            'f' | 'F' | 'e' | 'g' => self.decimal(value),
            's' | 'q' | 't' => Err(self.misfit(value)),
            other => Err(refuse(format!("the verb `%{other}` is not known"))),
        }
    }

    /// A number, or a text that is nothing else, since variables are text.
    fn whole(&self, value: &Value) -> Result<String, Error> {
        let written = value.as_str().and_then(|text| text.parse().ok());
        let number: i64 = match (value.kind(), written) {
            (ValueKind::Number, _) => value.as_i64().ok_or_else(|| self.misfit(value))?,
            (_, Some(number)) => number,
            _ => return Err(self.misfit(value)),
        };
        if self.letter == 'c' {
            let character = u32::try_from(number).ok().and_then(char::from_u32);
            return character
                .map(|character| character.to_string())
                .ok_or_else(|| self.misfit(value));
        }
        let size = number.unsigned_abs();
        let (mark, digits) = match self.letter {
            'b' => ("0b", format!("{size:b}")),
            'o' => ("0", format!("{size:o}")),
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            _ => ("", size.to_string()),
        };
        let mark = if self.sharp { mark } else { "" };
        Ok(format!("{}{mark}{digits}", self.sign(number < 0)))
    }

    fn decimal(&self, value: &Value) -> Result<String, Error> {
        let number = match value.as_str() {
            Some(text) => text.parse().ok(),
            None => f64::try_from(value.clone()).ok(),
        };
        let number: f64 = number
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.misfit(value))?;
        let size = number.abs();
        let precision = self.precision.unwrap_or(6);
        let digits = match self.letter {
            'g' => size.to_string(),
            'e' => {
                let text = format!("{size:.precision$e}");
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(digits) => ('-', digits),
                    None => ('+', exponent),
                };
                format!("{mantissa}e{sign}{exponent:0>2}")
            }
            _ => format!("{size:.precision$}"),
        };
        Ok(format!("{}{digits}", self.sign(number.is_sign_negative())))
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    /// A precision cuts a text to so many characters.
    fn cut(&self, text: &str) -> String {
        text.chars()
            .take(self.precision.unwrap_or(usize::MAX))
            .collect()
    }

    fn hex(&self, text: &str) -> String {
        let one = |byte: u8| match self.letter {
            'X' => format!("{byte:02X}"),
            _ => hex(byte),
        };
        text.bytes().map(one).collect()
    }

    fn pad(&self, body: &str) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(body.chars().count());
        if self.minus {
            return body.to_owned() + &" ".repeat(missing);
        }
        if !self.zero {
            return " ".repeat(missing) + body;
        }
        let numeric = !matches!(self.letter, 's' | 'q' | 'v' | 't');
        let signed = numeric && body.starts_with(['-', '+', ' ']);
        let (sign, digits) = body.split_at(usize::from(signed));
        format!("{sign}{}{digits}", "0".repeat(missing))
    }

    fn misfit(&self, value: &Value) -> Error {
        refuse(format!("`%{}` cannot print {}", self.letter, value.kind()))
    }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

/// `strconv.Quote`.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str(r"\\"),
            '\u{7}' => out.push_str(r"\a"),
            '\u{8}' => out.push_str(r"\b"),
            '\u{c}' => out.push_str(r"\f"),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            '\u{b}' => out.push_str(r"\v"),
            control if control < ' ' || control == '\u{7f}' => {
                out.push_str(r"\x");
                out.push_str(&hex(u8::try_from(control).unwrap_or_default()));
            }
            other => out.push(other),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_print_as_gos_do() {
        for (format, values, text) in [
            ("%s|%5s|%-5s|%05s", vec!["a"; 4], "a|    a|a    |0000a"),
            ("%q%%", vec!["a\"\n\u{1}é"], "\"a\\\"\\n\\x01é\"%"),
            ("%x|%X|%.2s", vec!["é", "é", "abc"], "c3a9|C3A9|ab"),
            ("%d|%05d|%+d", vec!["7", "-7", "7"], "7|-0007|+7"),
            ("%.2f|%e", vec!["1.005", "1500"], "1.00|1.500000e+03"),
        ] {
            let values: Vec<Value> = values.into_iter().map(Value::from).collect();
            assert_eq!(printf(format, &values).unwrap(), text, "{format}");
        }
        let numbers = [Value::from(255), Value::from(255), Value::from(true)];
        assert_eq!(printf("%#x %b %t", &numbers).unwrap(), "0xff 11111111 true");
    }

    #[test]
    fn what_go_would_print_as_an_error_is_refused() {
        for (format, values) in [
            ("%d", vec![Value::from("x")]),
            ("%s", vec![Value::from(1)]),
            ("%s", vec![]),
            ("", vec![Value::from("x")]),
            ("%", vec![]),
            ("%y", vec![Value::from("x")]),
            ("%9999999s", vec![Value::from("x")]),
        ] {
            assert!(printf(format, &values).is_err(), "{format}");
        }
    }
}
