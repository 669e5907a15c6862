//! Launch templates and their versions.

use std::collections::BTreeSet;

use crate::cloud::{
    GroupName, ImageId, InstanceId, LaunchTemplateId, LaunchTemplateVersion, Result,
    SecurityGroupId, Tags, VersionRef,
};

/// A launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchTemplate {
    pub id: LaunchTemplateId,
    pub name: String,
    pub default: LaunchTemplateVersion,
    pub latest: LaunchTemplateVersion,
    pub tags: Tags,
}

/// One version: the settings that kiln may change. The rest is inherited and stays unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateVersion {
    pub number: LaunchTemplateVersion,
    pub description: String,
    pub image: Option<String>,
    pub instance_type: Option<String>,
    pub key_name: Option<String>,
    pub instance_profile: Option<String>,
    pub security_groups: Vec<SecurityGroupId>,
    /// As stored: base64.
    pub user_data: Option<String>,
    /// Security groups stand on a network interface, where `SecurityGroupIds` must not be set as well.
    pub on_interface: bool,
    /// It asks for spot machines.
    pub spot: bool,
}

/// What a new version sets; `None` is inherited from the version that it is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateChange {
    pub image: Option<ImageId>,
    pub instance_type: Option<String>,
    pub key_name: Option<String>,
    pub instance_profile: Option<String>,
    pub security_groups: Option<Vec<SecurityGroupId>>,
    /// Plain text.
    pub user_data: Option<String>,
}

/// Who uses a launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateUser {
    /// Alone or in a mix.
    Group(GroupName),
    Instance {
        id: InstanceId,
        /// The Auto Scaling group that started it.
        group: Option<GroupName>,
    },
    /// A fleet, or a Spot Fleet request.
    Fleet(String),
}

impl std::fmt::Display for TemplateUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(name) => write!(f, "Auto Scaling group {name}"),
            Self::Instance { id, .. } => write!(f, "instance {id}"),
            Self::Fleet(id) => write!(f, "fleet {id}"),
        }
    }
}

/// Launch templates.
pub trait LaunchTemplates {
    /// The template of that name, if it is there.
    fn template_named(&self, name: &str) -> impl Future<Output = Result<Option<LaunchTemplate>>>;

    /// The template of that id, if it is there.
    fn template(
        &self,
        id: &LaunchTemplateId,
    ) -> impl Future<Output = Result<Option<LaunchTemplate>>>;

    /// One version, if it is there.
    fn template_version(
        &self,
        id: &LaunchTemplateId,
        version: VersionRef,
    ) -> impl Future<Output = Result<Option<TemplateVersion>>>;

    /// Every version.
    fn template_versions(
        &self,
        id: &LaunchTemplateId,
    ) -> impl Future<Output = Result<Vec<TemplateVersion>>>;

    /// The numbers of the versions that any group names, alone or in a mix, or that an instance was launched from.
    fn versions_in_use(
        &self,
        template: &LaunchTemplate,
    ) -> impl Future<Output = Result<BTreeSet<LaunchTemplateVersion>>>;

    /// Everybody who would start machines from the template, by whatever version, and the instances that were.
    fn template_users(
        &self,
        template: &LaunchTemplate,
    ) -> impl Future<Output = Result<Vec<TemplateUser>>>;

    /// Makes a template with its first version. The same token gives the same template.
    fn create_template(
        &self,
        name: &str,
        description: &str,
        change: &TemplateChange,
        token: &str,
        tags: &Tags,
    ) -> impl Future<Output = Result<LaunchTemplate>>;

    /// Makes a version from `source`. The same token gives the same version.
    fn create_template_version(
        &self,
        id: &LaunchTemplateId,
        source: LaunchTemplateVersion,
        description: &str,
        change: &TemplateChange,
        token: &str,
    ) -> impl Future<Output = Result<LaunchTemplateVersion>>;

    /// Deletes one version; the default one cannot be deleted.
    fn delete_template_version(
        &self,
        id: &LaunchTemplateId,
        version: LaunchTemplateVersion,
    ) -> impl Future<Output = Result<()>>;

    /// Deletes a template with all its versions.
    fn delete_template(&self, id: &LaunchTemplateId) -> impl Future<Output = Result<()>>;
}
