//! Tags of hosted zones.

use super::{Zone, zone_id};
use crate::model::{Fault, Service, Tree, args::Args, state::State, tags};

/// Most tags that a call adds or takes off (`ChangeTagsForResource`).
const MOST: usize = 10;

/// The zone of a call.
fn named<'a>(state: &'a mut State, args: &Args<'_>) -> Result<&'a mut Zone, Fault> {
    match args.text("ResourceType")? {
        "hostedzone" => state.dns.zone(zone_id(args.text("ResourceId")?)),
        other => {
            let why = "Member must satisfy enum value set: [hostedzone]";
            Err(args.invalid("ResourceType", other, why))
        }
    }
}

pub(super) fn change(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (added, taken) = (tags::read(args, "AddTags")?, args.texts("RemoveTagKeys")?);
    if added.is_empty() && taken.is_empty() {
        return Err(args.missing("AddTags"));
    }
    if added.len() > MOST || taken.len() > MOST {
        let why = format!("Member must have length less than or equal to {MOST}");
        return Err(args.invalid("AddTags", "a list", &why));
    }
    let zone = named(state, args)?;
    zone.tags.retain(|key, _| !taken.contains(&key.as_str()));
    tags::merge(&mut zone.tags, &added, Service::Route53)?;
    Ok(Tree::new())
}

pub(super) fn list(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let zone = named(state, args)?;
    let tags = zone.tags.iter();
    let tags: Vec<Tree> = tags
        .map(|(key, value)| Tree::new().put("Key", key).put("Value", value))
        .collect();
    let set = Tree::new()
        .put("ResourceType", "hostedzone")
        .put("ResourceId", zone_id(args.text("ResourceId")?))
        .put("Tags", tags);
    Ok(Tree::new().put("ResourceTagSet", set))
}
