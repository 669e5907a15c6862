//! Route 53: batches, what stands beside what, and lists.

mod answers;
mod asked;
mod packets;

use super::{Cloud, params};
use jiff::SignedDuration;
use localcloud::model::view::RecordView;
use localcloud::model::{Answer, At, Fault, FaultPlan, Request, Service, Tree, Trouble};

/// An account with a zone, and calls to Route 53 that take no time.
struct Dns {
    cloud: Cloud,
    zone: String,
}

impl Dns {
    fn new() -> Self {
        let mut cloud = Cloud::new();
        let Ok(zone) = cloud.model.plant_zone("example.com") else {
            panic!("a name that is none")
        };
        Self { cloud, zone }
    }

    fn ask(&mut self, action: &str, parameters: &str) -> Result<Tree, Fault> {
        let request = Request {
            service: Service::Route53,
            action: action.into(),
            params: params(parameters),
        };
        let Answer { result, .. } = self.cloud.model.call(&request, self.cloud.now);
        result
    }

    /// Changes written as `UPSERT www.example.com A Weight=1 …`, one a line.
    fn change(&mut self, changes: &[&str]) -> Result<Tree, Fault> {
        let mut all = vec![format!("HostedZoneId={}", self.zone)];
        for (at, change) in (1..).zip(changes) {
            let mut words = change.split_whitespace();
            let mut next = || words.next().unwrap_or_default().to_owned();
            let at = format!("ChangeBatch.Changes.{at}");
            let (action, name, kind) = (next(), next(), next());
            all.push(format!("{at}.Action={action}"));
            let set = format!("{at}.ResourceRecordSet");
            all.push(format!("{set}.Name={name} {set}.Type={kind}"));
            for word in words {
                all.push(match word.split_once('=') {
                    Some(("to", value)) => format!("{set}.ResourceRecords.1.Value={value}"),
                    Some(("also", value)) => format!("{set}.ResourceRecords.2.Value={value}"),
                    _ => format!("{set}.{word}"),
                });
            }
        }
        self.ask("ChangeResourceRecordSets", &all.join(" "))
    }

    #[track_caller]
    fn ok(&mut self, changes: &[&str]) -> String {
        let tree = self
            .change(changes)
            .unwrap_or_else(|fault| panic!("{changes:?}: {fault}"));
        text(&tree, "ChangeInfo.Id")
    }

    #[track_caller]
    fn refused(&mut self, changes: &[&str], why: &str) {
        let before = self.cloud.model.view_records(&self.zone);
        let fault = self.change(changes).unwrap_err();
        assert_eq!(fault.code, "InvalidChangeBatch", "{fault}");
        assert!(fault.message.contains(why), "{fault}");
        assert_eq!(self.cloud.model.view_records(&self.zone), before);
    }

    fn plant(&mut self, record: &RecordView) {
        let planted = self.cloud.model.plant_record(&self.zone, record);
        assert_eq!(planted, Ok(()));
    }

    fn status(&mut self, change: &str) -> String {
        let tree = self.ask("GetChange", &format!("Id={change}")).unwrap();
        text(&tree, "ChangeInfo.Status")
    }

    /// The weights in each answer that is followed, those that are given marked.
    fn weights(&self) -> Vec<String> {
        let model = &self.cloud.model;
        let all = model.view_answers(&self.zone, "www.example.com", "CNAME", self.cloud.now);
        let shown = all.iter().map(|answer| {
            let weights = answer
                .pointers
                .iter()
                .map(|p| format!("{}={}", p.host, p.weight));
            let weights = weights.collect::<Vec<_>>().join(" ");
            format!("{}{weights}", if answer.is_given { "given " } else { "" })
        });
        shown.collect()
    }
}

#[track_caller]
fn text(tree: &Tree, path: &str) -> String {
    let found = tree.at(path).and_then(Tree::text);
    found.unwrap_or_else(|| panic!("{path} in {tree:?}"))
}

const BLUE: &str = "www.example.com CNAME SetIdentifier=blue TTL=30 to=blue.example.net";
const GREEN: &str = "www.example.com CNAME SetIdentifier=green TTL=30 to=green.example.net";

