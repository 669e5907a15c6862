//! The settings half of a plan: launch template, sizes, subnets, tags and times of the next group.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Next, NextTemplate, Refusal, pair, pool, types};
use crate::cloud::{
    Group, GroupName, Image, SecurityGroupId, Size, SubnetId, TemplateChange, TemplateVersion, Zone,
};
use crate::roll::facts::{Facts, pair as pair_facts};
use crate::roll::names;
use crate::run::RunId;
use crate::source::Diagnostic;
use crate::template::service::Service;
use crate::template::tags;

/// Without a grace period Auto Scaling ends machines that are still booting: the API's default is 0 s, the console's 300.
pub(super) const GRACE: Duration = Duration::from_mins(5);
/// Whether the group runs this image with these settings already.
pub(in crate::roll) fn is_live(
    service: &Service,
    facts: &Facts,
    live: &Group,
    image: &Image,
) -> bool {
    let Some(template) = &facts.template else {
        return false;
    };
    let source = &template.source;
    let run = names::run_of(live);
    let change = change(service, facts, image, &live.name, run).unwrap_or_default();
    source.image.as_deref() == Some(image.id.as_str())
        && changes(source, &change).is_empty()
        && types::are_of(service, live)
        && subnets(service, facts, Some(live)).1 == live.subnets
        && service
            .set
            .health_check_grace_period
            .is_none_or(|grace| grace == live.grace)
        && wanted_tags(service, facts, image, &live.name, run)
            .unwrap_or_default()
            .iter()
            .all(|(key, value)| live.tag(key) == Some(value))
}

/// The next group.
pub(super) fn next(
    service: &Service,
    facts: &Facts,
    previous: Option<&Group>,
    group: GroupName,
    run: RunId,
    refused: &mut Vec<Refusal>,
) -> Option<Next> {
    let mut or_refuse = |finding: Diagnostic| refused.push(Refusal::input(finding));
    let change = change(service, facts, &facts.image, &group, Some(run));
    let change = change.map_err(|finding| or_refuse(*finding)).ok();
    let tags = wanted_tags(service, facts, &facts.image, &group, Some(run));
    let tags = tags.map_err(|finding| or_refuse(*finding)).ok();
    let size = size(service, facts, previous, refused);
    refuse_interface(service, facts, refused);
    let idle = pair::of(service, facts, previous, refused);
    let like = pair_facts::idle(service, facts).or(previous);
    let (zones, subnets) = subnets(service, facts, like);
    refused.extend(like.and_then(|group| refuse_type(service, group)));
    let change = change?;
    let (template, change, changes) = next_template(service, facts, change, refused)?;
    let grace = service.set.health_check_grace_period;
    let next = Next {
        group,
        idle,
        template,
        change,
        changes,
        size: size?,
        subnets,
        zones,
        grace: grace.or(previous.is_none().then_some(GRACE)),
        warmup: service.set.default_instance_warmup,
        tags: tags?,
        types: types::named(service),
        mixed: types::mixed(service, like),
        pool: pool::of(service, like),
    };
    refused.extend(pool::refuse_spot(facts, like, &next));
    Some(next)
}

/// The types of a mixed instances policy go before the launch template's own.
fn refuse_type(service: &Service, group: &Group) -> Option<Refusal> {
    let kind = service.set.instance_type.as_ref()?;
    let mixed = group.mixed.as_ref().filter(|one| !one.types.is_empty())?;
    if mixed.types.contains(&kind.value) {
        return None;
    }
    let (name, types) = (&group.name, mixed.types.join(", "));
    let text = format!(
        "group {name} has a mixed instances policy, whose types are {types}, and starts no other"
    );
    let finding = Diagnostic::error("roll::mixed", text).at_value(kind, "this type");
    Some(Refusal::input(finding.help(
        "leave it out of `set`, and change the policy of the group: rolls take it over",
    )))
}

/// Where the next version comes from, what it sets, and what that changes for the machines.
#[expect(clippy::type_complexity, reason = "three parts of one answer")]
fn next_template(
    service: &Service,
    facts: &Facts,
    change: TemplateChange,
    refused: &mut Vec<Refusal>,
) -> Option<(NextTemplate, TemplateChange, Vec<(String, String, String)>)> {
    let Some(there) = &facts.template else {
        let name = service.groups.template.value.clone();
        refuse_first(service, &change, refused);
        return Some((NextTemplate::New { name }, change, Vec::new()));
    };
    let changes = changes(&there.source, &change);
    if service.groups.pair.is_some() {
        let (template, change) = pair::template(service, facts, change, refused)?;
        return Some((template, change, changes));
    }
    let template = NextTemplate::Version {
        id: there.template.id.clone(),
        name: there.template.name.clone(),
        source: there.source.number,
    };
    Some((template, change, changes))
}

fn size(
    service: &Service,
    facts: &Facts,
    previous: Option<&Group>,
    refused: &mut Vec<Refusal>,
) -> Option<Size> {
    if let Some(previous) = previous {
        let own = crate::undo::held::unheld(previous);
        return Some(pair::size(service, facts, own));
    }
    let Some(initial) = &service.groups.initial else {
        let text = "a first roll needs sizes and subnets: `groups.initial` is missing";
        let finding = Diagnostic::error("roll::no_initial", text)
            .at_place(service.groups.place, "missing here")
            .help("\"initial\": { \"min\": 1, \"max\": 2, \"desired\": 1, \"subnets\": [\"subnet-…\"] }");
        refused.push(Refusal::input(finding));
        return None;
    };
    if *initial.desired == 0 {
        let text = "a first roll with 0 machines proves nothing";
        let finding =
            Diagnostic::error("roll::empty", text).at_value(&initial.desired, "this many");
        refused.push(Refusal::input(finding));
    }
    Some(Size {
        min: *initial.min,
        max: *initial.max,
        desired: *initial.desired,
    })
}

