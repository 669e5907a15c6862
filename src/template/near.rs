//! The nearest right name for a wrong one.

/// Below this likeness a suggestion is noise; `regoin` and `region` have 0.94, `ami_name` and `ami_users` 0.85.
const LIKE: f64 = 0.82;

/// The known name most like a wrong one, if one is like it.
pub(super) fn nearest<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let wrong = wrong.to_lowercase();
    let scored = known
        .into_iter()
        .map(|name| (likeness(&wrong, &name.to_lowercase()), name));
    scored
        .filter(|(score, _)| *score >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// In names of three letters, two that have changed places leave nothing alike.
fn likeness(wrong: &str, name: &str) -> f64 {
    let slip = name.len() == 3 && strsim::osa_distance(wrong, name) == 1;
    strsim::jaro_winkler(wrong, name).max(if slip { LIKE } else { 0.0 })
}

/// `did you mean …?`, or the other advice.
pub(super) fn or_else<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
    other: &str,
) -> String {
    nearest(wrong, known).map_or_else(
        || other.to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

/// Advice about a variable that is not there.
pub(super) fn variable<'n>(wrong: &str, known: impl IntoIterator<Item = &'n String>) -> String {
    let other = format!(
        "set it in a var file, with `-var {wrong}=…`, or as KILN_VAR_{wrong} in the environment"
    );
    or_else(wrong, known.into_iter().map(String::as_str), &other)
}

/// Names as a list in text.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_like_it_is_suggested() {
        assert_eq!(
            nearest("instance_typ", ["region", "instance_type"]),
            Some("instance_type")
        );
        assert_eq!(nearest("mni", ["min", "max", "desired"]), Some("min"));
        assert_eq!(nearest("hostname", ["region", "subnet_id"]), None);
    }
}
