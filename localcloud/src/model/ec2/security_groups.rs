//! Security groups and their rules.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, elb, state::State, tags},
    describe::{Kind, PAGED, one},
    group_rules::{self, read},
    network::{GroupRule, Peer, SecurityGroup, security_group, security_group_named},
    seed,
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateSecurityGroup",
        "GroupName GroupDescription VpcId TagSpecification",
        create,
    ),
    Action::new(
        Service::Ec2,
        "DescribeSecurityGroups",
        "GroupId GroupName Filter MaxResults NextToken",
        describe,
    ),
    Action::new(
        Service::Ec2,
        "DeleteSecurityGroup",
        "GroupId GroupName",
        delete,
    ),
    Action::new(
        Service::Ec2,
        "AuthorizeSecurityGroupIngress",
        "GroupName TagSpecification",
        |state, args| authorize(state, args, false),
    )
    .with(group_rules::TAKES),
    Action::new(
        Service::Ec2,
        "AuthorizeSecurityGroupEgress",
        "TagSpecification",
        |state, args| authorize(state, args, true),
    )
    .with(group_rules::TAKES),
    Action::new(
        Service::Ec2,
        "RevokeSecurityGroupIngress",
        "GroupName SecurityGroupRuleId",
        |state, args| revoke(state, args, false),
    )
    .with(group_rules::TAKES),
    Action::new(
        Service::Ec2,
        "RevokeSecurityGroupEgress",
        "SecurityGroupRuleId",
        |state, args| revoke(state, args, true),
    )
    .with(group_rules::TAKES),
];

/// What may stand in names and descriptions (`CreateSecurityGroup`).
const MARKS: &str = " ._-:/()#,@[]+=&;{}!$*";

fn checked<'a>(args: &Args<'a>, name: &str) -> Result<&'a str, Fault> {
    let text = args.text(name)?;
    let allowed = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c));
    if text.len() > 255 || !allowed {
        return Err(args.invalid(name, text, "Character sets beyond ASCII are not supported."));
    }
    Ok(text)
}

fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = checked(args, "GroupName")?;
    let description = checked(args, "GroupDescription")?;
    let vpc = state.ec2.vpc.id.clone();
    if let Some(other) = args
        .maybe_text("VpcId")?
        .filter(|id| !id.is_empty() && *id != vpc)
    {
        return Err(super::no_such("InvalidVpcID", "vpc ID", "vpc-", other));
    }
    if name.starts_with("sg-") {
        return Err(args.invalid(
            "GroupName",
            name,
            "Group names may not be in the format sg-*.",
        ));
    }
    if security_group_named(state, name).is_some() {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Fault::new("InvalidGroup.Duplicate", message));
    }
    let tags = tags::read_for(args, "security-group")?;
    let id = state.ids.resource("sg");
    let rules = vec![seed::everything_out(&mut state.ids)];
    let group = SecurityGroup {
        id: id.clone(),
        name: name.into(),
        description: description.into(),
        rules,
    };
    state.ec2.security_groups.insert(id.clone(), group);
    state.ec2.tag(&id, &tags);
    state.hide_for_a_while(&id);
    let arn = state.arn("ec2", &format!("security-group/{id}"));
    Ok(Tree::new()
        .put("groupId", id)
        .put("tagSet", tags::show(&tags))
        .put("securityGroupArn", arn))
}

/// The group that a call names by id, or by name in the default VPC.
fn named(state: &State, args: &Args<'_>) -> Result<SecurityGroup, Fault> {
    match (args.maybe_text("GroupId")?, args.maybe_text("GroupName")?) {
        (Some(id), _) => security_group(state, id).cloned(),
        (None, Some(name)) => security_group_named(state, name).cloned().ok_or_else(|| {
            let message = format!(
                "The security group '{name}' does not exist in default VPC '{}'",
                state.ec2.vpc.id
            );
            Fault::new("InvalidGroup.NotFound", message)
        }),
        (None, None) => Err(Fault::new(
            "MissingParameter",
            "The request must contain the parameter groupName or groupId",
        )),
    }
}

fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = named(state, args)?;
    if group.name == "default" {
        let message = format!(
            "the specified group: \"{}\" name: \"default\" cannot be deleted by a user",
            group.id
        );
        return Err(Fault::new("CannotDelete", message));
    }
    if in_use(state, &group.id) {
        return Err(Fault::new(
            "DependencyViolation",
            format!("resource {} has a dependent object", group.id),
        ));
    }
    state.ec2.security_groups.remove(&group.id);
    state.ec2.tags.remove(&group.id);
    Ok(Tree::new().put("return", true).put("groupId", group.id))
}

fn in_use(state: &State, id: &str) -> bool {
    let refers = |rule: &GroupRule| matches!(&rule.peer, Peer::Group(peer) if peer == id);
    state
        .ec2
        .instances
        .values()
        .any(|instance| instance.holds_resources() && instance.groups.iter().any(|g| g == id))
        || state
            .ec2
            .security_groups
            .values()
            .any(|group| group.id != id && group.rules.iter().any(refers))
        || elb::uses_security_group(state, id)
}

