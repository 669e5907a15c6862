//! Identity and Access Management, as far as launches need it: instance profiles and their roles.
//!
//! IAM itself shows what it made at once; EC2 learns of a profile a while later, as the configuration says.

use super::{
    Fault, Service, Tree,
    actions::Action,
    args::Args,
    state::State,
    tags::{self, Tags},
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Iam,
        "CreateRole",
        "RoleName Path AssumeRolePolicyDocument Description MaxSessionDuration Tags",
        create_role,
    ),
    Action::new(Service::Iam, "GetRole", "RoleName", get_role),
    Action::new(Service::Iam, "ListRoles", "PathPrefix MaxItems", list_roles),
    Action::new(
        Service::Iam,
        "PutRolePolicy",
        "RoleName PolicyName PolicyDocument",
        put_role_policy,
    ),
    Action::new(
        Service::Iam,
        "DeleteRolePolicy",
        "RoleName PolicyName",
        delete_role_policy,
    ),
    Action::new(Service::Iam, "DeleteRole", "RoleName", delete_role),
    Action::new(
        Service::Iam,
        "CreateInstanceProfile",
        "InstanceProfileName Path Tags",
        create_profile,
    ),
    Action::new(
        Service::Iam,
        "GetInstanceProfile",
        "InstanceProfileName",
        get_profile,
    ),
    Action::new(
        Service::Iam,
        "ListInstanceProfiles",
        "PathPrefix MaxItems",
        list_profiles,
    ),
    Action::new(
        Service::Iam,
        "AddRoleToInstanceProfile",
        "InstanceProfileName RoleName",
        add_role,
    ),
    Action::new(
        Service::Iam,
        "RemoveRoleFromInstanceProfile",
        "InstanceProfileName RoleName",
        remove_role,
    ),
    Action::new(
        Service::Iam,
        "DeleteInstanceProfile",
        "InstanceProfileName",
        delete_profile,
    ),
];

/// What IAM keeps, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Iam {
    roles: BTreeMap<String, Role>,
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug)]
pub(super) struct Role {
    path: String,
    pub(super) id: String,
    created: Timestamp,
    pub(super) trust: String,
    /// Seconds that a session of it may last at most.
    pub(super) longest: i64,
    policies: BTreeMap<String, String>,
    tags: Tags,
}

#[derive(Clone, Debug)]
struct Profile {
    path: String,
    id: String,
    created: Timestamp,
    role: Option<String>,
    /// When EC2 knows that the role is in it.
    seen: Timestamp,
    tags: Tags,
}

impl Iam {
    /// Profiles with a role that the account came with.
    pub(super) fn seeded(names: &[String], opened: Timestamp) -> Self {
        let mut iam = Self::default();
        for name in names {
            let role = Role {
                path: "/".into(),
                id: "AROALOCALCLOUD00000000".into(),
                created: opened,
                trust: TRUST.into(),
                longest: AN_HOUR,
                policies: BTreeMap::new(),
                tags: Tags::new(),
            };
            let profile = Profile {
                path: "/".into(),
                id: "AIPALOCALCLOUD00000000".into(),
                created: opened,
                role: Some(name.clone()),
                seen: opened,
                tags: Tags::new(),
            };
            iam.roles.insert(name.clone(), role);
            iam.profiles.insert(name.clone(), profile);
        }
        iam
    }

    /// Whether EC2 would launch with a profile by now.
    pub(super) fn launches(&self, name: &str, now: Timestamp) -> bool {
        let profile = self.profiles.get(name);
        profile.is_some_and(|profile| profile.role.is_some() && profile.seen <= now)
    }

    /// The role with this ARN, and its name.
    pub(super) fn role_of(&self, account: &str, arn: &str) -> Option<(&str, &Role)> {
        let path = arn.strip_prefix(&format!("arn:aws:iam::{account}:role"))?;
        let mut roles = self.roles.iter();
        let (name, role) = roles.find(|(name, role)| format!("{}{name}", role.path) == path)?;
        Some((name, role))
    }

    /// `/kiln/name` and the like, the end of a profile's ARN.
    pub(super) fn profile_path(&self, name: &str) -> String {
        let path = self.profiles.get(name).map(|profile| profile.path.as_str());
        format!("{}{name}", path.unwrap_or("/"))
    }
}

