//! One verb of Go's `printf`, and how it prints a value (package `fmt` of Go, `format.go`).

use super::go::text;
use super::refuse;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// A verb with its flags.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Default)]
pub(super) struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
    pub letter: char,
}

impl Verb {
    pub(super) fn flag(&mut self, flag: char) {
        match flag {
            '-' => self.minus = true,
            '+' => self.plus = true,
            ' ' => self.space = true,
            '0' => self.zero = true,
            _ => self.sharp = true,
        }
    }

    /// A width that is a value: a negative one is for the other side.
    pub(super) fn set_width(&mut self, width: i64) {
        self.minus |= width < 0;
        self.width = usize::try_from(width.unsigned_abs()).ok();
    }

    pub(super) fn print(&self, value: &Value) -> Result<String, Error> {
        let kind = value.kind();
        match (self.letter, kind) {
            ('v', ValueKind::String) if !self.sharp => Ok(self.pad(&self.cut(&text(value)))),
            ('v', kind) if kind != ValueKind::Number && !self.sharp => Ok(self.pad(&text(value))),
            ('s', ValueKind::String) => Ok(self.pad(&self.cut(&text(value)))),
            ('q', ValueKind::String) => Ok(self.pad(&self.quote(&self.cut(&text(value))))),
            ('x' | 'X', ValueKind::String) => Ok(self.pad(&self.hex(text(value).as_bytes()))),
            ('t', ValueKind::Bool) => Ok(self.pad(&text(value))),
            ('q', ValueKind::Number) => Ok(self.pad(&self.rune(character(self, value)?))),
            ('c', _) => Ok(self.pad(&character(self, value)?.to_string())),
            ('v', ValueKind::Number) if value.is_integer() => self.whole(value),
            ('d' | 'b' | 'o' | 'O' | 'x' | 'X' | 'U', _) => self.whole(value),
            ('v', ValueKind::Number) | ('f' | 'F' | 'e' | 'E' | 'g' | 'G', _) => {
                self.decimal(value)
            }
            ('s' | 'q' | 't' | 'v', _) => Err(self.misfit(value)),
            (other, _) => Err(refuse(format!("the verb `%{other}` is not known"))),
        }
    }

    /// A number, or a text that is nothing else, since variables are text.
    fn number(&self, value: &Value) -> Result<i64, Error> {
        let number = match value.kind() {
            ValueKind::Number => value.as_i64().filter(|_| value.is_integer()),
            _ => value.as_str().and_then(|text| text.parse().ok()),
        };
        number.ok_or_else(|| self.misfit(value))
    }

    fn whole(&self, value: &Value) -> Result<String, Error> {
        let number = self.number(value)?;
        let size = number.unsigned_abs();
        if self.letter == 'U' {
            return Ok(self.blank(&self.code_point(size)));
        }
        if size == 0 && self.precision == Some(0) {
            return Ok(self.blank(""));
        }
        let (mark, digits) = match self.letter {
            'b' => ("0b", format!("{size:b}")),
            'o' => ("0", format!("{size:o}")),
            'O' => ("", format!("{size:o}")),
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            _ => ("", size.to_string()),
        };
        let sign = self.sign(number < 0);
        let zeros = (self.zero && !self.minus).then_some(self.width).flatten();
        let zeros = zeros.map(|width| width.saturating_sub(sign.len()));
        let least = self.precision.or(zeros).unwrap_or(0);
        let digits = format!("{digits:0>least$}");
        let mark = match self.letter {
            'O' => "0o",
            'o' if digits.starts_with('0') => "",
            _ if self.sharp => mark,
            _ => "",
        };
        Ok(self.blank(&format!("{sign}{mark}{digits}")))
    }

    /// `U+0061`, and the character itself.
    fn code_point(&self, number: u64) -> String {
        let least = self.precision.unwrap_or(0).max(4);
        let code = format!("U+{number:0>least$X}");
        let shown = u32::try_from(number).ok().and_then(char::from_u32);
        match shown.filter(|character| self.sharp && is_printed(*character)) {
            Some(character) => format!("{code} '{character}'"),
            None => code,
        }
    }

    fn decimal(&self, value: &Value) -> Result<String, Error> {
        let number = match value.as_str() {
            Some(text) => text.parse().ok(),
            None => f64::try_from(value.clone()).ok(),
        };
        let number: f64 = number
            .filter(|number: &f64| number.is_finite() && !self.sharp)
            .ok_or_else(|| self.misfit(value))?;
        let size = number.abs();
        let precision = self.precision.unwrap_or(6);
        let digits = match self.letter {
            'f' | 'F' => format!("{size:.precision$}"),
            'e' | 'E' => scientific(&format!("{size:.precision$e}")),
            _ => general(size, self.precision),
        };
        let digits = match self.letter {
            'E' | 'G' => digits.to_uppercase(),
            _ => digits,
        };
        let sign = self.sign(number.is_sign_negative());
        let missing = self.missing(sign.len() + digits.len());
        Ok(if self.zero && !self.minus {
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            self.blank(&format!("{sign}{digits}"))
        })
    }

