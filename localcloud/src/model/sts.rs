//! The security token service: who is asking, and credentials of roles.

use super::{
    Fault, Service, Tree,
    actions::Action,
    args::Args,
    caller::{Session, TEMPORARY},
    policy::Policy,
    state::State,
    tags,
};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(Service::Sts, "GetCallerIdentity", "", get_caller_identity),
    Action::new(
        Service::Sts,
        "DecodeAuthorizationMessage",
        "EncodedMessage",
        decode_authorization_message,
    ),
    Action::new(
        Service::Sts,
        "AssumeRole",
        "RoleArn RoleSessionName DurationSeconds ExternalId Policy PolicyArns Tags TransitiveTagKeys",
        assume_role,
    ),
];

/// Seconds; where a role came by way of another role, and where nobody says (STS, "`AssumeRole`").
const AN_HOUR: i64 = 3600;
/// Policies that AWS manages and this cloud knows, with the actions that they allow.
const MANAGED: &[(&str, &str)] = &[
    ("AdministratorAccess", r#"["*"]"#),
    (
        "AmazonEC2FullAccess",
        r#"["ec2:*","elasticloadbalancing:*","autoscaling:*"]"#,
    ),
    ("ReadOnlyAccess", r#"["*:Describe*","*:Get*","*:List*"]"#),
];

fn user(state: &State) -> String {
    format!("arn:aws:iam::{}:user/local", state.config.account)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every handler")]
fn get_caller_identity(state: &mut State, _args: &Args<'_>) -> Result<Tree, Fault> {
    let (arn, id) = match &state.caller {
        Some(session) => (session.arn.clone(), session.id.clone()),
        None => (user(state), "AIDALOCALCLOUD000LOCAL".to_owned()),
    };
    Ok(Tree::new()
        .put("Arn", arn)
        .put("UserId", id)
        .put("Account", &state.config.account))
}

/// What is denied here comes with no encoded message, so none can be one that this account was given.
fn decode_authorization_message(_state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    args.text("EncodedMessage")?;
    Err(Fault::new(
        "InvalidAuthorizationMessageException",
        "Invalid authorization message",
    ))
}

fn assume_role(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (arn, name) = (args.text("RoleArn")?, session_name(args)?);
    let tags = tags::read(args, "Tags")?;
    for key in args.texts("TransitiveTagKeys")? {
        if !tags.contains_key(key) {
            let message =
                "The specified transitive tag key must be included in the requested tags.";
            return Err(Fault::new("InvalidParameterValue", message));
        }
    }
    let wanted = if tags.is_empty() {
        &["sts:AssumeRole"][..]
    } else {
        &["sts:AssumeRole", "sts:TagSession"]
    };
    let role = role(state, args, arn, wanted)?;
    let seconds = duration(state, args, role.longest)?;
    let policies = policies(args)?;
    let packed = (!policies.is_empty()).then_some(6_i64);
    let mut drawn = || state.ids.uuid().replace('-', "");
    let (key, secret, token) = (drawn(), drawn() + &drawn(), drawn() + &drawn() + &drawn());
    let session = Session {
        token,
        id: format!("{}:{name}", role.id),
        arn: format!(
            "arn:aws:sts::{}:assumed-role/{}/{name}",
            state.config.account, role.name
        ),
        ends: state.now + SignedDuration::from_secs(seconds),
        policies,
    };
    let key = format!("{TEMPORARY}{}", &key[..16].to_uppercase());
    let credentials = Tree::new()
        .put("AccessKeyId", &key)
        .put("SecretAccessKey", &secret[..40])
        .put("SessionToken", &session.token)
        .put("Expiration", session.ends);
    let user = Tree::new()
        .put("AssumedRoleId", &session.id)
        .put("Arn", &session.arn);
    state.callers.begin(&key, session);
    Ok(Tree::new()
        .put("Credentials", credentials)
        .put("AssumedRoleUser", user)
        .put_some("PackedPolicySize", packed))
}

/// A role that may be taken.
struct Taken {
    name: String,
    id: String,
    longest: i64,
}

/// A role that is not there is denied as one that may not be taken, so that nobody learns which there are.
fn role(state: &State, args: &Args<'_>, arn: &str, wanted: &[&str]) -> Result<Taken, Fault> {
    let account = &state.config.account;
    let external_id = args.maybe_text("ExternalId")?;
    let who = match &state.caller {
        Some(session) => session.arn.clone(),
        None => user(state),
    };
    let principals = [
        who.clone(),
        account.clone(),
        format!("arn:aws:iam::{account}:root"),
    ];
    let denied = |action: &str| {
        let message =
            format!("User: {who} is not authorized to perform: {action} on resource: {arn}");
        Fault::new("AccessDenied", message).with_status(403)
    };
    let (name, found) = state
        .iam
        .role_of(account, arn)
        .ok_or_else(|| denied("sts:AssumeRole"))?;
    let trust = Policy::read(&found.trust)?;
    for action in wanted {
        if !trust.trusts(&principals, action, external_id) {
            return Err(denied(action));
        }
    }
    Ok(Taken {
        name: name.to_owned(),
        id: found.id.clone(),
        longest: found.longest,
    })
}

fn session_name<'a>(args: &Args<'a>) -> Result<&'a str, Fault> {
    let name = args.text("RoleSessionName")?;
    let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(good) {
        let why = "Member must satisfy regular expression pattern: [\\w+=,.@-]*, with a length between 2 and 64";
        return Err(args.invalid("RoleSessionName", name, why));
    }
    Ok(name)
}

fn duration(state: &State, args: &Args<'_>, longest: i64) -> Result<i64, Fault> {
    let asked = args.int_in("DurationSeconds", 900..=43_200)?;
    let refused = |why: &str| {
        let message = format!("The requested DurationSeconds exceeds the {why}");
        Err(Fault::new("ValidationError", message))
    };
    match asked {
        Some(seconds) if state.caller.is_some() && seconds > AN_HOUR => {
            refused("1 hour session limit for roles assumed by role chaining.")
        }
        Some(seconds) if seconds > longest => refused("MaxSessionDuration set for this role."),
        asked => Ok(asked.unwrap_or(AN_HOUR)),
    }
}

/// The policy that is handed over, and those of AWS's that are named: an action is allowed that one of them allows.
fn policies(args: &Args<'_>) -> Result<Vec<Policy>, Fault> {
    let mut statements = Vec::new();
    if let Some(text) = args.maybe_text("Policy")? {
        Policy::read(text)?;
        let document: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        match &document["Statement"] {
            serde_json::Value::Array(all) => statements.extend(all.iter().map(ToString::to_string)),
            one => statements.push(one.to_string()),
        }
    }
    for named in args.maps("PolicyArns")? {
        let arn = named.text("arn")?;
        let known = MANAGED
            .iter()
            .find(|(name, _)| arn.strip_prefix("arn:aws:iam::aws:policy/") == Some(*name));
        let Some((_, actions)) = known else {
            let message = format!("This cloud does not know the policy {arn}.");
            return Err(Fault::new("NotImplemented", message).with_status(501));
        };
        statements.push(format!(
            r#"{{"Effect":"Allow","Action":{actions},"Resource":"*"}}"#
        ));
    }
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Policy::read(&format!(
        r#"{{"Statement":[{}]}}"#,
        statements.join(",")
    ))?])
}
