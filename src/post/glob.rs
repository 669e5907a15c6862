//! Patterns of file names as Go's `filepath.Glob` has them: `*` and `?` within one name, `[a-z]` and `[^a-z]`, `\` before a
//! character that means itself. Names that begin with a dot match, too.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The paths that match, sorted; an own path without a pattern matches when it is there.
pub(super) fn glob(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in Path::new(pattern).components() {
        found = match part {
            Component::Normal(name) => {
                let name = name.to_string_lossy();
                let each = found.iter().flat_map(|folder| within(folder, &name));
                each.collect()
            }
            other => found.iter().map(|folder| folder.join(other)).collect(),
        };
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort();
    found
}

fn within(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        return vec![folder.join(pattern)];
    }
    let here = Path::new(".");
    let read = if folder.as_os_str().is_empty() {
        here
    } else {
        folder
    };
    // What cannot be read has no names, as in Go.
    let Ok(entries) = fs::read_dir(read) else {
        return Vec::new();
    };
    let pattern: Vec<char> = pattern.chars().collect();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let matching = names.filter(|name| matches(&pattern, &name.chars().collect::<Vec<_>>()));
    matching.map(|name| folder.join(name)).collect()
}

fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        ['?', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
        ['[', rest @ ..] => match (class(rest), name) {
            (Some((class, rest)), [first, others @ ..]) => {
                class.has(*first) && matches(rest, others)
            }
            _ => false,
        },
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            name.first() == Some(literal) && matches(rest, &name[1..])
        }
    }
}

/// `[…]` without its brackets.
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn has(&self, character: char) -> bool {
        let within = |(low, high): &(char, char)| (*low..=*high).contains(&character);
        self.ranges.iter().any(within) != self.negated
    }
}

/// A class and what follows it; `None` when it has no end.
fn class(mut rest: &[char]) -> Option<(Class, &[char])> {
    let negated = rest.first() == Some(&'^');
    if negated {
        rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        let (low, after) = match rest {
            [']', after @ ..] if !ranges.is_empty() => {
                return Some((Class { negated, ranges }, after));
            }
            ['\\', low, after @ ..] | [low, after @ ..] => (*low, after),
            [] => return None,
        };
        let (high, after) = match after {
            ['-', '\\', high, after @ ..] => (*high, after),
            ['-', high, after @ ..] if *high != ']' => (*high, after),
            _ => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        matches(&chars(pattern), &chars(name))
    }

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name) in [
            ("*.img", "a.img"),
            ("*", ".hidden"),
            ("a?c", "aäc"),
            ("[a-c]x", "bx"),
            ("[^a-c]x", "dx"),
            ("a\\*", "a*"),
            ("[\\]]", "]"),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.img", "a.imgs"),
            ("a?c", "ac"),
            ("[a-c]x", "dx"),
            ("[^a-c]x", "ax"),
            ("a\\*", "ab"),
            ("[a", "a"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn folders_may_be_patterns_too() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one/a.img", "two/b.img", "two/c.txt"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = glob(&format!("{}/*/*.img", folder.path().display()));
        let wanted = ["one/a.img", "two/b.img"].map(|name| folder.path().join(name));
        assert_eq!(found, wanted);
        let literal = folder.path().join("two/c.txt");
        assert_eq!(glob(literal.to_str().unwrap()), [literal]);
        assert_eq!(glob("no/such/*"), Vec::<PathBuf>::new());
    }
}