/// Seconds ("`CreateRole`", `MaxSessionDuration`).
const AN_HOUR: i64 = 3600;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn missing(what: &str, name: &str) -> Fault {
    Fault::new("NoSuchEntity", format!("{what} {name} cannot be found.")).with_status(404)
}

fn conflict(code: &str, message: String) -> Fault {
    Fault::new(code, message).with_status(409)
}

/// Names and paths as IAM allows them ("IAM and AWS STS quotas").
fn check_name<'a>(args: &Args<'a>, name: &str, most: usize) -> Result<&'a str, Fault> {
    let text = args.text(name)?;
    let good = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
    if text.len() > most || !text.chars().all(good) {
        return Err(args.invalid(name, text, "The name is not valid."));
    }
    Ok(text)
}

fn path(args: &Args<'_>) -> Result<String, Fault> {
    let path = args.maybe_text("Path")?.unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') {
        return Ok(path.into());
    }
    Err(args.invalid("Path", path, "A path begins and ends with a slash."))
}

/// A document must at least be JSON with statements.
fn document(args: &Args<'_>, name: &str) -> Result<String, Fault> {
    let text = args.text(name)?;
    let malformed = || {
        let message = "The policy is not in the valid JSON format.";
        Fault::new("MalformedPolicyDocument", message)
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| malformed())?;
    if value.get("Statement").is_none() {
        return Err(malformed());
    }
    Ok(text.into())
}

/// Twenty-one capitals and digits after a prefix of four, as IAM's ids are.
fn id(state: &mut State, prefix: &str) -> String {
    let drawn = state.ids.uuid().replace('-', "").to_uppercase();
    format!("{prefix}{}", drawn.chars().take(17).collect::<String>())
}

fn arn(state: &State, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{}:{kind}{path}{name}", state.config.account)
}

fn tag_list(tags: &Tags) -> Vec<Tree> {
    let tags = tags.iter();
    tags.map(|(key, value)| Tree::new().put("Key", key).put("Value", value))
        .collect()
}

fn show_role(state: &State, name: &str, tagged: bool) -> Tree {
    let Some(role) = state.iam.roles.get(name) else {
        return Tree::new();
    };
    let trust: String = form_urlencoded::byte_serialize(role.trust.as_bytes()).collect();
    let tree = Tree::new()
        .put("Path", &role.path)
        .put("RoleName", name)
        .put("RoleId", &role.id)
        .put("Arn", arn(state, "role", &role.path, name))
        .put("CreateDate", role.created)
        .put("AssumeRolePolicyDocument", trust);
    if tagged && !role.tags.is_empty() {
        return tree.put("Tags", tag_list(&role.tags));
    }
    tree
}

fn show_profile(state: &State, name: &str, tagged: bool) -> Tree {
    let Some(profile) = state.iam.profiles.get(name) else {
        return Tree::new();
    };
    let roles = profile.role.iter();
    let roles: Vec<Tree> = roles.map(|role| show_role(state, role, false)).collect();
    let tree = Tree::new()
        .put("Path", &profile.path)
        .put("InstanceProfileName", name)
        .put("InstanceProfileId", &profile.id)
        .put("Arn", arn(state, "instance-profile", &profile.path, name))
        .put("CreateDate", profile.created)
        .put("Roles", roles);
    if tagged && !profile.tags.is_empty() {
        return tree.put("Tags", tag_list(&profile.tags));
    }
    tree
}

fn role<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Role, Fault> {
    let role = state.iam.roles.get_mut(name);
    role.ok_or_else(|| missing("The role with name", name))
}

fn profile<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Profile, Fault> {
    let profile = state.iam.profiles.get_mut(name);
    profile.ok_or_else(|| missing("Instance Profile", name))
}

fn create_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = check_name(args, "RoleName", 64)?;
    if state.iam.roles.contains_key(name) {
        let message = format!("Role with name {name} already exists.");
        return Err(conflict("EntityAlreadyExists", message));
    }
    let longest = args.int_in("MaxSessionDuration", AN_HOUR..=12 * AN_HOUR)?;
    let role = Role {
        path: path(args)?,
        longest: longest.unwrap_or(AN_HOUR),
        id: id(state, "AROA"),
        created: state.now,
        trust: document(args, "AssumeRolePolicyDocument")?,
        policies: BTreeMap::new(),
        tags: tags::read(args, "Tags")?,
    };
    state.iam.roles.insert(name.into(), role);
    Ok(Tree::new().put("Role", show_role(state, name, true)))
}

