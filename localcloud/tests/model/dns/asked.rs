//! What a name server says: of records, weights, aliases and names that are not there.

use super::super::params;
use super::{Dns, text};
use localcloud::model::view::{AliasView, RecordView};
use localcloud::model::{Asked, Code, Fact, Given, Request, Service, Tree, Verdict};
use std::collections::BTreeMap;

fn shown(given: &[Given]) -> String {
    let one = |one: &Given| format!("{} {} {} {}", one.name, one.ttl, one.kind, one.value);
    given.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Dns {
    /// An answer in words; where it has none, the code and what stands for it.
    fn say(&mut self, name: &str, kind: &str) -> String {
        let said = self.cloud.model.ask(Asked { name, kind }, self.cloud.now);
        let authority = match said.authority.first() {
            Some(first) => format!(" {} {} {}", first.name, first.ttl, first.kind),
            None => String::new(),
        };
        match (said.code, said.answers.is_empty()) {
            (Code::Found, false) => shown(&said.answers),
            (code, _) => format!("{code:?}{authority}"),
        }
    }

    /// How many of 400 answers are which.
    fn counts(&mut self, kind: &str) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for _ in 0..400 {
            *counts
                .entry(self.say("www.example.com.", kind))
                .or_default() += 1;
        }
        counts
    }

    fn elb(&mut self, action: &str, text: &str) -> Tree {
        let request = Request {
            service: Service::Elb,
            action: action.into(),
            params: params(text),
        };
        let answer = self.cloud.model.call(&request, self.cloud.now);
        match answer.result {
            Ok(tree) => tree,
            Err(fault) => panic!("{action} {text}: {fault}"),
        }
    }

    /// A load balancer that leads to one target; its ARN, its name and what tells of the target.
    fn front(&mut self, name: &str) -> Front {
        let subnets = self.cloud.model.view_subnets();
        let (one, two) = (&subnets[0].id, &subnets[1].id);
        let made = self.elb(
            "CreateLoadBalancer",
            &format!("Name={name} Subnets.1={one} Subnets.2={two}"),
        );
        let (arn, host) = (
            text(&made, "LoadBalancers.0.LoadBalancerArn"),
            text(&made, "LoadBalancers.0.DNSName"),
        );
        let vpc = text(&made, "LoadBalancers.0.VpcId");
        let group = format!("Name={name} Protocol=HTTP Port=80 VpcId={vpc}");
        let group = self.elb("CreateTargetGroup", &group);
        let group = text(&group, "TargetGroups.0.TargetGroupArn");
        self.elb(
            "CreateListener",
            &format!(
                "LoadBalancerArn={arn} Protocol=HTTP Port=80 DefaultActions.1.Type=forward DefaultActions.1.TargetGroupArn={group}"
            ),
        );
        let target = self.cloud.running(&format!("SubnetId={one}"));
        self.elb(
            "RegisterTargets",
            &format!("TargetGroupArn={group} Targets.1.Id={target}"),
        );
        Front {
            arn,
            host,
            group,
            target,
        }
    }

    fn probed(&mut self, front: &Front, verdict: Verdict) {
        self.cloud.see(Fact::Probed {
            group: front.group.clone(),
            target: front.target.clone(),
            port: 80,
            verdict,
        });
    }

    /// A weighted alias of `www.example.com`.
    fn alias(&mut self, front: &Front, weight: i64, evaluates_health: bool) {
        self.plant(&RecordView {
            name: "www.example.com".into(),
            kind: "A".into(),
            weighted: Some((front.host.clone(), weight)),
            alias: Some(AliasView {
                zone: "Z215JYRZR1TBD5".into(),
                target: format!("dualstack.{}.", front.host),
                evaluates_health,
            }),
            ..RecordView::default()
        });
    }
}

struct Front {
    arn: String,
    host: String,
    group: String,
    target: String,
}

