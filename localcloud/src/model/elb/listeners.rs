//! Listeners: one a port, plain HTTP or TCP, their default action kept as a default rule.

use super::{
    PAGES, actions, ground,
    kind::Kind,
    stored::{Elb, Listener, Rule},
};
use crate::model::{Fault, Tree, args::Args, state::State, tags};

pub(super) const TAKES_CREATE: &str =
    "LoadBalancerArn Protocol Port SslPolicy Certificates DefaultActions AlpnPolicy Tags";
pub(super) const TAKES_MODIFY: &str =
    "ListenerArn Port Protocol SslPolicy Certificates DefaultActions AlpnPolicy";

const PROTOCOLS: &str = "HTTP HTTPS TCP TLS UDP TCP_UDP GENEVE QUIC TCP_QUIC";

/// Listeners that a load balancer may have (Quotas for your Application and your Network Load Balancers).
const LISTENERS: usize = 50;

pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let kind = super::balancers::named(state, args)?.kind;
    let balancer = args.text("LoadBalancerArn")?;
    check_protocol(args, kind)?;
    let protocol = args.text("Protocol")?;
    let port = read_port(args)?.ok_or_else(|| args.missing("Port"))?;
    let action = actions::read(args, "DefaultActions", kind)?;
    let tags = tags::read(args, "Tags")?;
    check_port_free(&state.elb, balancer, port)?;
    check_room(&state.elb, balancer)?;
    let at = Listener {
        balancer: balancer.to_owned(),
        protocol: protocol.to_owned(),
        port,
    };
    actions::check(&state.elb, &at, &action)?;
    let (id, rule_id) = (state.ids.short(), state.ids.short());
    let path = ground::after(balancer, ":loadbalancer/");
    let arn = state.arn("elasticloadbalancing", &format!("listener/{path}/{id}"));
    let rule_arn = state.arn(
        "elasticloadbalancing",
        &format!("listener-rule/{path}/{id}/{rule_id}"),
    );
    let rule = Rule {
        listener: arn.clone(),
        priority: None,
        conditions: Vec::new(),
        action,
    };
    state.elb.rules.insert(rule_arn, rule);
    state.elb.listeners.insert(arn.clone(), at);
    state.elb.tags.insert(arn.clone(), tags);
    Ok(Tree::new().put("Listeners", vec![tree(&state.elb, &arn)]))
}

/// Refuses what no load balancer of its type listens for, and then what this cloud's proxy cannot.
fn check_protocol(args: &Args<'_>, kind: Kind) -> Result<(), Fault> {
    let known = kind.listens_for();
    let protocol = args.word("Protocol", PROTOCOLS)?.unwrap_or(known[0]);
    if !known.contains(&protocol) {
        let known = known.join(", ");
        return Err(Fault::validation(format!(
            "Listener protocol '{protocol}' must be one of '{known}'"
        )));
    }
    let certificates = args.list("Certificates")?;
    let unserved = |why: &str| {
        let message = format!("Listeners for {protocol} are not served by this cloud: {why}");
        Err(Fault::new("UnsupportedProtocol", message))
    };
    match protocol {
        "HTTPS" | "TLS" if certificates.is_empty() && args.has("Protocol") => {
            Err(Fault::validation(format!(
                "A certificate must be specified for {protocol} listeners"
            )))
        }
        "HTTPS" | "TLS" => unserved("it has no certificates"),
        "HTTP" | "TCP" if certificates.is_empty() && args.maybe_text("SslPolicy")?.is_none() => {
            Ok(())
        }
        "HTTP" | "TCP" => {
            let message =
                "Certificates and an SSL policy can only be given to a listener for HTTPS or TLS";
            Err(Fault::new("InvalidConfigurationRequest", message))
        }
        _ => unserved("its proxy carries no datagrams"),
    }
}

fn check_room(elb: &Elb, balancer: &str) -> Result<(), Fault> {
    if elb.listeners_of(balancer).count() < LISTENERS {
        return Ok(());
    }
    Err(Fault::new(
        "TooManyListeners",
        "The maximum number of listeners on a load balancer has been reached",
    ))
}

fn read_port(args: &Args<'_>) -> Result<Option<u16>, Fault> {
    Ok(args
        .int_in("Port", 1..=65535)?
        .and_then(|port| u16::try_from(port).ok()))
}

