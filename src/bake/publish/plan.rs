//! Where an image goes, under which name, and what stands against it. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::bake::publish::facts::Taken;
use crate::bake::{BakeFacts, Options, launch};
use crate::cloud::{Image, ImageRights, Region, SnapshotRights, Tags};
use crate::run::RunId;
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{Build, ImageOptions};
use crate::undo::{Settings, TakesName};

/// How long a name may be ("`CreateImage`", `Name`).
const LONGEST_NAME: usize = 128;
/// What EC2 takes for `DeprecateAt`: ten years, and two for a public image.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);
const LONGEST_PUBLIC_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 2);

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publishing {
    /// The wanted name.
    pub name: String,
    /// Nothing is made; the bake is for its provisioners.
    pub nothing: bool,
    /// The image that is made from the machine only serves to be copied.
    pub intermediary: bool,
    pub copies: Vec<PlannedCopy>,
    /// Ask EC2 to be done with the copies within so many minutes.
    pub minutes: Option<u32>,
    pub settings: Settings,
    /// Protected from being deregistered; with the cooldown of a day or without.
    pub protection: Option<bool>,
    /// Tags of the snapshots, when they are to differ from the image's.
    pub snapshot_tags: Option<Tags>,
    /// Old images that have the name until the new ones are whole.
    pub takes: BTreeMap<Region, TakesName>,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedCopy {
    pub region: Region,
    /// Under which it is made.
    pub name: String,
    pub encrypted: bool,
    /// Unset: the region's own.
    pub key: Option<String>,
}

impl Publishing {
    /// The name under which something that will get `name` in `region` is made: its own, unless another has it.
    fn first_name(&self, region: &Region, run: RunId) -> String {
        if !self.takes.contains_key(region) {
            return self.name.clone();
        }
        let end = format!("-{run}");
        let room = LONGEST_NAME - end.len();
        let begin: String = self.name.chars().take(room).collect();
        format!("{begin}{end}")
    }

    /// Where an image gets the name, for a machine in `build`.
    pub fn regions<'a>(&'a self, build: &'a Region) -> impl Iterator<Item = &'a Region> {
        let own = (!self.nothing && !self.intermediary).then_some(build);
        own.into_iter()
            .chain(self.copies.iter().map(|copy| &copy.region))
    }

    /// The name of the image that is made from the machine.
    pub fn image_name(&self, build: &Region, run: RunId) -> String {
        if self.intermediary {
            format!("kiln-{run}")
        } else {
            self.first_name(build, run)
        }
    }
}

/// Decides where the image goes; its snapshots have no tags of their own yet. Objections are added.
pub(in crate::bake) fn plan(
    build: &Build,
    facts: &BakeFacts,
    options: Options,
    (run, now): (RunId, Timestamp),
    findings: &mut Vec<Diagnostic>,
) -> Publishing {
    let image = &build.builder.image;
    let takes = takes(image, facts, options, findings);
    object(build, facts, findings);
    let encrypt = image.encryption.wanted.as_ref().is_some_and(|w| w.value);
    let mut publishing = Publishing {
        name: image.name.value.clone(),
        nothing: image.skip_create,
        intermediary: encrypt || image.copies.skip_build_region,
        copies: Vec::new(),
        minutes: image.copies.minutes.as_ref().map(|minutes| minutes.value),
        settings: settings(image, now, findings),
        protection: image.protection.map(|protection| protection.with_cooldown),
        snapshot_tags: None,
        takes,
    };
    let copies = targets(image, &facts.region, encrypt).into_iter();
    publishing.copies = copies
        .map(|region| PlannedCopy {
            name: publishing.first_name(&region, run),
            encrypted: encrypt,
            key: key(image, &region, &facts.region),
            region,
        })
        .collect();
    publishing
}

/// The regions that get a copy; the build region is one when encryption happens on the way.
fn targets(image: &ImageOptions, build: &Region, encrypt: bool) -> Vec<Region> {
    let here = encrypt && !image.copies.skip_build_region;
    let others = image.copies.regions.iter();
    let others = others.filter(|region| region.value != build.as_str());
    let others = others.map(|region| Region::new(region.value.as_str()));
    here.then(|| build.clone())
        .into_iter()
        .chain(others)
        .collect()
}

fn key(image: &ImageOptions, region: &Region, build: &Region) -> Option<String> {
    let own = image.encryption.key.as_ref().filter(|_| region == build);
    let key = own.or_else(|| image.encryption.named(region.as_str()));
    key.map(|key| key.value.clone())
}

fn settings(image: &ImageOptions, now: Timestamp, findings: &mut Vec<Diagnostic>) -> Settings {
    let texts = |values: &[Spanned<String>]| values.iter().map(|v| v.value.clone()).collect();
    let sharing = &image.sharing;
    Settings {
        rights: ImageRights {
            accounts: texts(&sharing.users),
            groups: texts(&sharing.groups),
            organizations: texts(&sharing.organizations),
            units: texts(&sharing.units),
        },
        snapshot_rights: SnapshotRights {
            accounts: texts(&sharing.snapshot_users),
            groups: texts(&sharing.snapshot_groups),
        },
        imds_v2: image.imds_v2,
        deprecate_at: deprecation(image, now, findings),
    }
}

fn deprecation(
    image: &ImageOptions,
    now: Timestamp,
    findings: &mut Vec<Diagnostic>,
) -> Option<Timestamp> {
    if let Some(after) = image.deprecate_after {
        let after = SignedDuration::try_from(after).ok()?;
        return now.checked_add(after).ok();
    }
    let at = image.deprecate_at.as_ref()?;
    let public = image
        .sharing
        .groups
        .iter()
        .any(|group| group.value == "all");
    let life = if public {
        LONGEST_PUBLIC_LIFE
    } else {
        LONGEST_LIFE
    };
    let last = now.saturating_add(life).unwrap_or(Timestamp::MAX);
    if at.value <= now || at.value > last {
        let text = format!("EC2 does not take {} as the end of an image", at.value);
        let finding = Diagnostic::error("bake::deprecation", text).at_value(at, "set here");
        let last = last.strftime("%Y-%m-%d");
        findings.push(finding.help(format!("it takes a time from now to {last}")));
    }
    Some(at.value)
}

/// The old images whose names are taken over; objections to those that may not be.
fn takes(
    image: &ImageOptions,
    facts: &BakeFacts,
    options: Options,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<Region, TakesName> {
    let force = image.force_deregister || options.force;
    let mut takes = BTreeMap::new();
    for (region, taken) in &facts.publish.taken {
        let old = &taken.image;
        let mut object = |code, text: String, help: &str| {
            let finding = Diagnostic::error(code, text).at_value(&image.name, "named here");
            findings.push(finding.help(help));
        };
        let name = &image.name;
        if !force {
            let text = format!("the image name {name} is taken by {} in {region}", old.id);
            let help = "put `{{timestamp}}` into the name, or let \"force_deregister\": true take it over once \
                the new image is whole";
            object("bake::image_name", text, help);
            continue;
        }
        if old.protected {
            let text = format!(
                "{} in {region} is protected from being deregistered",
                old.id
            );
            let help =
                "take the protection off (`aws ec2 disable-image-deregistration-protection`)";
            object("bake::image_protected", text, help);
        }
        if let Some(billed) = facts
            .source
            .as_ref()
            .and_then(|source| source.billed.as_ref())
        {
            let text = format!("the name {name} cannot be taken over for an image of {billed}");
            let help = "an image that is registered from snapshots loses its billing code: put `{{timestamp}}` \
                into the name";
            object("bake::billing", text, help);
        }
        if !taken.users.is_empty() && !options.force {
            let users = taken.users.join(", ");
            let text = format!("{} in {region} is in use by {users}", old.id);
            let help = "move them to another image first, or say `-force`";
            object("bake::image_in_use", text, help);
        }
        takes.insert(region.clone(), take(image, taken, options));
    }
    takes
}

fn take(image: &ImageOptions, taken: &Taken, options: Options) -> TakesName {
    let devices: Vec<_> = image.block_devices.iter().map(launch::device).collect();
    TakesName {
        old: taken.image.id.clone(),
        old_snapshots: if image.force_delete_snapshot {
            taken.image.own_snapshots(&devices)
        } else {
            Vec::new()
        },
        even_if_used: options.force,
    }
}

/// Encryption against sharing and against the source.
fn object(build: &Build, facts: &BakeFacts, findings: &mut Vec<Diagnostic>) {
    let image = &build.builder.image;
    let wanted = image.encryption.wanted.as_ref();
    let source = facts.source.as_ref();
    let is_encrypted = |source: &&Image| source.devices.iter().any(|device| device.encrypted);
    if let Some(wanted) = wanted.filter(|wanted| !wanted.value)
        && let Some(source) = source.filter(is_encrypted)
    {
        let text = format!("{} is encrypted, and its images are too", source.id);
        let finding = Diagnostic::error("bake::encryption", text).at_value(wanted, "not wanted");
        findings.push(finding.help("choose another source image, or leave `encrypt_boot` out"));
    }
    let mut devices = build.builder.instance.block_devices.iter();
    let keyless = devices
        .find(|device| device.encrypted == Some(true) && device.kms_key_id.is_none())
        .filter(|_| wanted.is_none_or(|wanted| !wanted.value));
    if let (Some(device), Some(shared)) = (keyless, image.sharing.first()) {
        let text = "a volume that is encrypted with a default key cannot be shared";
        let finding = Diagnostic::error("bake::encryption", text)
            .at_value(&device.device_name, "this volume")
            .at_value(shared, "shared with this");
        findings.push(finding.help("name a key of your own in its `kms_key_id`"));
    }
    let enhanced = image.sriov_support || image.ena_support == Some(true);
    let old = source.filter(|source| source.virtualization == "paravirtual");
    if let Some(Image {
        id,
        virtualization: kind,
        ..
    }) = old.filter(|_| enhanced)
    {
        let text = format!("enhanced networking needs `hvm`, and {id} is {kind}");
        let finding = Diagnostic::error("bake::source_image", text).at_place(build.place, "here");
        findings.push(finding.help("leave `ena_support` and `sriov_support` out"));
    }
}
