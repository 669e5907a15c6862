//! Reading the Query protocols: form fields with dotted names become a tree.

use super::HttpRequest;
use crate::model::{Fault, Params, Request, Service};
use std::collections::BTreeMap;

/// Deeper than any parameter of AWS; keeps a hostile name from exhausting the stack.
const DEEPEST: usize = 16;

/// The fields of the query string and of the body, in order.
pub(super) fn fields(http: &HttpRequest) -> Vec<(String, String)> {
    let query = http.path.split_once('?').map_or("", |(_, query)| query);
    let parts = [query.as_bytes(), &http.body];
    parts
        .into_iter()
        .flat_map(form_urlencoded::parse)
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect()
}

/// Tells the service of an unsigned request by the API version that it names.
pub(super) fn service(fields: &[(String, String)]) -> Option<Service> {
    match value(fields, "Version")? {
        "2016-11-15" => Some(Service::Ec2),
        "2011-01-01" => Some(Service::AutoScaling),
        "2015-12-01" => Some(Service::Elb),
        "2010-05-08" => Some(Service::Iam),
        "2011-06-15" => Some(Service::Sts),
        "2010-08-01" => Some(Service::CloudWatch),
        _ => None,
    }
}

/// Reads the call that the fields make.
pub(super) fn request(
    service: Service,
    mut fields: Vec<(String, String)>,
) -> Result<Request, Fault> {
    let missing = || {
        Fault::new(
            "MissingAction",
            "The request must contain the parameter Action",
        )
    };
    let action = value(&fields, "Action")
        .filter(|action| !action.is_empty())
        .ok_or_else(missing)?
        .to_owned();
    fields.retain(|(name, _)| {
        !matches!(name.as_str(), "Action" | "Version") && !name.starts_with("X-Amz-")
    });
    let mut root = Node::default();
    for (name, value) in fields {
        root.insert(&name, value)?;
    }
    let Node::Inner(children) = root else {
        return Err(malformed(""));
    };
    let params = children
        .into_iter()
        .map(|(name, node)| (name, node.params(service)))
        .collect();
    Ok(Request {
        service,
        action,
        params: Params::Map(params),
    })
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

fn malformed(name: &str) -> Fault {
    Fault::new(
        "MalformedQueryString",
        format!("The query string is malformed at '{name}'"),
    )
    .with_status(404)
}

enum Node {
    Leaf(String),
    Inner(BTreeMap<String, Node>),
}

impl Default for Node {
    fn default() -> Self {
        Self::Inner(BTreeMap::new())
    }
}

impl Node {
    fn insert(&mut self, name: &str, value: String) -> Result<(), Fault> {
        if name.split('.').count() > DEEPEST || name.split('.').any(str::is_empty) {
            return Err(malformed(name));
        }
        let mut node = self;
        for part in name.split('.') {
            let Self::Inner(children) = node else {
                return Err(malformed(name));
            };
            node = children.entry(part.into()).or_default();
        }
        match node {
            Self::Inner(children) if children.is_empty() => *node = Self::Leaf(value),
            _ => return Err(malformed(name)),
        }
        Ok(())
    }

    fn params(self, service: Service) -> Params {
        let children = match self {
            Self::Leaf(text) => return Params::Text(text),
            Self::Inner(children) => children,
        };
        if let Some(list) = numbered(&children) {
            let mut entries: Vec<(u32, Self)> =
                list.into_iter().zip(children.into_values()).collect();
            entries.sort_by_key(|(index, _)| *index);
            return Params::List(
                entries
                    .into_iter()
                    .map(|(_, node)| node.params(service))
                    .collect(),
            );
        }
        let mut children = children;
        // The Query services put `member` between a list's name and the numbers; EC2 does not.
        if service != Service::Ec2
            && children.len() == 1
            && let Some(list) = children.remove("member")
        {
            return list.params(service);
        }
        Params::Map(
            children
                .into_iter()
                .map(|(name, node)| (name, node.params(service)))
                .collect(),
        )
    }
}

/// The numbers of a list's entries, when all of the names are numbers.
fn numbered(children: &BTreeMap<String, Node>) -> Option<Vec<u32>> {
    children.keys().map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(service: Service, body: &str) -> Result<Request, Fault> {
        let http = HttpRequest {
            body: body.into(),
            ..HttpRequest::default()
        };
        request(service, fields(&http))
    }

    fn text(text: &str) -> Params {
        Params::Text(text.into())
    }

    fn map(entries: &[(&str, Params)]) -> Params {
        Params::Map(
            entries
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn ec2_lists_are_numbered() {
        let body = "Action=DescribeImages&Version=2016-11-15&Filter.1.Name=name&Filter.1.Value.2=b&Filter.1.Value.1=a%2A";
        let filter = map(&[
            ("Name", text("name")),
            ("Value", Params::List(vec![text("a*"), text("b")])),
        ]);
        let request = parse(Service::Ec2, body).unwrap();
        assert_eq!(request.action, "DescribeImages");
        assert_eq!(
            request.params,
            map(&[("Filter", Params::List(vec![filter]))])
        );
    }

    #[test]
    fn query_lists_have_members_and_keep_their_order_past_nine() {
        let numbers: Vec<String> = (1..=12).map(|n| format!("Names.member.{n}=v{n}")).collect();
        let request = parse(Service::Elb, &format!("Action=A&{}", numbers.join("&"))).unwrap();
        let values = (1..=12).map(|n| text(&format!("v{n}"))).collect();
        assert_eq!(request.params, map(&[("Names", Params::List(values))]));
    }

    #[test]
    fn hostile_names_are_refused() {
        let deep = vec!["a"; 5000].join(".");
        for body in [
            format!("Action=A&{deep}=1"),
            "Action=A&b=1&b.1=2".into(),
            "Action=A&b..c=1".into(),
            "Action=A&b=1&b=2".into(),
        ] {
            assert_eq!(
                parse(Service::Ec2, &body).unwrap_err().code,
                "MalformedQueryString"
            );
        }
        assert_eq!(
            parse(Service::Ec2, "Version=2016-11-15").unwrap_err().code,
            "MissingAction"
        );
    }
}
