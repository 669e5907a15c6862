//! The JSON protocol of Systems Manager and the Key Management Service, which `CloudWatch` speaks too.

use crate::model::{Fault, Params, Request, Service, Tree};
use serde_json::{Map, Value, json};

const TYPE: &str = "application/x-amz-json-1.1";
/// `CloudWatch`'s.
const OLDER: &str = "application/x-amz-json-1.0";

/// The services by the prefix of their targets.
const TARGETS: &[(&str, Service)] = &[
    ("AmazonSSM.", Service::Ssm),
    ("TrentService.", Service::Kms),
    ("GraniteServiceVersion20100801.", Service::CloudWatch),
];

pub(super) fn content_type(service: Service) -> &'static str {
    if service == Service::CloudWatch {
        OLDER
    } else {
        TYPE
    }
}

/// The service that a target names.
pub(super) fn service(target: &str) -> Option<Service> {
    let mut targets = TARGETS.iter();
    let found = targets.find(|(prefix, _)| target.starts_with(prefix));
    found.map(|(_, service)| *service)
}

/// Reads the call from `X-Amz-Target: AmazonSSM.GetParameter` and the body.
pub(super) fn request(
    service: Service,
    target: Option<&str>,
    body: &[u8],
) -> Result<Request, Fault> {
    let target = target.unwrap_or_default();
    let unknown = || {
        Fault::new(
            "UnknownOperationException",
            format!("No operation is named '{target}'"),
        )
    };
    let action = TARGETS
        .iter()
        .filter(|(_, of)| *of == service)
        .find_map(|(prefix, _)| target.strip_prefix(prefix))
        .ok_or_else(unknown)?;
    let malformed =
        |error: serde_json::Error| Fault::new("SerializationException", error.to_string());
    let value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(malformed)?
    };
    let params = params(value).unwrap_or_else(|| Params::Map(std::collections::BTreeMap::new()));
    Ok(Request {
        service,
        action: action.into(),
        params,
    })
}

fn params(value: Value) -> Option<Params> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Params::Text(flag.to_string()),
        Value::Number(number) => Params::Text(number.to_string()),
        Value::String(text) => Params::Text(text),
        Value::Array(list) => Params::List(list.into_iter().filter_map(params).collect()),
        Value::Object(map) => Params::Map(
            map.into_iter()
                .filter_map(|(name, value)| Some((name, params(value)?)))
                .collect(),
        ),
    })
}

pub(super) fn answer(tree: &Tree) -> String {
    value(tree).to_string()
}

pub(super) fn fault(fault: &Fault) -> String {
    json!({ "__type": fault.code, "message": fault.message }).to_string()
}

fn value(tree: &Tree) -> Value {
    match tree {
        Tree::Text(text) => Value::from(text.as_str()),
        Tree::Int(number) => Value::from(*number),
        Tree::Real(number) => Value::from(number.0),
        // Seconds since 1970, of which AWS gives a fraction too.
        Tree::Time(at) => Value::from(at.as_duration().as_secs_f64()),
        Tree::Bool(flag) => Value::from(*flag),
        Tree::List(list) => Value::Array(list.iter().map(value).collect()),
        Tree::Map(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| ((*name).to_owned(), value(field)))
                .collect::<Map<_, _>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_target_and_leaves_nulls_out() {
        let read = request(
            Service::Ssm,
            Some("AmazonSSM.GetParameters"),
            br#"{"Names":["/a"],"WithDecryption":null}"#,
        )
        .unwrap();
        assert_eq!(read.action, "GetParameters");
        let Params::Map(map) = read.params else {
            panic!("a map")
        };
        assert_eq!(map.keys().collect::<Vec<_>>(), ["Names"]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert_eq!(
            request(Service::Ssm, Some("AmazonSSM.GetParameter"), b"{")
                .unwrap_err()
                .code,
            "SerializationException"
        );
        assert_eq!(
            request(Service::Ssm, None, b"{}").unwrap_err().code,
            "UnknownOperationException"
        );
    }
}
