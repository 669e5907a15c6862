//! The options of the image (anchors/packer.md 2.2), and what in them contradicts itself.

use super::super::bake::{Copies, EncryptionKeys, ImageOptions, Protection, Sharing};
use super::super::functions::clean_resource_name;
use super::super::image::description_too_long;
use super::super::options::{Options, wrong_type};
use super::{TAG_DATA, devices, keys, tags};
use crate::source::{Diagnostic, Place, Spanned};
use jiff::Timestamp;

/// Reads the image's options; `None` without a name.
pub(super) fn read(options: &Options<'_>) -> Option<ImageOptions> {
    let name = options.need_text(
        "ami_name",
        "name the image, for example \"ami_name\": \"web-{{timestamp}}\"",
    );
    if let Some(name) = &name {
        check_name(options, name);
    }
    let description = options.late("ami_description", TAG_DATA);
    if let Some(late) = &description
        && let Some(long) = late
            .text()
            .and_then(|text| description_too_long(late, text))
    {
        options.report(long);
    }
    options.exclusive("deprecate_at", "deprecate_after");
    let image = ImageOptions {
        description: description.filter(|text| text.text() != Some("")),
        tags: tags(options, "tags", "tag"),
        snapshot_tags: tags(options, "snapshot_tags", "snapshot_tag"),
        skip_run_tags: options.flag("skip_ami_run_tags"),
        skip_create: options.flag("skip_create_ami"),
        sharing: sharing(options),
        copies: copies(options),
        encryption: encryption(options),
        force_deregister: options.flag("force_deregister"),
        force_delete_snapshot: options.flag("force_delete_snapshot"),
        block_devices: devices::read(options, "ami_block_device_mappings"),
        ena_support: options.trilean("ena_support"),
        sriov_support: options.flag("sriov_support"),
        imds_v2: options.choice("imds_support", &[("v2.0", true), ("", false)]) == Some(true),
        deprecate_at: deprecate_at(options),
        deprecate_after: options.duration("deprecate_after").map(|after| after.value),
        protection: protection(options),
        name: name?,
    };
    check(options, &image);
    Some(image)
}

fn sharing(options: &Options<'_>) -> Sharing {
    Sharing {
        users: options.ids("ami_users"),
        groups: options.ids("ami_groups"),
        organizations: options.ids("ami_org_arns"),
        units: options.ids("ami_ou_arns"),
        snapshot_users: options.ids("snapshot_users"),
        snapshot_groups: options.ids("snapshot_groups"),
    }
}

fn copies(options: &Options<'_>) -> Copies {
    let mut regions: Vec<Spanned<String>> = Vec::new();
    for region in options.ids("ami_regions") {
        let known = regions.iter().any(|known| known.value == region.value);
        if !known && !region.is_empty() {
            regions.push(region);
        }
    }
    Copies {
        regions,
        skip_build_region: options.flag("skip_save_build_region"),
        minutes: options.number("snapshot_copy_duration_minutes"),
    }
}

fn encryption(options: &Options<'_>) -> EncryptionKeys {
    let wanted = options.trilean("encrypt_boot");
    let place = options.get("encrypt_boot").map(|json| Place::at(json.span));
    let keys = options.texts("region_kms_key_ids", &[]).into_iter();
    EncryptionKeys {
        wanted: wanted
            .zip(place)
            .map(|(wanted, place)| Spanned::new(wanted, place)),
        key: options.text("kms_key_id"),
        by_region: keys
            .map(|(region, key)| {
                let text = key.text().unwrap_or_default().to_owned();
                let key = match key.place().or(region.place) {
                    Some(place) => Spanned::new(text, place),
                    None => Spanned::unplaced(text),
                };
                (region, key)
            })
            .collect(),
    }
}

fn deprecate_at(options: &Options<'_>) -> Option<Spanned<Timestamp>> {
    let text = options.text("deprecate_at")?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(text.map(|_| at));
    }
    options.report(wrong_type(
        "`deprecate_at`",
        "a time as RFC 3339 has it, such as `2030-01-31T00:00:00Z`",
        &format!("`{}`", text.value),
        text.place?,
    ));
    None
}

fn protection(options: &Options<'_>) -> Option<Protection> {
    let object = options.object(
        "deregistration_protection",
        "`deregistration_protection`",
        keys::PROTECTION,
    )?;
    let with_cooldown = object.flag("with_cooldown");
    (with_cooldown || object.flag("enabled")).then_some(Protection { with_cooldown })
}