    /// In `%+v` the plus asks for the names of fields, not for a sign.
    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus && self.letter != 'v', self.space) {
            (true, _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    /// A precision cuts a text to so many characters.
    fn cut(&self, text: &str) -> String {
        let most = self.precision.unwrap_or(usize::MAX);
        text.chars().take(most).collect()
    }

    /// Bytes, of which a precision takes so many.
    fn hex(&self, bytes: &[u8]) -> String {
        let upper = self.letter == 'X';
        let one = |byte: &u8| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        };
        let mark = match (self.sharp, upper) {
            (true, true) => "0X",
            (true, false) => "0x",
            _ => "",
        };
        let most = self.precision.unwrap_or(usize::MAX);
        let bytes: Vec<String> = bytes.iter().take(most).map(one).collect();
        match (bytes.is_empty(), self.space) {
            (true, _) => String::new(),
            (_, true) => format!("{mark}{}", bytes.join(&format!(" {mark}"))),
            _ => format!("{mark}{}", bytes.concat()),
        }
    }

    /// `strconv.Quote` and its fellows.
    fn quote(&self, text: &str) -> String {
        let plain =
            |c: char| c != '`' && c != '\u{feff}' && c != '\u{7f}' && (c >= ' ' || c == '\t');
        if self.sharp && text.chars().all(plain) {
            return format!("`{text}`");
        }
        let inner: String = text.chars().map(|c| escape(c, '"', self.plus)).collect();
        format!("\"{inner}\"")
    }

    fn rune(&self, character: char) -> String {
        format!("'{}'", escape(character, '\'', self.plus))
    }

    fn missing(&self, length: usize) -> usize {
        self.width.unwrap_or(0).saturating_sub(length)
    }

    /// Padded, with zeros where Go does.
    fn pad(&self, body: &str) -> String {
        if self.zero && !self.minus {
            return "0".repeat(self.missing(body.chars().count())) + body;
        }
        self.blank(body)
    }

    fn blank(&self, body: &str) -> String {
        let blanks = " ".repeat(self.missing(body.chars().count()));
        if self.minus {
            body.to_owned() + &blanks
        } else {
            blanks + body
        }
    }

    fn misfit(&self, value: &Value) -> Error {
        refuse(format!("`%{}` cannot print {}", self.letter, value.kind()))
    }
}

fn character(verb: &Verb, value: &Value) -> Result<char, Error> {
    let number = u32::try_from(verb.number(value)?).ok();
    let found = number.and_then(char::from_u32);
    found.ok_or_else(|| verb.misfit(value))
}

/// Go's exponents have a sign and two digits at least.
fn scientific(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// `%g`: as few digits as tell a number, with an exponent where that is below -4 or not below the precision (without one: 6).
pub(super) fn general(size: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{size:.*e}", precision.max(1) - 1),
        None => format!("{size:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let digits = mantissa.replace('.', "");
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        some => some,
    };
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let point = exponent + 1;
    let limit = match precision.map(|precision| i64::try_from(precision.max(1))) {
        Some(Ok(precision)) if precision > count && count >= point => count,
        Some(Ok(precision)) => precision,
        _ => 6,
    };
    if exponent < -4 || exponent >= limit {
        let rest = match &digits[1..] {
            "" => String::new(),
            rest => format!(".{rest}"),
        };
        return scientific(&format!("{}{rest}e{exponent}", &digits[..1]));
    }
    let fraction = usize::try_from(count - point).unwrap_or(0);
    format!("{size:.fraction$}")
}

/// One character between quotes.
fn escape(character: char, quote: char, ascii: bool) -> String {
    let code = u32::from(character);
    match character {
        '\\' => r"\\".to_owned(),
        _ if character == quote => format!("\\{character}"),
        '\u{7}' => r"\a".to_owned(),
        '\u{8}' => r"\b".to_owned(),
        '\u{c}' => r"\f".to_owned(),
        '\n' => r"\n".to_owned(),
        '\r' => r"\r".to_owned(),
        '\t' => r"\t".to_owned(),
        '\u{b}' => r"\v".to_owned(),
        _ if is_printed(character) && (character.is_ascii() || !ascii) => character.to_string(),
        _ if code < 0x80 => format!("\\x{code:02x}"),
        _ if code < 0x1_0000 => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// `strconv.IsPrint`, but for code points that are not assigned: no controls, no white space but the blank, nothing without a
/// shape.
pub(super) fn is_printed(character: char) -> bool {
    let blank = character.is_whitespace() && character != ' ';
    let shapeless = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{10ffff}'
    );
    !character.is_control() && !blank && !shapeless
}
