//! Writing XML answers: EC2's form, that of the Query services and Route 53's.

use super::rest;
use crate::model::{Fault, Request, Service, Tree};

pub(super) const TYPE: &str = "text/xml;charset=UTF-8";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// `<RunInstancesResponse>` with the fields in it (EC2, Route 53), or with `<…Result>` and metadata around them (Query).
pub(super) fn answer(request: &Request, tree: &Tree, request_id: &str) -> String {
    let action = &request.action;
    let body = |out: &mut String| {
        if request.service == Service::Ec2 {
            element(out, "requestId", request_id);
            return write(out, tree, &|_| "item");
        }
        if request.service == Service::Route53 {
            return write(out, tree, &rest::entry);
        }
        inside(out, &format!("{action}Result"), |out| {
            write(out, tree, &|_| "member");
        });
        inside(out, "ResponseMetadata", |out| {
            element(out, "RequestId", request_id);
        });
    };
    root(&format!("{action}Response"), request.service, body)
}

/// A document with one element in the service's namespace.
fn root(name: &str, service: Service, body: impl FnOnce(&mut String)) -> String {
    let mut out = format!("{HEAD}<{name} xmlns=\"{}\">", namespace(service));
    body(&mut out);
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
    out
}

/// A refusal in the service's own envelope.
pub(super) fn fault(service: Service, fault: &Fault, request_id: &str) -> String {
    if service == Service::Ec2 {
        let mut out = HEAD.to_owned();
        inside(&mut out, "Response", |out| {
            inside(out, "Errors", |out| {
                inside(out, "Error", |out| code_and_message(out, fault));
            });
            element(out, "RequestID", request_id);
        });
        return out;
    }
    root("ErrorResponse", service, |out| {
        inside(out, "Error", |out| {
            element(
                out,
                "Type",
                if fault.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                },
            );
            code_and_message(out, fault);
        });
        element(out, "RequestId", request_id);
    })
}

fn code_and_message(out: &mut String, fault: &Fault) {
    element(out, "Code", &fault.code);
    element(out, "Message", &fault.message);
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        Service::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
        Service::Elb => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::CloudWatch => "http://monitoring.amazonaws.com/doc/2010-08-01/",
        Service::Route53 => "https://route53.amazonaws.com/doc/2013-04-01/",
        Service::Ssm | Service::Kms => "http://ssm.amazonaws.com/doc/2014-11-06/",
    }
}

/// Writes what stands inside an element; `entry` names the entries of a list by the list's own name.
fn write(out: &mut String, tree: &Tree, entry: &dyn Fn(&str) -> &'static str) {
    match tree {
        Tree::Text(text) => escape(out, text),
        Tree::Int(_) | Tree::Real(_) | Tree::Bool(_) | Tree::Time(_) => {
            out.push_str(&tree.text().unwrap_or_default());
        }
        // Only fields are lists.
        Tree::List(_) => {}
        Tree::Map(fields) => {
            for (name, value) in fields {
                inside(out, name, |out| match value {
                    Tree::List(list) => {
                        for item in list {
                            inside(out, entry(name), |out| write(out, item, entry));
                        }
                    }
                    other => write(out, other, entry),
                });
            }
        }
    }
}

fn element(out: &mut String, name: &str, text: &str) {
    inside(out, name, |out| escape(out, text));
}

fn inside(out: &mut String, name: &str, body: impl FnOnce(&mut String)) {
    for part in ["<", name, ">"] {
        out.push_str(part);
    }
    body(out);
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
}

/// Escapes what XML 1.0 reserves; what it cannot carry at all becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    // Nearly all that is written is printable ASCII with nothing of this in it.
    let plain =
        |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"');
    if text.as_bytes().iter().all(plain) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A parser would turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Params;
    use std::collections::BTreeMap;

    fn request(service: Service, action: &str) -> Request {
        Request {
            service,
            action: action.into(),
            params: Params::Map(BTreeMap::new()),
        }
    }

    #[test]
    fn ec2_wraps_entries_in_items() {
        let tags = vec![Tree::new().put("key", "a&b").put("value", "<\r\u{1}>")];
        let xml = answer(
            &request(Service::Ec2, "DescribeTags"),
            &Tree::new().put("tagSet", tags),
            "r-1",
        );
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r-1</requestId>\
             <tagSet><item><key>a&amp;b</key><value>&lt;&#13;\u{fffd}&gt;</value></item></tagSet></DescribeTagsResponse>"
        );
    }

    #[test]
    fn query_services_wrap_entries_in_members() {
        let tree = Tree::new().put("Listeners", vec![Tree::new().put("Port", 80_i64)]);
        let xml = answer(&request(Service::Elb, "DescribeListeners"), &tree, "r-2");
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeListenersResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeListenersResult><Listeners><member><Port>80</Port></member></Listeners></DescribeListenersResult>\
             <ResponseMetadata><RequestId>r-2</RequestId></ResponseMetadata></DescribeListenersResponse>"
        );
    }

    #[test]
    fn refusals_have_each_services_envelope() {
        let refused = Fault::new("InvalidAction", "no <such>");
        let ec2 = fault(Service::Ec2, &refused, "r-3");
        assert!(ec2.ends_with(
            "<Response><Errors><Error><Code>InvalidAction</Code><Message>no &lt;such&gt;</Message></Error></Errors>\
             <RequestID>r-3</RequestID></Response>"
        ));
        let query = fault(Service::AutoScaling, &refused, "r-3");
        assert!(
            query.contains("<Error><Type>Sender</Type><Code>InvalidAction</Code>"),
            "{query}"
        );
    }
}
