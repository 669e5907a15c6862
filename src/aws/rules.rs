//! What listener rules match and do: `ELBv2`'s words to ours and back.

use aws_sdk_elasticloadbalancingv2::types;
use types::ActionTypeEnum as Kind;

use crate::cloud::{Action, Conditions, Error, Forward, Result, Rule, RuleArn, TargetGroupArn};

/// A rule; `None` for a listener's default rule, which is the listener's own.
pub(super) fn rule_of(rule: &types::Rule) -> Result<Option<Rule>> {
    let lacks = |what| Error::malformed("DescribeRules", what);
    if rule.is_default().unwrap_or_default() {
        return Ok(None);
    }
    let priority = rule.priority().and_then(|priority| priority.parse().ok());
    Ok(Some(Rule {
        arn: RuleArn::new(rule.rule_arn().ok_or_else(|| lacks("rule ARN"))?),
        priority: priority.ok_or_else(|| lacks("priority"))?,
        conditions: conditions_of(rule),
        actions: actions_of(rule.actions()),
    }))
}

fn conditions_of(rule: &types::Rule) -> Conditions {
    let mut all = Conditions::default();
    for condition in rule.conditions() {
        read(condition, &mut all);
    }
    if !rule.transforms().is_empty() {
        all.other.push("transforms".to_owned());
    }
    all.sorted()
}

/// A value stands in the typed configuration, or in `values` when it was set the old way; both say the same.
fn read(condition: &types::RuleCondition, all: &mut Conditions) {
    let field = condition.field().unwrap_or_default();
    let plain = condition.values();
    let host = condition.host_header_config();
    let path = condition.path_pattern_config();
    if !condition.regex_values().is_empty() {
        all.other.push(format!("{field} by regex"));
    }
    match (field, condition.http_header_config()) {
        ("host-header", _) => {
            let values = host
                .map(aws_sdk_elasticloadbalancingv2::types::HostHeaderConditionConfig::values)
                .filter(|values| !values.is_empty());
            all.hosts.extend_from_slice(values.unwrap_or(plain));
        }
        ("path-pattern", _) => {
            let values = path
                .map(aws_sdk_elasticloadbalancingv2::types::PathPatternConditionConfig::values)
                .filter(|values| !values.is_empty());
            all.paths.extend_from_slice(values.unwrap_or(plain));
        }
        ("http-header", Some(header)) => {
            let name = header.http_header_name().unwrap_or_default().to_owned();
            all.headers.push((name, header.values().to_vec()));
        }
        (other, _) => all.other.push(other.to_owned()),
    }
}

/// Our conditions in `ELBv2`'s words.
pub(super) fn conditions_to(conditions: &Conditions) -> Vec<types::RuleCondition> {
    let mut all = Vec::new();
    if !conditions.hosts.is_empty() {
        let hosts =
            types::HostHeaderConditionConfig::builder().set_values(Some(conditions.hosts.clone()));
        let condition = types::RuleCondition::builder().field("host-header");
        all.push(condition.host_header_config(hosts.build()).build());
    }
    if !conditions.paths.is_empty() {
        let paths =
            types::PathPatternConditionConfig::builder().set_values(Some(conditions.paths.clone()));
        let condition = types::RuleCondition::builder().field("path-pattern");
        all.push(condition.path_pattern_config(paths.build()).build());
    }
    for (name, values) in &conditions.headers {
        let header = types::HttpHeaderConditionConfig::builder()
            .http_header_name(name)
            .set_values(Some(values.clone()));
        let condition = types::RuleCondition::builder().field("http-header");
        all.push(condition.http_header_config(header.build()).build());
    }
    all
}

/// Actions in the order in which they are done.
pub(super) fn actions_of(actions: &[types::Action]) -> Vec<Action> {
    let mut sorted: Vec<&types::Action> = actions.iter().collect();
    sorted.sort_by_key(|action| action.order().unwrap_or_default());
    sorted.into_iter().map(action_of).collect()
}

fn action_of(action: &types::Action) -> Action {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    match (
        action.r#type(),
        action.fixed_response_config(),
        action.redirect_config(),
    ) {
        (Some(Kind::Forward), _, _) => Action::Forward(forward_of(action)),
        (Some(Kind::FixedResponse), Some(fixed), _) => Action::Fixed {
            status: fixed.status_code().unwrap_or_default().to_owned(),
            content_type: owned(fixed.content_type()),
            body: owned(fixed.message_body()),
        },
        (Some(Kind::Redirect), _, Some(redirect)) => Action::Redirect {
            status: redirect
                .status_code()
                .map_or("", |code| code.as_str())
                .to_owned(),
            protocol: owned(redirect.protocol()),
            port: owned(redirect.port()),
            host: owned(redirect.host()),
            path: owned(redirect.path()),
            query: owned(redirect.query()),
        },
        (kind, _, _) => Action::Other(kind.map_or("unknown", Kind::as_str).to_owned()),
    }
}

