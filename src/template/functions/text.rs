//! Functions over text, in Packer's order of arguments, and as filters where Jinja would write them so. What they make is
//! bounded.

use super::{LIMIT, bounded, refuse};
use minijinja::{Environment, Error};

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("upper", |text: String| {
        text.chars().map(upper).collect::<String>()
    });
    environment.add_function("lower", |text: String| {
        text.chars().map(lower).collect::<String>()
    });
    environment.add_function(
        "replace",
        |old: String, new: String, count: i64, text: String| replace(&old, &new, count, &text),
    );
    environment.add_function("replace_all", |old: String, new: String, text: String| {
        replace(&old, &new, -1, &text)
    });
    environment.add_function("split", |text: String, separator: String, index: i64| {
        split(&text, &separator, index)
    });
    environment.add_function("clean_resource_name", |text: String| {
        clean_resource_name(&text)
    });
    environment.add_filter("clean_resource_name", |text: String| {
        clean_resource_name(&text)
    });
    environment.add_filter("replace_all", |text: String, old: String, new: String| {
        replace(&old, &new, -1, &text)
    });
    environment.add_filter("replace", |text: String, old: String, new: String| {
        replace(&old, &new, -1, &text)
    });
}

/// Go's mapping is of one character to one: `ß` has no capital.
fn upper(character: char) -> char {
    let mut all = character.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        // Greek letters with an iota below have capitals that have one beside them.
        _ => match u32::from(character) {
            small @ (0x1F80..=0x1FAF) => char::from_u32(small | 8).unwrap_or(character),
            small @ (0x1FB3 | 0x1FC3 | 0x1FF3) => char::from_u32(small + 9).unwrap_or(character),
            _ => character,
        },
    }
}

fn lower(character: char) -> char {
    // One alone becomes two, an `i` and a dot above: `İ`.
    character.to_lowercase().next().unwrap_or(character)
}

/// The first `count` of them, all when it is negative. An empty `old` stands before every character and at the end.
fn replace(old: &str, new: &str, count: i64, text: &str) -> Result<String, Error> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let places = text.matches(old).take(count).count();
    if places.saturating_mul(new.len()) > LIMIT {
        return bounded("x".repeat(LIMIT + 1));
    }
    bounded(text.replacen(old, new, count))
}

/// One field of a text. An empty separator parts the characters.
fn split(text: &str, separator: &str, index: i64) -> Result<String, Error> {
    let fields: Vec<&str> = if separator.is_empty() {
        text.split("").filter(|field| !field.is_empty()).collect()
    } else {
        text.split(separator).collect()
    };
    let found = usize::try_from(index).ok().and_then(|at| fields.get(at));
    let field = found.ok_or_else(|| {
        refuse(format!(
            "`{text}` has {} fields, and field {index} is asked for",
            fields.len()
        ))
    })?;
    Ok((*field).to_owned())
}

/// EC2's alphabet for image names; each byte outside it becomes `-` (amazon plugin, `templateCleanResourceName`).
pub fn clean_resource_name(text: &str) -> String {
    let clean = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b" ()[]./-'@_".contains(&byte) {
            char::from(byte)
        } else {
            '-'
        }
    };
    text.bytes().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_byte_by_byte() {
        assert_eq!(
            clean_resource_name("a€b: (c)[d]./-'@_"),
            "a---b- (c)[d]./-'@_"
        );
    }

    #[test]
    fn case_is_gos_character_by_character() {
        for (text, capitals) in [
            ("straße", "STRAßE"),
            ("ŉǰﬁ", "ŉǰﬁ"),
            ("éσς", "ÉΣΣ"),
            ("ᾀᾈᾯᾳῃῳᾶ", "ᾈᾈᾯᾼῌῼᾶ"),
        ] {
            assert_eq!(text.chars().map(upper).collect::<String>(), capitals);
        }
        for (text, small) in [("İI", "ii"), ("ΑΣ", "ασ"), ("ẞ", "ß")] {
            assert_eq!(text.chars().map(lower).collect::<String>(), small);
        }
    }

    #[test]
    fn replacing_is_gos() {
        for (old, new, count, text, result) in [
            ("a", "b", 1, "aaa", "baa"),
            ("a", "b", -1, "aaa", "bbb"),
            ("a", "b", 0, "aaa", "aaa"),
            ("", "-", -1, "éx", "-é-x-"),
            ("", "-", 2, "éx", "-é-x"),
        ] {
            assert_eq!(
                replace(old, new, count, text).unwrap(),
                result,
                "{old} {count}"
            );
        }
        assert!(replace("", &"y".repeat(10_000), -1, &"x".repeat(10_000)).is_err());
    }

    #[test]
    fn splitting_is_gos() {
        assert_eq!(split("a-b", "-", 1).unwrap(), "b");
        assert_eq!(split("éx", "", 1).unwrap(), "x");
        assert!(split("a-b", "-", 2).is_err() && split("a-b", "-", -1).is_err());
    }
}
