//! Names of groups, and what kiln's tags on them say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::cloud::{Group, GroupName, Image, Tags, tag};
use crate::run::RunId;
use crate::template::Data;
use crate::undo::alarms;

/// Digits of a group's number, so that names sort for the first thousand rolls.
const DIGITS: usize = 3;

/// The name of the service's group with that number.
pub fn group(service: &str, number: u32) -> GroupName {
    GroupName::new(format!("{service}-v{number:0DIGITS$}"))
}

/// How the names of all of the service's groups begin.
pub fn beginning(service: &str) -> String {
    format!("{service}-v")
}

/// The number in a group's name, if it is one of the service's.
pub fn number(service: &str, name: &GroupName) -> Option<u32> {
    let rest = name.as_str().strip_prefix(service)?.strip_prefix("-v")?;
    (rest.len() >= DIGITS && rest.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| rest.parse().ok())?
}

/// The next free name. A group that is being deleted still holds its name.
pub fn next<'a>(service: &str, groups: impl Iterator<Item = &'a Group>) -> GroupName {
    let taken = groups.filter_map(|group| number(service, &group.name));
    group(service, taken.max().unwrap_or_default() + 1)
}

/// Characters of an alarm's name (`PutMetricAlarm`).
const ALARM: usize = 255;

/// The name of the next group's copy of an alarm: the group's, then the policy's and the alarm's, or what stood behind the
/// group's name before. One that would be too long is cut, and one that is `taken` told apart, by a digest of it.
pub fn alarm(
    (previous, next): (&GroupName, &GroupName),
    policy: &str,
    name: &str,
    taken: impl Fn(&str) -> bool,
) -> String {
    let rest = match name.strip_prefix(&alarms::prefix(previous)) {
        Some(rest) => rest.to_owned(),
        None => format!("{policy}-{name}"),
    };
    let whole = format!("{}{rest}", alarms::prefix(next));
    if whole.chars().count() <= ALARM && !taken(&whole) {
        return whole;
    }
    let digest = Sha256::digest(name);
    let digest = format!(
        "{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    );
    let cut = whole.chars().take(ALARM - digest.len() - 1);
    format!("{}-{digest}", cut.collect::<String>())
}

/// The run that made a group.
pub fn run_of(group: &Group) -> Option<RunId> {
    group.tag(tag::RUN)?.parse().ok()
}

/// Whether a roll is making the group.
pub fn is_next(group: &Group) -> bool {
    group.tag(tag::STATE) == Some(tag::NEXT)
}

/// Until when the group is kept to go back to.
pub fn keep_until(group: &Group) -> Option<Timestamp> {
    group.tag(tag::KEEP_UNTIL)?.parse().ok()
}

/// What late strings of a service file may read.
pub fn data(image: &Image, service: &str, region: &str, run: RunId, group: &GroupName) -> Data {
    let image = serde_json::json!({
        "id": image.id,
        "name": image.name,
        "tags": readable(&image.tags),
    });
    Data::new()
        .with("image", image)
        .with("service", service)
        .with("region", region)
        .with("run", run.to_string())
        .with("group", group.as_str())
}

/// Tags by their keys, kiln's own without the prefix too, since `kiln:version` cannot stand behind a dot.
fn readable(tags: &Tags) -> BTreeMap<&str, &str> {
    let own = tags
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("kiln:")?, value.as_str())));
    let all = tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    own.chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_alarms_say_group_and_policy_and_stay_apart() {
        let groups = |from: &str, to: &str| (GroupName::new(from), GroupName::new(to));
        let (first, second) = (
            groups("by-hand", "web-v001"),
            groups("web-v001", "web-v002"),
        );
        let free = |_: &str| false;
        let one = alarm((&first.0, &first.1), "out", "cpu high", free);
        assert_eq!(one, "web-v001-out-cpu high");
        let two = alarm((&second.0, &second.1), "out", &one, free);
        assert_eq!(two, "web-v002-out-cpu high");
        let long = "ü".repeat(250);
        let long = alarm((&second.0, &second.1), "out", &long, free);
        assert_eq!(long.chars().count(), ALARM);
        let other = alarm((&second.0, &second.1), "out", &one, |name| name == two);
        assert!(other.starts_with(&two) && other != two, "{other}");
    }

    #[test]
    fn numbers_come_from_names_of_the_service_alone() {
        for (name, expected) in [
            ("web-v001", Some(1)),
            ("web-v1000", Some(1000)),
            ("web-v1", None),
            ("web-api-v007", None),
            ("web-vold", None),
            ("web", None),
        ] {
            assert_eq!(number("web", &GroupName::new(name)), expected, "{name}");
        }
        assert_eq!(group("web", 7).as_str(), "web-v007");
    }
}