fn check(options: &Options<'_>, image: &ImageOptions) {
    let general = [keys_without_encryption(image), default_key_shared(image)];
    for finding in general.into_iter().flatten().chain(regions_and_keys(image)) {
        options.report(finding);
    }
    if image.copies.skip_build_region && image.copies.regions.is_empty() && !image.skip_create {
        let text = "`skip_save_build_region` without `ami_regions` would keep no image at all";
        let place = options.get("skip_save_build_region");
        let place = place.map_or(options.json.span.first_byte(), |json| json.span);
        let finding = contradiction(text).at(place, "not kept where it is built");
        options.report(finding.help("name the regions to copy the image to"));
    }
    if let Some(minutes) = &image.copies.minutes
        && !(15..=2880).contains(&minutes.value) | !minutes.value.is_multiple_of(15)
    {
        let text = format!("a copy cannot be asked for in {} minutes", minutes.value);
        let finding = contradiction(text).at_value(minutes, "so long");
        options.report(finding.help("EC2 takes 15 to 2880 minutes, in steps of 15"));
    }
    kind(options, image);
}

fn contradiction(text: impl Into<String>) -> Diagnostic {
    Diagnostic::error("template::image_options", text)
}

fn is_wanted(image: &ImageOptions) -> bool {
    image.encryption.wanted.as_ref().is_some_and(|w| w.value)
}

fn keys_without_encryption(image: &ImageOptions) -> Option<Diagnostic> {
    let of_region = image.encryption.by_region.first().map(|(_, key)| key);
    let key = image.encryption.key.as_ref().or(of_region)?;
    (!is_wanted(image)).then(|| {
        contradiction("a key is named, and nothing asks for encryption")
            .at_value(key, "this key")
            .help("set \"encrypt_boot\": true beside it")
    })
}

/// Others have no right to the key that EBS uses of itself, and no policy can give them one.
fn default_key_shared(image: &ImageOptions) -> Option<Diagnostic> {
    let shared = image.sharing.first()?;
    let encryption = &image.encryption;
    let keyless = encryption.key.is_none()
        && !image.copies.skip_build_region
        && !encryption.by_region.iter().any(|(_, key)| !key.is_empty());
    let empty = encryption.by_region.iter().any(|(_, key)| key.is_empty());
    (is_wanted(image) && (keyless || empty)).then(|| {
        contradiction("an image that is encrypted with a default key cannot be shared")
            .at_value(shared, "shared with this")
            .help(
                "name a key of your own in `kms_key_id`, and one a region in `region_kms_key_ids`",
            )
    })
}

/// Keys that are given by region are given for each, and for none that gets no image.
fn regions_and_keys(image: &ImageOptions) -> impl Iterator<Item = Diagnostic> {
    let regions = &image.copies.regions;
    let keys = &image.encryption.by_region;
    let lacking = regions.iter().filter(move |region| {
        let has = keys.iter().any(|(of, _)| of.value == region.value);
        !keys.is_empty() && !has
    });
    let lacking = lacking.map(|region| {
        let text = format!("`region_kms_key_ids` has no key for {region}");
        let help = "\"\" stands for the region's own key";
        contradiction(text).at_value(region, "copied to").help(help)
    });
    let idle = keys.iter().filter(move |(of, _)| {
        !regions.is_empty() && !regions.iter().any(|region| region.value == of.value)
    });
    let idle = idle.map(|(of, _)| {
        let text = format!("`region_kms_key_ids` has a key for {of}, where no image goes");
        contradiction(text)
            .at_value(of, "this region")
            .help("add it to `ami_regions`")
    });
    lacking.chain(idle)
}

/// `ami_virtualization_type` is a promise about the source, which EC2 is never sent.
fn kind(options: &Options<'_>, image: &ImageOptions) {
    let kinds = &[("hvm", true), ("paravirtual", false), ("", true)];
    let hvm = options.choice("ami_virtualization_type", kinds);
    if hvm == Some(false) && (image.sriov_support || image.ena_support == Some(true)) {
        let place = options.get("ami_virtualization_type");
        let place = place.map_or(options.json.span.first_byte(), |json| json.span);
        let text = "enhanced networking needs an image of the kind `hvm`";
        let finding = contradiction(text).at(place, "not this kind");
        options.report(finding.help("leave `ena_support` and `sriov_support` out"));
    }
}

/// EC2 takes 3 to 128 characters of its alphabet (API reference, `CreateImage`, `Name`).
fn check_name(options: &Options<'_>, name: &Spanned<String>) {
    let length = name.chars().count();
    if !(3..=128).contains(&length) {
        options.report(
            Diagnostic::error(
                "template::image_name",
                format!("an image name has 3 to 128 characters, and `{name}` has {length}"),
            )
            .at_value(name, "this name")
            .help("EC2 refuses it"),
        );
    }
    let clean = clean_resource_name(name);
    if clean != name.value {
        options.report(
            Diagnostic::error(
                "template::image_name",
                format!("the image name `{name}` has characters that EC2 refuses"),
            )
            .at_value(name, "this name")
            .help(format!(
                "`{clean}` would do; the filter `clean_resource_name` makes it so"
            )),
        );
    }
}