fn weighted(action: &str, of: &str, weight: u8) -> String {
    format!("{action} {of} Weight={weight}")
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let mut dns = Dns::new();
    dns.ok(&["CREATE a.example.com A TTL=60 to=192.0.2.1"]);
    let both = [
        "UPSERT b.example.com A TTL=60 to=192.0.2.2",
        "CREATE A.example.com. A TTL=60 to=192.0.2.3",
    ];
    dns.refused(
        &both,
        "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
    );
    dns.ok(&[both[0]]);
}

#[test]
fn what_is_deleted_is_named_as_it_is() {
    let mut dns = Dns::new();
    dns.ok(&[&format!(
        "{} also=192.0.2.2",
        "CREATE a.example.com A TTL=60 to=192.0.2.1"
    )]);
    let delete = |rest: &str| format!("DELETE a.example.com A {rest}");
    for other in ["TTL=61 to=192.0.2.1 also=192.0.2.2", "TTL=60 to=192.0.2.1"] {
        dns.refused(
            &[&delete(other)],
            "[name='a.example.com.', type='A'] but the values provided do not match the current values",
        );
    }
    dns.refused(
        &["DELETE b.example.com A TTL=60 to=192.0.2.1"],
        "but it was not found",
    );
    dns.ok(&[&delete("TTL=60 to=192.0.2.2 also=192.0.2.1")]);
}

#[test]
fn a_weighted_one_is_deleted_with_its_weight() {
    let mut dns = Dns::new();
    dns.ok(&[&weighted("CREATE", BLUE, 1)]);
    dns.refused(
        &[&weighted("DELETE", BLUE, 2)],
        "[name='www.example.com.', type='CNAME', set identifier='blue'] but the values",
    );
    dns.ok(&[&weighted("DELETE", BLUE, 1)]);
}

#[test]
fn simple_and_weighted_do_not_mix_and_one_batch_turns_one_into_the_other() {
    let mut dns = Dns::new();
    let simple = "www.example.com CNAME TTL=30 to=blue.example.net";
    dns.ok(&[&format!("CREATE {simple}")]);
    let create = weighted("CREATE", BLUE, 255);
    dns.refused(
        &[&create],
        "as a non-weighted set exists with the same name and type",
    );
    dns.ok(&[&format!("DELETE {simple}"), &create]);
    dns.refused(
        &[&format!("UPSERT {simple}")],
        "as other RRSets exist with the same name and type",
    );
}

#[test]
fn weighted_ones_have_one_ttl_once_the_batch_is_made() {
    let mut dns = Dns::new();
    dns.ok(&[&weighted("CREATE", BLUE, 1), &weighted("CREATE", GREEN, 0)]);
    let slower = |of: &str| weighted("UPSERT", &of.replace("TTL=30", "TTL=60"), 1);
    dns.refused(&[&slower(BLUE)], "weighted sets must contain the same TTL");
    dns.ok(&[&slower(BLUE), &slower(GREEN)]);
}

#[test]
fn what_dns_itself_forbids_is_refused() {
    let mut dns = Dns::new();
    dns.ok(&["CREATE www.example.com CNAME TTL=30 to=a.example.net"]);
    for (change, why) in [
        (
            "CREATE www.example.com A TTL=30 to=192.0.2.1",
            "conflicting RRSet of type CNAME",
        ),
        (
            "CREATE example.com CNAME TTL=30 to=a.example.net",
            "not permitted at apex",
        ),
        (
            "CREATE www.example.org A TTL=30 to=192.0.2.1",
            "not permitted in zone example.com.",
        ),
        (
            "CREATE b.example.com A TTL=30 to=192.0.2",
            "ARRDATAIllegalIPv4Address",
        ),
        (
            "CREATE b.example.com A TTL=30 to=192.0.2.1 also=192.0.2.1",
            "Duplicate Resource Record",
        ),
    ] {
        dns.refused(&[change], why);
    }
    let twice = "UPSERT b.example.com A TTL=30 to=192.0.2.1";
    dns.refused(
        &[twice, twice],
        "an invalid set of changes for a resource record set 'A b.example.com.'",
    );
    let zone = dns.zone.clone();
    let fault = dns
        .ask("DeleteHostedZone", &format!("Id={zone}"))
        .unwrap_err();
    assert_eq!(fault.code, "HostedZoneNotEmpty");
}

