//! Tags as every service reads, checks and shows them.

use super::{Fault, Service, Tree, args::Args};
use std::collections::BTreeMap;

pub(super) type Tags = BTreeMap<String, String>;

/// Most tags that one resource may have (EC2 user guide, "Tag restrictions").
const MOST: usize = 50;

/// Reads `Tag.N.Key` and `Tag.N.Value`, or the same under another name.
pub(super) fn read(args: &Args<'_>, name: &str) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for entry in args.maps(name)? {
        let key = entry.text("Key")?;
        let value = entry.maybe_text("Value")?.unwrap_or_default();
        check(&entry, key, value)?;
        if tags.insert(key.into(), value.into()).is_some() {
            return Err(entry.invalid("Key", key, "Duplicate tag keys are not allowed."));
        }
    }
    if tags.len() > MOST {
        return Err(too_many(args.service));
    }
    Ok(tags)
}

/// The refusal for a resource with more tags than AWS allows.
pub(super) fn too_many(service: Service) -> Fault {
    match service {
        Service::Ec2 => Fault::new(
            "TagLimitExceeded",
            format!("More than {MOST} tags specified"),
        ),
        Service::Elb => Fault::new("TooManyTags", format!("More than {MOST} tags specified")),
        _ => Fault::validation(format!("More than {MOST} tags specified")),
    }
}

/// Adds tags to those of a resource, within the limit.
pub(super) fn merge(into: &mut Tags, tags: &Tags, service: Service) -> Result<(), Fault> {
    let mut merged = into.clone();
    merged.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    if merged.keys().filter(|key| !key.starts_with("aws:")).count() > MOST {
        return Err(too_many(service));
    }
    *into = merged;
    Ok(())
}

fn check(args: &Args<'_>, key: &str, value: &str) -> Result<(), Fault> {
    if key.chars().count() > 128 {
        return Err(args.invalid("Key", key, "Tag keys must have at most 128 characters."));
    }
    if value.chars().count() > 256 {
        return Err(args.invalid(
            "Value",
            value,
            "Tag values must have at most 256 characters.",
        ));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(args.invalid(
            "Key",
            key,
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    Ok(())
}

/// Reads `TagSpecification.N`: the tags by the type of resource that they are for.
pub(super) fn read_specification(
    args: &Args<'_>,
    allowed: &str,
) -> Result<BTreeMap<String, Tags>, Fault> {
    let mut by_type = BTreeMap::new();
    for entry in args.maps("TagSpecification")? {
        entry.only("ResourceType Tag")?;
        let kind = entry.text("ResourceType")?;
        if allowed.split_whitespace().all(|word| word != kind) {
            return Err(entry.invalid(
                "ResourceType",
                kind,
                "This resource type is not taggable by this call.",
            ));
        }
        let tags = read(&entry, "Tag")?;
        if by_type.insert(kind.to_owned(), tags).is_some() {
            return Err(entry.invalid(
                "ResourceType",
                kind,
                "A resource type may be given only once.",
            ));
        }
    }
    Ok(by_type)
}

/// Reads the tags of a call that makes one kind of resource.
pub(super) fn read_for(args: &Args<'_>, kind: &str) -> Result<Tags, Fault> {
    Ok(read_specification(args, kind)?
        .remove(kind)
        .unwrap_or_default())
}

/// EC2's `tagSet`.
pub(super) fn show(tags: &Tags) -> Tree {
    tags.iter()
        .map(|(key, value)| Tree::new().put("key", key).put("value", value))
        .collect::<Vec<_>>()
        .into()
}
