//! What a rule does: read from a request, checked against the load balancer, and written back as AWS returns it.

use super::{
    kind::{self, Kind},
    stored::{Elb, Listener},
};
use crate::model::{Fault, Share, Tree, args::Args};
use std::collections::BTreeSet;

/// What a rule does with a request. Exactly one stands in each rule: authentication cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum Action {
    Forward(Forward),
    Fixed {
        status: u16,
        content_type: String,
        body: String,
    },
    Redirect(Redirect),
}

/// A weighted choice between target groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Forward {
    /// Target group ARN and weight, 0 to 999.
    pub(in crate::model) groups: Vec<(String, u32)>,
    pub(in crate::model) sticky: bool,
    sticky_seconds: Option<i64>,
    /// One target group of a network load balancer comes back without a weight.
    shows_weights: bool,
}

/// Where a client is sent; `#{host}` and the like are filled in by the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Redirect {
    status: u16,
    protocol: String,
    host: String,
    port: String,
    path: String,
    query: String,
}

/// Target groups that one forward may name (Quotas for your Application and your Network Load Balancers).
const GROUPS_IN_FORWARD: usize = 5;

/// Reads the one action of a list under `name`.
pub(super) fn read(args: &Args<'_>, name: &str, kind: Kind) -> Result<Action, Fault> {
    let list = args.maps(name)?;
    let [action] = list.as_slice() else {
        return Err(if list.is_empty() {
            args.missing(name)
        } else {
            Fault::new(
                "TooManyActions",
                "A rule has exactly one action of type forward, redirect or fixed-response here",
            )
        });
    };
    match action.text("Type")? {
        "forward" => read_forward(action, kind).map(Action::Forward),
        other if kind == Kind::Network => Err(Fault::new(
            "InvalidLoadBalancerAction",
            format!(
                "Actions of type '{other}' are not supported on load balancers of type 'network'"
            ),
        )),
        "fixed-response" => read_fixed(&config(action, "FixedResponseConfig")?),
        "redirect" => read_redirect(&config(action, "RedirectConfig")?),
        kind @ ("authenticate-oidc" | "authenticate-cognito" | "jwt-validation") => {
            Err(Fault::new(
                "UnsupportedOperation",
                format!("Actions of type '{kind}' are not served by this cloud"),
            ))
        }
        kind => Err(Fault::validation(format!(
            "'{kind}' is not a type of action"
        ))),
    }
}

fn config<'a>(action: &Args<'a>, name: &str) -> Result<Args<'a>, Fault> {
    action.map(name)?.ok_or_else(|| action.missing(name))
}

fn read_forward(action: &Args<'_>, kind: Kind) -> Result<Forward, Fault> {
    action.only("Type Order TargetGroupArn ForwardConfig")?;
    let single = action
        .maybe_text("TargetGroupArn")?
        .filter(|arn| !arn.is_empty());
    let Some(config) = action.map("ForwardConfig")? else {
        let arn =
            single.ok_or_else(|| Fault::validation("A forward action must have a target group"))?;
        return Ok(Forward {
            groups: vec![(arn.to_owned(), 1)],
            sticky: false,
            sticky_seconds: None,
            shows_weights: kind == Kind::Application,
        });
    };
    config.only("TargetGroups TargetGroupStickinessConfig")?;
    let groups = config
        .maps("TargetGroups")?
        .iter()
        .map(read_weight)
        .collect::<Result<Vec<_>, _>>()?;
    check_choice(&groups)?;
    if single.is_some_and(|arn| groups.len() > 1 || groups[0].0 != arn) {
        let message = "TargetGroupArn and ForwardConfig name different target groups";
        return Err(Fault::new("InvalidLoadBalancerAction", message));
    }
    let (sticky, sticky_seconds) = read_stickiness(&config, kind)?;
    Ok(Forward {
        shows_weights: kind == Kind::Application || groups.len() > 1,
        groups,
        sticky,
        sticky_seconds,
    })
}

