//! Policies as far as this cloud weighs them: who may take a role, and which actions a session is cut down to. What else a
//! document may say (resources, other conditions) is refused with its name rather than passed over.

use super::Fault;
use serde_json::Value;

/// The `Condition` that trust policies of other people's accounts have ("The confused deputy problem" of the IAM guide).
const EXTERNAL_ID: &str = "sts:ExternalId";

/// The statements of one document.
#[derive(Clone, Debug)]
pub(super) struct Policy(Vec<Statement>);

#[derive(Clone, Debug)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    /// The actions are those that it is not about.
    inverted: bool,
    principals: Vec<String>,
    /// `StringEquals` of the external id; empty where it does not matter.
    external_ids: Vec<String>,
}

impl Policy {
    /// Reads a document.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let malformed = || {
            let message = "The policy is not in the valid JSON format.";
            Fault::new("MalformedPolicyDocument", message)
        };
        let value: Value = serde_json::from_str(text).map_err(|_| malformed())?;
        let statements = list(value.get("Statement").ok_or_else(malformed)?);
        statements
            .into_iter()
            .map(Statement::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether it lets a session do something.
    pub(super) fn allows(&self, action: &str) -> bool {
        self.weigh(|statement| statement.covers(action))
    }

    /// Whether it lets one of these principals take the role that it belongs to.
    pub(super) fn trusts(&self, who: &[String], action: &str, external_id: Option<&str>) -> bool {
        self.weigh(|statement| {
            let principal = statement.principals.iter();
            let known =
                external_id.is_some_and(|id| statement.external_ids.iter().any(|one| one == id));
            statement.covers(action)
                && principal.clone().any(|one| one == "*" || who.contains(one))
                && (statement.external_ids.is_empty() || known)
        })
    }

    fn weigh(&self, applies: impl Fn(&Statement) -> bool) -> bool {
        let mut applying = self
            .0
            .iter()
            .filter(|statement| applies(statement))
            .peekable();
        applying.peek().is_some() && applying.all(|statement| statement.allows)
    }
}

impl Statement {
    fn read(value: &Value) -> Result<Self, Fault> {
        let fields = value.as_object().into_iter().flatten();
        for (key, value) in fields {
            let whole = key == "Resource" && list(value).iter().any(|one| *one == "*");
            let known =
                ["Sid", "Effect", "Action", "NotAction", "Principal"].contains(&key.as_str());
            let condition = key == "Condition"
                && value.as_object().is_some_and(|tests| {
                    tests.iter().all(|(test, on)| {
                        let on = on.as_object();
                        test == "StringEquals"
                            && on.is_some_and(|on| on.keys().all(|key| key == EXTERNAL_ID))
                    })
                });
            if !(whole || known || condition) {
                let message = format!("This cloud does not weigh `{key}: {value}` of a policy.");
                return Err(Fault::new("NotImplemented", message).with_status(501));
            }
        }
        let inverted = value.get("NotAction").is_some();
        let principals = match value.get("Principal") {
            Some(Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
            Some(all) => texts(all),
            None => Vec::new(),
        };
        let ids = value
            .pointer("/Condition/StringEquals")
            .and_then(|test| test.get(EXTERNAL_ID));
        Ok(Self {
            allows: value["Effect"] == "Allow",
            actions: texts(&value[if inverted { "NotAction" } else { "Action" }]),
            inverted,
            principals,
            external_ids: ids.map(texts).unwrap_or_default(),
        })
    }

    fn covers(&self, action: &str) -> bool {
        let named = self.actions.iter().any(|pattern| matches(pattern, action));
        named != self.inverted
    }
}

/// One value stands for a list of one, everywhere in a policy.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<String> {
    let all = list(value).into_iter().filter_map(Value::as_str);
    all.map(ToOwned::to_owned).collect()
}

/// `ec2:Describe*` and the like; small and capital letters are the same.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    match pattern.split_once('*') {
        None => pattern == action,
        Some((start, rest)) => action.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::read(text).unwrap()
    }

    #[test]
    fn a_denial_counts_for_more_and_what_nobody_allows_is_denied() {
        let policy = policy(
            r#"{"Statement":[{"Effect":"Allow","Action":["ec2:*","sts:Get*Identity"],"Resource":"*"},
                {"Effect":"Deny","Action":"ec2:runinstances","Resource":["*"]}]}"#,
        );
        assert!(policy.allows("ec2:CreateImage") && policy.allows("sts:GetCallerIdentity"));
        assert!(!policy.allows("ec2:RunInstances") && !policy.allows("iam:GetRole"));
    }

    #[test]
    fn a_role_is_taken_by_its_principals_with_their_external_id() {
        let policy = policy(
            r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111122223333"},
                "Condition":{"StringEquals":{"sts:ExternalId":["a","b"]}}}}"#,
        );
        let (us, them) = (["111122223333".to_owned()], ["444455556666".to_owned()]);
        assert!(policy.trusts(&us, "sts:AssumeRole", Some("b")));
        assert!(!policy.trusts(&us, "sts:AssumeRole", Some("c")));
        assert!(!policy.trusts(&us, "sts:AssumeRole", None));
        assert!(!policy.trusts(&us, "sts:TagSession", Some("b")));
        assert!(!policy.trusts(&them, "sts:AssumeRole", Some("b")));
    }

    #[test]
    fn what_is_not_weighed_is_refused() {
        for part in [
            r#""Resource":"arn:aws:ec2:*:*:instance/*""#,
            r#""Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
        ] {
            let text = format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"*",{part}}}]}}"#);
            assert_eq!(Policy::read(&text).unwrap_err().code, "NotImplemented");
        }
        assert_eq!(
            Policy::read("{").unwrap_err().code,
            "MalformedPolicyDocument"
        );
    }
}
