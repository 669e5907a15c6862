//! Whatever a client sends, the wire answers in well-formed XML or JSON, and what is refused changes nothing.

use jiff::Timestamp;
use localcloud::{
    model::{Action, Config, Model, Params, Service, SourceImage},
    wire::{self, HttpRequest},
};
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};

fn model() -> Model {
    let image = SourceImage {
        id: "ami-0123456789abcdef0".into(),
        name: "debian-12-amd64-20260901-1234".into(),
        owner: "136693071363".into(),
        description: "Debian".into(),
        created: Timestamp::UNIX_EPOCH,
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    };
    Model::new(Config {
        images: vec![image],
        ..Config::default()
    })
}

fn well_formed(xml: &str) -> bool {
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_i32;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => depth -= 1,
            Ok(Event::Eof) => return depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn scope(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "ec2",
        Service::AutoScaling => "autoscaling",
        Service::Elb => "elasticloadbalancing",
        Service::Iam => "iam",
        Service::Sts => "sts",
        Service::Ssm => "ssm",
        Service::Kms => "kms",
        Service::CloudWatch => "monitoring",
        Service::Route53 => "route53",
    }
}

fn post(service: Service, target: Option<String>, body: String) -> HttpRequest {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/{}/aws4_request",
        scope(service)
    );
    let mut headers = vec![("authorization".into(), credential)];
    headers.extend(target.map(|target| ("x-amz-target".into(), target)));
    HttpRequest {
        method: "POST".into(),
        path: "/".into(),
        headers,
        body: body.into_bytes(),
    }
}

/// One parameter of an action, in one of the shapes that parameters have, with a value that may be sensible.
fn parameter(action: &'static Action) -> impl Strategy<Value = (String, String)> {
    let names: Vec<&str> = action
        .takes
        .split_whitespace()
        .chain(action.also.split_whitespace())
        .collect();
    let names = if names.is_empty() {
        vec!["Nothing"]
    } else {
        names
    };
    let shapes = [
        "",
        ".1",
        ".2",
        ".member.1",
        ".1.Name",
        ".1.Value.1",
        ".member.1.Key",
        ".Value",
        ".1.Ebs.VolumeSize",
        ".x.y",
    ];
    let values = [
        "1",
        "true",
        "-1",
        "",
        "web",
        "ami-0123456789abcdef0",
        "t3.micro",
        "99999999999999999999",
        "é<&\u{1}>",
    ];
    let shape = prop_oneof![3 => Just(""), 2 => prop::sample::select(shapes.to_vec())];
    let value = prop_oneof![3 => prop::sample::select(values.to_vec()).prop_map(String::from), 1 => any::<String>()];
    (prop::sample::select(names), shape, value)
        .prop_map(|(name, shape, value)| (format!("{name}{shape}"), value))
}

fn call() -> impl Strategy<Value = (&'static Action, Vec<(String, String)>)> {
    prop::sample::select(Model::actions().collect::<Vec<_>>())
        .prop_flat_map(|action| (Just(action), prop::collection::vec(parameter(action), 0..6)))
}