fn authorize(state: &mut State, args: &Args<'_>, egress: bool) -> Result<Tree, Fault> {
    let group = named(state, args)?;
    let tags = tags::read_for(args, "security-group-rule")?;
    let mut rules = read(state, args, egress)?;
    for rule in &rules {
        let twice = rules.iter().filter(|other| same(other, rule)).count() > 1;
        if twice || group.rules.iter().any(|known| same(known, rule)) {
            let message = format!(
                "the specified rule \"{}, ALLOW\" already exists",
                group_rules::in_words(rule)
            );
            return Err(Fault::new("InvalidPermission.Duplicate", message));
        }
    }
    for rule in &mut rules {
        rule.id = state.ids.resource("sgr");
        state.ec2.tag(&rule.id, &tags);
    }
    let account = state.config.account.clone();
    let shown: Vec<Tree> = rules
        .iter()
        .map(|rule| group_rules::show_one(&account, &group.id, rule, &tags))
        .collect();
    if let Some(known) = state.ec2.security_groups.get_mut(&group.id) {
        known.rules.extend(rules);
    }
    Ok(Tree::new()
        .put("return", true)
        .put("securityGroupRuleSet", shown))
}

/// Two rules are one when all but id and description agree.
fn same(a: &GroupRule, b: &GroupRule) -> bool {
    (a.egress, &a.protocol, a.ports, &a.peer) == (b.egress, &b.protocol, b.ports, &b.peer)
}

fn revoke(state: &mut State, args: &Args<'_>, egress: bool) -> Result<Tree, Fault> {
    let group = named(state, args)?;
    let ids = args.texts("SecurityGroupRuleId")?;
    let mut gone: Vec<String> = Vec::new();
    for id in &ids {
        let known = group
            .rules
            .iter()
            .find(|rule| rule.id == *id && rule.egress == egress);
        let missing = || {
            let message = format!("The security group rule ID '{id}' does not exist");
            Fault::new("InvalidSecurityGroupRuleId.NotFound", message)
        };
        gone.push(known.ok_or_else(missing)?.id.clone());
    }
    let asked = if ids.is_empty() {
        read(state, args, egress)?
    } else {
        Vec::new()
    };
    for rule in &asked {
        let known = group.rules.iter().find(|known| same(known, rule));
        let missing = || {
            let message = "The specified rule does not exist in this security group.";
            Fault::new("InvalidPermission.NotFound", message)
        };
        gone.push(known.ok_or_else(missing)?.id.clone());
    }
    if let Some(known) = state.ec2.security_groups.get_mut(&group.id) {
        known.rules.retain(|rule| !gone.contains(&rule.id));
    }
    Ok(Tree::new().put("return", true))
}

const GROUPS: Kind = Kind {
    ids: "GroupId",
    set: "securityGroupInfo",
    filters: "description egress.ip-permission.cidr group-id group-name ip-permission.cidr ip-permission.from-port \
        ip-permission.group-id ip-permission.protocol ip-permission.to-port owner-id vpc-id",
    paging: PAGED,
    all: |state| state.ec2.security_groups.keys().cloned().collect(),
    missing: |id| {
        Fault::new(
            "InvalidGroup.NotFound",
            format!("The security group '{id}' does not exist"),
        )
    },
    field,
    show,
};

fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("GroupName")?;
    if let Some(lost) = names
        .iter()
        .find(|name| security_group_named(state, name).is_none())
    {
        return Err((GROUPS.missing)(lost));
    }
    let keep = |state: &State, id: &str| {
        names.is_empty()
            || security_group(state, id).is_ok_and(|group| names.contains(&group.name.as_str()))
    };
    let (ids, token) = GROUPS.select(state, args, keep)?;
    Ok(GROUPS.list(state, &ids, token))
}

fn field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(group) = state.ec2.security_groups.get(id) else {
        return Vec::new();
    };
    let rules = |egress| group.rules.iter().filter(move |rule| rule.egress == egress);
    let cidrs = |egress| {
        let cidr = |rule: &GroupRule| {
            if let Peer::V4(cidr) = &rule.peer {
                Some(cidr.to_string())
            } else {
                None
            }
        };
        rules(egress).filter_map(cidr).collect()
    };
    match name {
        "description" => one(&group.description),
        "group-id" => one(&group.id),
        "group-name" => one(&group.name),
        "owner-id" => one(&state.config.account),
        "vpc-id" => one(&state.ec2.vpc.id),
        "ip-permission.cidr" => cidrs(false),
        "egress.ip-permission.cidr" => cidrs(true),
        "ip-permission.from-port" => rules(false)
            .filter_map(|r| r.ports.map(|(from, _)| from.to_string()))
            .collect(),
        "ip-permission.to-port" => rules(false)
            .filter_map(|r| r.ports.map(|(_, to)| to.to_string()))
            .collect(),
        "ip-permission.protocol" => rules(false).map(|rule| rule.protocol.clone()).collect(),
        "ip-permission.group-id" => {
            let peer = |rule: &GroupRule| {
                if let Peer::Group(id) = &rule.peer {
                    Some(id.clone())
                } else {
                    None
                }
            };
            rules(false).filter_map(peer).collect()
        }
        _ => Vec::new(),
    }
}

fn show(state: &State, id: &str) -> Tree {
    let Some(group) = state.ec2.security_groups.get(id) else {
        return Tree::new();
    };
    let account = &state.config.account;
    Tree::new()
        .put("ownerId", account)
        .put("groupId", id)
        .put("groupName", &group.name)
        .put("groupDescription", &group.description)
        .put("vpcId", &state.ec2.vpc.id)
        .put(
            "securityGroupArn",
            state.arn("ec2", &format!("security-group/{id}")),
        )
        .put(
            "ipPermissions",
            group_rules::show(account, &group.rules, false),
        )
        .put(
            "ipPermissionsEgress",
            group_rules::show(account, &group.rules, true),
        )
        .put("tagSet", tags::show(&state.ec2.tags_of(id)))
}