#[test]
fn records_are_answered_and_what_is_not_there_has_the_soa() {
    let mut dns = Dns::new();
    dns.ok(&[
        "CREATE www.Example.com A TTL=30 to=192.0.2.1",
        "CREATE a.deep.example.com AAAA TTL=5 to=2001:db8::1",
    ]);
    let soa = "example.com. 900 SOA";
    for (name, kind, said) in [
        ("www.example.com.", "A", "www.example.com. 30 A 192.0.2.1"),
        (
            "a.deep.example.com.",
            "AAAA",
            "a.deep.example.com. 5 AAAA 2001:db8::1",
        ),
        ("www.example.com.", "AAAA", &format!("Found {soa}")),
        ("www.example.com.", "", &format!("Found {soa}")),
        ("deep.example.com.", "A", &format!("Found {soa}")),
        ("eep.example.com.", "A", &format!("NoName {soa}")),
        ("none.example.com.", "A", &format!("NoName {soa}")),
        ("a.www.example.com.", "A", &format!("NoName {soa}")),
        ("example.net.", "A", "Refused"),
        ("notexample.com.", "A", "Refused"),
    ] {
        assert_eq!(dns.say(name, kind), said, "{name} {kind}");
    }
    let own = dns.say("example.com.", "SOA");
    assert!(own.starts_with("example.com. 900 SOA ns-2048."), "{own}");
    assert!(dns.say("example.com.", "NS").contains("172800 NS"));
}

#[test]
fn a_name_stands_for_others_by_a_wildcard_and_is_given_away_by_ns() {
    let mut dns = Dns::new();
    dns.ok(&[
        "CREATE *.example.com A TTL=60 to=192.0.2.1",
        "CREATE there.example.com TXT TTL=60 to=\"x\"",
        "CREATE below.example.com NS TTL=60 to=ns.example.net.",
    ]);
    for (name, said) in [
        ("any.example.com.", "any.example.com. 60 A 192.0.2.1"),
        ("a.b.example.com.", "a.b.example.com. 60 A 192.0.2.1"),
        ("there.example.com.", "Found example.com. 900 SOA"),
        ("a.there.example.com.", "NoName example.com. 900 SOA"),
        ("below.example.com.", "Found below.example.com. 60 NS"),
        ("a.below.example.com.", "Found below.example.com. 60 NS"),
    ] {
        assert_eq!(dns.say(name, "A"), said, "{name}");
    }
}

#[test]
fn cnames_are_followed_as_far_as_they_are_known() {
    let mut dns = Dns::new();
    let front = dns.front("blue");
    dns.ok(&[
        "CREATE one.example.com CNAME TTL=60 to=Two.example.com",
        "CREATE two.example.com CNAME TTL=30 to=three.example.com",
        "CREATE three.example.com A TTL=10 to=192.0.2.3",
        "CREATE out.example.com CNAME TTL=60 to=www.example.net",
        "CREATE lost.example.com CNAME TTL=60 to=none.example.com",
        "CREATE round.example.com CNAME TTL=60 to=round.example.com",
        &format!("CREATE lb.example.com CNAME TTL=60 to={}", front.host),
    ]);
    let host = &front.host;
    for (name, said) in [
        (
            "one.example.com.",
            "one.example.com. 60 CNAME Two.example.com; two.example.com. 30 CNAME three.example.com; \
             three.example.com. 10 A 192.0.2.3",
        ),
        (
            "out.example.com.",
            "out.example.com. 60 CNAME www.example.net",
        ),
        ("lost.example.com.", "NoName example.com. 900 SOA"),
        (
            "lb.example.com.",
            &format!("lb.example.com. 60 CNAME {host}; {host}. 60 A {host}"),
        ),
    ] {
        assert_eq!(dns.say(name, "A"), said, "{name}");
    }
    let only = "one.example.com. 60 CNAME Two.example.com";
    assert_eq!(dns.say("one.example.com.", "CNAME"), only);
    assert!(dns.say("round.example.com.", "A").contains("CNAME"));
}

