//! Requests as clients write them, and as they do not.

use super::*;

fn asked(method: &str, path: &str, body: &str) -> Result<Request, Fault> {
    request(&HttpRequest {
        method: method.into(),
        path: format!("{VERSION}{path}"),
        body: body.into(),
        ..HttpRequest::default()
    })
}

fn text(text: &str) -> Params {
    Params::Text(text.into())
}

fn map<const N: usize>(fields: [(&str, Params); N]) -> Params {
    Params::Map(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

#[test]
fn paths_queries_and_documents_make_one_tree() {
    let path = "hostedzone/Z1/rrset?name=a%2Bb.com&maxitems=2&other=x";
    let read = asked("GET", path, "").unwrap();
    assert_eq!(read.action, "ListResourceRecordSets");
    let wanted = [
        ("HostedZoneId", "Z1"),
        ("StartRecordName", "a+b.com"),
        ("MaxItems", "2"),
        ("other", "x"),
    ];
    assert_eq!(
        read.params,
        map(wanted.map(|(name, value)| (name, text(value))))
    );
    let body = "<?xml version=\"1.0\"?>\n<ChangeTagsForResourceRequest xmlns=\"https://x/\">\n <AddTags>\
                <Tag><Key>a&amp;&#98;</Key><Value/></Tag>\n</AddTags></ChangeTagsForResourceRequest>";
    let read = asked("POST", "tags/hostedzone/Z%2F1/", body).unwrap();
    let tag = map([("Key", text("a&b")), ("Value", text(""))]);
    let wanted = [
        ("ResourceType", text("hostedzone")),
        ("ResourceId", text("Z/1")),
        ("AddTags", Params::List(vec![tag])),
    ];
    assert_eq!(read.params, map(wanted));
}

#[test]
fn what_is_no_action_is_refused_with_its_path() {
    for (method, path) in [
        ("GET", "healthcheck"),
        ("PUT", "hostedzone"),
        ("GET", "hostedzone/Z1/dnssec"),
    ] {
        let fault = asked(method, path, "").unwrap_err();
        assert!(fault.message.contains(path), "{fault}");
    }
}

#[test]
fn what_is_no_document_of_the_action_is_refused() {
    let deep = format!("<CreateHostedZoneRequest>{}", "<a>".repeat(100_000));
    for body in [
        "<CreateHostedZone/>",
        "<CreateHostedZoneRequest><Name>a</Name>",
        "<CreateHostedZoneRequest><Name>a</Name><Name>b</Name></CreateHostedZoneRequest>",
        "<CreateHostedZoneRequest><Name>&none;</Name></CreateHostedZoneRequest>",
        "<CreateHostedZoneRequest/><CreateHostedZoneRequest/>",
        "Action=CreateHostedZone",
        &deep,
    ] {
        assert_eq!(
            asked("POST", "hostedzone", body).unwrap_err().code,
            "InvalidInput",
            "{body:.80}"
        );
    }
}
