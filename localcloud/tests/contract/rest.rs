//! Calls to Route 53 as they stand on the wire.

use localcloud::model::Params;
use std::collections::BTreeMap;

use super::subject::Call;

/// Method, path with steps for parameters, and the names of the query.
type Route = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Entries of lists by the list's name.
const LISTS: &[(&str, &str)] = &[
    ("AddTags", "Tag"),
    ("Changes", "Change"),
    ("ResourceRecords", "ResourceRecord"),
    ("ResourceRecordSets", "ResourceRecordSet"),
    ("HostedZones", "HostedZone"),
];

/// What an entry of a list is called, of those that are.
pub fn entry(list: &str) -> Option<&'static str> {
    let mut lists = LISTS.iter();
    lists
        .find(|(name, _)| *name == list)
        .map(|(_, entry)| *entry)
}

fn route(action: &str) -> Route {
    match action {
        "CreateHostedZone" => ("POST", "hostedzone", &[]),
        "DeleteHostedZone" => ("DELETE", "hostedzone/{Id}", &[]),
        "GetHostedZone" => ("GET", "hostedzone/{Id}", &[]),
        "ListHostedZones" => (
            "GET",
            "hostedzone",
            &[("Marker", "marker"), ("MaxItems", "maxitems")],
        ),
        "ListHostedZonesByName" => (
            "GET",
            "hostedzonesbyname",
            &[
                ("DNSName", "dnsname"),
                ("HostedZoneId", "hostedzoneid"),
                ("MaxItems", "maxitems"),
            ],
        ),
        "ChangeTagsForResource" => ("POST", "tags/{ResourceType}/{ResourceId}", &[]),
        "ListTagsForResource" => ("GET", "tags/{ResourceType}/{ResourceId}", &[]),
        "GetChange" => ("GET", "change/{Id}", &[]),
        "ChangeResourceRecordSets" => ("POST", "hostedzone/{HostedZoneId}/rrset/", &[]),
        "ListResourceRecordSets" => (
            "GET",
            "hostedzone/{HostedZoneId}/rrset",
            &[
                ("StartRecordName", "name"),
                ("StartRecordType", "type"),
                ("StartRecordIdentifier", "identifier"),
                ("MaxItems", "maxitems"),
            ],
        ),
        other => panic!("{other} has no route here"),
    }
}

pub fn request(action: &str, params: &Params) -> Call {
    let Params::Map(fields) = params else {
        panic!("parameters are a structure");
    };
    let mut fields = fields.clone();
    let (method, path, query) = route(action);
    let mut take = |name: &str| match fields.remove(name) {
        // Ids are given back with what stands before them.
        Some(Params::Text(text)) => Some(text.rsplit('/').next().unwrap_or_default().to_owned()),
        _ => None,
    };
    let steps = path.split('/').map(|step| {
        let name = step
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        name.map_or_else(|| step.to_owned(), |name| take(name).unwrap_or_default())
    });
    let path = format!("/2013-04-01/{}", steps.collect::<Vec<_>>().join("/"));
    let asked = query
        .iter()
        .filter_map(|(name, wire)| Some((*wire, take(name)?)));
    let asked = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asked)
        .finish();
    let body = if method == "POST" {
        let root = format!("{action}Request");
        let inside = structure(&fields);
        format!("<{root} xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">{inside}</{root}>")
    } else {
        String::new()
    };
    let path = match asked.as_str() {
        "" => path,
        _ => format!("{path}?{asked}"),
    };
    Call {
        method,
        path,
        content_type: "application/xml",
        body,
    }
}

fn structure(fields: &BTreeMap<String, Params>) -> String {
    let elements = fields.iter().map(|(name, value)| element(name, value));
    elements.collect::<Vec<_>>().concat()
}

fn element(name: &str, value: &Params) -> String {
    let inside = match value {
        Params::Text(text) => text.clone(),
        Params::Map(fields) => structure(fields),
        Params::List(list) => {
            let entry = entry(name).unwrap_or("member");
            let entries = list.iter().map(|value| element(entry, value));
            entries.collect::<Vec<_>>().concat()
        }
    };
    format!("<{name}>{inside}</{name}>")
}