#[test]
fn weights_share_the_answers() {
    let mut dns = Dns::new();
    let (blue, green) = (dns.front("blue"), dns.front("green"));
    dns.alias(&blue, 1, false);
    dns.alias(&green, 3, false);
    let counts = dns.counts("A");
    let one = format!("www.example.com. 60 A {}", blue.host);
    assert!((60..140).contains(&counts[&one]), "{counts:?}");
    assert_eq!(counts.len(), 2, "{counts:?}");
    dns.alias(&green, 0, false);
    assert_eq!(dns.counts("A"), [(one, 400)].into());
    dns.alias(&blue, 0, false);
    assert_eq!(dns.counts("A").len(), 2);
    let none = "Found example.com. 900 SOA".to_owned();
    assert_eq!(dns.counts("AAAA"), [(none.clone(), 400)].into());

    // A load balancer that is gone has no addresses any more, whatever its share.
    dns.alias(&blue, 1, false);
    dns.elb(
        "DeleteLoadBalancer",
        &format!("LoadBalancerArn={}", blue.arn),
    );
    assert_eq!(dns.counts("A"), [(none, 400)].into());
}

#[test]
fn a_sick_load_balancer_is_left_out_where_its_health_counts() {
    let mut dns = Dns::new();
    let (blue, green) = (dns.front("blue"), dns.front("green"));
    dns.alias(&blue, 1, true);
    dns.alias(&green, 0, true);
    let to = |front: &Front| format!("www.example.com. 60 A {}", front.host);
    let all_to = |front: &Front| BTreeMap::from([(to(front), 400)]);
    assert_eq!(
        dns.counts("A"),
        all_to(&blue),
        "while none is healthy, by weight"
    );
    dns.probed(&green, Verdict::Healthy);
    assert_eq!(dns.counts("A"), all_to(&green));
    dns.probed(&blue, Verdict::Healthy);
    assert_eq!(dns.counts("A"), all_to(&blue));
    dns.probed(&blue, Verdict::Timeout);
    dns.alias(&green, 1, true);
    assert_eq!(dns.counts("A"), all_to(&green));
    dns.alias(&blue, 1, false);
    assert_eq!(dns.counts("A").len(), 2, "its health counts no more");
}

#[test]
fn servers_differ_while_a_change_is_on_its_way() {
    let mut dns = Dns::new();
    dns.plant(&RecordView {
        name: "www.example.com".into(),
        kind: "A".into(),
        ttl: Some(60),
        values: vec!["192.0.2.1".into()],
        ..RecordView::default()
    });
    let change = dns.ok(&["UPSERT www.example.com A TTL=60 to=192.0.2.2"]);
    assert_eq!(dns.counts("A").len(), 2);
    while dns.status(&change) == "PENDING" {
        dns.cloud.pass(jiff::SignedDuration::from_secs(1));
    }
    let new = "www.example.com. 60 A 192.0.2.2".to_owned();
    assert_eq!(dns.counts("A"), [(new, 400)].into());
}

#[test]
fn a_zone_that_is_gone_is_answered_no_more() {
    let mut dns = Dns::new();
    dns.ok(&["CREATE www.example.com A TTL=60 to=192.0.2.1"]);
    dns.ok(&["DELETE www.example.com A TTL=60 to=192.0.2.1"]);
    while dns.say("www.example.com.", "A") != "NoName example.com. 900 SOA" {
        dns.cloud.pass(jiff::SignedDuration::from_secs(1));
    }
    let zone = format!("Id={}", dns.zone);
    dns.ask("DeleteHostedZone", &zone).unwrap();
    assert_eq!(dns.say("www.example.com.", "A"), "Refused");
}

#[test]
fn of_two_zones_the_longer_one_answers_and_a_private_one_before_a_public_one() {
    let mut dns = Dns::new();
    dns.ok(&["CREATE a.sub.example.com A TTL=60 to=192.0.2.1"]);
    dns.ask("CreateHostedZone", "Name=sub.example.com CallerReference=1")
        .unwrap();
    assert_eq!(
        dns.say("a.sub.example.com.", "A"),
        "NoName sub.example.com. 900 SOA"
    );
    let vpc = dns.cloud.get("DescribeVpcs", "", "vpcSet.0.vpcId");
    let private =
        format!("Name=example.com CallerReference=2 VPC.VPCId={vpc} VPC.VPCRegion=eu-central-1");
    dns.ask("CreateHostedZone", &private).unwrap();
    let own = dns.say("example.com.", "SOA");
    assert!(own.contains(" SOA ns-1536."), "{own}");
}