/// A template's first version inherits from nothing.
fn refuse_first(service: &Service, change: &TemplateChange, refused: &mut Vec<Refusal>) {
    let mut missing = Vec::new();
    if change.instance_type.is_none() {
        missing.push("instance_type");
    }
    if change.security_groups.is_none() {
        missing.push("security_groups");
    }
    for name in missing {
        let text = format!(
            "launch template {} is to be made: `set.{name}` is missing",
            service.groups.template
        );
        let finding = Diagnostic::error("roll::no_setting", text);
        refused.push(Refusal::input(
            finding.at_place(service.groups.place, "for this group"),
        ));
    }
}

/// Security groups of a template stand in its data or on its network interface, and EC2 refuses both.
fn refuse_interface(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) {
    let on_interface = facts
        .template
        .as_ref()
        .is_some_and(|there| there.source.on_interface);
    if let (true, Some(groups)) = (on_interface, &service.set.security_groups) {
        let text = "the live launch template has its security groups on a network interface";
        let mut finding = Diagnostic::error("roll::interface", text);
        if let Some(first) = groups.first() {
            finding = finding.at_value(first, "cannot be set beside them");
        }
        refused.push(Refusal::input(finding));
    }
}

/// Zones and subnets of the next group.
fn subnets(
    service: &Service,
    facts: &Facts,
    previous: Option<&Group>,
) -> (Vec<Zone>, Vec<SubnetId>) {
    if let (None, Some(previous)) = (&service.set.subnets, previous) {
        return (previous.zones.clone(), previous.subnets.clone());
    }
    let initial = service
        .groups
        .initial
        .as_ref()
        .map(|initial| &initial.subnets);
    let named = service
        .set
        .subnets
        .as_ref()
        .or(initial)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ids = named.iter().map(|id| SubnetId::new(&**id)).collect();
    let mut zones: Vec<Zone> = facts
        .subnets
        .iter()
        .map(|subnet| subnet.zone.clone())
        .collect();
    zones.sort();
    zones.dedup();
    (zones, ids)
}

/// What a version sets beyond what it inherits.
fn change(
    service: &Service,
    facts: &Facts,
    image: &Image,
    group: &GroupName,
    run: Option<RunId>,
) -> Result<TemplateChange, Box<Diagnostic>> {
    let set = &service.set;
    let text = |value: &Option<crate::source::Spanned<String>>| {
        value.as_ref().map(|value| value.value.clone())
    };
    let kind = text(&set.instance_type);
    let groups = set.security_groups.as_ref().map(|groups| {
        groups
            .iter()
            .map(|id| SecurityGroupId::new(&**id))
            .collect()
    });
    let user_data = match (&set.user_data, run) {
        (Some(data), Some(run)) => {
            let known = names::data(image, &service.name, &facts.region, run, group);
            Some(data.render(&known).map_err(Box::new)?)
        }
        (Some(data), None) => data.text().map(ToOwned::to_owned),
        (None, _) => None,
    };
    Ok(TemplateChange {
        image: Some(image.id.clone()),
        instance_type: kind.or_else(|| types::named(service).into_iter().next()),
        key_name: text(&set.key_name),
        instance_profile: text(&set.iam_instance_profile),
        security_groups: groups,
        user_data,
    })
}

/// What a change would change: setting, before, after. User data is told by its size alone.
fn changes(source: &TemplateVersion, change: &TemplateChange) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    let mut compare = |what: &str, before: Option<&str>, after: Option<&str>| {
        if let Some(after) = after.filter(|after| before != Some(after)) {
            let before = before.unwrap_or("none").to_owned();
            all.push((what.to_owned(), before, after.to_owned()));
        }
    };
    let image = change.image.as_ref().map(crate::cloud::ImageId::as_str);
    compare("image", source.image.as_deref(), image);
    compare(
        "instance type",
        source.instance_type.as_deref(),
        change.instance_type.as_deref(),
    );
    compare(
        "key",
        source.key_name.as_deref(),
        change.key_name.as_deref(),
    );
    let profile = source.instance_profile.as_deref();
    compare(
        "instance profile",
        profile,
        change.instance_profile.as_deref(),
    );
    let words = |groups: &[SecurityGroupId]| {
        let mut ids: Vec<_> = groups.iter().map(SecurityGroupId::as_str).collect();
        ids.sort_unstable();
        ids.join(" ")
    };
    let groups = change.security_groups.as_deref().map(words);
    compare(
        "security groups",
        Some(&words(&source.security_groups)),
        groups.as_deref(),
    );
    let size = |data: &str| format!("{} bytes", data.len());
    if let Some(data) = &change.user_data {
        let before = source
            .user_data
            .as_deref()
            .and_then(|data| STANDARD.decode(data).ok());
        if before.as_deref() != Some(data.as_bytes()) {
            let before = before.map_or("none".to_owned(), |data| format!("{} bytes", data.len()));
            all.push(("user data".to_owned(), before, size(data)));
        }
    }
    all
}

fn wanted_tags(
    service: &Service,
    facts: &Facts,
    image: &Image,
    group: &GroupName,
    run: Option<RunId>,
) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let mut all = Vec::new();
    for (key, value) in service.set.tags.iter().flatten() {
        let value = match run {
            Some(run) => {
                let known = names::data(image, &service.name, &facts.region, run, group);
                value.render(&known).map_err(Box::new)?
            }
            None => value.to_string(),
        };
        if let Some(finding) = tags::too_long(key, &value) {
            return Err(Box::new(finding.at_value(key, "of this tag")));
        }
        all.push((key.value.clone(), value));
    }
    Ok(all)
}