/// One target group comes back as `TargetGroupArn` with a `ForwardConfig` of any weight (0 on a network load balancer);
/// several only as a `ForwardConfig`.
fn forward_of(action: &types::Action) -> Forward {
    let config = action.forward_config();
    let tuples = config
        .map(aws_sdk_elasticloadbalancingv2::types::ForwardActionConfig::target_groups)
        .unwrap_or_default();
    let mut shares: Vec<_> = (tuples.iter())
        .filter_map(|tuple| {
            let weight = u32::try_from(tuple.weight().unwrap_or(1)).unwrap_or_default();
            Some((TargetGroupArn::new(tuple.target_group_arn()?), weight))
        })
        .collect();
    if let (true, Some(arn)) = (shares.is_empty(), action.target_group_arn()) {
        shares.push((TargetGroupArn::new(arn), 1));
    }
    if let [(_, weight)] = shares.as_mut_slice() {
        *weight = 1;
    }
    shares.sort();
    let sticky = config.and_then(|config| config.target_group_stickiness_config());
    let sticky = sticky.filter(|sticky| sticky.enabled().unwrap_or_default());
    let seconds = sticky.and_then(
        aws_sdk_elasticloadbalancingv2::types::TargetGroupStickinessConfig::duration_seconds,
    );
    Forward {
        shares,
        sticky_seconds: seconds.and_then(|seconds| u32::try_from(seconds).ok()),
    }
}

/// Our actions in `ELBv2`'s words, in order.
///
/// Errors on an action of another kind: writing it back from what was read would lose its secrets.
pub(super) fn actions_to(actions: &[Action]) -> Result<Vec<types::Action>> {
    let mut order = 0;
    let each = actions.iter().map(|action| {
        order += 1;
        let built = types::Action::builder().order(order);
        Ok(match action {
            Action::Forward(forward) => built
                .r#type(Kind::Forward)
                .forward_config(forward_to(forward)),
            Action::Fixed {
                status,
                content_type,
                body,
            } => {
                let fixed = types::FixedResponseActionConfig::builder()
                    .status_code(status)
                    .set_content_type(content_type.clone())
                    .set_message_body(body.clone());
                built
                    .r#type(Kind::FixedResponse)
                    .fixed_response_config(fixed.build())
            }
            Action::Redirect { .. } => built
                .r#type(Kind::Redirect)
                .redirect_config(redirect_to(action)),
            Action::Other(kind) => return Err(unwritable(kind)),
        }
        .build())
    });
    each.collect()
}

fn forward_to(forward: &Forward) -> types::ForwardActionConfig {
    let shares = forward.shares.iter().map(|(arn, weight)| {
        types::TargetGroupTuple::builder()
            .target_group_arn(arn.as_str())
            .weight(i32::try_from(*weight).unwrap_or(i32::MAX))
            .build()
    });
    let config = types::ForwardActionConfig::builder().set_target_groups(Some(shares.collect()));
    let Some(seconds) = forward.sticky_seconds else {
        return config.build();
    };
    let sticky = types::TargetGroupStickinessConfig::builder()
        .enabled(true)
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX));
    config
        .target_group_stickiness_config(sticky.build())
        .build()
}

fn redirect_to(action: &Action) -> types::RedirectActionConfig {
    let config = types::RedirectActionConfig::builder();
    let Action::Redirect {
        status,
        protocol,
        port,
        host,
        path,
        query,
    } = action
    else {
        return config.build();
    };
    config
        .status_code(status.as_str().into())
        .set_protocol(protocol.clone())
        .set_port(port.clone())
        .set_host(host.clone())
        .set_path(path.clone())
        .set_query(query.clone())
        .build()
}

fn unwritable(kind: &str) -> Error {
    Error {
        call: "ModifyRule",
        kind: crate::cloud::Kind::Invalid,
        code: None,
        message: format!("an action of type {kind} cannot be written back"),
        request_id: None,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(arn: &str, weight: i32) -> types::TargetGroupTuple {
        types::TargetGroupTuple::builder()
            .target_group_arn(arn)
            .weight(weight)
            .build()
    }

    #[test]
    fn both_ways_of_saying_one_target_group_are_equal() {
        let plain = types::Action::builder()
            .r#type(Kind::Forward)
            .target_group_arn("a")
            .build();
        let config = types::ForwardActionConfig::builder()
            .target_groups(tuple("a", 0))
            .build();
        let weighted = types::Action::builder()
            .r#type(Kind::Forward)
            .forward_config(config)
            .build();
        let one = vec![Action::Forward(Forward::to(TargetGroupArn::new("a")))];
        assert_eq!(actions_of(&[plain]), one);
        assert_eq!(actions_of(&[weighted]), one);
    }

    #[test]
    fn what_is_read_is_what_is_written_back() {
        let actions = vec![
            Action::Fixed {
                status: "503".to_owned(),
                content_type: Some("text/plain".to_owned()),
                body: None,
            },
            Action::Forward(Forward {
                shares: vec![(TargetGroupArn::new("a"), 0), (TargetGroupArn::new("b"), 5)],
                sticky_seconds: Some(60),
            }),
            Action::Redirect {
                status: "HTTP_301".to_owned(),
                protocol: Some("HTTPS".to_owned()),
                port: None,
                host: None,
                path: None,
                query: None,
            },
        ];
        assert_eq!(actions_of(&actions_to(&actions).unwrap()), actions);
        assert!(actions_to(&[Action::Other("authenticate-oidc".to_owned())]).is_err());
    }

    #[test]
    fn conditions_are_equal_however_they_are_set() {
        let old = types::RuleCondition::builder()
            .field("host-header")
            .values("web.example");
        let rule = types::Rule::builder().conditions(old.build()).build();
        let read = conditions_of(&rule);
        let written = conditions_to(&read);
        let again = types::Rule::builder().set_conditions(Some(written)).build();
        assert_eq!(read, conditions_of(&again));
        assert_eq!(read.hosts, ["web.example"]);
    }
}
