//! The instance types that can be had, where, and what they cost as spot instances.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, filter::Filters, state::State},
    describe::{Kind, PAGED, one},
};
use std::collections::BTreeMap;

/// An instance type (`DescribeInstanceTypes`).
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct InstanceType {
    pub(in crate::model) name: &'static str,
    pub(in crate::model) cpus: u32,
    pub(in crate::model) memory_mib: u32,
    pub(in crate::model) architecture: &'static str,
}

const fn kind(
    name: &'static str,
    cpus: u32,
    memory_mib: u32,
    architecture: &'static str,
) -> InstanceType {
    InstanceType {
        name,
        cpus,
        memory_mib,
        architecture,
    }
}

const X86: &str = "x86_64";
const ARM: &str = "arm64";

/// The general-purpose, compute and memory types in common use (EC2 user guide, "Instance types").
pub(in crate::model) const ALL: &[InstanceType] = &[
    kind("t2.nano", 1, 512, X86),
    kind("t2.micro", 1, 1024, X86),
    kind("t2.small", 1, 2048, X86),
    kind("t2.medium", 2, 4096, X86),
    kind("t2.large", 2, 8192, X86),
    kind("t2.xlarge", 4, 16384, X86),
    kind("t3.nano", 2, 512, X86),
    kind("t3.micro", 2, 1024, X86),
    kind("t3.small", 2, 2048, X86),
    kind("t3.medium", 2, 4096, X86),
    kind("t3.large", 2, 8192, X86),
    kind("t3.xlarge", 4, 16384, X86),
    kind("t3.2xlarge", 8, 32768, X86),
    kind("t3a.nano", 2, 512, X86),
    kind("t3a.micro", 2, 1024, X86),
    kind("t3a.small", 2, 2048, X86),
    kind("t3a.medium", 2, 4096, X86),
    kind("t3a.large", 2, 8192, X86),
    kind("t4g.nano", 2, 512, ARM),
    kind("t4g.micro", 2, 1024, ARM),
    kind("t4g.small", 2, 2048, ARM),
    kind("t4g.medium", 2, 4096, ARM),
    kind("t4g.large", 2, 8192, ARM),
    kind("m5.large", 2, 8192, X86),
    kind("m5.xlarge", 4, 16384, X86),
    kind("m5.2xlarge", 8, 32768, X86),
    kind("m6i.large", 2, 8192, X86),
    kind("m6i.xlarge", 4, 16384, X86),
    kind("m6g.medium", 1, 4096, ARM),
    kind("m6g.large", 2, 8192, ARM),
    kind("m7i.large", 2, 8192, X86),
    kind("m7g.large", 2, 8192, ARM),
    kind("c5.large", 2, 4096, X86),
    kind("c5.xlarge", 4, 8192, X86),
    kind("c5.2xlarge", 8, 16384, X86),
    kind("c6i.large", 2, 4096, X86),
    kind("c6i.xlarge", 4, 8192, X86),
    kind("c6g.large", 2, 4096, ARM),
    kind("r5.large", 2, 16384, X86),
    kind("r5.xlarge", 4, 32768, X86),
    kind("r6i.large", 2, 16384, X86),
];

pub(in crate::model) fn find(name: &str) -> Option<&'static InstanceType> {
    ALL.iter().find(|kind| kind.name == name)
}

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeInstanceTypes",
        "InstanceType Filter MaxResults NextToken",
        |state, args| TYPES.describe(state, args),
    ),
    Action::new(
        Service::Ec2,
        "DescribeInstanceTypeOfferings",
        "LocationType Filter MaxResults NextToken",
        describe_offerings,
    ),
    Action::new(
        Service::Ec2,
        "DescribeSpotPriceHistory",
        "StartTime EndTime InstanceType ProductDescription Filter AvailabilityZone MaxResults NextToken",
        describe_spot_prices,
    ),
];

const TYPES: Kind = Kind {
    ids: "InstanceType",
    set: "instanceTypeSet",
    filters: "bare-metal current-generation instance-type memory-info.size-in-mib processor-info.supported-architecture \
        supported-root-device-type supported-virtualization-type supported-usage-class vcpu-info.default-vcpus",
    paging: PAGED,
    all: |_| ALL.iter().map(|kind| kind.name.into()).collect(),
    missing: |name| {
        let message = format!("The following supplied instance types do not exist: [{name}]");
        Fault::new("InvalidInstanceType", message)
    },
    field: |_, name, field| {
        let Some(kind) = find(name) else {
            return Vec::new();
        };
        match field {
            "bare-metal" => one(false),
            "current-generation" => one(!name.starts_with("t2.")),
            "instance-type" => one(name),
            "memory-info.size-in-mib" => one(kind.memory_mib),
            "processor-info.supported-architecture" => one(kind.architecture),
            "supported-root-device-type" => one("ebs"),
            "supported-usage-class" => vec!["on-demand".into(), "spot".into()],
            "supported-virtualization-type" => one("hvm"),
            _ => one(kind.cpus),
        }
    },
    show: |_, name| find(name).map_or_else(Tree::new, show),
};

