//! Route 53's protocol ("REST-XML"): method and path tell the action, path and query its simple parameters, and a document
//! the rest.

#[cfg(test)]
mod tests;

use super::HttpRequest;
use crate::model::{Fault, Params, Request, Service, Tree};
use quick_xml::{
    Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, Event},
};
use std::collections::BTreeMap;

const VERSION: &str = "/2013-04-01/";
/// Deeper than any parameter of AWS; keeps a hostile document from exhausting the stack.
const DEEPEST: usize = 16;

/// One action: how it is asked for, and the names that the query has for its parameters.
struct Route {
    action: &'static str,
    method: &'static str,
    /// Steps with a capital are parameters.
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
}

const fn route(
    action: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
) -> Route {
    Route {
        action,
        method,
        path,
        query,
    }
}

const ROUTES: &[Route] = &[
    route("CreateHostedZone", "POST", "hostedzone", &[]),
    route("DeleteHostedZone", "DELETE", "hostedzone/Id", &[]),
    route("GetHostedZone", "GET", "hostedzone/Id", &[]),
    route(
        "ListHostedZones",
        "GET",
        "hostedzone",
        &[
            ("marker", "Marker"),
            ("maxitems", "MaxItems"),
            ("delegationsetid", "DelegationSetId"),
            ("hostedzonetype", "HostedZoneType"),
        ],
    ),
    route(
        "ListHostedZonesByName",
        "GET",
        "hostedzonesbyname",
        &[
            ("dnsname", "DNSName"),
            ("hostedzoneid", "HostedZoneId"),
            ("maxitems", "MaxItems"),
        ],
    ),
    route(
        "ListResourceRecordSets",
        "GET",
        "hostedzone/HostedZoneId/rrset",
        &[
            ("name", "StartRecordName"),
            ("type", "StartRecordType"),
            ("identifier", "StartRecordIdentifier"),
            ("maxitems", "MaxItems"),
        ],
    ),
    route(
        "ChangeResourceRecordSets",
        "POST",
        "hostedzone/HostedZoneId/rrset",
        &[],
    ),
    route("GetChange", "GET", "change/Id", &[]),
    route(
        "ChangeTagsForResource",
        "POST",
        "tags/ResourceType/ResourceId",
        &[],
    ),
    route(
        "ListTagsForResource",
        "GET",
        "tags/ResourceType/ResourceId",
        &[],
    ),
];

/// The lists of documents, and what their entries are called.
const LISTS: &[(&str, &str)] = &[
    ("AddTags", "Tag"),
    ("Changes", "Change"),
    ("HostedZones", "HostedZone"),
    ("NameServers", "NameServer"),
    ("RemoveTagKeys", "Key"),
    ("ResourceRecordSets", "ResourceRecordSet"),
    ("ResourceRecords", "ResourceRecord"),
    ("Tags", "Tag"),
    ("VPCs", "VPC"),
];

/// What an entry of a list is called.
pub(super) fn entry(list: &str) -> &'static str {
    entry_of(list).unwrap_or("member")
}

fn entry_of(list: &str) -> Option<&'static str> {
    let mut lists = LISTS.iter();
    lists
        .find(|(name, _)| *name == list)
        .map(|(_, entry)| *entry)
}

/// Whether a path is one of this protocol.
pub(super) fn speaks(path: &str) -> bool {
    path.starts_with(VERSION)
}

/// The action that a method and a path with its query ask for; nothing where they are of another protocol, or of an action
/// that is not answered.
pub fn action(method: &str, path: &str) -> Option<&'static str> {
    matched(method, path).map(|(route, _)| route.action)
}

/// The route of a request and the parameters in its path.
fn matched(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, Params>)> {
    let path = path.split('?').next()?.strip_prefix(VERSION)?;
    let steps: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    ROUTES.iter().find_map(|route| {
        let wanted: Vec<&str> = route.path.split('/').collect();
        if route.method != method || wanted.len() != steps.len() {
            return None;
        }
        let mut params = BTreeMap::new();
        for (wanted, step) in wanted.into_iter().zip(&steps) {
            if wanted.starts_with(char::is_uppercase) {
                params.insert(wanted.to_owned(), Params::Text(decoded(step)));
            } else if wanted != *step {
                return None;
            }
        }
        Some((route, params))
    })
}

/// A step of a path without its `%`.
fn decoded(step: &str) -> String {
    let plain = step
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut fields = form_urlencoded::parse(plain.as_bytes());
    fields
        .next()
        .map_or(String::new(), |(text, _)| text.into_owned())
}

