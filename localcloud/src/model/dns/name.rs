//! Domain names as Route 53 keeps and sorts them ("DNS domain name format" of its guide).

/// The longest name and the longest label.
const LONGEST: (usize, usize) = (255, 63);

/// A name in small letters, with its last dot, and with `\ooo` for what is no letter, digit, hyphen or underscore; nothing
/// for what is no name.
pub(super) fn kept(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels = name.split('.').map(label).collect::<Option<Vec<_>>>()?;
    let kept = format!("{}.", labels.join("."));
    (kept.len() <= LONGEST.0).then_some(kept)
}

fn label(label: &str) -> Option<String> {
    let mut kept = String::new();
    let (mut rest, mut length) = (label.as_bytes(), 0);
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), after),
            _ => (first, after),
        };
        match byte.to_ascii_lowercase() {
            plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => kept.push(plain.into()),
            other => {
                let digits = [other >> 6, other >> 3 & 7, other & 7];
                kept.push('\\');
                kept.extend(digits.map(|digit| char::from(b'0' + digit)));
            }
        }
        (rest, length) = (after, length + 1);
    }
    (1..=LONGEST.1).contains(&length).then_some(kept)
}

/// What names are sorted by: their labels from the last to the first (`ListResourceRecordSets`).
pub(super) fn order(name: &str) -> String {
    let labels: Vec<&str> = name.trim_end_matches('.').rsplit('.').collect();
    format!("{}.", labels.join("."))
}

/// Whether a name is a zone's own or below it.
pub(super) fn is_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_one_form() {
        assert_eq!(kept("WWW.Example.com").as_deref(), Some("www.example.com."));
        assert_eq!(kept("*.a.com.").as_deref(), Some("\\052.a.com."));
        assert_eq!(kept("\\052.a.com"), kept("*.a.com"));
        for bad in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(128)] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_sorted_by_their_last_labels_and_the_dot_counts() {
        let mut names = ["b.a.com.", "a.com.", "a.b.com.", "x.a-b.com.", "a.net."];
        names.sort_by_key(|name| order(name));
        // A hyphen stands before the dot in ASCII.
        assert_eq!(
            names,
            ["x.a-b.com.", "a.com.", "b.a.com.", "a.b.com.", "a.net."]
        );
    }

    #[test]
    fn a_zone_has_its_own_name_and_those_below() {
        assert!(is_in("a.com.", "a.com.") && is_in("www.a.com.", "a.com."));
        assert!(!is_in("ba.com.", "a.com.") && !is_in("com.", "a.com."));
    }
}
