//! What a bake will do, as a value: printed, saved, compared, and then carried out as it is.

use jiff::Timestamp;
use serde::Serialize;

use crate::bake::key_pair::TemporaryKey;
use crate::bake::launch::{self, Attempt};
use crate::bake::profile::TemporaryProfile;
use crate::bake::publish::{self, Publishing};
use crate::bake::settings::{SshSettings, Waits, named_key_pair};
use crate::bake::tags::{self, BakeTags};
use crate::bake::{BakeFacts, Draft, Fingerprint, Ground, Objections, key_pair, preflight};
use crate::cloud::{
    Account, BlockDevice, Image, ImageId, InstanceId, NetworkSupport, NewImage, NewInstance,
    NewSecurityGroup, Region, Tags,
};
use crate::provision;
use crate::run::{RunId, with_causes};
use crate::source::{Diagnostic, Place};
use crate::template::bake::{self, Build, Login, Template, description_too_long};
use crate::template::post_processor::PostProcessor;
use crate::template::provisioner::Provisioner;
use crate::template::{Data, Late};

/// What the user asked for beside the template.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Refuse a machine whose host key the console does not show.
    pub require_host_key: bool,
    /// Whether somebody is there to press a key.
    pub terminal: bool,
    /// What the image comes of, when that is known.
    pub fingerprint: Option<Fingerprint>,
    /// Take the image's name over, whatever uses the image that has it.
    pub force: bool,
}

/// What will be done.
#[derive(Clone, Debug, Serialize)]
pub struct BakePlan {
    pub run: RunId,
    /// The build's name, and the template that it is of.
    pub build: String,
    pub template: String,
    pub fingerprint: Option<Fingerprint>,
    pub region: Region,
    pub source: SourceImage,
    /// Made for the run and removed after it.
    pub key_pair: Option<TemporaryKey>,
    pub security_group: Option<TemporaryGroup>,
    /// Tags of key pair and security group.
    pub scratch_tags: Tags,
    /// The machine, without what differs from one attempt to the next.
    pub instance: NewInstance,
    /// Made for the run and removed after it.
    pub profile: Option<TemporaryProfile>,
    /// The ways to get it, in the order in which they are tried.
    pub attempts: Vec<Attempt>,
    /// A volume stays behind the instance and is removed by itself.
    pub volumes_outlive: bool,
    pub ssh: SshSettings,
    pub provisioners: Vec<Provisioner>,
    /// Runs when the bake fails, before the machine goes.
    pub error_cleanup: Option<Provisioner>,
    /// Commands that must succeed before the machine is stopped.
    pub verify: Vec<Late>,
    /// Lines of `authorized_keys` that end in this name are removed before the image is made.
    pub clear_key: Option<String>,
    pub stopping: Stopping,
    pub network_support: Vec<NetworkSupport>,
    /// Its instance is not known yet.
    pub image: NewImage,
    pub publish: Publishing,
    /// What runs on this host when the image is ready and the rest is taken back, chain by chain.
    pub post_processors: Vec<Vec<PostProcessor>>,
    pub waits: Waits,
    #[serde(skip)]
    pub places: Places,
}

/// What the image is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceImage {
    pub id: ImageId,
    pub name: String,
    pub created: Timestamp,
    pub owner: Account,
    pub owner_alias: Option<String>,
}

/// A security group for the run only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemporaryGroup {
    pub group: NewSecurityGroup,
    pub port: u16,
    /// CIDR blocks that may reach the port.
    pub sources: Vec<String>,
}

/// How the machine comes to rest before its image is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopping {
    /// By `StopInstances`.
    Stop,
    /// It shuts itself down; kiln waits.
    ByItself,
    /// Not at all: a one-time spot instance cannot be stopped, and `CreateImage` restarts it.
    Restart,
}

/// Where the values were set that AWS may refuse.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub instance_type: Option<Place>,
    pub profile: Option<Place>,
    pub key_pair: Option<Place>,
    pub security_groups: Option<Place>,
    pub subnet: Option<Place>,
    pub zone: Option<Place>,
    pub user_data: Option<Place>,
    pub spot: Option<Place>,
    pub devices: Option<Place>,
    pub image_name: Option<Place>,
    pub share: Option<Place>,
    pub copies: Option<Place>,
}

