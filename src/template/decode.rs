//! How written values become typed ones: Packer's weak decoding (anchors: sdk `template/config/decode.go`), and durations.
//! Every refusal says what was expected in words a user knows.

use serde_json::Value;
use std::time::Duration;

/// A refusal: what was expected.
pub(super) type Expected = String;

/// A value as text.
pub(super) fn text(value: &Value) -> Result<String, Expected> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err("a string".to_owned()),
    }
}

/// A boolean: JSON's, Go's words for one, a number; the empty string is false.
pub(super) fn flag(value: &Value) -> Result<bool, Expected> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Null => Ok(false),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err("true or false".to_owned()),
        },
        _ => Err("true or false".to_owned()),
    }
}

/// A boolean that may be unset: `""`, null and, as Packer has it, the number 0 are unset, 1 is true, 2 is false.
pub(super) fn trilean(value: &Value) -> Result<Option<bool>, Expected> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Ok(None),
            Some(1) => Ok(Some(true)),
            Some(2) => Ok(Some(false)),
            _ => Err("true, false or nothing".to_owned()),
        },
        other => flag(other).map(Some),
    }
}

/// A whole number; strings as Go reads them: `0x10`, `010` (octal), and `""` for 0.
pub(super) fn whole(value: &Value) -> Result<i64, Expected> {
    let expected = || "a whole number".to_owned();
    match value {
        Value::Number(number) => number.as_i64().ok_or_else(expected),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Null => Ok(0),
        Value::String(text) if text.is_empty() => Ok(0),
        Value::String(text) => go_integer(text).ok_or_else(expected),
        _ => Err(expected()),
    }
}

/// The whole number that a number of JSON is, if it is one that a float can tell from its neighbours.
pub(super) fn whole_of(digits: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = digits.parse().ok()?;
    let whole = number.fract() == 0.0 && number.abs() < EXACT;
    // It has no fraction and is small enough.
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    whole.then_some(number as i64)
}

/// A number without the underscores that Go lets stand between its digits.
pub(super) fn ungrouped(text: &str) -> Option<String> {
    let digit = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
    let parts: Vec<&str> = text.split('_').collect();
    let sound = parts
        .windows(2)
        .all(|pair| digit(pair[0].chars().next_back()) && digit(pair[1].chars().next()));
    sound.then(|| parts.concat())
}

pub(super) fn go_integer(text: &str) -> Option<i64> {
    let text = &ungrouped(text)?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix)
        .ok()
        .map(|number| sign * number)
}

/// A duration: Go's units, and days and weeks. A bare number is nanoseconds, as in Packer; the caller warns of it.
pub(super) fn duration(value: &Value) -> Result<Duration, Expected> {
    let expected = || "a duration such as `90s`, `5m` or `1h30m`".to_owned();
    let seconds = match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| whole_nanos(number.as_f64()?));
            return whole
                .map(Duration::from_nanos)
                .ok_or_else(expected)
                .and_then(in_range);
        }
        Value::String(text) => go_seconds(text).ok_or_else(expected)?,
        _ => return Err(expected()),
    };
    let longest = LONGEST.as_secs_f64();
    // As a float the longest is above itself.
    #[expect(clippy::float_cmp, reason = "the same text gives the same bits")]
    if seconds == longest {
        return Ok(LONGEST);
    }
    Duration::try_from_secs_f64(seconds).map_or_else(|_| Err(out_of_range()), in_range)
}

/// Nanoseconds without their fraction, as Packer has them.
fn whole_nanos(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not below zero, and what is too large is refused afterwards"
    )]
    (number >= 0.0).then_some(number as u64)
}

/// What Go's `time.Duration` holds: 64 bits of nanoseconds.
const LONGEST: Duration = Duration::from_nanos(i64::MAX.unsigned_abs());

fn in_range(duration: Duration) -> Result<Duration, Expected> {
    (duration <= LONGEST)
        .then_some(duration)
        .ok_or_else(out_of_range)
}

fn out_of_range() -> Expected {
    "a duration of at most 2562047h47m16.854775807s (it is out of Go's range)".to_owned()
}

fn go_seconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |end| digits + end);
        total += number * seconds_of(&rest[digits..unit])?;
        rest = &rest[unit..];
    }
    Some(total)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

/// One line of CSV, as filters are read: commas separate, double quotes hold together.
pub(super) fn csv(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_become_what_the_option_takes() {
        assert_eq!(flag(&json!("True")), Ok(true));
        assert_eq!(flag(&json!("")), Ok(false));
        assert!(flag(&json!("yes")).is_err());
        assert_eq!(whole(&json!("0x10")), Ok(16));
        assert_eq!(whole(&json!("010")), Ok(8));
        assert_eq!(whole(&json!("-12")), Ok(-12));
        assert_eq!(whole(&json!("")), Ok(0));
        assert_eq!(whole(&json!("1_000")), Ok(1000));
        assert_eq!(whole(&json!("0x_1F")), Ok(31));
        for bad in ["1.5", "1k", "--1", "é", "1_", "_1", "1__0"] {
            assert!(whole(&json!(bad)).is_err(), "{bad}");
        }
        assert_eq!(text(&json!(10)), Ok("10".to_owned()));
        assert_eq!(text(&json!(true)), Ok("true".to_owned()));
        for bad in [json!({}), json!([]), json!(["a"])] {
            assert!(text(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_trilean_may_be_unset() {
        for (value, expected) in [
            (json!(""), None),
            (json!(null), None),
            (json!(0), None),
            (json!(1), Some(true)),
            (json!(2), Some(false)),
            (json!("true"), Some(true)),
            (json!(false), Some(false)),
        ] {
            assert_eq!(trilean(&value), Ok(expected), "{value}");
        }
    }

    #[test]
    fn durations_are_gos_and_days() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("1h30m", 5400.0),
            ("1.5m", 90.0),
            ("250ms", 0.25),
            ("7d", 604_800.0),
            ("0", 0.0),
        ] {
            assert_eq!(
                duration(&json!(text)),
                Ok(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        for bad in ["", "5", "m", "5x", "-5s", "5 m", "é"] {
            assert!(duration(&json!(bad)).is_err(), "{bad}");
        }
        for long in [
            json!("2562047h47m17s"),
            json!("5000000000000000h"),
            json!("9".repeat(400) + "h"),
            json!(9_223_372_036_854_775_808_u64),
        ] {
            let expected = duration(&long).unwrap_err();
            assert!(expected.contains("out of Go's range"), "{long}: {expected}");
        }
        for longest in [json!("2562047h47m16.854775807s"), json!(i64::MAX)] {
            assert_eq!(duration(&longest), Ok(LONGEST), "{longest}");
        }
        for second in [json!(1_000_000_000), json!(1e9), json!(1_000_000_000.9)] {
            assert_eq!(duration(&second), Ok(Duration::from_secs(1)), "{second}");
        }
        assert!(duration(&json!(-1)).is_err() && duration(&json!(1e19)).is_err());
    }

    #[test]
    fn filters_are_csv() {
        assert_eq!(csv("a,b"), ["a", "b"]);
        assert_eq!(csv("\"a,b\",c\"d\""), ["a,b", "c\"d\""]);
        assert_eq!(csv(""), [""]);
    }
}
