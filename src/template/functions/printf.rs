//! Go's `printf` over strings, numbers and booleans: how a format asks for its values ("Explicit argument indexes" and stars
//! of package `fmt`). What Go would print as `%!d(string=x)` is refused.

use super::verb::Verb;
use super::{LIMIT, bounded, refuse};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// Go's own limit of a width or precision.
const WIDEST: i64 = 1_000_000;

/// A format with its values; every verb needs a value that it can print, and every value a verb, unless the format says
/// which ones it wants.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Error> {
    let mut reader = Reader {
        rest: format,
        values,
        next: 0,
        reordered: false,
    };
    let mut out = String::new();
    while let Some((before, after)) = reader.rest.split_once('%') {
        out.push_str(before);
        reader.rest = after;
        let verb = reader.verb()?;
        if verb.letter == '%' {
            out.push('%');
        } else {
            out.push_str(&verb.print(reader.value()?)?);
        }
        if out.len() > LIMIT {
            return bounded(out);
        }
    }
    if !reader.reordered && reader.next < values.len() {
        return Err(refuse("there are more values than verbs"));
    }
    bounded(out + reader.rest)
}

struct Reader<'f> {
    rest: &'f str,
    values: &'f [Value],
    /// The value that is used next.
    next: usize,
    /// Whether an index has been given.
    reordered: bool,
}

impl<'f> Reader<'f> {
    /// What stands after a `%`.
    fn verb(&mut self) -> Result<Verb, Error> {
        let mut verb = Verb::default();
        while let Some(flag) = self.rest.chars().next().filter(|c| "-+ 0#".contains(*c)) {
            verb.flag(flag);
            self.rest = &self.rest[1..];
        }
        let mut indexed = self.index()?;
        if self.takes('*') {
            verb.set_width(self.star()?);
            indexed = false;
        } else if let Some(width) = self.number()? {
            verb.width = Some(width);
            fresh(indexed)?;
        }
        if self.takes('.') {
            fresh(indexed)?;
            indexed = self.index()?;
            if self.takes('*') {
                let precision = usize::try_from(self.star()?);
                verb.precision = Some(precision.map_err(|_| refuse("a precision is negative"))?);
                indexed = false;
            } else {
                verb.precision = Some(self.number()?.unwrap_or(0));
            }
        }
        if !indexed {
            self.index()?;
        }
        let letter = self.rest.chars().next();
        verb.letter = letter.ok_or_else(|| refuse("a `%` has no verb"))?;
        self.rest = &self.rest[verb.letter.len_utf8()..];
        Ok(verb)
    }

    /// `[2]`: which value is next.
    fn index(&mut self) -> Result<bool, Error> {
        let Some(after) = self.rest.strip_prefix('[') else {
            return Ok(false);
        };
        let (number, after) = after
            .split_once(']')
            .ok_or_else(|| refuse("a `[` in this format is never closed"))?;
        let found = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let found = found.filter(|at| *at < self.values.len());
        self.next = found.ok_or_else(|| {
            refuse(format!(
                "this format asks for value `[{number}]`, and there are {}",
                self.values.len()
            ))
        })?;
        self.rest = after;
        self.reordered = true;
        Ok(true)
    }

    fn value(&mut self) -> Result<&'f Value, Error> {
        let value = self.values.get(self.next);
        self.next += 1;
        value.ok_or_else(|| refuse("there are fewer values than verbs"))
    }

    /// The value that stands for a `*`.
    fn star(&mut self) -> Result<i64, Error> {
        let value = self.value()?;
        let number = Some(value).filter(|value| value.kind() == ValueKind::Number);
        let number = number.and_then(Value::as_i64);
        number
            .filter(|number| (-WIDEST..=WIDEST).contains(number))
            .ok_or_else(|| refuse("`*` needs a whole number, of a million at most"))
    }

    fn takes(&mut self, character: char) -> bool {
        let after = self.rest.strip_prefix(character);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn number(&mut self) -> Result<Option<usize>, Error> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if digits.is_empty() {
            return Ok(None);
        }
        let number = digits.parse::<i64>().ok().filter(|n| *n <= WIDEST);
        let number = number.and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| refuse("a width in this format is above a million"));
        number.map(Some)
    }
}

