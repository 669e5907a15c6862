//! What stands in for AWS, called in one way.

use jiff::{SignedDuration, Timestamp};
use localcloud::model::{Config, Params, Request, Service, SourceImage};
use localcloud::physics::{Behaviour, Spread, World};
use localcloud::wire::HttpRequest;
use std::collections::BTreeMap;

use super::answer::Answer;
use super::rest;

/// A cloud that is called with parameters as they stand on the wire, `Tags.member.1.Key=x`; a refusal is its code.
pub trait Subject {
    fn call(
        &mut self,
        service: Service,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String>;

    /// Lets time pass, where it is ours.
    fn pass(&mut self, seconds: i64);
}

pub const IMAGE: &str = "ami-0123456789abcdef0";

fn world() -> World {
    let opened: Timestamp = "2026-11-01T03:00:00Z".parse().unwrap();
    let image = SourceImage {
        id: IMAGE.into(),
        name: "debian-12".into(),
        owner: "136693071363".into(),
        description: "Debian".into(),
        created: opened,
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    };
    let mut world = World::new(Config {
        opened,
        images: vec![image],
        ..Config::default()
    });
    world.physics.set_usual(Behaviour {
        boot: Spread::seconds(4, 8),
        start: Spread::seconds(2, 5),
        ..Behaviour::default()
    });
    world
}

/// The model, called as it is.
pub struct Direct(World);

impl Direct {
    pub fn new() -> Self {
        Self(world())
    }
}

impl Subject for Direct {
    fn call(
        &mut self,
        service: Service,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let request = Request {
            service,
            action: action.to_owned(),
            params: params(service, fields),
        };
        let now = self.0.now() + SignedDuration::from_millis(100);
        let result = self.0.call(&request, now).result;
        result
            .map(|tree| Answer::of_tree(&tree))
            .map_err(|fault| fault.code)
    }

    fn pass(&mut self, seconds: i64) {
        let now = self.0.now();
        self.0.advance_to(now + SignedDuration::from_secs(seconds));
    }
}

/// Dotted names as the tree that the model takes: lists count from 1, and are wrapped in `member` but for EC2.
fn params(service: Service, fields: &[(&str, &str)]) -> Params {
    let split = fields.iter().map(|(name, value)| {
        let steps = name
            .split('.')
            .filter(|step| service == Service::Ec2 || *step != "member");
        (steps.collect::<Vec<_>>(), *value)
    });
    nested(&split.collect::<Vec<_>>())
}

fn nested(fields: &[(Vec<&str>, &str)]) -> Params {
    if let [(path, value)] = fields
        && path.is_empty()
    {
        return Params::Text((*value).to_owned());
    }
    let mut below: BTreeMap<&str, Vec<(Vec<&str>, &str)>> = BTreeMap::new();
    for (path, value) in fields {
        below
            .entry(path[0])
            .or_default()
            .push((path[1..].to_vec(), value));
    }
    let numbers: Option<Vec<usize>> = below.keys().map(|name| name.parse().ok()).collect();
    if let Some(mut numbers) = numbers {
        numbers.sort_unstable();
        let entry = |number: usize| nested(&below[number.to_string().as_str()]);
        return Params::List(numbers.into_iter().map(entry).collect());
    }
    let fields = below
        .iter()
        .map(|(name, fields)| ((*name).to_owned(), nested(fields)));
    Params::Map(fields.collect())
}

/// The model behind AWS's own protocol.
pub struct OverTheWire(World);

impl OverTheWire {
    pub fn new() -> Self {
        Self(world())
    }
}

impl Subject for OverTheWire {
    fn call(
        &mut self,
        service: Service,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let call = written(service, action, fields);
        let request = HttpRequest {
            method: call.method.into(),
            path: call.path,
            headers: vec![
                ("authorization".into(), authorization(service)),
                ("content-type".into(), call.content_type.into()),
            ],
            body: call.body.into_bytes(),
        };
        let now = self.0.now() + SignedDuration::from_millis(100);
        let response = self.0.answer(&request, now);
        Answer::of_xml(&String::from_utf8_lossy(&response.body))
    }

    fn pass(&mut self, seconds: i64) {
        let now = self.0.now();
        self.0.advance_to(now + SignedDuration::from_secs(seconds));
    }
}

/// Names the service; nobody here checks signatures.
pub fn authorization(service: Service) -> String {
    let scope = service.name();
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// One call in its service's protocol.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub content_type: &'static str,
    pub body: String,
}

pub fn written(service: Service, action: &str, fields: &[(&str, &str)]) -> Call {
    if service == Service::Route53 {
        return rest::request(action, &params(service, fields));
    }
    Call {
        method: "POST",
        path: "/".into(),
        content_type: "application/x-www-form-urlencoded",
        body: form(service, action, fields),
    }
}

fn form(service: Service, action: &str, fields: &[(&str, &str)]) -> String {
    let version = match service {
        Service::Ec2 => "2016-11-15",
        Service::AutoScaling => "2011-01-01",
        _ => "2015-12-01",
    };
    let own = [("Action", action), ("Version", version)];
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(own.iter().chain(fields))
        .finish()
}
