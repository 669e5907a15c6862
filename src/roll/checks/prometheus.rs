//! The check `prometheus`: an instant query ("HTTP API", Prometheus's documentation). Each value that comes back must be where
//! the check says; none is unknown.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::error::Error;
use super::super::plan::Plan;
use super::super::probe::{Answer, Ask, Probe};
use super::Said;
use super::http::{REQUEST, data};
use crate::template::Late;
use crate::template::service::{Bound, Login, PrometheusCheck};

/// Asks once.
pub(super) async fn ask(
    check: &PrometheusCheck,
    plan: &Plan,
    probe: &impl Probe,
) -> Result<Said, Error> {
    let query = check.query.render(&data(plan));
    let query = query.map_err(|finding| Error::Rendered(Box::new(finding)))?;
    let server = &check.server;
    let ask = Ask {
        tls: server.tls,
        address: server.host.clone(),
        port: server.port,
        host: server.host.clone(),
        path: format!("{}/api/v1/query?query={}", server.path, escaped(&query)),
        headers: check.login.iter().map(header).collect(),
        timeout: REQUEST,
    };
    Ok(match probe.ask(&ask).await {
        Ok(answer) => judge(&answer, check.bound),
        Err(none) => Said::Unknown(format!("{server}: {none}")),
    })
}

fn header(login: &Login) -> (String, String) {
    let text = |late: &Late| late.text().unwrap_or_default().to_owned();
    let value = match login {
        Login::Bearer(token) => format!("Bearer {}", text(token)),
        Login::Basic { username, password } => {
            let both = format!("{}:{}", text(username), text(password));
            format!("Basic {}", STANDARD.encode(both))
        }
    };
    ("authorization".to_owned(), value)
}

/// A text as it stands in a query string: all but what RFC 3986 calls unreserved as its bytes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap_or_default();
        }
    }
    escaped
}

fn judge(answer: &Answer, bound: Bound) -> Said {
    let json: Option<Value> = serde_json::from_str(&answer.body).ok();
    let Some(json) = json.filter(|json| json["status"] == "success") else {
        let status = answer.status;
        let json: Option<Value> = serde_json::from_str(&answer.body).ok();
        let why = json.and_then(|json| json["error"].as_str().map(str::to_owned));
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        return Said::Unknown(format!("the server answered with status {status}{why}"));
    };
    let data = &json["data"];
    let values = match data["resultType"].as_str() {
        Some("vector") => data["result"].as_array().map(|series| {
            let values = series.iter().map(|one| value(&one["value"]));
            values.collect::<Vec<_>>()
        }),
        Some("scalar") => Some(vec![value(&data["result"])]),
        other => {
            let what = other.unwrap_or("nothing that it names");
            return Said::Unknown(format!("the query gives a {what}, and no values"));
        }
    };
    let values = values.unwrap_or_default();
    if values.is_empty() {
        return Said::Unknown("the query gives no data".to_owned());
    }
    for value in values {
        let Some(value) = value.filter(|value| !value.is_nan()) else {
            return Said::Unknown("the query gives what is no number".to_owned());
        };
        let (holds, wanted) = match bound {
            Bound::Below(bound) => (value < bound, format!("below {bound}")),
            Bound::Above(bound) => (value > bound, format!("above {bound}")),
        };
        if !holds {
            return Said::Fail(format!("the query gives {value}, not {wanted}"));
        }
    }
    Said::Pass
}

/// A sample: a time and a text, which may be `NaN` or `+Inf`.
fn value(sample: &Value) -> Option<f64> {
    let text = sample.get(1)?.as_str()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn said(status: u16, body: &str, bound: Bound) -> Said {
        let answer = Answer {
            status,
            body: body.to_owned(),
            headers: Vec::new(),
            took: Duration::ZERO,
        };
        judge(&answer, bound)
    }

    fn vector(values: &[&str]) -> String {
        let series = values.iter();
        let series: Vec<Value> = series
            .map(|value| serde_json::json!({ "metric": {}, "value": [1.5, value] }))
            .collect();
        let data = serde_json::json!({ "resultType": "vector", "result": series });
        serde_json::json!({ "status": "success", "data": data }).to_string()
    }

    #[test]
    fn every_value_must_be_where_the_check_says_and_none_is_unknown() {
        let below = Bound::Below(0.5);
        assert_eq!(said(200, &vector(&["0.1", "0.49"]), below), Said::Pass);
        assert!(matches!(
            said(200, &vector(&["0.1", "0.5"]), below),
            Said::Fail(_)
        ));
        assert_eq!(said(200, &vector(&["+Inf"]), Bound::Above(1.0)), Said::Pass);
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        assert_eq!(said(200, scalar, Bound::Above(1.0)), Said::Pass);
        for (status, body, says) in [
            (200, vector(&[]), "no data"),
            (200, vector(&["NaN"]), "no number"),
            (200, scalar.replace("scalar", "matrix"), "matrix"),
            (
                400,
                r#"{"status":"error","error":"parse error"}"#.to_owned(),
                "400: parse error",
            ),
            (401, "who are you?".to_owned(), "status 401"),
        ] {
            let Said::Unknown(text) = said(status, &body, below) else {
                panic!("{body}");
            };
            assert!(text.contains(says), "{text}");
        }
    }

    #[test]
    fn a_query_is_escaped_to_its_last_sign() {
        assert_eq!(
            escaped("up{job=\"ä\"} + 1"),
            "up%7Bjob%3D%22%C3%A4%22%7D%20%2B%201"
        );
    }
}
