//! What is to be launched, read from `RunInstances` or from a launch template's data (they use the same names).

use super::{
    super::{Fault, args::Args, tags, tags::Tags},
    hardware::Hardware,
    instance::{MetadataOptions, OnShutdown, TemplateRef},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::net::Ipv4Addr;

/// The parameters that `RunInstances` and `LaunchTemplateData` share. Others of AWS's are refused as not recognized.
pub(in crate::model) const TAKES: &str = "BlockDeviceMapping ImageId InstanceType KeyName Monitoring Placement \
    SecurityGroupId SecurityGroup UserData TagSpecification InstanceMarketOptions CreditSpecification MetadataOptions \
    DisableApiTermination InstanceInitiatedShutdownBehavior NetworkInterface IamInstanceProfile EbsOptimized \
    CapacityReservationSpecification EnclaveOptions LicenseSpecification";

/// An instance that is to be launched; ids are not looked up yet.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the parameters of RunInstances"
)]
pub(in crate::model) struct LaunchSpec {
    pub(in crate::model) image: String,
    pub(in crate::model) instance_type: String,
    pub(in crate::model) key_name: Option<String>,
    pub(in crate::model) user_data: Option<Vec<u8>>,
    /// Security groups by id.
    pub(in crate::model) groups: Vec<String>,
    /// Security groups by name.
    pub(in crate::model) group_names: Vec<String>,
    pub(in crate::model) subnet: Option<String>,
    pub(in crate::model) zone: Option<String>,
    pub(in crate::model) address: Option<Ipv4Addr>,
    /// Absent: as the subnet says, and default subnets say yes.
    pub(in crate::model) public: Option<bool>,
    /// Name or ARN of the instance profile.
    pub(in crate::model) profile: Option<String>,
    pub(in crate::model) disks: Vec<Disk>,
    pub(in crate::model) on_shutdown: OnShutdown,
    pub(in crate::model) metadata: Option<MetadataOptions>,
    pub(in crate::model) instance_tags: Tags,
    pub(in crate::model) volume_tags: Tags,
    pub(in crate::model) spot_tags: Tags,
    pub(in crate::model) spot: bool,
    pub(in crate::model) ebs_optimized: bool,
    pub(in crate::model) monitored: bool,
    pub(in crate::model) protected: bool,
    pub(in crate::model) hardware: Hardware,
    pub(in crate::model) template: Option<TemplateRef>,
    pub(in crate::model) client_token: Option<String>,
}

/// A block device that is asked for, over what the image brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Disk {
    pub(in crate::model) device: String,
    /// The image's device of that name is left out.
    pub(in crate::model) none: bool,
    pub(in crate::model) ephemeral: bool,
    pub(in crate::model) snapshot: Option<String>,
    pub(in crate::model) size: Option<u32>,
    pub(in crate::model) kind: Option<String>,
    pub(in crate::model) delete_on_termination: Option<bool>,
    pub(in crate::model) encrypted: Option<bool>,
    pub(in crate::model) kms_key: Option<String>,
}

impl LaunchSpec {
    /// Reads the shared parameters; what a launch cannot do without is asked for by `launch`.
    pub(in crate::model) fn read(args: &Args<'_>) -> Result<Self, Fault> {
        let mut tags = tags::read_specification(
            args,
            "instance volume spot-instances-request network-interface",
        )?;
        let placement = args.map("Placement")?;
        let zone = placement
            .map(|p| given(&p, "AvailabilityZone"))
            .transpose()?
            .flatten();
        let mut spec = Self {
            image: args.maybe_text("ImageId")?.unwrap_or_default().into(),
            instance_type: args.maybe_text("InstanceType")?.unwrap_or_default().into(),
            key_name: args.maybe_text("KeyName")?.map(String::from),
            user_data: user_data(args)?,
            groups: owned(args.texts("SecurityGroupId")?),
            group_names: owned(args.texts("SecurityGroup")?),
            subnet: given(args, "SubnetId")?,
            zone,
            address: address(args, "PrivateIpAddress")?,
            profile: profile(args)?,
            disks: disks(args)?,
            on_shutdown: shutdown(args)?,
            metadata: args
                .map("MetadataOptions")?
                .map(|options| metadata(&options))
                .transpose()?,
            instance_tags: tags.remove("instance").unwrap_or_default(),
            volume_tags: tags.remove("volume").unwrap_or_default(),
            spot_tags: tags.remove("spot-instances-request").unwrap_or_default(),
            spot: spot(args)?,
            ebs_optimized: args.flag("EbsOptimized")?.unwrap_or_default(),
            monitored: args
                .map("Monitoring")?
                .map(|m| m.flag("Enabled"))
                .transpose()?
                .flatten()
                .unwrap_or_default(),
            hardware: Hardware::read(args)?,
            protected: args.flag("DisableApiTermination")?.unwrap_or_default(),
            ..Self::default()
        };
        spec.read_interface(args)?;
        Ok(spec)
    }

