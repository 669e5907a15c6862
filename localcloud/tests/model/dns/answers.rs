//! What is answered for a name, and for how long it is followed.

use super::super::params;
use super::{BLUE, Dns, GREEN, text, weighted};
use jiff::SignedDuration;
use localcloud::model::view::{AliasView, RecordView};
use localcloud::model::{Request, Service};

/// A load balancer and the words of an alias that leads to it.
fn balancer(dns: &mut Dns, name: &str) -> (String, String) {
    let subnets = dns.cloud.model.view_subnets();
    let text = format!(
        "Name={name} Subnets.1={} Subnets.2={}",
        subnets[0].id, subnets[1].id
    );
    let request = Request {
        service: Service::Elb,
        action: "CreateLoadBalancer".into(),
        params: params(&text),
    };
    let made = dns
        .cloud
        .model
        .call(&request, dns.cloud.now)
        .result
        .unwrap();
    let at = |field: &str| self::text(&made, &format!("LoadBalancers.0.{field}"));
    let (host, zone) = (at("DNSName"), at("CanonicalHostedZoneId"));
    let alias = format!(
        "AliasTarget.HostedZoneId={zone} AliasTarget.DNSName=dualstack.{host} AliasTarget.EvaluateTargetHealth=false"
    );
    (host, alias)
}

#[test]
fn an_alias_leads_to_a_load_balancer_that_is_there_and_is_kept_a_minute() {
    let mut dns = Dns::new();
    let (host, alias) = balancer(&mut dns, "blue");
    let set = format!("www.example.com A SetIdentifier=blue Weight=1 {alias}");
    let elsewhere = set.replace(&host, "192.0.2.9");
    dns.refused(
        &[&format!("CREATE {elsewhere}")],
        "but that target was not found",
    );
    let foreign = format!("CREATE {}", set.replace("HostedZoneId=Z", "HostedZoneId=X"));
    assert_eq!(dns.change(&[&foreign]).unwrap_err().code, "NotImplemented");
    let fault = dns.change(&[&format!("CREATE {set} TTL=60")]).unwrap_err();
    assert!(fault.message.contains("but found more than one"), "{fault}");
    dns.ok(&[&format!("CREATE {set}")]);
    dns.cloud.pass(SignedDuration::from_secs(600));
    dns.ok(&[&format!("UPSERT {}", set.replace("Weight=1", "Weight=0"))]);
    dns.cloud.pass(SignedDuration::from_secs(60));
    let model = &dns.cloud.model;
    let followed = |at| model.view_answers(&dns.zone, "www.example.com", "A", at);
    let both = followed(dns.cloud.now);
    assert_eq!(
        (both.len(), both[0].is_given, both[1].is_given),
        (2, false, true)
    );
    assert_eq!(both[0].pointers[0].host, host);
    let until = both[0].until.unwrap();
    let change = dns.cloud.now - SignedDuration::from_secs(60);
    assert!(
        until > change + SignedDuration::from_secs(60)
            && until <= change + SignedDuration::from_secs(120)
    );
    assert_eq!(followed(until).len(), 1);
    assert_eq!(
        both[1].reached().count(),
        1,
        "all weights of 0 are as good as none"
    );
}

#[test]
fn an_answer_is_followed_until_its_ttl_is_over() {
    let mut dns = Dns::new();
    for (identifier, weight) in [("blue", 1), ("green", 0)] {
        let record = RecordView {
            name: "www.example.com".into(),
            kind: "CNAME".into(),
            weighted: Some((identifier.into(), weight)),
            ttl: Some(30),
            values: vec![format!("{identifier}.example.net")],
            alias: None,
        };
        dns.plant(&record);
    }
    let (old, new) = (
        "blue.example.net=1 green.example.net=0",
        "blue.example.net=0 green.example.net=1",
    );
    assert_eq!(dns.weights(), [format!("given {old}")]);
    let change = dns.ok(&[&weighted("UPSERT", BLUE, 0), &weighted("UPSERT", GREEN, 1)]);
    let began = dns.cloud.now;
    assert_eq!(dns.status(&change), "PENDING");
    assert_eq!(
        dns.weights(),
        [format!("given {old}"), format!("given {new}")]
    );
    while dns.status(&change) == "PENDING" {
        dns.cloud.pass(SignedDuration::from_secs(1));
    }
    let took = dns.cloud.now.duration_since(began).as_secs();
    assert!((1..=60).contains(&took), "{took}");
    assert_eq!(dns.weights(), [old.to_owned(), format!("given {new}")]);
    dns.cloud.pass(SignedDuration::from_secs(29));
    assert_eq!(dns.weights().len(), 2);
    dns.cloud.pass(SignedDuration::from_secs(1));
    assert_eq!(dns.weights(), [format!("given {new}")]);
}

#[test]
fn an_alias_may_be_planted() {
    let mut dns = Dns::new();
    let (host, _) = balancer(&mut dns, "blue");
    let record = RecordView {
        name: "www.example.com.".into(),
        kind: "A".into(),
        weighted: Some(("blue".into(), 255)),
        alias: Some(AliasView {
            zone: "Z215JYRZR1TBD5".into(),
            target: format!("{host}."),
            evaluates_health: true,
        }),
        ..RecordView::default()
    };
    dns.plant(&record);
    let seen = dns.cloud.model.view_records(&dns.zone);
    assert!(seen.contains(&record), "{seen:?}");
}