#[test]
fn halves_of_a_record_are_refused_by_what_is_missing() {
    let mut dns = Dns::new();
    for (change, why) in [
        (
            "CREATE a.example.com A TTL=30",
            "but found none in Change with [Action=CREATE, Name=a.example.com., Type=A, SetIdentifier=null]",
        ),
        (
            "CREATE a.example.com A TTL=30 to=192.0.2.1 Weight=1",
            "Missing field 'SetIdentifier'",
        ),
        (
            "CREATE a.example.com A TTL=30 to=192.0.2.1 SetIdentifier=x",
            "[Weight, Region, Failover",
        ),
        (
            "CREATE a.example.com A TTL=30 to=192.0.2.1 SetIdentifier=x Weight=256",
            "Member must have value between 0 and 255",
        ),
        (
            "CREATE a.example.com A TTL=30 to=192.0.2.1 Failover=PRIMARY",
            "ResourceRecordSet.Failover is not recognized",
        ),
    ] {
        let fault = dns.change(&[change]).unwrap_err();
        assert_eq!(fault.code, "InvalidInput", "{fault}");
        assert!(fault.message.contains(why), "{fault}");
    }
}

#[test]
fn records_come_by_their_last_labels_and_by_pages() {
    let mut dns = Dns::new();
    dns.ok(&[
        "CREATE b.example.com TXT TTL=30 to=\"x\"",
        "CREATE b.example.com A TTL=30 to=192.0.2.1",
        "CREATE a.b.example.com A TTL=30 to=192.0.2.1",
        &weighted("CREATE", GREEN, 1),
        &weighted("CREATE", BLUE, 1),
    ]);
    let zone = dns.zone.clone();
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        let ask = format!("HostedZoneId={zone} MaxItems=2 {from}");
        let page = dns.ask("ListResourceRecordSets", &ask).unwrap();
        let at = |path: &str| page.at(path).and_then(Tree::text).unwrap_or_default();
        for index in 0..2 {
            let set = format!("ResourceRecordSets.{index}");
            let of = |field: &str| at(&format!("{set}.{field}"));
            seen.push(format!(
                "{} {} {}",
                of("Name"),
                of("Type"),
                of("SetIdentifier")
            ));
        }
        if at("IsTruncated") == "false" {
            break;
        }
        from = format!(
            "StartRecordName={} StartRecordType={}",
            at("NextRecordName"),
            at("NextRecordType")
        );
        let identifier = at("NextRecordIdentifier");
        if !identifier.is_empty() {
            from = format!("{from} StartRecordIdentifier={identifier}");
        }
    }
    let seen: Vec<&str> = seen
        .iter()
        .map(|one| one.trim())
        .filter(|one| !one.is_empty())
        .collect();
    assert_eq!(
        seen,
        [
            "example.com. NS",
            "example.com. SOA",
            "b.example.com. A",
            "b.example.com. TXT",
            "a.b.example.com. A",
            "www.example.com. CNAME blue",
            "www.example.com. CNAME green",
        ]
    );
}

#[test]
fn five_requests_a_second_are_answered_in_all_regions_together() {
    let mut dns = Dns::new();
    dns.cloud
        .model
        .inject(FaultPlan::default().request_limits());
    let codes: Vec<_> = (0..6)
        .map(|_| dns.ask("ListHostedZones", "").err().map(|fault| fault.code))
        .collect();
    assert!(codes[..5].iter().all(Option::is_none), "{codes:?}");
    assert_eq!(codes[5].as_deref(), Some("Throttling"));
    dns.cloud.pass(SignedDuration::from_secs(1));
    assert!(dns.ask("ListHostedZones", "").is_ok());
}

#[test]
fn a_change_meets_trouble_before_or_after_its_effect() {
    let mut dns = Dns::new();
    let busy = Fault::new("PriorRequestNotComplete", "Try again.");
    let change = || At::Action(Service::Route53, "ChangeResourceRecordSets".into());
    let plan = FaultPlan::default()
        .call(change(), 1, Trouble::Before(busy.clone()))
        .call(change(), 1, Trouble::After(busy));
    dns.cloud.model.inject(plan);
    let create = weighted("CREATE", BLUE, 1);
    for records in [2, 3] {
        let fault = dns.change(&[&create]).unwrap_err();
        assert_eq!(
            (fault.code.as_str(), fault.status),
            ("PriorRequestNotComplete", 400)
        );
        assert_eq!(dns.cloud.model.view_records(&dns.zone).len(), records);
    }
    dns.refused(&[&create], "but it already exists");
}
