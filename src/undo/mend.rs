//! The plain commands of AWS's own tool that mend what kiln cannot, for the end of a message.

use serde_json::{Value, json};

use super::serving::arns_of;
use crate::cloud::{Action, Forward, RecordPlace, RulePlace, TrafficArn, tag};

/// Has a rule, or a listener's default action, do this. Nothing where it has an action that cannot be written.
pub fn write(place: &RulePlace, actions: &[Action]) -> Option<String> {
    let said = || {
        let actions: Option<Vec<Value>> = actions.iter().map(word).collect();
        Some(Value::Array(actions.filter(|actions| !actions.is_empty())?))
    };
    match place {
        RulePlace::Rule(arn) => {
            let said = said()?;
            Some(format!(
                "aws elbv2 modify-rule --rule-arn {arn} --actions '{said}'"
            ))
        }
        RulePlace::Default(arn) => {
            let said = said()?;
            Some(format!(
                "aws elbv2 modify-listener --listener-arn {arn} --default-actions '{said}'"
            ))
        }
        RulePlace::Record(record) => records(record, actions),
    }
}

/// Gives records their weights, and leaves the rest of them as it is.
fn records(record: &RecordPlace, actions: &[Action]) -> Option<String> {
    let weights = record.weights(actions)?;
    let changes = record.ends.iter().filter_map(|end| {
        let mut set = json!({
            "Name": record.name,
            "Type": record.kind,
            "SetIdentifier": end.identifier,
            "Weight": weights.get(end.identifier.as_str())?,
        });
        if let Some((zone, evaluates)) = &end.rest.alias {
            set["AliasTarget"] = json!({ "HostedZoneId": zone, "DNSName": end.rest.host, "EvaluateTargetHealth": evaluates });
        } else {
            set["TTL"] = json!(end.rest.ttl);
            set["ResourceRecords"] = json!([{ "Value": end.rest.host }]);
        }
        if let Some(check) = &end.rest.health_check {
            set["HealthCheckId"] = json!(check);
        }
        Some(json!({ "Action": "UPSERT", "ResourceRecordSet": set }))
    });
    let batch = json!({ "Changes": changes.collect::<Vec<_>>() });
    let zone = &record.zone;
    Some(format!(
        "aws route53 change-resource-record-sets --hosted-zone-id {zone} --change-batch '{batch}'"
    ))
}

/// Shows what it does.
pub fn show(place: &RulePlace) -> String {
    match place {
        RulePlace::Rule(arn) => format!("aws elbv2 describe-rules --rule-arns {arn}"),
        RulePlace::Default(arn) => format!("aws elbv2 describe-listeners --listener-arns {arn}"),
        RulePlace::Record(record) => format!(
            "aws route53 list-resource-record-sets --hosted-zone-id {} --start-record-name {} --start-record-type {} --max-items {}",
            record.zone,
            record.name,
            record.kind,
            record.ends.len()
        ),
    }
}

/// What a person needs who is to settle production traffic: how to see it, and how to put it back.
pub fn settle(place: &RulePlace, before: &[Action]) -> String {
    let shown = format!("look at it: `{}`", show(place));
    match write(place, before) {
        Some(back) => format!("{shown}, and lead it back, if that is wanted: `{back}`"),
        None => shown,
    }
}

/// Takes the service's name off something that carries traffic.
pub fn disown(place: &RulePlace) -> String {
    let arns = arns_of(place);
    let arns: Vec<_> = arns.iter().map(TrafficArn::as_str).collect();
    let mut keys = vec![tag::SERVICE];
    keys.extend(place.record().map(|_| tag::RECORD));
    format!(
        "aws elbv2 remove-tags --resource-arns {} --tag-keys {}",
        arns.join(" "),
        keys.join(" ")
    )
}

fn word(action: &Action) -> Option<Value> {
    let given = |fields: &[(&str, &Option<String>)]| -> Value {
        let fields = fields.iter();
        let fields =
            fields.filter_map(|(key, value)| Some(((*key).to_owned(), json!((*value).as_ref()?))));
        Value::Object(fields.collect())
    };
    Some(match action {
        Action::Forward(forward) => json!({ "Type": "forward", "ForwardConfig": config(forward) }),
        Action::Fixed {
            status,
            content_type,
            body,
        } => {
            let status = Some(status.clone());
            let config = given(&[
                ("StatusCode", &status),
                ("ContentType", content_type),
                ("MessageBody", body),
            ]);
            json!({ "Type": "fixed-response", "FixedResponseConfig": config })
        }
        Action::Redirect {
            status,
            protocol,
            port,
            host,
            path,
            query,
        } => {
            let status = Some(status.clone());
            let config = given(&[
                ("StatusCode", &status),
                ("Protocol", protocol),
                ("Port", port),
                ("Host", host),
                ("Path", path),
                ("Query", query),
            ]);
            json!({ "Type": "redirect", "RedirectConfig": config })
        }
        Action::Other(_) => return None,
    })
}

fn config(forward: &Forward) -> Value {
    let shares = forward.shares.iter();
    let shares = shares.map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }));
    let mut config = json!({ "TargetGroups": shares.collect::<Vec<_>>() });
    if let Some(seconds) = forward.sticky_seconds {
        config["TargetGroupStickinessConfig"] =
            json!({ "Enabled": true, "DurationSeconds": seconds });
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{ListenerArn, RuleArn, TargetGroupArn};

    #[test]
    fn what_a_rule_did_is_a_command() {
        let place = RulePlace::Rule(RuleArn::new("rule-1"));
        let mut forward = Forward::to(TargetGroupArn::new("web-a"));
        forward.sticky_seconds = Some(60);
        let actions = [Action::Forward(forward)];
        assert_eq!(
            write(&place, &actions).unwrap(),
            r#"aws elbv2 modify-rule --rule-arn rule-1 --actions '[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"web-a","Weight":1}],"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":60}}}]'"#
        );
        let place = RulePlace::Default(ListenerArn::new("listener-1"));
        let fixed = Action::Fixed {
            status: "404".to_owned(),
            content_type: None,
            body: None,
        };
        assert_eq!(
            write(&place, &[fixed]).unwrap(),
            r#"aws elbv2 modify-listener --listener-arn listener-1 --default-actions '[{"Type":"fixed-response","FixedResponseConfig":{"StatusCode":"404"}}]'"#
        );
        assert_eq!(write(&place, &[]), None);
        let other = Action::Other("authenticate-oidc".to_owned());
        assert_eq!(write(&place, &[other]), None);
    }
}
