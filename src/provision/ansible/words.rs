//! Words of a command line: taken apart as a shell does, and variables taken out of them.

use serde_json::{Map, Value};

/// Splits text at blanks, with quotes and backslashes as in a shell. `None` for what only a shell can know: expansions, and
/// quotes that do not end.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (_, '$' | '`') | (None, '|' | ';' | '&' | '<' | '>' | '(' | ')') => return None,
            (Some(_), '\\') => {
                let next = letters.next()?;
                let word = word.get_or_insert_default();
                if !"\\\"$`".contains(next) {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\\') => word.get_or_insert_default().push(letters.next()?),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Takes every `--extra-vars` out whose value can be said as JSON instead; Ansible reads that from a file.
pub(super) fn take_variables(words: Vec<String>) -> (Vec<String>, Vec<Map<String, Value>>) {
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let names = ["-e", "--extra-vars"];
        if let Some(value) = word.strip_prefix("--extra-vars=").and_then(variables) {
            taken.push(value);
        } else if names.contains(&word.as_str())
            && let Some(value) = words.peek().and_then(|value| variables(value))
        {
            words.next();
            taken.push(value);
        } else {
            left.push(word);
        }
    }
    (left, taken)
}

/// `name=value name=value`, values being text; or an object of JSON.
fn variables(text: &str) -> Option<Map<String, Value>> {
    if text.starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    let pairs = split(text)?;
    let pair = |word: String| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), Value::from(value)))
    };
    pairs.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_a_shell_has_them() {
        let words = split(r#"a 'b c' "d \"e\"" f\ g """#).unwrap();
        assert_eq!(words, ["a", "b c", "d \"e\"", "f g", ""]);
        assert_eq!(split("a $(b)"), None);
        assert_eq!(split("it's"), None);
        assert_eq!(split("a; b"), None);
    }

    #[test]
    fn variables_are_taken_and_nothing_else() {
        let words = [
            "-v",
            "-e",
            "a=1 b='x y'",
            "--extra-vars={\"c\": [1]}",
            "-e",
            "@file",
            "--tags=t",
        ];
        let (left, taken) = take_variables(words.map(str::to_owned).to_vec());
        assert_eq!(left, ["-v", "-e", "@file", "--tags=t"]);
        let taken = serde_json::to_string(&taken).unwrap();
        assert_eq!(taken, r#"[{"a":"1","b":"x y"},{"c":[1]}]"#);
    }
}
