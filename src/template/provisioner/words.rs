//! Words of Ansible's command line: taken apart as a shell does, and secrets taken out of them.

use super::super::late::Late;
use serde_json::{Map, Value};
use std::ops::Range;

/// What may stand on a command line, and what must not: variables, each object for a file of JSON.
#[derive(Debug)]
pub struct Hidden {
    pub words: Vec<String>,
    pub variables: Vec<Map<String, Value>>,
}

/// A word, and the first argument that is secret among those that it comes of.
struct Word {
    text: String,
    secret: Option<usize>,
}

/// The argument that would show a secret, as far as that can be told before all is rendered.
pub(in crate::template) fn exposed(all: &[Late], quoted: bool) -> Option<&Late> {
    let sketch = |late: &Late| (late.sketch(), late.is_secret());
    let sketched: Vec<_> = all.iter().map(sketch).collect();
    let shown = hide(&sketched, quoted).err()?;
    all.get(shown)
}

/// Takes `--extra-vars` out of arguments, each with whether it is secret. `quoted` ones are text for a shell.
///
/// # Errors
/// Which argument has a secret in something else, or, quoted, in what only a shell can take apart.
pub fn hide(arguments: &[(String, bool)], quoted: bool) -> Result<Hidden, usize> {
    let secret = |at: &usize| arguments[*at].1;
    let Some(first) = (0..arguments.len()).find(secret) else {
        let words = arguments.iter().map(|(text, _)| text.clone()).collect();
        let variables = Vec::new();
        return Ok(Hidden { words, variables });
    };
    let words = if quoted {
        split_all(arguments).ok_or(first)?
    } else {
        let word = |(at, (text, _)): (usize, &(String, bool))| Word {
            text: text.clone(),
            secret: Some(at).filter(secret),
        };
        arguments.iter().enumerate().map(word).collect()
    };
    let (left, variables) = take_variables(words);
    if let Some(shown) = left.iter().find_map(|word| word.secret) {
        return Err(shown);
    }
    let words = left.into_iter().map(|word| word.text).collect();
    Ok(Hidden { words, variables })
}

/// Words of what a shell gets of these arguments: one may go over several of them.
fn split_all(arguments: &[(String, bool)]) -> Option<Vec<Word>> {
    let mut whole = String::new();
    let mut secrets = Vec::new();
    for (at, (text, secret)) in arguments.iter().enumerate() {
        let from = whole.len();
        whole.push_str(text);
        if *secret {
            secrets.push((at, from..whole.len()));
        }
        whole.push(' ');
    }
    let of = |word: &Range<usize>| {
        let touches = |range: &Range<usize>| range.start < word.end && word.start < range.end;
        let found = secrets.iter().find(|(_, range)| touches(range));
        found.map(|(at, _)| *at)
    };
    let words = split(&whole)?.into_iter();
    let word = |(range, text)| Word {
        secret: of(&range),
        text,
    };
    Some(words.map(word).collect())
}

/// Splits text at blanks, with quotes and backslashes as in a shell, each word with its place. `None` for what only a shell
/// can know: expansions, and quotes that do not end.
fn split(text: &str) -> Option<Vec<(Range<usize>, String)>> {
    let mut words = Vec::new();
    let mut word = None;
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => begun(&mut word, at).push(letter),
            (_, '$' | '`') | (None, '|' | ';' | '&' | '<' | '>' | '(' | ')') => return None,
            (Some(_), '\\') => {
                let (_, next) = letters.next()?;
                if !"\\\"$`".contains(next) {
                    begun(&mut word, at).push('\\');
                }
                begun(&mut word, at).push(next);
            }
            (None, '\\') => begun(&mut word, at).push(letters.next()?.1),
            (None, '\'' | '"') => {
                quote = Some(letter);
                begun(&mut word, at);
            }
            (None, _) if letter.is_whitespace() => {
                words.extend(word.take().map(|(from, text)| (from..at, text)));
            }
            _ => begun(&mut word, at).push(letter),
        }
    }
    words.extend(word.map(|(from, word)| (from..text.len(), word)));
    quote.is_none().then_some(words)
}

/// The word that stands here, which begins here if there is none yet.
fn begun(word: &mut Option<(usize, String)>, at: usize) -> &mut String {
    &mut word.get_or_insert_with(|| (at, String::new())).1
}

/// Takes every `--extra-vars` out whose value can be said as JSON instead; Ansible reads that from a file.
fn take_variables(words: Vec<Word>) -> (Vec<Word>, Vec<Map<String, Value>>) {
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        let value = if ["-e", "--extra-vars"].contains(&text) {
            let next = words.peek().and_then(|value| variables(&value.text));
            next.inspect(|_| drop(words.next()))
        } else {
            let glued = text.strip_prefix("--extra-vars=");
            glued
                .or_else(|| text.strip_prefix("-e"))
                .and_then(variables)
        };
        match value {
            Some(value) => taken.push(value),
            None => left.push(word),
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
    let pair = |(_, word): (_, String)| {
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
        let text = r#"a 'b c' "d \"e\"" f\ g """#;
        let words = split(text).unwrap();
        let texts: Vec<_> = words.iter().map(|(_, word)| word.as_str()).collect();
        assert_eq!(texts, ["a", "b c", "d \"e\"", "f g", ""]);
        let written: Vec<_> = words
            .iter()
            .map(|(range, _)| &text[range.clone()])
            .collect();
        assert_eq!(written, ["a", "'b c'", r#""d \"e\"""#, r"f\ g", r#""""#]);
        assert_eq!(split("a $(b)"), None);
        assert_eq!(split("it's"), None);
        assert_eq!(split("a; b"), None);
    }

    /// Arguments of which those that begin with `!` are secret.
    fn arguments(all: &[&str]) -> Vec<(String, bool)> {
        let one = |text: &&str| match text.strip_prefix('!') {
            Some(text) => (text.to_owned(), true),
            None => ((*text).to_owned(), false),
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn variables_are_taken_and_nothing_else() {
        let given = [
            "-v",
            "-e",
            "!a=1 b='x y'",
            "--extra-vars={\"c\": [1]}",
            "!-e d=2",
            "-e",
            "@file",
            "--tags=t",
        ];
        let hidden = hide(&arguments(&given), false).unwrap();
        assert_eq!(hidden.words, ["-v", "-e", "@file", "--tags=t"]);
        let taken = serde_json::to_string(&hidden.variables).unwrap();
        assert_eq!(taken, r#"[{"a":"1","b":"x y"},{"c":[1]},{"d":"2"}]"#);
        assert!(hide(&arguments(&["-e", "@file"]), false).is_ok());
    }

    #[test]
    fn what_else_is_secret_is_named() {
        for (given, quoted, shown) in [
            (&["-v", "!--tags=x"][..], false, 1),
            (&["-e", "!@x"], false, 1),
            (&["-e", "!a=1 x"], false, 1),
            (&["-e", "a=1", "!--extra-vars a=1 --tags=x"], true, 2),
            (&["--extra-vars \"a=1", "!b=x\" --tags", "t"], true, 1),
            (&["-v", "!-e a=$x"], true, 1),
        ] {
            assert_eq!(
                hide(&arguments(given), quoted).unwrap_err(),
                shown,
                "{given:?}"
            );
        }
        let over_two = ["-v --extra-vars \"a=1", "!b=x\"", "--tags t"];
        let hidden = hide(&arguments(&over_two), true).unwrap();
        assert_eq!(hidden.words, ["-v", "--tags", "t"]);
    }
}
