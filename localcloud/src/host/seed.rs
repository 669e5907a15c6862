//! What is in the account from the start, so that a first bake finds source images and a first roll a listener.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{
    Config as Account, Effect, Fault, Model, Params, Request, Service, SourceImage, Tree,
};

use super::Config;

/// The load balancer and the security group that every account begins with.
pub(super) const NAME: &str = "kiln";

/// A source image and the user that it logs in; all of them are the same base.
pub(super) struct Source {
    pub user: &'static str,
    pub image: SourceImage,
}

/// The source images, under names and owners that the usual filters find. The Ubuntu ones are stand-ins: Debian inside.
pub(super) fn sources(created: Timestamp) -> Vec<Source> {
    let debian = (
        "136693071363",
        "/dev/xvda",
        "admin",
        "Debian 12 (bookworm), built on this host",
    );
    let ubuntu = (
        "099720109477",
        "/dev/sda1",
        "ubuntu",
        "stand-in: Debian 12 under an Ubuntu name, for templates that ask for it",
    );
    let all = [
        (
            "ami-0deb12000000000aa",
            "debian-12-amd64-20260101-0000",
            debian,
        ),
        (
            "ami-0b10120000000001a",
            "ubuntu/images/hvm-ssd/ubuntu-bionic-18.04-amd64-server-20260101",
            ubuntu,
        ),
        (
            "ami-0a221200000000002",
            "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260101",
            ubuntu,
        ),
        (
            "ami-0a241200000000003",
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260101",
            ubuntu,
        ),
    ];
    let source = |(id, name, (owner, root_device, user, description)): (
        &str,
        &str,
        (&str, &str, &'static str, &str),
    )| Source {
        user,
        image: SourceImage {
            id: id.to_owned(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            description: description.to_owned(),
            created,
            architecture: "x86_64".to_owned(),
            root_device: root_device.to_owned(),
            root_size: 8,
        },
    };
    all.into_iter().map(source).collect()
}

/// The regions of a cloud, beside the one that it is asked for: enough to copy images between.
const REGIONS: &[&str] = &["eu-central-1", "eu-west-1", "us-east-1"];

/// Opens the account. The seed draws ids, so that those of two clouds differ.
pub(super) fn account(config: &Config, seed: u64, now: Timestamp) -> Model {
    let others = REGIONS.iter().filter(|region| **region != config.region);
    Model::new(Account {
        region: config.region.clone(),
        other_regions: others.map(|region| (*region).to_owned()).collect(),
        seed,
        vpc: config.vpc(),
        images: sources(now)
            .into_iter()
            .map(|source| source.image)
            .collect(),
        opened: now,
        late_records: 5,
        ..Account::default()
    })
}

/// Makes the security group and the load balancer with its listener on port 80, by the model's own API.
///
/// # Errors
/// The model refuses what it must accept: a bug.
pub(super) fn plant(model: &mut Model, now: Timestamp) -> Result<Vec<Effect>, Fault> {
    let mut effects = Vec::new();
    let mut call = |service, action: &str, params: Vec<(&str, Params)>| {
        let params = Params::Map(
            params
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        );
        let answer = model.call(
            &Request {
                service,
                action: action.to_owned(),
                params,
            },
            now,
        );
        effects.extend(answer.effects);
        answer.result
    };
    let group = vec![
        ("GroupName", text(NAME)),
        ("GroupDescription", text("for what kiln starts by hand")),
    ];
    let group = call(Service::Ec2, "CreateSecurityGroup", group)?;
    let subnets = call(Service::Ec2, "DescribeSubnets", Vec::new())?;
    let subnets = (0..).map_while(|at| found(&subnets, &format!("subnetSet.{at}.subnetId")));
    let balancer = vec![
        ("Name", text(NAME)),
        ("Scheme", text("internet-facing")),
        ("Subnets", Params::List(subnets.map(Params::Text).collect())),
        (
            "SecurityGroups",
            Params::List(
                found(&group, "groupId")
                    .map(Params::Text)
                    .into_iter()
                    .collect(),
            ),
        ),
    ];
    let balancer = call(Service::Elb, "CreateLoadBalancer", balancer)?;
    let arn = found(&balancer, "LoadBalancers.0.LoadBalancerArn").unwrap_or_default();
    let listener = vec![
        ("LoadBalancerArn", Params::Text(arn)),
        ("Protocol", text("HTTP")),
        ("Port", text("80")),
        ("DefaultActions", Params::List(vec![not_found()])),
    ];
    call(Service::Elb, "CreateListener", listener)?;
    Ok(effects)
}

/// The default action: nothing is served until a rule says so.
fn not_found() -> Params {
    let response = [
        ("StatusCode", "404"),
        ("ContentType", "text/plain"),
        ("MessageBody", "no rule matches\n"),
    ];
    let response = response
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(value)));
    Params::Map(BTreeMap::from([
        ("Type".to_owned(), text("fixed-response")),
        (
            "FixedResponseConfig".to_owned(),
            Params::Map(response.collect()),
        ),
    ]))
}

fn text(text: &str) -> Params {
    Params::Text(text.to_owned())
}

fn found(tree: &Tree, path: &str) -> Option<String> {
    tree.at(path).and_then(Tree::text)
}