fn check_port_free(elb: &Elb, balancer: &str, port: u16) -> Result<(), Fault> {
    if elb
        .listeners_of(balancer)
        .any(|(_, listener)| listener.port == port)
    {
        let message = format!(
            "A listener already exists on port '{port}' for this load balancer '{balancer}'"
        );
        return Err(Fault::new("DuplicateListener", message));
    }
    Ok(())
}

pub(super) fn not_found(arn: &str) -> Fault {
    Fault::new("ListenerNotFound", format!("Listener '{arn}' not found"))
}

/// The listener of a call, by its ARN.
pub(super) fn named<'a, 'b>(
    elb: &'a Elb,
    args: &Args<'b>,
) -> Result<(&'b str, &'a Listener), Fault> {
    let arn = args.text("ListenerArn")?;
    if !arn.contains(":listener/") {
        return Err(Fault::validation(format!(
            "'{arn}' is not a valid listener ARN"
        )));
    }
    elb.listeners
        .get(arn)
        .map(|listener| (arn, listener))
        .ok_or_else(|| not_found(arn))
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let by_arn = args.texts("ListenerArns")?;
    let balancer = args.maybe_text("LoadBalancerArn")?;
    let elb = &state.elb;
    if by_arn.is_empty() == balancer.is_none() {
        return Err(Fault::validation(
            "You must specify either listener ARNs or a load balancer ARN",
        ));
    }
    if let Some(arn) = balancer.filter(|arn| !elb.balancers.contains_key(*arn)) {
        return Err(super::balancers::not_found(arn));
    }
    if let Some(arn) = by_arn.iter().find(|arn| !elb.listeners.contains_key(**arn)) {
        return Err(not_found(arn));
    }
    let wanted = |arn: &String, listener: &Listener| match balancer {
        Some(balancer) => listener.balancer == balancer,
        None => by_arn.contains(&arn.as_str()),
    };
    let found = elb
        .listeners
        .iter()
        .filter(|(arn, listener)| wanted(arn, listener));
    let (shown, marker) = page.cut(
        found
            .map(|(arn, _)| (arn.clone(), tree(elb, arn)))
            .collect(),
    );
    Ok(Tree::new()
        .put("Listeners", shown)
        .put_some("NextMarker", marker))
}

fn tree(elb: &Elb, arn: &str) -> Tree {
    let listener = &elb.listeners[arn];
    let default = elb
        .rules_of(arn)
        .pop()
        .map(|(_, rule)| actions::tree(&rule.action));
    Tree::new()
        .put("ListenerArn", arn)
        .put("LoadBalancerArn", &listener.balancer)
        .put("Port", i64::from(listener.port))
        .put("Protocol", &listener.protocol)
        .put_some("DefaultActions", default)
}

/// Replaces what is named; the default actions are replaced as a whole.
pub(super) fn modify(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (arn, listener) = named(&state.elb, args)?;
    let mut listener = listener.clone();
    let kind = state.elb.kind_of(&listener);
    check_protocol(args, kind)?;
    let port = read_port(args)?.unwrap_or(listener.port);
    if port != listener.port {
        check_port_free(&state.elb, &listener.balancer, port)?;
    }
    listener.port = port;
    if args.has("DefaultActions") {
        let action = actions::read(args, "DefaultActions", kind)?;
        actions::check(&state.elb, &listener, &action)?;
        let default = state
            .elb
            .rules
            .values_mut()
            .find(|rule| rule.listener == arn && rule.priority.is_none());
        if let Some(default) = default {
            default.action = action;
        }
    }
    state.elb.listeners.insert(arn.to_owned(), listener);
    Ok(Tree::new().put("Listeners", vec![tree(&state.elb, arn)]))
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (arn, _) = named(&state.elb, args)?;
    remove(state, arn);
    Ok(Tree::new())
}

/// Takes a listener away with its rules.
pub(super) fn remove(state: &mut State, arn: &str) {
    let rules: Vec<String> = state
        .elb
        .rules_of(arn)
        .into_iter()
        .map(|(rule, _)| rule.clone())
        .collect();
    for rule in rules {
        state.elb.rules.remove(&rule);
        state.elb.tags.remove(&rule);
    }
    state.elb.listeners.remove(arn);
    state.elb.tags.remove(arn);
}
