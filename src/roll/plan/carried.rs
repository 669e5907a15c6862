//! Two launch templates: what the version of the group that serves sets goes along into the other group's template, as far
//! as kiln knows it. A version can be made from another of the same template only ("`CreateLaunchTemplateVersion`").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Refusal;
use crate::cloud::{TemplateChange, TemplateVersion};
use crate::roll::facts::Template;
use crate::source::Diagnostic;
use crate::template::service::Service;

/// The change for a version made from `own`, so that it comes to `change` over `live`; with every setting that cannot be
/// brought over.
pub(super) fn over(
    service: &Service,
    (live, own): (&Template, &Template),
    change: TemplateChange,
    refused: &mut Vec<Refusal>,
) -> TemplateChange {
    let (there, here) = (&live.source, &own.source);
    let mut lost = Vec::new();
    let mut text =
        |what: &'static str, set: Option<String>, there: &Option<String>, here: &Option<String>| {
            if set.is_some() || there == here {
                return set;
            }
            if there.is_none() {
                lost.push(what);
            }
            there.clone()
        };
    let instance_type = text(
        "instance_type",
        change.instance_type,
        &there.instance_type,
        &here.instance_type,
    );
    let key_name = text("key_name", change.key_name, &there.key_name, &here.key_name);
    let instance_profile = text(
        "iam_instance_profile",
        change.instance_profile,
        &there.instance_profile,
        &here.instance_profile,
    );
    let user_data = user_data(change.user_data, there, here, &mut lost);
    let security_groups = match change.security_groups {
        None if there.security_groups == here.security_groups => None,
        None if there.on_interface || here.on_interface => {
            lost.push("security_groups");
            None
        }
        None => Some(there.security_groups.clone()),
        set => set,
    };
    refused.extend(
        lost.into_iter()
            .map(|what| refusal(service, what, live, own)),
    );
    TemplateChange {
        image: change.image,
        instance_type,
        key_name,
        instance_profile,
        security_groups,
        user_data,
    }
}

/// User data is kept as base64, and set as text.
fn user_data(
    set: Option<String>,
    there: &TemplateVersion,
    here: &TemplateVersion,
    lost: &mut Vec<&'static str>,
) -> Option<String> {
    if set.is_some() || there.user_data == here.user_data {
        return set;
    }
    let data = there.user_data.as_deref().unwrap_or_default();
    let text = STANDARD
        .decode(data)
        .ok()
        .and_then(|data| String::from_utf8(data).ok());
    if text.as_deref().is_none_or(str::is_empty) {
        lost.push("user_data");
    }
    text
}

fn refusal(service: &Service, what: &str, live: &Template, own: &Template) -> Refusal {
    let (from, to) = (&live.template.name, &own.template.name);
    let text = format!(
        "{what} of launch template {from}, version {}, cannot be brought over to {to}, version {}",
        live.source.number, own.source.number
    );
    let finding = Diagnostic::error("roll::pair", text).at_place(service.groups.place, "this pair");
    Refusal::input(finding.help(
        "have both groups start from one launch template, or give both templates the same setting",
    ))
}