/// A call to Route 53: parameters without their shapes, and in a batch those of a record.
fn rest(action: &Action, parameters: &[(String, String)], zone: &str) -> HttpRequest {
    let text = |text: &str| Params::Text(text.to_owned());
    let map = |fields: Vec<(&str, Params)>| {
        let fields = fields.into_iter();
        Params::Map(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let mut fields = Vec::new();
    for (name, value) in parameters {
        let name = name.split('.').next().unwrap();
        let set = || {
            let record = vec![
                ("Name", text("www.example.com")),
                ("Type", text("A")),
                ("Weight", text(value)),
                ("SetIdentifier", text(value)),
                ("TTL", text("60")),
                (
                    "ResourceRecords",
                    Params::List(vec![map(vec![("Value", text("192.0.2.1"))])]),
                ),
            ];
            map(vec![
                ("Action", text("UPSERT")),
                ("ResourceRecordSet", map(record)),
            ])
        };
        let value = match (name, value.as_str()) {
            ("ChangeBatch", _) => map(vec![("Changes", Params::List(vec![set()]))]),
            ("HostedZoneId" | "ResourceId" | "Id", "1" | "web" | "true") => text(zone),
            ("ResourceType", "1" | "web" | "true") => text("hostedzone"),
            _ => text(value),
        };
        fields.push((name, value));
    }
    let call = crate::contract::rest::request(action.name, &map(fields));
    HttpRequest {
        method: call.method.into(),
        path: call.path,
        ..post(action.service, None, call.body)
    }
}

fn request(action: &Action, parameters: &[(String, String)], zone: &str) -> HttpRequest {
    if action.service == Service::Route53 {
        return rest(action, parameters, zone);
    }
    if action.service.speaks_json() {
        let body: serde_json::Map<String, serde_json::Value> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let body = serde_json::Value::from(body).to_string();
        let target = match action.service {
            Service::Kms => "TrentService",
            _ => "AmazonSSM",
        };
        let target = format!("{target}.{}", action.name);
        return post(action.service, Some(target), body);
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action.name)
        .extend_pairs(parameters);
    post(action.service, None, form.finish())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_is_answered_well(calls in prop::collection::vec(call(), 1..8)) {
        let mut model = model();
        let zone = model.plant_zone("example.com").unwrap();
        for (action, parameters) in calls {
            let request = request(action, &parameters, &zone);
            let (response, effects) = wire::answer(&mut model, &request, Timestamp::UNIX_EPOCH);
            let body = String::from_utf8(response.body).unwrap();
            if action.service.speaks_json() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
            } else {
                prop_assert!(well_formed(&body), "{body}");
            }
            prop_assert!(response.status < 600 && response.status != 500, "{} {parameters:?}: {body}", action.name);
            prop_assert!(response.status < 300 || effects.is_empty(), "{} {parameters:?}: {body}: {effects:?}", action.name);
        }
    }

    #[test]
    fn any_document_is_answered(step in "[a-zA-Z0-9/%?&=.]{0,30}", body in "(<[A-Za-z/]{0,12}>?|&[a-z#0-9]*;?|[a-z ])*") {
        for (method, path) in [("GET", "/2013-04-01/"), ("POST", "/2013-04-01/hostedzone"), ("DELETE", "/2013-04-01/hostedzone/")] {
            let request = HttpRequest {
                method: method.into(),
                path: format!("{path}{step}"),
                ..post(Service::Route53, None, body.clone())
            };
            let (response, _) = wire::answer(&mut model(), &request, Timestamp::UNIX_EPOCH);
            prop_assert!(well_formed(&String::from_utf8(response.body).unwrap()));
            prop_assert!(response.status != 500);
        }
    }

    #[test]
    fn any_bytes_are_answered(path in any::<String>(), body in any::<Vec<u8>>(), header in any::<String>()) {
        let headers = vec![("Authorization".to_owned(), header.clone()), ("X-Amz-Target".to_owned(), header)];
        let request = HttpRequest { method: "POST".into(), path, headers, body };
        let (response, effects) = wire::answer(&mut model(), &request, Timestamp::UNIX_EPOCH);
        prop_assert!((400..600).contains(&response.status));
        prop_assert!(effects.is_empty());
    }
}

#[test]
fn a_get_with_a_query_string_is_a_call_too() {
    let request = HttpRequest {
        method: "GET".into(),
        path: "/?Action=DescribeRegions&Version=2016-11-15".into(),
        ..HttpRequest::default()
    };
    let (response, _) = wire::answer(&mut model(), &request, Timestamp::UNIX_EPOCH);
    let body = String::from_utf8(response.body).unwrap();
    assert_eq!(response.status, 200, "{body}");
    assert!(
        body.contains("<regionName>eu-central-1</regionName>"),
        "{body}"
    );
}

#[test]
fn an_answer_is_the_same_to_the_letter_for_the_same_seed() {
    let answer = || {
        let request = post(
            Service::Sts,
            None,
            "Action=GetCallerIdentity&Version=2011-06-15".into(),
        );
        wire::answer(&mut model(), &request, Timestamp::UNIX_EPOCH).0
    };
    let first = answer();
    assert_eq!(first, answer());
    let id = first
        .headers
        .iter()
        .find(|(name, _)| name == "x-amzn-requestid")
        .map(|(_, id)| id.clone())
        .unwrap();
    assert_eq!(
        String::from_utf8(first.body).unwrap(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::012345678901:user/local</Arn><UserId>AIDALOCALCLOUD000LOCAL</UserId>\
             <Account>012345678901</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
    );
}