/// Decides what will be done, and says what stands against it. Pure.
///
/// There is a plan as soon as the launch is known, though something else may stand against the bake: so far it can be
/// rehearsed.
pub fn draft(
    template: &Template,
    build: &Build,
    facts: &BakeFacts,
    options: Options,
    run: RunId,
    now: Timestamp,
) -> Draft {
    let mut findings = Vec::new();
    object(build, facts, options, &mut findings);
    let publish = publish::plan(build, facts, options, (run, now), &mut findings);
    let rendered = facts.source.as_ref().map(|source| {
        let data = tags::data(source, &facts.region);
        let own = tags::own(run, &template.file);
        let family = template.family.as_ref();
        let tags = tags::tags(build, family, &own, (source, &data), now, &mut findings);
        let description = description(&build.builder.image, &data, &mut findings);
        (source, tags, description)
    });
    let plan = match (rendered, &facts.ground, &facts.types) {
        (Some((source, tags, description)), Some(ground), Some(_)) if tags.launch => {
            let known = Known {
                template,
                build,
                facts,
                source,
                ground,
                options,
                run,
            };
            Some(known.plan(publish, tags, description))
        }
        _ => None,
    };
    Draft {
        plan,
        key: key_pair::plan(&build.builder.ssh.login, run),
        objections: Objections::of(findings),
        region: facts.region.clone(),
        run,
        lacks: facts.lacks.clone(),
    }
}

fn description(
    image: &bake::ImageOptions,
    data: &Data,
    findings: &mut Vec<Diagnostic>,
) -> Option<String> {
    let late = image.description.as_ref()?;
    let text = late.render(data);
    let text = text.map_err(|finding| findings.push(finding)).ok()?;
    findings.extend(description_too_long(late, &text));
    (!text.is_empty()).then_some(text)
}

/// What a plan is made from.
struct Known<'a> {
    template: &'a Template,
    build: &'a Build,
    facts: &'a BakeFacts,
    source: &'a Image,
    ground: &'a Ground,
    options: Options,
    run: RunId,
}

impl Known<'_> {
    fn plan(
        self,
        mut publish: Publishing,
        tags: BakeTags,
        description: Option<String>,
    ) -> BakePlan {
        let Self {
            template,
            build,
            facts,
            source,
            ground,
            options,
            run,
        } = self;
        let image = &build.builder.image;
        let name = format!("kiln-{run}");
        let key_pair = key_pair::plan(&build.builder.ssh.login, run);
        let key_name = key_pair.as_ref().map(|key| &key.name);
        let choices = launch::choices(&build.builder.instance, ground, facts);
        let on = (source, ground, choices.first());
        let instance = launch::instance(build, on, run, key_name, &tags);
        publish.snapshot_tags.clone_from(&tags.snapshots);
        BakePlan {
            run,
            build: build.name.value.clone(),
            template: template.file.clone(),
            fingerprint: options.fingerprint,
            region: facts.region.clone(),
            source: SourceImage::of(source),
            key_pair,
            security_group: self.temporary_group(&name, &tags.scratch),
            volumes_outlive: outlives(&instance.devices, source),
            profile: temporary_profile(build, &name, &tags.scratch),
            instance,
            attempts: launch::attempts(build, choices, run, &tags),
            ssh: SshSettings::new(build, options.require_host_key),
            provisioners: build.provisioners.clone(),
            error_cleanup: build.error_cleanup.clone(),
            verify: template
                .family
                .as_ref()
                .map(|family| family.verify.clone())
                .unwrap_or_default(),
            clear_key: cleared(&build.builder.ssh),
            stopping: stopping(&build.builder.instance),
            network_support: network_support(image),
            image: NewImage {
                instance: InstanceId::new(""),
                name: image.name.value.clone(),
                description,
                devices: image.block_devices.iter().map(launch::device).collect(),
                tags: tags::fingerprinted(tags.image, options.fingerprint),
            },
            publish,
            post_processors: build.post_processors.clone(),
            scratch_tags: tags.scratch,
            waits: Waits::new(&build.builder.access.polling),
            places: places(build),
        }
    }

    fn temporary_group(&self, name: &str, tags: &Tags) -> Option<TemporaryGroup> {
        if !self.ground.security_groups.is_empty() {
            return None;
        }
        let builder = &self.build.builder;
        Some(TemporaryGroup {
            group: NewSecurityGroup {
                name: name.to_owned(),
                description: format!("Temporary, for the image {}", builder.image.name),
                vpc: self.ground.vpc.clone(),
                tags: tags.clone(),
            },
            port: builder.ssh.port,
            sources: self.facts.sources.clone(),
        })
    }
}

