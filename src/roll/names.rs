//! Names of groups, and what kiln's tags on them say.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cloud::{Group, GroupName, Image, Tags, tag};
use crate::run::RunId;
use crate::template::Data;

/// Digits of a group's number, so that names sort for the first thousand rolls.
const DIGITS: usize = 3;

/// The name of the service's group with that number.
pub fn group(service: &str, number: u32) -> GroupName {
    GroupName::new(format!("{service}-v{number:0DIGITS$}"))
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