/// An index belongs right before what takes a value.
fn fresh(indexed: bool) -> Result<(), Error> {
    if indexed {
        return Err(refuse(
            "an index such as `[1]` stands right before the verb or a `*`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(all: &[i64]) -> Vec<Value> {
        all.iter().copied().map(Value::from).collect()
    }

    #[test]
    fn verbs_print_as_gos_do() {
        for (format, values, text) in [
            ("%s|%5s|%-5s|%05s", vec!["a"; 4], "a|    a|a    |0000a"),
            ("%q%%", vec!["a\"\n\u{1}é"], "\"a\\\"\\n\\x01é\"%"),
            ("%x|%X|%.2s", vec!["é", "é", "abc"], "c3a9|C3A9|ab"),
            (
                "% x|%#x|%# X|%.1x",
                vec!["abc"; 4],
                "61 62 63|0x616263|0X61 0X62 0X63|61",
            ),
            (
                "%#q|%#q|%+q",
                vec!["a", "`", "日é"],
                "`a`|\"`\"|\"\\u65e5\\u00e9\"",
            ),
            ("%d|%05d|%+d", vec!["7", "-7", "7"], "7|-0007|+7"),
            ("%.2f|%e", vec!["1.005", "1500"], "1.00|1.500000e+03"),
        ] {
            let values: Vec<Value> = values.into_iter().map(Value::from).collect();
            assert_eq!(printf(format, &values).unwrap(), text, "{format}");
        }
        let mixed = [Value::from(255), Value::from(255), Value::from(true)];
        assert_eq!(printf("%#x %b %t", &mixed).unwrap(), "0xff 11111111 true");
    }

    #[test]
    fn whole_numbers_print_as_gos_do() {
        for (format, value, text) in [
            ("%U|%[1]c|%[1]q", 97, "U+0061|a|'a'"),
            ("%#U|%#[1]o|%[1]O", 128_512, "U+1F600 '😀'|0373000|0o373000"),
            ("%.3d|%8.3[1]d|%-5[1]d|", -5, "-005|    -005|-5   |"),
            ("%.0d|%.[1]d|%3.0[1]d", 0, "||   "),
            ("%#06x|%+[1]d|% [1]d", 255, "0x0000ff|+255| 255"),
            (
                "%+v|%+5[1]v|%+05[1]v|% [1]v|%+ [1]v",
                1,
                "1|    1|00001| 1| 1",
            ),
            ("%+v", -1, "-1"),
        ] {
            assert_eq!(
                printf(format, &numbers(&[value])).unwrap(),
                text,
                "{format}"
            );
        }
    }

    #[test]
    fn decimals_print_as_gos_do() {
        for (format, value, text) in [
            ("%g", 1e6, "1e+06"),
            ("%g", 100_000.0, "100000"),
            ("%v", 1.0, "1"),
            ("%v", 1e6, "1e+06"),
            ("%v", 1e21, "1e+21"),
            ("%G", 1e-7, "1E-07"),
            ("%g", 0.0001, "0.0001"),
            ("%.3g", 1234.5678, "1.23e+03"),
            ("%.10g", 1234.5678, "1234.5678"),
            ("%.2g", 100.0, "1e+02"),
            ("%E", 1500.0, "1.500000E+03"),
            ("%+.2e", 12345.678, "+1.23e+04"),
            ("%08.3f", -3.25, "-003.250"),
            ("%+v|%+[1]g|% 5[1]v", 1.5, "1.5|+1.5|  1.5"),
        ] {
            assert_eq!(printf(format, &[value.into()]).unwrap(), text, "{format}");
        }
    }

    #[test]
    fn values_are_taken_by_stars_and_indexes() {
        for (format, values, text) in [
            ("%*d", &[5, 7][..], "    7"),
            ("%-*d|", &[5, 7], "7    |"),
            ("%*d|", &[-5, 6], "6    |"),
            ("%.*d", &[3, 7], "007"),
            ("%[2]d %[1]d", &[5, 6], "6 5"),
            ("%[2]d %d", &[5, 6, 7], "6 7"),
            ("%[1]d", &[5, 6], "5"),
            ("%[2]*[1]d", &[5, 6], "     5"),
            ("%[1]*d|", &[5, 6], "    6|"),
            ("%[3]*.[2]*[1]d|", &[12, 3, 6], "   012|"),
        ] {
            assert_eq!(printf(format, &numbers(values)).unwrap(), text, "{format}");
        }
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
            ("%[2]d", numbers(&[1])),
            ("%[0]d", numbers(&[1])),
            ("%[x]d", numbers(&[1])),
            ("%[1d", numbers(&[1])),
            ("%[1]5d", numbers(&[1])),
            ("%[1].5d", numbers(&[1])),
            ("%.*d", numbers(&[-1, 1])),
            ("%*d", vec![Value::from("x"), Value::from(1)]),
            ("%*d", numbers(&[2_000_000, 1])),
            ("%*d", numbers(&[2])),
            ("%d", vec![Value::from(1.0)]),
        ] {
            assert!(printf(format, &values).is_err(), "{format}");
        }
    }
}
