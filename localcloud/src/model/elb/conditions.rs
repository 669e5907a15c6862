//! Which requests a rule takes: read, checked and written back. What the proxy cannot tell apart is refused by name.

use crate::model::{Fault, Tree, args::Args};

/// A condition of a rule; all of a rule's conditions must hold, one value of each is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
    Header { name: String, values: Vec<String> },
}

/// Values that the conditions of one rule may have together (Quotas for your Application Load Balancers).
const VALUES_IN_RULE: usize = 5;

/// Reads `Conditions`.
pub(super) fn read(args: &Args<'_>) -> Result<Vec<Condition>, Fault> {
    let conditions = args
        .maps("Conditions")?
        .iter()
        .map(read_one)
        .collect::<Result<Vec<_>, _>>()?;
    if conditions.is_empty() {
        return Err(Fault::validation("A rule must have at least one condition"));
    }
    let count =
        |is: fn(&Condition) -> bool| conditions.iter().filter(|condition| is(condition)).count();
    if count(|condition| matches!(condition, Condition::Host(_))) > 1
        || count(|condition| matches!(condition, Condition::Path(_))) > 1
    {
        return Err(invalid(
            "A rule can have one 'host-header' and one 'path-pattern' condition",
        ));
    }
    if conditions
        .iter()
        .map(|condition| condition.values().len())
        .sum::<usize>()
        > VALUES_IN_RULE
    {
        return Err(invalid("A rule can have at most 5 condition values"));
    }
    Ok(conditions)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidConfigurationRequest", message)
}

fn unserved(what: impl std::fmt::Display) -> Fault {
    Fault::new(
        "UnsupportedOperation",
        format!("{what} are not served by this cloud"),
    )
}

fn read_one(condition: &Args<'_>) -> Result<Condition, Fault> {
    match condition.text("Field")? {
        field @ "host-header" => {
            read_values(condition, field, "HostHeaderConfig").map(Condition::Host)
        }
        field @ "path-pattern" => {
            read_values(condition, field, "PathPatternConfig").map(Condition::Path)
        }
        field @ "http-header" => {
            let config = condition
                .map("HttpHeaderConfig")?
                .ok_or_else(|| condition.missing("HttpHeaderConfig"))?;
            let name = config.text("HttpHeaderName")?.to_owned();
            Ok(Condition::Header {
                name,
                values: checked(&config, field)?,
            })
        }
        field @ ("query-string" | "source-ip" | "http-request-method") => {
            Err(unserved(format!("Conditions on '{field}'")))
        }
        field => {
            let known = "path-pattern, host-header, http-header, http-request-method, query-string, source-ip";
            Err(Fault::validation(format!(
                "Condition field '{field}' must be one of '[{known}]'"
            )))
        }
    }
}

/// Values stand in the condition itself (the old form) or in its config; where in both, they must be the same.
fn read_values(condition: &Args<'_>, field: &str, config: &str) -> Result<Vec<String>, Fault> {
    let plain = condition.texts("Values")?;
    let Some(config) = condition.map(config)? else {
        return checked(condition, field);
    };
    let values = checked(&config, field)?;
    if !plain.is_empty() && plain != values {
        return Err(invalid(format!(
            "Condition '{field}' has different values in two places"
        )));
    }
    Ok(values)
}

fn checked(from: &Args<'_>, field: &str) -> Result<Vec<String>, Fault> {
    if !from.list("RegexValues")?.is_empty() {
        return Err(unserved("Regular expressions in conditions"));
    }
    let values = from.texts("Values")?;
    if values.is_empty() || values.iter().any(|value| value.is_empty()) {
        return Err(Fault::validation(format!(
            "A condition value must be specified for '{field}'"
        )));
    }
    match values.iter().find(|value| value.len() > 128) {
        Some(long) => Err(Fault::validation(format!(
            "Condition value '{long}' exceeds 128 characters"
        ))),
        None => Ok(values.into_iter().map(String::from).collect()),
    }
}

impl Condition {
    /// The values of which one must match.
    pub(in crate::model) fn values(&self) -> &[String] {
        match self {
            Self::Host(values) | Self::Path(values) | Self::Header { values, .. } => values,
        }
    }

    pub(super) fn tree(&self) -> Tree {
        let values: Tree = self
            .values()
            .iter()
            .map(Tree::from)
            .collect::<Vec<_>>()
            .into();
        let config = Tree::new().put("Values", values.clone());
        match self {
            Self::Host(_) => Tree::new()
                .put("Field", "host-header")
                .put("Values", values)
                .put("HostHeaderConfig", config),
            Self::Path(_) => Tree::new()
                .put("Field", "path-pattern")
                .put("Values", values)
                .put("PathPatternConfig", config),
            Self::Header { name, .. } => {
                let config = Tree::new()
                    .put("HttpHeaderName", name)
                    .put("Values", values);
                Tree::new()
                    .put("Field", "http-header")
                    .put("HttpHeaderConfig", config)
            }
        }
    }
}
