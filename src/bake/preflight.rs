//! What stands against the machine before anything is made: types that the region or a zone does not have, or that the
//! source image does not run on, and what EC2 says to a rehearsal.

use crate::bake::{BakeFacts, BakePlan, LookUpError, fleet, instance, key_pair, launch};
use crate::cloud::{Cloud, Error as CloudError, Image, InstanceType, Kind};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::Instance;

/// Adds every objection. Pure.
pub(super) fn machine(wanted: &Instance, facts: &BakeFacts, findings: &mut Vec<Diagnostic>) {
    let before = findings.len();
    for kind in &wanted.types {
        let known = facts.types.iter().find(|known| known.name == kind.value);
        if let Some(known) = known {
            findings.extend(unfit(kind, known, &facts.source));
        } else {
            let text = format!("{} has no instance type {kind}", facts.region);
            findings.push(object(kind, text));
        }
        if let Some(known) = known
            && wanted.spot.as_ref().is_some_and(|spot| !spot.fall_back)
            && !known.spot
        {
            findings.push(object(
                kind,
                format!("{kind} cannot be had as a spot machine"),
            ));
        }
    }
    if findings.len() == before && launch::choices(wanted, facts).is_empty() {
        findings.extend(wanted.types.iter().map(|kind| nowhere(kind, wanted, facts)));
    }
}

/// Asks EC2 whether it would launch the machine, with the launch's own parameters. Changes nothing.
///
/// Errors with the refusal as a finding, or when EC2 does not answer.
pub async fn rehearse(plan: &BakePlan, cloud: &impl Cloud) -> Result<(), LookUpError> {
    if let Some(finding) = key_pair::object(plan, cloud).await? {
        return Err(LookUpError::Findings(vec![finding]));
    }
    let Some((attempt, mut wanted)) = plan.rehearsed() else {
        return Ok(());
    };
    if plan.profile.is_some() {
        wanted.profile = None;
    }
    let rehearsed = async {
        if let Some(spot) = attempt.spot.as_ref().filter(|_| attempt.is_fleet()) {
            fleet::rehearse(plan, (attempt, spot), &wanted, cloud).await?;
        }
        cloud.rehearse(&wanted).await
    };
    let error = match rehearsed.await {
        Err(error) if error.is_passing() => return Err(error.into()),
        // Whether there is a machine right now only the launch can tell.
        Err(error) if error.kind != Kind::Limit => error,
        Ok(()) | Err(_) => return Ok(()),
    };
    let place = instance::blame(&error, plan);
    let text = format!("the launch would be refused: {}", plain(&error));
    let mut finding = Diagnostic::error("bake::refused", text);
    if let Some(place) = place {
        finding = finding.at_place(place, "AWS refuses this");
    }
    if error.kind == Kind::Denied {
        finding = finding.help("`iam:PassRole` is needed for a profile, `ec2:CreateTags` for tags");
    }
    Err(LookUpError::Findings(vec![finding]))
}

/// The error without the encoded message, which only `DecodeAuthorizationMessage` can read.
fn plain(error: &CloudError) -> String {
    let text = error.to_string();
    match text.split_once(" Encoded authorization failure message:") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

fn object(kind: &Spanned<String>, text: String) -> Diagnostic {
    Diagnostic::error("bake::instance_type", text).at_value(kind, "this type")
}

/// Why a type does not run the image.
fn unfit(
    kind: &Spanned<String>,
    known: &InstanceType,
    image: &Image,
) -> impl Iterator<Item = Diagnostic> {
    let runs = |words: &[String], word: &str| {
        word.is_empty() || words.is_empty() || words.iter().any(|known| known == word)
    };
    let mut texts = Vec::new();
    if !runs(&known.architectures, &image.architecture) {
        texts.push(format!(
            "{kind} is {}, and the source image {} is {}",
            known.architectures.join(" or "),
            image.id,
            image.architecture
        ));
    }
    if !runs(&known.virtualization, &image.virtualization) {
        texts.push(format!(
            "{kind} runs {} images, and the source image {} is {}",
            known.virtualization.join(" or "),
            image.id,
            image.virtualization
        ));
    }
    // `uefi-preferred` boots either way.
    let mode = image.boot_mode.as_deref().unwrap_or_default();
    if mode != "uefi-preferred" && !runs(&known.boot_modes, mode) {
        texts.push(format!(
            "{kind} boots by {}, and the source image {} by {mode}",
            known.boot_modes.join(" or "),
            image.id
        ));
    }
    let kind = kind.clone();
    texts.into_iter().map(move |text| object(&kind, text))
}

/// No wanted place has the type.
fn nowhere(kind: &Spanned<String>, wanted: &Instance, facts: &BakeFacts) -> Diagnostic {
    let zone = wanted.availability_zone.as_ref();
    let mut zones: Vec<String> = facts
        .ground
        .subnets
        .iter()
        .map(|subnet| format!("{} ({})", subnet.zone, subnet.id))
        .collect();
    if zones.is_empty() {
        zones.extend(zone.map(|zone| zone.value.clone()));
    }
    let offers = facts.offers.iter().flatten();
    let elsewhere: Vec<&str> = offers
        .filter(|offer| offer.instance_type == kind.value)
        .map(|offer| offer.zone.as_str())
        .collect();
    let text = format!("{kind} cannot be had in {}", zones.join(", "));
    let help = if elsewhere.is_empty() {
        format!("no zone of {} has it", facts.region)
    } else {
        format!("it can be had in {}", elsewhere.join(", "))
    };
    object(kind, text).help(help)
}
