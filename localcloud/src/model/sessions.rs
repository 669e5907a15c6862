//! Session Manager: sessions to instances whose agent has registered.
//!
//! There is no data channel behind a session: the URL of its stream leads nowhere, and whoever needs bytes carried brings
//! a plugin that carries them some other way.

use super::{
    Config, Fault, Service, Tree, actions::Action, args::Args, ec2::InstanceState, ids::Ids,
    paging::Paging, state::State,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ssm,
        "StartSession",
        "Target DocumentName Reason Parameters",
        start,
    ),
    Action::new(Service::Ssm, "TerminateSession", "SessionId", terminate),
    Action::new(
        Service::Ssm,
        "DescribeSessions",
        "State Filters MaxResults NextToken",
        describe,
    ),
];

/// An agent registers within seconds of its machine's start.
const REGISTERS: SignedDuration = SignedDuration::from_secs(15);

/// The documents of AWS's own that open a port, and what they take ("Starting a session").
const DOCUMENTS: &[(&str, &[&str])] = &[
    (
        "AWS-StartPortForwardingSession",
        &["portNumber", "localPortNumber"],
    ),
    ("AWS-StartSSHSession", &["portNumber"]),
];

/// "`DescribeSessions`": `MaxResults` is 1 to 200.
const PAGING: Paging = Paging {
    size: "MaxResults",
    token: "NextToken",
    range: (1, 200),
    usual: 50,
};

#[derive(Clone, Debug)]
pub(super) struct Sessions {
    all: BTreeMap<String, Session>,
    /// A stream of its own, so that sessions do not change which ids the rest of the account gets.
    ids: Ids,
}

#[derive(Clone, Debug)]
struct Session {
    target: String,
    document: String,
    reason: Option<String>,
    started: Timestamp,
    ended: Option<Timestamp>,
}

impl Sessions {
    pub(super) fn seeded(config: &Config) -> Self {
        Self {
            all: BTreeMap::new(),
            ids: Ids::new(config.seed ^ u64::from_be_bytes(*b"sessions")),
        }
    }
}

fn start(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let target = args.text("Target")?;
    let document = args.text("DocumentName")?;
    parameters(document, args)?;
    let reason = args.maybe_text("Reason")?;
    if reason.is_some_and(|text| text.is_empty() || text.len() > 256) {
        return Err(args.invalid("Reason", "", "It has 1 to 256 characters."));
    }
    if !is_connected(state, target) {
        let message = format!("{target} is not connected.");
        return Err(Fault::new("TargetNotConnected", message));
    }
    let id = format!("local-{}", state.sessions.ids.resource("s").split_off(2));
    let token = state.sessions.ids.uuid();
    let session = Session {
        target: target.to_owned(),
        document: document.to_owned(),
        reason: reason.map(ToOwned::to_owned),
        started: state.now,
        ended: None,
    };
    state.sessions.all.insert(id.clone(), session);
    let stream = format!(
        "wss://ssmmessages.{}.amazonaws.com/v1/data-channel/{id}?role=publish_subscribe",
        state.config.region
    );
    Ok(Tree::new()
        .put("SessionId", id)
        .put("TokenValue", token)
        .put("StreamUrl", stream))
}

/// Only what the document knows, each a list of one port.
fn parameters(document: &str, args: &Args<'_>) -> Result<(), Fault> {
    let known = DOCUMENTS.iter().find(|(name, _)| *name == document);
    let Some((_, names)) = known else {
        let message = format!("Document with name {document} does not exist.");
        return Err(Fault::new("InvalidDocument", message));
    };
    let Some(given) = args.map("Parameters")? else {
        return Ok(());
    };
    given.only(&names.join(" "))?;
    for name in *names {
        let ports = given.texts(name)?;
        let is_port = |text: &&str| text.parse::<u16>().is_ok();
        if given.has(name) && !(ports.len() == 1 && ports.iter().all(is_port)) {
            return Err(given.invalid(name, &ports.join(","), "One port is expected."));
        }
    }
    Ok(())
}

/// Whether the agent of an instance is there: it needs a role that lets it in, and a moment.
fn is_connected(state: &State, target: &str) -> bool {
    let Some(instance) = state.ec2.instances.get(target) else {
        return false;
    };
    let registered = instance.since.checked_add(REGISTERS);
    instance.state == InstanceState::Running
        && instance.profile.is_some()
        && registered.is_ok_and(|at| at <= state.now)
}

/// Ends with its instance, if it was not ended before.
fn is_active(state: &State, session: &Session) -> bool {
    let instance = state.ec2.instances.get(&session.target);
    let runs = instance.is_some_and(|instance| {
        instance.state == InstanceState::Running && instance.since <= session.started
    });
    session.ended.is_none() && runs
}

fn terminate(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("SessionId")?;
    let now = state.now;
    let Some(session) = state.sessions.all.get_mut(id) else {
        let message = format!("Session {id} does not exist.");
        return Err(Fault::new("DoesNotExistException", message));
    };
    session.ended.get_or_insert(now);
    Ok(Tree::new().put("SessionId", id))
}

fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let wanted = args
        .word("State", "Active History")?
        .ok_or_else(|| args.missing("State"))?;
    let page = PAGING.read(args)?;
    let mut filters = Vec::new();
    for filter in args.maps("Filters")? {
        filter.only("key value")?;
        let keys = "Target SessionId Owner";
        let key = filter
            .word("key", keys)?
            .ok_or_else(|| filter.missing("key"))?;
        filters.push((key, filter.text("value")?));
    }
    let owner = state.arn("iam", "user/local");
    let fits = |(id, session): &(&String, &Session)| {
        filters.iter().all(|(key, value)| match *key {
            "Target" => session.target == *value,
            "Owner" => owner == *value,
            _ => id == value,
        })
    };
    let found = state.sessions.all.iter().filter(fits);
    let found = found.filter(|(_, session)| is_active(state, session) == (wanted == "Active"));
    let shown = found.map(|(id, session)| (id.clone(), show(id, session, wanted, &owner)));
    let (shown, next) = page.cut(shown.collect());
    Ok(Tree::new()
        .put("Sessions", shown)
        .put_some("NextToken", next))
}

fn show(id: &str, session: &Session, wanted: &str, owner: &str) -> Tree {
    let status = if wanted == "Active" {
        "Connected"
    } else {
        "Terminated"
    };
    Tree::new()
        .put("SessionId", id)
        .put("Target", session.target.as_str())
        .put("Status", status)
        .put("StartDate", session.started.as_second())
        .put_some("EndDate", session.ended.map(Timestamp::as_second))
        .put("DocumentName", session.document.as_str())
        .put("Owner", owner)
        .put_some("Reason", session.reason.clone())
}
