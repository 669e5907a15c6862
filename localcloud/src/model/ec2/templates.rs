//! Launch templates: numbered versions of launch parameters, kept as they were given.

use super::{
    super::{Fault, Params, Service, args::Args, state::State},
    instance::TemplateRef,
    spec::LaunchSpec,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The parameters of one version, in the names of the wire (`ImageId`, `SecurityGroupId`, `NetworkInterface`, …).
pub(in crate::model) type Data = BTreeMap<String, Params>;

#[derive(Clone, Debug)]
pub(in crate::model) struct Template {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    pub(in crate::model) created: Timestamp,
    pub(in crate::model) default: u64,
    /// The highest number ever given; deleted numbers are not used again.
    pub(in crate::model) latest: u64,
    pub(in crate::model) versions: BTreeMap<u64, Version>,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Version {
    pub(in crate::model) number: u64,
    pub(in crate::model) description: Option<String>,
    pub(in crate::model) created: Timestamp,
    pub(in crate::model) data: Data,
}

/// Which version of which template is meant, as a call names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Choice {
    pub(in crate::model) id: Option<String>,
    pub(in crate::model) name: Option<String>,
    /// A number, `$Latest`, `$Default`; absent means the default.
    pub(in crate::model) version: Option<String>,
}

impl Choice {
    /// Reads `LaunchTemplateId`, `LaunchTemplateName` and `Version`; exactly one of id and name must be there.
    pub(in crate::model) fn read(args: &Args<'_>) -> Result<Self, Fault> {
        let text = |name| {
            Ok::<_, Fault>(
                args.maybe_text(name)?
                    .filter(|text| !text.is_empty())
                    .map(String::from),
            )
        };
        let choice = Self {
            id: text("LaunchTemplateId")?,
            name: text("LaunchTemplateName")?,
            version: text("Version")?,
        };
        match (&choice.id, &choice.name) {
            (Some(_), Some(_)) | (None, None) => Err(either()),
            _ => Ok(choice),
        }
    }
}

fn either() -> Fault {
    let message = "Either a launch template ID or a launch template name must be specified in the request, and not both.";
    Fault::new("InvalidParameterCombination", message)
}

/// Finds a template by id or name.
pub(in crate::model) fn find<'a>(
    state: &'a State,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'a Template, Fault> {
    if let Some(id) = id {
        let missing = || {
            super::no_such(
                "InvalidLaunchTemplateId",
                "launch template, with template id",
                "lt-",
                id,
            )
        };
        return state.ec2.templates.get(id).ok_or_else(missing);
    }
    let name = name.ok_or_else(either)?;
    let missing = || {
        let message =
            format!("The specified launch template, with template name {name}, does not exist.");
        Fault::new("InvalidLaunchTemplateName.NotFoundException", message)
    };
    state
        .ec2
        .templates
        .values()
        .find(|template| template.name == name)
        .ok_or_else(missing)
}

impl Template {
    /// Finds a version by number, `$Latest` or `$Default`.
    pub(in crate::model) fn version(&self, version: Option<&str>) -> Result<&Version, Fault> {
        let number = match version {
            None | Some("$Default") => self.default,
            Some("$Latest") => self.latest_kept(),
            Some(text) => text.parse().map_err(|_| bad_version(text))?,
        };
        self.versions.get(&number).ok_or_else(|| {
            let message = format!("Could not find launch template version {number}");
            Fault::new("InvalidLaunchTemplateId.VersionNotFound", message)
        })
    }

    /// The highest number that is still there.
    pub(in crate::model) fn latest_kept(&self) -> u64 {
        self.versions
            .keys()
            .next_back()
            .copied()
            .unwrap_or(self.latest)
    }
}

fn bad_version(text: &str) -> Fault {
    Fault::new(
        "InvalidParameterValue",
        format!(
            "Invalid launch template version: '{text}'. The version must be a number, $Latest or $Default."
        ),
    )
}

/// Resolves a choice to the version that it means now.
pub(in crate::model) fn resolve(
    state: &State,
    choice: &Choice,
) -> Result<(TemplateRef, Data), Fault> {
    let template = find(state, choice.id.as_deref(), choice.name.as_deref())?;
    let version = template.version(choice.version.as_deref())?;
    let found = TemplateRef {
        id: template.id.clone(),
        name: template.name.clone(),
        version: version.number,
    };
    Ok((found, version.data.clone()))
}

/// What a version launches, with other launch parameters laid over it name by name.
pub(in crate::model) fn spec(
    state: &State,
    choice: &Choice,
    over: &Data,
) -> Result<LaunchSpec, Fault> {
    let (template, mut data) = resolve(state, choice)?;
    let takes_interface = over.contains_key("NetworkInterface");
    let takes_subnet = over.contains_key("SubnetId") || over.contains_key("SecurityGroupId");
    if takes_interface {
        data.retain(|name, _| {
            !["SubnetId", "SecurityGroupId", "SecurityGroup"].contains(&name.as_str())
        });
    } else if takes_subnet && data.contains_key("NetworkInterface") {
        let message = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request";
        return Err(Fault::new("InvalidParameterCombination", message));
    }
    data.extend(over.clone());
    let mut spec = LaunchSpec::read(&Args::of_map(Service::Ec2, &data))?;
    spec.template = Some(template);
    Ok(spec)
}