impl SourceImage {
    pub(super) fn of(image: &Image) -> Self {
        Self {
            id: image.id.clone(),
            name: image.name.clone(),
            created: image.created,
            owner: image.owner.clone(),
            owner_alias: image.owner_alias.clone(),
        }
    }
}

/// What the template may say but this bake cannot do, or the account has no room for.
fn object(build: &Build, facts: &BakeFacts, options: Options, findings: &mut Vec<Diagnostic>) {
    preflight::machine(&build.builder.instance, facts, findings);
    for all in [&build.provisioners[..], build.error_cleanup.as_slice()] {
        findings.extend(provision::check(all, options.terminal).iter().map(unfit));
    }
}

/// A provisioner that would fail on any machine.
fn unfit(failure: &provision::Failure) -> Diagnostic {
    Diagnostic::error("bake::provisioner", with_causes(failure))
        .at_place(failure.place, "asked for here")
}

fn temporary_profile(build: &Build, name: &str, tags: &Tags) -> Option<TemporaryProfile> {
    let policy = build.builder.instance.temporary_profile_policy.as_ref()?;
    Some(TemporaryProfile {
        name: name.to_owned(),
        policy: policy.value.to_string(),
        tags: tags.clone(),
    })
}

/// Whether a volume of the instance stays when the instance goes: Packer's `delete_on_termination` is off by default.
fn outlives(devices: &[BlockDevice], source: &Image) -> bool {
    let named = |name: &str| devices.iter().any(|device| device.device == name);
    let own = devices.iter().any(|device| {
        !device.delete_on_termination && !device.no_device && device.virtual_name.is_none()
    });
    let inherited = source.devices.iter().any(|device| {
        !device.delete_on_termination && device.snapshot.is_some() && !named(&device.device)
    });
    own || inherited
}

/// The name at the end of the key's line, for keys that the user brought and wants removed; the run's own always goes.
fn cleared(ssh: &bake::Ssh) -> Option<String> {
    let name = named_key_pair(&ssh.login)?;
    ssh.clear_authorized_keys.then(|| name.to_string())
}

fn stopping(instance: &bake::Instance) -> Stopping {
    if instance.spot.is_some() {
        Stopping::Restart
    } else if instance.disable_stop_instance {
        Stopping::ByItself
    } else {
        Stopping::Stop
    }
}

fn network_support(image: &bake::ImageOptions) -> Vec<NetworkSupport> {
    let ena = image.ena_support.map(NetworkSupport::Ena);
    let sriov = image.sriov_support.then_some(NetworkSupport::Sriov);
    ena.into_iter().chain(sriov).collect()
}

fn places(build: &Build) -> Places {
    let builder = &build.builder;
    let instance = &builder.instance;
    let key_pair = match &builder.ssh.login {
        Login::KeyFile { key_pair_name, .. } | Login::Agent { key_pair_name } => {
            key_pair_name.as_ref().and_then(|name| name.place)
        }
        Login::Temporary { .. } | Login::Password(_) => None,
    };
    let spot = instance.spot.as_ref();
    let shared = builder.image.sharing.first();
    Places {
        instance_type: instance.types.first().and_then(|kind| kind.place),
        profile: instance.profile.as_ref().and_then(|value| value.place),
        key_pair,
        security_groups: instance.security_groups.first().and_then(|v| v.place),
        subnet: instance.subnets.first().and_then(|value| value.place),
        zone: instance.availability_zone.as_ref().and_then(|v| v.place),
        user_data: instance.user_data.as_ref().and_then(|v| v.place),
        spot: spot.and_then(|spot| spot.max_price.as_ref()?.place),
        devices: instance
            .block_devices
            .first()
            .and_then(|d| d.device_name.place),
        image_name: builder.image.name.place,
        share: shared.and_then(|value| value.place),
        copies: builder.image.copies.regions.first().and_then(|r| r.place),
    }
}
