//! Block device mappings, and what EBS refuses in them (EBS user guide, "Amazon EBS volume types").

use super::super::bake::BlockDevice;
use super::super::options::Options;
use super::keys;
use crate::source::{Diagnostic, Spanned};

/// Kind of volume, least and most IOPS, and most IOPS a GiB.
const IOPS: &[(&str, u32, u32, u32)] = &[
    ("io1", 100, 64_000, 50),
    ("io2", 100, 256_000, 1000),
    ("gp3", 3000, 80_000, 500),
];
/// MiB/s of a gp3 volume, least and most.
const THROUGHPUT: (u32, u32) = (125, 2000);
/// A gp3 volume has this many IOPS unless it is given more, and gives up to a quarter of a MiB/s for each.
const BASE_IOPS: u32 = 3000;
const IOPS_A_MIB: u32 = 4;
/// Windows takes instance store volumes under these names (`no_ephemeral`).
const EPHEMERAL: std::ops::RangeInclusive<char> = 'a'..='z';

pub(super) fn read(options: &Options<'_>, name: &str) -> Vec<BlockDevice> {
    options
        .objects(name, "a block device mapping", keys::DEVICE)
        .iter()
        .filter_map(device)
        .collect()
}

/// The mappings that keep a Windows machine from its instance store.
pub(super) fn without_ephemeral() -> impl Iterator<Item = BlockDevice> {
    EPHEMERAL.map(|letter| BlockDevice {
        device_name: Spanned::unplaced(format!("xvdc{letter}")),
        delete_on_termination: false,
        encrypted: None,
        kms_key_id: None,
        iops: None,
        throughput: None,
        volume_size: None,
        volume_type: None,
        snapshot_id: None,
        virtual_name: None,
        no_device: true,
    })
}

fn device(options: &Options<'_>) -> Option<BlockDevice> {
    let device_name =
        options.need_text("device_name", "name the device, for example \"/dev/xvda\"");
    let device = BlockDevice {
        delete_on_termination: options.flag("delete_on_termination"),
        encrypted: options.trilean("encrypted"),
        kms_key_id: options.text("kms_key_id"),
        iops: options.number("iops"),
        throughput: options.number("throughput"),
        volume_size: options.number("volume_size"),
        volume_type: options.text("volume_type"),
        snapshot_id: options.text("snapshot_id"),
        virtual_name: options.text("virtual_name"),
        no_device: options.flag("no_device"),
        device_name: device_name?,
    };
    check(options, &device);
    Some(device)
}

fn check(options: &Options<'_>, device: &BlockDevice) {
    if let Some(key) = &device.kms_key_id
        && device.encrypted != Some(true)
    {
        refuse(
            options,
            key,
            "`kms_key_id` needs `encrypted`",
            "set \"encrypted\": true",
        );
    }
    let kind = device.volume_type.as_ref().map(|kind| kind.value.as_str());
    if let Some(iops) = device.iops.as_ref().filter(|iops| iops.value > 0) {
        check_iops(options, device, kind, iops);
    }
    if let Some(throughput) = device.throughput.as_ref().filter(|mib| mib.value > 0) {
        check_throughput(options, device, kind, throughput);
    }
}

fn check_iops(
    options: &Options<'_>,
    device: &BlockDevice,
    kind: Option<&str>,
    iops: &Spanned<u32>,
) {
    let Some((kind, least, most, a_gib)) = IOPS.iter().find(|(name, ..)| kind == Some(name)) else {
        let text = "`iops` needs a `volume_type` that takes it";
        return refuse(options, iops, text, "one of `gp3`, `io1`, `io2`");
    };
    if !(*least..=*most).contains(&iops.value) {
        let text = format!("an {kind} volume has {least} to {most} IOPS, not {iops}");
        return refuse(options, iops, &text, "EC2 refuses it");
    }
    if let Some(size) = &device.volume_size
        && iops.value > *least
        && iops.value > size.value.saturating_mul(*a_gib)
    {
        let text = format!(
            "an {kind} volume of {size} GiB has at most {} IOPS, not {iops}",
            size.value.saturating_mul(*a_gib)
        );
        refuse(
            options,
            iops,
            &text,
            &format!("{kind} has at most {a_gib} IOPS a GiB"),
        );
    }
}

fn check_throughput(
    options: &Options<'_>,
    device: &BlockDevice,
    kind: Option<&str>,
    throughput: &Spanned<u32>,
) {
    let (least, most) = THROUGHPUT;
    if kind != Some("gp3") {
        let text = "`throughput` needs the `volume_type` `gp3`";
        return refuse(options, throughput, text, "set \"volume_type\": \"gp3\"");
    }
    if !(least..=most).contains(&throughput.value) {
        let text = format!("a gp3 volume has {least} to {most} MiB/s, not {throughput}");
        return refuse(options, throughput, &text, "EC2 refuses it");
    }
    let iops = device.iops.as_ref().map_or(BASE_IOPS, |iops| iops.value);
    let iops = iops.max(BASE_IOPS);
    if throughput.value.saturating_mul(IOPS_A_MIB) > iops {
        let text = format!(
            "a gp3 volume of {iops} IOPS has at most {} MiB/s, not {throughput}",
            iops / IOPS_A_MIB
        );
        let help = format!(
            "\"iops\": {} would do",
            throughput.value.saturating_mul(IOPS_A_MIB)
        );
        refuse(options, throughput, &text, &help);
    }
}

fn refuse<T>(options: &Options<'_>, value: &Spanned<T>, text: &str, help: &str) {
    options.report(
        Diagnostic::error("template::wrong_value", text)
            .at_value(value, "this value")
            .help(help),
    );
}
