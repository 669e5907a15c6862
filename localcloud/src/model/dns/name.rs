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
    let length = bytes(label).map(|byte| push(&mut kept, byte)).count();
    (1..=LONGEST.1).contains(&length).then_some(kept)
}

/// The bytes of a label, of which some may be written as `\ooo`.
fn bytes(label: &str) -> impl Iterator<Item = u8> {
    let mut rest = label.as_bytes();
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let byte;
        (byte, rest) = match (first, after) {
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
        Some(byte)
    })
}

fn push(kept: &mut String, byte: u8) {
    match byte.to_ascii_lowercase() {
        plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => kept.push(plain.into()),
        other => {
            let digits = [other >> 6, other >> 3 & 7, other & 7];
            kept.push('\\');
            kept.extend(digits.map(|digit| char::from(b'0' + digit)));
        }
    }
}

/// A name as packets have it, in the same form; nothing for the root.
pub fn read<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let mut kept = String::new();
    for label in labels {
        for byte in label {
            push(&mut kept, *byte);
        }
        kept.push('.');
    }
    (!kept.is_empty()).then_some(kept)
}

/// The labels of a name, as packets have them; nothing for what is no name.
pub fn labels(name: &str) -> Option<Vec<Vec<u8>>> {
    let kept = kept(name)?;
    let labels = kept.trim_end_matches('.').split('.');
    Some(labels.map(|label| bytes(label).collect()).collect())
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
    fn labels_of_packets_and_names_are_each_other() {
        let written = labels("\\052.A\\056b.com.").unwrap();
        assert_eq!(written, [&b"*"[..], b"a.b", b"com"]);
        let read_back = read(written.iter().map(Vec::as_slice));
        assert_eq!(read_back.as_deref(), Some("\\052.a\\056b.com."));
        let upper = [&b"WWW"[..], b"com"];
        assert_eq!(read(upper).as_deref(), Some("www.com."));
        assert_eq!((read([]), labels("a..b")), (None, None));
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