fn check_choice(groups: &[(String, u32)]) -> Result<(), Fault> {
    if groups.is_empty() {
        return Err(Fault::validation(
            "A forward action must have a target group",
        ));
    }
    if groups.len() > GROUPS_IN_FORWARD {
        return Err(Fault::new(
            "TooManyTargetGroups",
            "A forward action can have at most 5 target groups",
        ));
    }
    let unique: BTreeSet<_> = groups.iter().map(|(arn, _)| arn).collect();
    if unique.len() < groups.len() {
        return Err(Fault::new(
            "InvalidLoadBalancerAction",
            "A forward action can name a target group only once",
        ));
    }
    Ok(())
}

fn read_weight(entry: &Args<'_>) -> Result<(String, u32), Fault> {
    entry.only("TargetGroupArn Weight")?;
    let weight = entry.int_in("Weight", 0..=999)?.unwrap_or(1);
    Ok((
        entry.text("TargetGroupArn")?.to_owned(),
        u32::try_from(weight).unwrap_or_default(),
    ))
}

fn read_stickiness(config: &Args<'_>, kind: Kind) -> Result<(bool, Option<i64>), Fault> {
    let Some(stickiness) = config.map("TargetGroupStickinessConfig")? else {
        return Ok((false, None));
    };
    let enabled = stickiness.flag("Enabled")?.unwrap_or(false);
    let seconds = stickiness.int_in("DurationSeconds", 1..=604_800)?;
    match kind {
        Kind::Application if enabled && seconds.is_none() => {
            Err(stickiness.missing("DurationSeconds"))
        }
        Kind::Network if seconds.is_some() => Err(Fault::validation(
            "A duration of target group stickiness cannot be specified on load balancers of type 'network'",
        )),
        _ => Ok((enabled, seconds)),
    }
}

fn read_fixed(config: &Args<'_>) -> Result<Action, Fault> {
    let status = config.text("StatusCode")?;
    let valid = status.len() == 3 && matches!(status.as_bytes()[0], b'2' | b'4' | b'5');
    let code = status.parse().ok().filter(|_| valid);
    Ok(Action::Fixed {
        status: code
            .ok_or_else(|| config.invalid("StatusCode", status, "It must be 2XX, 4XX or 5XX"))?,
        content_type: config
            .maybe_text("ContentType")?
            .unwrap_or("text/plain")
            .to_owned(),
        body: config
            .maybe_text("MessageBody")?
            .unwrap_or_default()
            .to_owned(),
    })
}

fn read_redirect(config: &Args<'_>) -> Result<Action, Fault> {
    let part = |name: &str, usual: &str| {
        Ok::<_, Fault>(config.maybe_text(name)?.unwrap_or(usual).to_owned())
    };
    config.text("StatusCode")?;
    let permanent = config.word("StatusCode", "HTTP_301 HTTP_302")? == Some("HTTP_301");
    Ok(Action::Redirect(Redirect {
        status: if permanent { 301 } else { 302 },
        protocol: part("Protocol", "#{protocol}")?,
        host: part("Host", "#{host}")?,
        port: part("Port", "#{port}")?,
        path: part("Path", "/#{path}")?,
        query: part("Query", "#{query}")?,
    }))
}

/// Checks that a listener may do this: its target groups exist, fit, and serve no other load balancer.
pub(super) fn check(elb: &Elb, listener: &Listener, action: &Action) -> Result<(), Fault> {
    let Action::Forward(forward) = action else {
        return Ok(());
    };
    for (arn, _) in &forward.groups {
        check_group(elb, listener, arn)?;
    }
    let sticks = |arn: &String| {
        elb.groups[arn]
            .attributes
            .get("stickiness.enabled")
            .is_some_and(|value| value == "true")
    };
    if forward.groups.len() > 1
        && !forward.sticky
        && forward.groups.iter().any(|(arn, _)| sticks(arn))
    {
        let message = "You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups";
        return Err(Fault::new("InvalidLoadBalancerAction", message));
    }
    Ok(())
}

