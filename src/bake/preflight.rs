//! What stands against the machine before anything is made: types that the region or a zone does not have, or that the
//! source image does not run on, and what EC2 says to a rehearsal.

use crate::bake::facts::{Lacks, unusable_profile};
use crate::bake::{
    BakeFacts, BakePlan, Ground, Objections, TemporaryKey, fleet, instance, key_pair, launch,
};
use crate::cloud::{Cloud, Error as CloudError, Image, InstanceType, Kind, Region};
use crate::run::RunId;
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::Instance;

/// Adds every objection. Pure.
pub(super) fn machine(wanted: &Instance, facts: &BakeFacts, findings: &mut Vec<Diagnostic>) {
    if let Some(name) = wanted.profile.as_ref().filter(|_| facts.lacks.profile) {
        let text = format!("there is no instance profile {name}");
        findings.push(unusable_profile(name, text));
    }
    let Some(types) = &facts.types else { return };
    for kind in &wanted.types {
        findings.extend(against(kind, wanted, types, facts));
    }
    let Some(ground) = &facts.ground else { return };
    if launch::choices(wanted, ground, facts).is_empty() {
        let fitting = fitting(wanted, facts);
        findings.extend(fitting.map(|kind| nowhere(kind, wanted, ground, facts)));
    }
}

/// The types against which nothing stands by themselves.
pub(super) fn fitting<'a>(
    wanted: &'a Instance,
    facts: &'a BakeFacts,
) -> impl Iterator<Item = &'a Spanned<String>> {
    let types = facts.types.as_deref().unwrap_or_default();
    let fits = |kind: &&Spanned<String>| against(kind, wanted, types, facts).is_empty();
    wanted.types.iter().filter(fits)
}

/// What stands against a type, wherever it may be had.
fn against(
    kind: &Spanned<String>,
    wanted: &Instance,
    types: &[InstanceType],
    facts: &BakeFacts,
) -> Vec<Diagnostic> {
    let Some(known) = types.iter().find(|known| known.name == kind.value) else {
        let text = format!("{} has no instance type {kind}", facts.region);
        return vec![object(kind, text)];
    };
    let source = facts.source.as_ref();
    let mut found: Vec<_> = source
        .into_iter()
        .flat_map(|image| unfit(kind, known, image))
        .collect();
    let only_spot = wanted.spot.as_ref().is_some_and(|spot| !spot.fall_back);
    if only_spot && !known.spot {
        let text = format!("{kind} cannot be had as a spot machine");
        found.push(object(kind, text));
    }
    found
}

/// A plan that is not to be carried out before nothing stands against it.
#[must_use]
pub struct Draft {
    pub(super) plan: Option<BakePlan>,
    pub(super) key: Option<TemporaryKey>,
    pub(super) objections: Objections,
    pub(super) region: Region,
    pub(super) run: RunId,
    pub(super) lacks: Lacks,
}

impl Draft {
    /// With what stood against the bake before.
    pub fn after(mut self, objections: Objections) -> Self {
        self.objections.extend(objections);
        self
    }

    /// Asks EC2 whether it would launch the machine, with the launch's own parameters, as far as they are known. Changes
    /// nothing. What `dead` runs left is no objection: it goes first.
    pub async fn rehearse(mut self, dead: &[RunId], cloud: &impl Cloud) -> Self {
        let taken = async {
            let Some(key) = &self.key else { return Ok(()) };
            key_pair::object(key, (self.run, &self.region), dead, cloud).await
        };
        let refused = async {
            match &self.plan {
                Some(plan) => Box::pin(rehearse(plan, &self.lacks, cloud)).await,
                None => Objections::default(),
            }
        };
        let (taken, refused) = futures_util::join!(taken, refused);
        self.objections.keep(taken);
        self.objections.extend(refused);
        self
    }

    /// The plan, when nothing stands against it. Errors with everything that does.
    pub fn done(self) -> Result<BakePlan, Objections> {
        match self.plan {
            Some(plan) if self.objections.is_empty() => Ok(plan),
            _ => Err(self.objections.in_order()),
        }
    }
}

async fn rehearse(plan: &BakePlan, lacks: &Lacks, cloud: &impl Cloud) -> Objections {
    let mut objections = Objections::default();
    let Some((attempt, mut wanted)) = plan.rehearsed() else {
        return objections;
    };
    lacks.leave_out(&mut wanted);
    if plan.profile.is_some() {
        wanted.profile = None;
    }
    let fleet = async {
        match attempt.spot.as_ref().filter(|_| attempt.is_fleet()) {
            Some(spot) => fleet::rehearse(plan, (attempt, spot), &wanted, cloud).await,
            None => Vec::new(),
        }
    };
    let (fleet, launch) = futures_util::join!(fleet, cloud.rehearse(&wanted));
    let mut said: Vec<CloudError> = Vec::new();
    for error in fleet.into_iter().chain(launch.err()) {
        // Each call needs a right of its own; what is wrong with the machine is wrong in all of them.
        let same = |other: &CloudError| other.code == error.code && other.message == error.message;
        let again = error.kind != Kind::Denied && said.iter().any(same);
        if error.is_passing() {
            objections.unanswered.push(error);
        } else if error.kind != Kind::Limit && !again {
            objections.findings.push(refused(&error, plan));
            said.push(error);
        }
        // Whether there is a machine right now only the launch can tell.
    }
    objections
}

fn refused(error: &CloudError, plan: &BakePlan) -> Diagnostic {
    let text = format!("the launch would be refused: {}", plain(error));
    let mut finding = Diagnostic::error("bake::refused", text);
    if let Some(place) = instance::blame(error, plan) {
        finding = finding.at_place(place, "AWS refuses this");
    }
    if error.kind == Kind::Denied {
        finding = finding.help("`iam:PassRole` is needed for a profile, `ec2:CreateTags` for tags");
    }
    finding
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
    let kind = kind.clone();
    let texts = known.unfit(image, "the source image").into_iter();
    texts.map(move |text| object(&kind, text))
}

/// No wanted place has the type.
fn nowhere(
    kind: &Spanned<String>,
    wanted: &Instance,
    ground: &Ground,
    facts: &BakeFacts,
) -> Diagnostic {
    let zone = wanted.availability_zone.as_ref();
    let mut zones: Vec<String> = ground
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
