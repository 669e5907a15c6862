//! Whether two texts say the same: equal values and equal comments, wherever they stand.

use super::super::{Diagnostic, SourceMap};
use super::{Json, Member, Value, read};

/// Whether both are read without an error, with the same values (numbers as they are written, members in any order) and the
/// same comments.
pub fn says_the_same(one: &str, other: &str) -> bool {
    matches!((Said::of(one), Said::of(other)), (Some(one), Some(other)) if one.is_same(&other))
}

struct Said {
    value: Json,
    /// Sorted; line ends may differ.
    comments: Vec<String>,
}

impl Said {
    fn of(text: &str) -> Option<Self> {
        let mut sources = SourceMap::default();
        let file = sources.add("", text);
        let reading = read(file, &sources);
        if reading.findings.iter().any(Diagnostic::is_error) {
            return None;
        }
        let words = |span: &super::Span| text.get(span.start..span.end).map(str::trim_end);
        let mut comments: Vec<_> = reading.comments.iter().filter_map(words).collect();
        comments.sort_unstable();
        Some(Self {
            comments: comments.into_iter().map(str::to_owned).collect(),
            value: reading.value?,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.comments == other.comments && same(&self.value, &other.value)
    }
}

fn same(one: &Json, other: &Json) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Number(one), Value::Number(other)) => one == other,
        (Value::String(one), Value::String(other)) => one.value == other.value,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let pair = |(one, other): (&Member, &Member)| {
                one.key.value == other.key.value && same(&one.value, &other.value)
            };
            one.len() == other.len() && by_key(one).into_iter().zip(by_key(other)).all(pair)
        }
        _ => false,
    }
}

/// Equal keys stay in the order written: the last one counts.
fn by_key(members: &[Member]) -> Vec<&Member> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|one, other| one.key.value.cmp(&other.key.value));
    members
}

#[cfg(test)]
mod tests {
    use super::says_the_same;

    #[test]
    fn values_and_comments_count_and_their_places_do_not() {
        let text = "\u{feff}{ // one\n \"b\": 1.0, \"a\": [\"x\"], \"_\": 1, \"_\": 2 }";
        assert!(says_the_same(
            text,
            "{\"_\":1,\"_\":2,\"a\":[\"x\"],\"b\":1.0} // one"
        ));
        for other in [
            "{\"_\":2,\"_\":1,\"a\":[\"x\"],\"b\":1.0} // one",
            "{\"_\":1,\"_\":2,\"a\":[\"x\"],\"b\":1} // one",
            "{\"_\":1,\"_\":2,\"a\":[\"x\", 2],\"b\":1.0} // one",
            "{\"_\":1,\"_\":2,\"a\":[\"x\"],\"b\":1.0}",
            "{\"_\":1,\"_\":2,\"a\":[\"x\"]} // one",
            "{\"_\":1,\"_\":2,\"a\":[\"x\"],\"b\":1.0 // one",
        ] {
            assert!(!says_the_same(text, other), "{other}");
        }
    }
}