pub(super) fn request(http: &HttpRequest) -> Result<Request, Fault> {
    let (route, mut params) = matched(&http.method, &http.path).ok_or_else(|| unknown(http))?;
    let query = http.path.split_once('?').map_or("", |(_, query)| query);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let mut known = route.query.iter();
        let known = known.find(|(wire, _)| *wire == name);
        let name = known.map_or(name.into_owned(), |(_, name)| (*name).to_owned());
        params.insert(name, Params::Text(value.into_owned()));
    }
    if !http.body.is_empty() {
        params.extend(document(route, &http.body)?);
    }
    Ok(Request {
        service: Service::Route53,
        action: route.action.into(),
        params: Params::Map(params),
    })
}

fn unknown(http: &HttpRequest) -> Fault {
    let path = http.path.split('?').next().unwrap_or_default();
    let text = format!(
        "The action {} {path} is not valid for this web service.",
        http.method
    );
    Fault::new("InvalidAction", text)
}

/// The fields of `<…Request>`.
fn document(route: &Route, body: &[u8]) -> Result<BTreeMap<String, Params>, Fault> {
    let malformed = |why: &str| Fault::new("InvalidInput", format!("Invalid XML ; {why}"));
    let text = str::from_utf8(body).map_err(|error| malformed(&error.to_string()))?;
    let mut open = vec![Node::default()];
    let mut reader = Reader::from_str(text);
    loop {
        let event = reader
            .read_event()
            .map_err(|error| malformed(&error.to_string()))?;
        match event {
            Event::Start(start) if open.len() <= DEEPEST => {
                open.push(Node::named(start.local_name().as_ref()));
            }
            Event::Start(_) => return Err(malformed("the document is too deep")),
            Event::Empty(empty) => {
                let node = Node::named(empty.local_name().as_ref());
                close(&mut open, node);
            }
            Event::End(_) => {
                let node = open.pop().unwrap_or_default();
                close(&mut open, node);
            }
            Event::Text(text) => written(&mut open, &text.xml10_content()),
            Event::CData(text) => written(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = meant(&reference).ok_or_else(|| malformed("an unknown entity"))?;
                written(&mut open, &text);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let root = format!("{}Request", route.action);
    let [document] = &mut open[..] else {
        return Err(malformed("an element is not closed"));
    };
    match document.children.pop() {
        Some((name, node)) if name == root && document.children.is_empty() => node.fields(),
        _ => Err(malformed(&format!("one element {root} is expected"))),
    }
}

/// An element of a document.
#[derive(Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<(String, Node)>,
}

impl Node {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn fields(self) -> Result<BTreeMap<String, Params>, Fault> {
        let mut fields = BTreeMap::new();
        for (name, node) in self.children {
            let value = node.value()?;
            if fields.insert(name.clone(), value).is_some() {
                let text = format!("Invalid XML ; the element {name} stands twice");
                return Err(Fault::new("InvalidInput", text));
            }
        }
        Ok(fields)
    }

    fn value(self) -> Result<Params, Fault> {
        let Some(entry) = entry_of(&self.name) else {
            return if self.children.is_empty() {
                Ok(Params::Text(self.text))
            } else {
                self.fields().map(Params::Map)
            };
        };
        let mut list = Vec::new();
        for (name, node) in self.children {
            if name != entry {
                let text = format!("Invalid XML ; {name} stands in {}, not {entry}", self.name);
                return Err(Fault::new("InvalidInput", text));
            }
            list.push(node.value()?);
        }
        Ok(Params::List(list))
    }
}

fn close(open: &mut [Node], node: Node) {
    if let Some(parent) = open.last_mut() {
        parent.children.push((node.name.clone(), node));
    }
}

fn written(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

/// What `&amp;` or `&#42;` stands for.
fn meant(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref() {
        Ok(Some(char)) => Some(char.to_string()),
        Ok(None) => resolve_xml_entity(reference).map(Into::into),
        Err(_) => None,
    }
}

/// The status of an answer, and the address of what was made.
pub(super) fn made(action: &str, tree: &Tree) -> (u16, Option<(String, String)>) {
    let id = tree.at("HostedZone.Id").and_then(Tree::text);
    match id.filter(|_| action == "CreateHostedZone") {
        Some(id) => {
            let location = format!("https://route53.amazonaws.com/2013-04-01{id}");
            (201, Some(("location".into(), location)))
        }
        None => (200, None),
    }
}
