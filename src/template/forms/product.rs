//! Products in Jinja's code. A list times a number costs the engine nothing until it is printed or compared, and then it
//! takes all memory: so what stands on both sides of a `*` goes through a filter that refuses lists. A filter binds
//! tighter than any operator, so nothing else changes.

use std::ops::Range;

/// Code in which the factors of every product go through the filter.
pub(super) fn guard(code: &str, filter: &str) -> String {
    if !code.contains('*') {
        return code.to_owned();
    }
    let code = Code::read(code);
    let mut places = code.places();
    places.sort_unstable();
    places.dedup();
    let mut out = String::new();
    let mut from = 0;
    for place in places {
        out.push_str(&code.text[from..place]);
        out.push('|');
        out.push_str(filter);
        from = place;
    }
    out + &code.text[from..]
}

/// A text with what is known of its bytes.
struct Code<'t> {
    text: &'t str,
    /// Where the string ends, or the bracket closes, that begins at a byte.
    ends: Vec<Option<usize>>,
    /// The strings.
    strings: Vec<Range<usize>>,
}

impl<'t> Code<'t> {
    fn read(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let mut ends = vec![None; bytes.len()];
        let (mut open, mut strings, mut at) = (Vec::new(), Vec::new(), 0);
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'"' | b'\'') => {
                    let end = string_end(bytes, at, quote);
                    ends[at] = Some(end);
                    strings.push(at..end);
                    at = end;
                    continue;
                }
                b'(' | b'[' | b'{' => open.push(at),
                b')' | b']' | b'}' => {
                    if let Some(start) = open.pop() {
                        ends[start] = Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Self {
            text,
            ends,
            strings,
        }
    }

    /// The places behind both factors of each product.
    fn places(&self) -> Vec<usize> {
        let bytes = self.text.as_bytes();
        let (mut places, mut strings) = (Vec::new(), self.strings.iter().peekable());
        let mut at = 0;
        while at < bytes.len() {
            if strings.peek().is_some_and(|string| string.start == at) {
                at = strings.next().map_or(at + 1, |string| string.end);
                continue;
            }
            let power = bytes[at] == b'*' && bytes.get(at + 1) == Some(&b'*');
            if bytes[at] == b'*' && !power {
                let before = self.text[..at].trim_end();
                // Without a factor before it, it hands a list over as arguments.
                if before.ends_with(|c: char| is_word(c) || ")]}'\"".contains(c)) {
                    places.push(before.len());
                    places.extend(self.factor_end(at + 1));
                }
            }
            at += if power { 2 } else { 1 };
        }
        places
    }

    /// Where the factor ends that begins here, with all that is asked of it: `-a.b[0](c)|d(e)`.
    fn factor_end(&self, from: usize) -> Option<usize> {
        let signed = |c: char| c.is_whitespace() || c == '-' || c == '+';
        let start = self.skip(from, signed);
        let mut end = match self.ends.get(start)? {
            Some(end) => *end,
            None => self.word_end(start),
        };
        if end == start {
            return None;
        }
        loop {
            let next = self.skip(end, char::is_whitespace);
            end = match self.text[next..].chars().next() {
                Some('(' | '[') => self.ends[next]?,
                Some('.') => self.word_end(next + 1),
                Some('|') => self.word_end(self.skip(next + 1, char::is_whitespace)),
                _ => return Some(end),
            };
        }
    }

    /// Where a name or number ends, dots and exponent included.
    fn word_end(&self, start: usize) -> usize {
        let end = self.skip(start, |c| is_word(c) || c == '.');
        let word = &self.text[start..end];
        let exponent = word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(['e', 'E']);
        if exponent && self.text[end..].starts_with(['-', '+']) {
            return self.skip(end + 1, |c| c.is_ascii_digit());
        }
        end
    }

    fn skip(&self, from: usize, what: impl Fn(char) -> bool) -> usize {
        let rest = &self.text[from..];
        from + rest.find(|c| !what(c)).unwrap_or(rest.len())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn string_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn factors_go_through_the_filter_and_nothing_else_does() {
        for (code, expected) in [
            ("a + b", "a + b"),
            ("a * b", "a|f * b|f"),
            ("a*b*c", "a|f*b|f*c|f"),
            ("[1] * 9 ~ ''", "[1]|f * 9|f ~ ''"),
            ("([1] * 9) ~ ''", "([1]|f * 9|f) ~ ''"),
            ("2 * [x * 3]", "2|f * [x|f * 3|f]|f"),
            (
                "a.b[0](c * d) | e(1) * -x.y|g.h( 2 ) + 1",
                "a.b[0](c|f * d|f) | e(1)|f * -x.y|g.h( 2 )|f + 1",
            ),
            ("a ** b * c", "a ** b|f * c|f"),
            ("1e-3 * 2e+5 - 1", "1e-3|f * 2e+5|f - 1"),
            ("'a*b' ~ \"é\\\"*\" * 2", "'a*b' ~ \"é\\\"*\"|f * 2|f"),
            ("f(*x, **y)", "f(*x, **y)"),
            ("a * (b", "a|f * (b"),
            ("a *", "a|f *"),
            ("a * 'ö", "a|f * 'ö|f"),
            ("a * b if c else d * e", "a|f * b|f if c else d|f * e|f"),
        ] {
            assert_eq!(guard(code, "f"), expected, "{code}");
        }
    }
}
