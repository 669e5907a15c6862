//! Filters of describe calls: any value of a filter, all filters, with `*`, `?` and backslash escapes.

use super::{Fault, args::Args};
use std::collections::BTreeMap;

/// One filter of a describe call.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// All filters of a describe call.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    /// Reads EC2's `Filter.N.Name` and `Filter.N.Value.M`.
    pub(super) fn read(args: &Args<'_>) -> Result<Self, Fault> {
        let one = |entry: Args<'_>| {
            entry.only("Name Value")?;
            let values = entry
                .texts("Value")?
                .into_iter()
                .map(String::from)
                .collect();
            Ok(Filter {
                name: entry.text("Name")?.into(),
                values,
            })
        };
        args.maps("Filter")?
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Refuses filters that the call does not know; those on tags are known to all.
    pub(super) fn only(&self, names: &str) -> Result<(), Fault> {
        let known = |name: &str| {
            name == "tag-key"
                || name.starts_with("tag:")
                || names.split_whitespace().any(|known| known == name)
        };
        match self.0.iter().find(|filter| !known(&filter.name)) {
            Some(filter) => Err(unknown(&filter.name)),
            None => Ok(()),
        }
    }

    /// Tells whether a resource passes. `field` gives the resource's values for a filter's name, and `None` for a
    /// name that this call does not know, which AWS refuses.
    pub(super) fn pass(
        &self,
        tags: &BTreeMap<String, String>,
        field: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Result<bool, Fault> {
        for filter in &self.0 {
            let actual = match tag_values(&filter.name, tags) {
                Some(values) => values,
                None => field(&filter.name).ok_or_else(|| unknown(&filter.name))?,
            };
            if !filter
                .values
                .iter()
                .any(|wanted| actual.iter().any(|value| matches(wanted, value)))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn unknown(name: &str) -> Fault {
    Fault::new(
        "InvalidParameterValue",
        format!("The filter '{name}' is invalid"),
    )
}

fn tag_values(filter: &str, tags: &BTreeMap<String, String>) -> Option<Vec<String>> {
    if filter == "tag-key" {
        return Some(tags.keys().cloned().collect());
    }
    filter
        .strip_prefix("tag:")
        .map(|key| tags.get(key).cloned().into_iter().collect())
}

/// Matches `*` (any run), `?` (any one character) and `\` (the next character as it is).
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches_from(&pattern, &text)
}

/// Greedy with one place to come back to: linear in practice, and never exponential.
fn matches_from(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(&pattern[p..], text[t]) {
            Step::Star => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Step::Took(width) => {
                p += width;
                t += 1;
            }
            Step::Failed => {
                let Some((after_star, from)) = retry else {
                    return false;
                };
                retry = Some((after_star, from + 1));
                (p, t) = (after_star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Step {
    Star,
    Took(usize),
    Failed,
}

fn step(pattern: &[char], c: char) -> Step {
    match pattern {
        ['*', ..] => Step::Star,
        ['?', ..] => Step::Took(1),
        ['\\', escaped, ..] if *escaped == c => Step::Took(2),
        ['\\', _, ..] | [] => Step::Failed,
        [first, ..] if *first == c => Step::Took(1),
        _ => Step::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_ec2_documents_them() {
        for (pattern, text, expected) in [
            ("debian-12-amd64-*", "debian-12-amd64-20260101-1", true),
            ("debian-12-amd64-*", "debian-11-amd64-20260101-1", false),
            ("*amd64*", "debian-12-amd64-1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            ("*", "", true),
            ("", "a", false),
            ("*a*b*c", "xxaybzbc", true),
            ("é*", "éclair", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
