//! `strftime` as Packer has it (github.com/jehiah/go-strftime): a few of C's conversions, each in the words of Go's layouts.
//! It prints any other as it is written, which nobody means, so that is refused.

use super::super::layout;
use super::refuse;
use crate::template::near;
use jiff::Zoned;
use minijinja::Error;

/// What may follow a `%`, and Go's layout of it.
const CONVERSIONS: &[(char, &str)] = &[
    ('A', "Monday"),
    ('a', "Mon"),
    ('B', "January"),
    ('b', "Jan"),
    ('d', "02"),
    ('H', "15"),
    ('I', "03"),
    // Packer's own, with its dot.
    ('L', ".000"),
    ('M', "04"),
    ('m', "01"),
    ('p', "PM"),
    ('S', "05"),
    ('Y', "2006"),
    ('y', "06"),
    ('Z', "MST"),
    ('z', "-0700"),
];

/// A moment in a format; a `%` at its end is one.
pub(super) fn strftime(moment: &Zoned, format: &str) -> Result<String, Error> {
    let (mut out, mut rest) = (String::new(), format);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let letter = after.chars().next().unwrap_or('%');
        rest = &after[letter.len_utf8().min(after.len())..];
        if letter == '%' {
            out.push('%');
            continue;
        }
        let known = CONVERSIONS.iter().find(|(known, _)| *known == letter);
        let (_, go) = known.ok_or_else(|| unknown(letter))?;
        out.push_str(&layout::format(moment, go));
    }
    Ok(out + rest)
}

fn unknown(letter: char) -> Error {
    let all: Vec<String> = CONVERSIONS
        .iter()
        .map(|(known, _)| format!("%{known}"))
        .collect();
    let all = near::list(all.iter().map(String::as_str));
    refuse(format!(
        "`strftime` has no `%{letter}`, which Packer would print as it is; it has {all}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(format: &str) -> Result<String, Error> {
        let moment = "2026-03-09T15:07:08.120Z".parse::<jiff::Timestamp>();
        strftime(&moment.unwrap().to_zoned(jiff::tz::TimeZone::UTC), format)
    }

    #[test]
    fn it_gives_what_packers_gives() {
        for (format, text) in [
            ("%Y-%m-%dT%H:%M:%S%z", "2026-03-09T15:07:08+0000"),
            (
                "%A %a, %B %b %y %I%p %Z",
                "Monday Mon, March Mar 26 03PM UTC",
            ),
            ("%S%L", "08.120"),
            ("100%% %", "100% %"),
            ("é2006", "é2006"),
        ] {
            assert_eq!(at(format).unwrap(), text, "{format}");
        }
    }

    #[test]
    fn what_packer_prints_as_it_is_written_is_refused() {
        for format in ["%c", "%x", "%Q", "%F", "%j", "%é", "%-d"] {
            let error = at(format).unwrap_err().to_string();
            assert!(error.contains("`%L`"), "{format}: {error}");
            let two: String = format.chars().take(2).collect();
            assert!(error.contains(&format!("has no `{two}`")), "{error}");
        }
    }
}
