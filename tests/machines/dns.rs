//! A service behind two load balancers, between which records of DNS choose, on real machines: clients go where the local cloud's name
//! server leads them, by answers that they keep for their TTL.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use super::cloud::LocalCloud;
use super::service::{Web, said};
use super::traffic::Traffic;

const SERVICE: &str = "services/dns-web.json";
const NAME: &str = "www.example.org";
const URL: &str = "http://www.example.org/version";
const PORT: i32 = 80;
/// Seconds.
const TTL: i64 = 1;

/// Requests that one version alone must have answered.
const LOOKED_AT: u64 = 200;
/// How often so many are looked at until all have followed: for a server takes seconds to have a change, and the answer its TTL.
const LOOKS: usize = 10;

/// How often each version is met in the step in which both have half of the traffic: clients draw once a TTL, and it lasts a minute.
const MET: usize = 5;

#[tokio::test]
async fn clients_follow_the_records_there_and_back_and_no_request_fails() {
    let web = Web::new(LocalCloud::up("kilndns", 235, 4999)).await;
    let zone = Zone::new(&web).await;
    web.service(SERVICE, shape);
    let first = web.bake_first("templates/web.json", "1.0.0");
    web.roll_of(SERVICE, &first);
    let second = web.bake_from("1.0.0", "templates/web.json", "2.0.0");
    let server = web.cloud.variable("KILN_LOCAL_NAME_SERVER");
    // More than one would use up the ports of this host.
    let traffic = Traffic::named(Resolver::of(server), URL, NAME);
    assert_eq!(traffic.next_versions(LOOKED_AT), only("1.0.0"));

    std::thread::scope(|scope| {
        let roll = scope.spawn(|| web.roll_of(SERVICE, &second));
        // For longer than any server goes by an older change.
        for _ in 0..MET {
            traffic.meets("2.0.0");
            traffic.meets("1.0.0");
        }
        roll.join().unwrap();
    });
    // Whoever asked before the swap has asked again since.
    assert_eq!(traffic.next_versions(LOOKED_AT), only("2.0.0"));
    web.stands(&second, &first);

    zone.weigh(ChangeAction::Upsert, [1, 1]).await;
    traffic.meets("1.0.0");
    traffic.meets("2.0.0");
    zone.weigh(ChangeAction::Upsert, [1, 0]).await;
    follow(&traffic, "2.0.0");

    let back = web.cloud.run(&["rollback", "web"]);
    assert!(back.status.success(), "{}", said(&back));
    follow(&traffic, "1.0.0");
    let status = web.status();
    assert_eq!(status["live"]["image"], first, "{status:#}");
    assert_eq!(status["temporary"], json!([]), "{status:#}");
    let tally = traffic.stop();
    assert_eq!(tally.failures, [""; 0]);
    assert!(tally.answered > LOOKED_AT, "{} requests", tally.answered);
}

fn only(version: &str) -> BTreeSet<String> {
    [version.to_owned()].into()
}

/// Waits until one version alone answers.
fn follow(traffic: &Traffic, version: &str) {
    let mut seen = (0..LOOKS).map(|_| traffic.next_versions(LOOKED_AT));
    assert!(
        seen.any(|seen| seen == only(version)),
        "not all follow to {version}"
    );
}

/// By records, the second of which has no weight before the first roll.
fn shape(service: &mut Value) {
    service["traffic"] = json!({
        "record": { "name": NAME, "zone": "example.org" },
        "load_balancers": ["kiln-a", "kiln-b"],
        "target_groups": ["web-a", "web-b"],
        "rules": [{ "port": PORT }],
    });
    let steps = json!([{ "weight": 50, "hold": "5s" }, { "weight": 100, "hold": "5s" }]);
    service["strategy"] = json!({ "type": "dns", "steps": steps });
    service["checks"]["before"][0]["times"] = json!(1);
    service["checks"]["after"] = json!([]);
    let variables = service["variables"].as_object_mut().unwrap();
    variables.remove("load_balancer");
}

/// The hosted zone with a record to each of two load balancers.
struct Zone {
    client: aws_sdk_route53::Client,
    id: String,
    hosts: [String; 2],
}

impl Zone {
    async fn new(web: &Web) -> Self {
        let hosts = [
            web.network("kiln-a", "web-a", &[PORT]).await,
            web.network("kiln-b", "web-b", &[PORT]).await,
        ];
        let client = aws_sdk_route53::Client::new(&web.config);
        let made = client.create_hosted_zone().name("example.org");
        let made = made.caller_reference("1").send().await.unwrap();
        let id = made.hosted_zone().unwrap().id().to_owned();
        let zone = Self { client, id, hosts };
        zone.weigh(ChangeAction::Create, [1, 0]).await;
        zone
    }

    /// Writes the weights of both records.
    async fn weigh(&self, action: ChangeAction, weights: [i64; 2]) {
        let records = ["a", "b"].iter().zip(&self.hosts).zip(weights);
        let changes = records.map(|((letter, host), weight)| {
            let value = ResourceRecord::builder().value(host).build().unwrap();
            let record = ResourceRecordSet::builder()
                .name(NAME)
                .r#type(RrType::Cname)
                .set_identifier(*letter)
                .weight(weight)
                .ttl(TTL)
                .resource_records(value)
                .build();
            let change = Change::builder().action(action.clone());
            let change = change.resource_record_set(record.unwrap());
            change.build().unwrap()
        });
        let batch = ChangeBatch::builder().set_changes(Some(changes.collect()));
        let change = self.client.change_resource_record_sets();
        let change = change.hosted_zone_id(&self.id);
        let change = change.change_batch(batch.build().unwrap()).send().await;
        change.unwrap();
    }
}

/// Asks the name server, and keeps an answer for its TTL.
#[derive(Clone)]
struct Resolver {
    server: String,
    kept: Arc<Mutex<Option<Kept>>>,
}

/// An answer.
#[derive(Clone)]
struct Kept {
    until: Instant,
    addresses: Vec<SocketAddr>,
}

impl Resolver {
    fn of(server: &str) -> Self {
        Self {
            server: format!("@{server}"),
            kept: Arc::default(),
        }
    }

    /// The addresses, and how long they may be kept.
    async fn dig(&self, name: &str) -> (Duration, Vec<SocketAddr>) {
        let dig = Command::new("dig")
            .args([&self.server, "+noall", "+answer", name, "A"])
            .output();
        let lines = String::from_utf8(dig.await.unwrap().stdout).unwrap();
        let records = lines.lines().filter(|line| !line.starts_with(';'));
        let records = records.map(|line| line.split_whitespace().collect());
        let records: Vec<Vec<&str>> = records.collect();
        let ttls = records.iter().map(|words| words[1].parse().unwrap());
        let addresses = records.iter().filter(|words| words[3] == "A");
        let addresses =
            addresses.map(|words| (words[4].parse::<std::net::IpAddr>().unwrap(), 0).into());
        let ttl = Duration::from_secs(ttls.min().unwrap_or_default());
        (ttl, addresses.collect())
    }

    async fn addresses(&self, name: &str) -> Vec<SocketAddr> {
        let now = Instant::now();
        let kept = self.kept.lock().unwrap().clone();
        if let Some(kept) = kept.filter(|kept| now < kept.until) {
            return kept.addresses;
        }
        let (ttl, addresses) = self.dig(name).await;
        *self.kept.lock().unwrap() = Some(Kept {
            until: now + ttl,
            addresses: addresses.clone(),
        });
        addresses
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