    /// The first network interface stands for the instance's own subnet, groups and address.
    fn read_interface(&mut self, args: &Args<'_>) -> Result<(), Fault> {
        let interfaces = args.maps("NetworkInterface")?;
        let Some(first) = interfaces.first() else {
            return Ok(());
        };
        if interfaces.len() > 1 {
            return Err(Fault::new(
                "AttachmentLimitExceeded",
                "Instances here have one network interface.",
            ));
        }
        if self.subnet.is_some() || !self.groups.is_empty() || !self.group_names.is_empty() {
            let message = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
        first.only("AssociatePublicIpAddress DeleteOnTermination Description DeviceIndex SecurityGroupId SubnetId PrivateIpAddress InterfaceType")?;
        first
            .int_in("DeviceIndex", 0..=0)?
            .ok_or_else(|| first.missing("DeviceIndex"))?;
        self.subnet = given(first, "SubnetId")?;
        self.groups = owned(first.texts("SecurityGroupId")?);
        self.public = first.flag("AssociatePublicIpAddress")?;
        self.address = address(first, "PrivateIpAddress")?;
        Ok(())
    }
}

/// A text that is there and not empty; some clients send empty ones for what they leave out.
fn given(args: &Args<'_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(args
        .maybe_text(name)?
        .filter(|text| !text.is_empty())
        .map(String::from))
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(String::from).collect()
}

fn user_data(args: &Args<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(text) = args.maybe_text("UserData")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let compact: String = text.split_whitespace().collect();
    let malformed = |_| {
        Fault::new(
            "InvalidUserData.Malformed",
            "Invalid BASE64 encoding of user data.",
        )
    };
    let bytes = STANDARD.decode(compact).map_err(malformed)?;
    // 16 KB before encoding (EC2 user guide, "User data").
    if bytes.len() > 16 * 1024 {
        return Err(Fault::new(
            "InvalidParameterValue",
            "User data is limited to 16384 bytes",
        ));
    }
    Ok(Some(bytes))
}

fn address(args: &Args<'_>, name: &str) -> Result<Option<Ipv4Addr>, Fault> {
    let Some(text) = args.maybe_text(name)? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| args.invalid(name, text, "Invalid IPv4 address"))
}

fn profile(args: &Args<'_>) -> Result<Option<String>, Fault> {
    let Some(profile) = args.map("IamInstanceProfile")? else {
        return Ok(None);
    };
    profile.only("Arn Name")?;
    match (profile.maybe_text("Arn")?, profile.maybe_text("Name")?) {
        (Some(_), Some(_)) => {
            let message = "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
            Err(Fault::new("InvalidParameterCombination", message))
        }
        (arn, name) => Ok(arn
            .or(name)
            .filter(|text| !text.is_empty())
            .map(String::from)),
    }
}

fn shutdown(args: &Args<'_>) -> Result<OnShutdown, Fault> {
    Ok(
        match args.word("InstanceInitiatedShutdownBehavior", "stop terminate")? {
            Some("terminate") => OnShutdown::Terminate,
            _ => OnShutdown::Stop,
        },
    )
}

fn metadata(args: &Args<'_>) -> Result<MetadataOptions, Fault> {
    args.only(
        "HttpTokens HttpPutResponseHopLimit HttpEndpoint HttpProtocolIpv6 InstanceMetadataTags",
    )?;
    Ok(MetadataOptions {
        tokens_required: args.word("HttpTokens", "optional required")? == Some("required"),
        enabled: args.word("HttpEndpoint", "enabled disabled")? != Some("disabled"),
        hop_limit: args.int_in("HttpPutResponseHopLimit", 1..=64)?.unwrap_or(1),
        tags: args.word("InstanceMetadataTags", "enabled disabled")? == Some("enabled"),
    })
}

fn spot(args: &Args<'_>) -> Result<bool, Fault> {
    let Some(market) = args.map("InstanceMarketOptions")? else {
        return Ok(false);
    };
    Ok(market.word("MarketType", "spot")? == Some("spot"))
}

/// Reads `BlockDeviceMapping.N`.
pub(in crate::model) fn disks(args: &Args<'_>) -> Result<Vec<Disk>, Fault> {
    args.maps("BlockDeviceMapping")?.iter().map(disk).collect()
}

fn disk(args: &Args<'_>) -> Result<Disk, Fault> {
    args.only("DeviceName VirtualName NoDevice Ebs")?;
    let mut disk = Disk {
        device: args.text("DeviceName")?.into(),
        none: args.has("NoDevice"),
        ephemeral: args.has("VirtualName"),
        ..Disk::default()
    };
    let Some(ebs) = args.map("Ebs")? else {
        return Ok(disk);
    };
    ebs.only(
        "DeleteOnTermination Iops SnapshotId VolumeSize VolumeType KmsKeyId Throughput Encrypted",
    )?;
    // 64 TiB is the largest volume of any type (EBS user guide, "Volume types").
    let size = ebs.int_in("VolumeSize", 1..=65536)?;
    disk.size = size.and_then(|size| u32::try_from(size).ok());
    disk.kind = ebs
        .word("VolumeType", "standard io1 io2 gp2 gp3 sc1 st1")?
        .map(String::from);
    disk.snapshot = ebs.maybe_text("SnapshotId")?.map(String::from);
    disk.delete_on_termination = ebs.flag("DeleteOnTermination")?;
    disk.encrypted = ebs.flag("Encrypted")?;
    disk.kms_key = ebs.maybe_text("KmsKeyId")?.map(String::from);
    Ok(disk)
}