fn show(kind: &InstanceType) -> Tree {
    let texts = |list: &[&str]| {
        list.iter()
            .map(|text| Tree::from(*text))
            .collect::<Vec<_>>()
    };
    let threads = if kind.cpus > 1 { 2 } else { 1 };
    let cpus = Tree::new()
        .put("defaultVCpus", kind.cpus)
        .put("defaultCores", kind.cpus / threads)
        .put("defaultThreadsPerCore", threads);
    Tree::new()
        .put("instanceType", kind.name)
        .put("currentGeneration", !kind.name.starts_with("t2."))
        .put(
            "freeTierEligible",
            kind.name == "t2.micro" || kind.name == "t3.micro",
        )
        .put("supportedUsageClasses", texts(&["on-demand", "spot"]))
        .put("supportedRootDeviceTypes", texts(&["ebs"]))
        .put("supportedVirtualizationTypes", texts(&["hvm"]))
        .put("bareMetal", false)
        .put(
            "hypervisor",
            if kind.name.starts_with("t2.") {
                "xen"
            } else {
                "nitro"
            },
        )
        .put(
            "processorInfo",
            Tree::new().put("supportedArchitectures", texts(&[kind.architecture])),
        )
        .put("vCpuInfo", cpus)
        .put("memoryInfo", Tree::new().put("sizeInMiB", kind.memory_mib))
        .put("instanceStorageSupported", false)
        .put("burstablePerformanceSupported", kind.name.starts_with('t'))
        .put(
            "networkInfo",
            Tree::new()
                .put("enaSupport", "supported")
                .put("maximumNetworkInterfaces", 1_i64),
        )
}

/// Every type can be had in every zone.
fn describe_offerings(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let locations = match args.word(
        "LocationType",
        "region availability-zone availability-zone-id",
    )? {
        Some("availability-zone") => state
            .ec2
            .subnets
            .values()
            .map(|subnet| subnet.zone.clone())
            .collect(),
        Some("availability-zone-id") => state
            .ec2
            .subnets
            .values()
            .map(|subnet| subnet.zone_id.clone())
            .collect(),
        _ => vec![state.config.region.clone()],
    };
    let location_type = args.maybe_text("LocationType")?.unwrap_or("region");
    let filters = Filters::read(args)?;
    let mut offered = Vec::new();
    for (kind, place) in ALL
        .iter()
        .flat_map(|kind| locations.iter().map(move |place| (kind, place)))
    {
        let field = |name: &str| match name {
            "instance-type" => Some(one(kind.name)),
            "location" => Some(one(place)),
            _ => None,
        };
        if filters.pass(&BTreeMap::new(), field)? {
            let tree = Tree::new()
                .put("instanceType", kind.name)
                .put("locationType", location_type)
                .put("location", place);
            offered.push((format!("{} {place}", kind.name), tree));
        }
    }
    let (page, token) = PAGED.read(args)?.cut(offered);
    Ok(Tree::new()
        .put("instanceTypeOfferingSet", page)
        .put_some("nextToken", token))
}

/// A price that stands still: a third of a round on-demand price for the memory.
fn describe_spot_prices(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let types = args.texts("InstanceType")?;
    let products = args.texts("ProductDescription")?;
    let zone = args
        .maybe_text("AvailabilityZone")?
        .filter(|zone| !zone.is_empty());
    let product = products.first().copied().unwrap_or("Linux/UNIX");
    let mut prices = Vec::new();
    for kind in ALL
        .iter()
        .filter(|kind| types.is_empty() || types.contains(&kind.name))
    {
        for subnet in state
            .ec2
            .subnets
            .values()
            .filter(|subnet| zone.is_none_or(|zone| zone == subnet.zone))
        {
            let micros = u64::from(kind.memory_mib) * 4;
            let tree = Tree::new()
                .put("instanceType", kind.name)
                .put("productDescription", product)
                .put(
                    "spotPrice",
                    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
                )
                .put("timestamp", state.config.opened)
                .put("availabilityZone", &subnet.zone);
            prices.push((format!("{} {}", kind.name, subnet.zone), tree));
        }
    }
    let (page, token) = PAGED.read(args)?.cut(prices);
    Ok(Tree::new()
        .put("spotPriceHistorySet", page)
        .put_some("nextToken", token))
}