fn get_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("RoleName")?;
    role(state, name)?;
    Ok(Tree::new().put("Role", show_role(state, name, true)))
}

fn list_roles(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let prefix = args.maybe_text("PathPrefix")?.unwrap_or("/");
    let roles = state.iam.roles.iter();
    let listed = roles.filter(|(_, role)| role.path.starts_with(prefix));
    let listed: Vec<Tree> = listed
        .map(|(name, _)| show_role(state, name, false))
        .collect();
    Ok(Tree::new().put("Roles", listed).put("IsTruncated", false))
}

fn put_role_policy(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let policy = document(args, "PolicyDocument")?;
    let name = check_name(args, "PolicyName", 128)?;
    let role = role(state, args.text("RoleName")?)?;
    role.policies.insert(name.into(), policy);
    Ok(Tree::new())
}

fn delete_role_policy(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("PolicyName")?;
    let role = role(state, args.text("RoleName")?)?;
    let gone = role.policies.remove(name);
    gone.map(|_| Tree::new())
        .ok_or_else(|| missing("The role policy with name", name))
}

fn delete_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("RoleName")?;
    if !role(state, name)?.policies.is_empty() {
        let message = "Cannot delete entity, must delete policies first.";
        return Err(conflict("DeleteConflict", message.into()));
    }
    let mut profiles = state.iam.profiles.values();
    if profiles.any(|profile| profile.role.as_deref() == Some(name)) {
        let message = "Cannot delete entity, must remove roles from instance profile first.";
        return Err(conflict("DeleteConflict", message.into()));
    }
    state.iam.roles.remove(name);
    Ok(Tree::new())
}

fn create_profile(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = check_name(args, "InstanceProfileName", 128)?;
    if state.iam.profiles.contains_key(name) {
        let message = format!("Instance Profile {name} already exists.");
        return Err(conflict("EntityAlreadyExists", message));
    }
    let profile = Profile {
        path: path(args)?,
        id: id(state, "AIPA"),
        created: state.now,
        role: None,
        seen: state.now,
        tags: tags::read(args, "Tags")?,
    };
    state.iam.profiles.insert(name.into(), profile);
    Ok(Tree::new().put("InstanceProfile", show_profile(state, name, true)))
}

fn get_profile(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("InstanceProfileName")?;
    profile(state, name)?;
    Ok(Tree::new().put("InstanceProfile", show_profile(state, name, true)))
}

fn list_profiles(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let prefix = args.maybe_text("PathPrefix")?.unwrap_or("/");
    let profiles = state.iam.profiles.iter();
    let listed = profiles.filter(|(_, profile)| profile.path.starts_with(prefix));
    let listed: Vec<Tree> = listed
        .map(|(name, _)| show_profile(state, name, false))
        .collect();
    let tree = Tree::new().put("InstanceProfiles", listed);
    Ok(tree.put("IsTruncated", false))
}

fn add_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (name, added) = (args.text("InstanceProfileName")?, args.text("RoleName")?);
    role(state, added)?;
    let wait = state.ids.below(state.config.late_profiles + 1);
    let seen = state.now + SignedDuration::from_secs(wait.into());
    let profile = profile(state, name)?;
    if profile.role.is_some() {
        let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        return Err(conflict("LimitExceeded", message.into()));
    }
    (profile.role, profile.seen) = (Some(added.into()), seen);
    Ok(Tree::new())
}

fn remove_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (name, gone) = (args.text("InstanceProfileName")?, args.text("RoleName")?);
    let profile = profile(state, name)?;
    if profile.role.as_deref() != Some(gone) {
        return Err(missing("The role with name", gone));
    }
    profile.role = None;
    Ok(Tree::new())
}

fn delete_profile(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("InstanceProfileName")?;
    if profile(state, name)?.role.is_some() {
        let message = "Cannot delete entity, must remove roles from instance profile first.";
        return Err(conflict("DeleteConflict", message.into()));
    }
    state.iam.profiles.remove(name);
    Ok(Tree::new())
}