fn check_group(elb: &Elb, listener: &Listener, arn: &str) -> Result<(), Fault> {
    let Listener {
        balancer, protocol, ..
    } = listener;
    let group = elb
        .groups
        .get(arn)
        .ok_or_else(|| super::groups::not_found(arn))?;
    if !kind::fits(protocol, &group.protocol) {
        let message = format!(
            "The protocol {} of target group '{arn}' does not fit the listener's protocol {protocol}",
            group.protocol
        );
        return Err(Fault::new("IncompatibleProtocols", message));
    }
    if elb
        .balancers
        .get(balancer)
        .is_some_and(|balancer| balancer.vpc != group.vpc)
    {
        let message = format!("Target group '{arn}' and the load balancer are not in the same VPC");
        return Err(Fault::new("InvalidConfigurationRequest", message));
    }
    if elb.balancers_of(arn).iter().any(|other| other != balancer) {
        let message = format!(
            "The following target groups cannot be associated with more than one load balancer: {arn}"
        );
        return Err(Fault::new("TargetGroupAssociationLimit", message));
    }
    Ok(())
}

/// The list of actions as AWS returns it: a forward to one group in both forms, a weighted one only as `ForwardConfig`.
pub(super) fn tree(action: &Action) -> Tree {
    Tree::List(vec![match action {
        Action::Forward(forward) => forward_tree(forward),
        Action::Fixed {
            status,
            content_type,
            body,
        } => {
            let config = Tree::new()
                .put("MessageBody", body)
                .put("StatusCode", status.to_string())
                .put("ContentType", content_type);
            Tree::new()
                .put("Type", "fixed-response")
                .put("Order", 1_i64)
                .put("FixedResponseConfig", config)
        }
        Action::Redirect(to) => {
            let config = Tree::new()
                .put("Protocol", &to.protocol)
                .put("Port", &to.port)
                .put("Host", &to.host);
            let config = config
                .put("Path", &to.path)
                .put("Query", &to.query)
                .put("StatusCode", format!("HTTP_{}", to.status));
            Tree::new()
                .put("Type", "redirect")
                .put("Order", 1_i64)
                .put("RedirectConfig", config)
        }
    }])
}

fn forward_tree(forward: &Forward) -> Tree {
    let tree = Tree::new().put("Type", "forward");
    let tree = match forward.groups.as_slice() {
        [(only, _)] => tree.put("TargetGroupArn", only),
        _ => tree.put("Order", 1_i64),
    };
    let entry = |(arn, weight): &(String, u32)| {
        Tree::new()
            .put("TargetGroupArn", arn)
            .put_some("Weight", forward.shows_weights.then_some(*weight))
    };
    let stickiness = Tree::new()
        .put("Enabled", forward.sticky)
        .put_some("DurationSeconds", forward.sticky_seconds);
    let groups: Vec<Tree> = forward.groups.iter().map(entry).collect();
    tree.put(
        "ForwardConfig",
        Tree::new()
            .put("TargetGroups", groups)
            .put("TargetGroupStickinessConfig", stickiness),
    )
}

/// The same for the proxy.
pub(super) fn share(action: &Action) -> Share {
    match action {
        Action::Forward(forward) => Share::Forward(forward.groups.clone()),
        Action::Fixed {
            status,
            content_type,
            body,
        } => Share::Fixed {
            status: *status,
            content_type: content_type.clone(),
            body: body.clone(),
        },
        Action::Redirect(to) => {
            let query = if to.query.is_empty() {
                String::new()
            } else {
                format!("?{}", to.query)
            };
            let protocol = to.protocol.to_lowercase();
            Share::Redirect {
                status: to.status,
                location: format!("{protocol}://{}:{}{}{query}", to.host, to.port, to.path),
            }
        }
    }
}
