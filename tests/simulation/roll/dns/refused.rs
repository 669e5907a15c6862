//! What of two load balancers and their records is no way to roll.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::refused::{refused, refused_input};
use super::super::world::{account, by_records, seed_records};
use super::super::{Bench, V1};
use super::AT_ONCE;

/// A first roll of a file in which `from` stands as `to`.
async fn saying(from: &str, to: &str) -> Bench {
    let text = by_records()
        .replace("STRATEGY", AT_ONCE)
        .replace("RULE", r#"{ "port": 80 }"#);
    assert!(text.contains(from), "{text}");
    Bench::seeded(account(), seed_records, &text.replace(from, to)).await
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused_at_its_place() {
    for (from, to, code) in [
        (
            r#"balancers": ["web-a", "web-b"]"#,
            r#"balancers": ["web-a", "web-x"]"#,
            "roll::no_load_balancer",
        ),
        (
            r#"groups": ["web-a", "web-b"]"#,
            r#"groups": ["web-a", "web-x"]"#,
            "roll::record",
        ),
        (
            r#""zone": "example.org""#,
            r#""zone": "example.net""#,
            "roll::record",
        ),
        (
            r#""zone": "example.org""#,
            r#""zone": "Z0NOSUCHZONE""#,
            "roll::record",
        ),
        ("www.example.org", "www.example.net", "roll::record"),
        ("www.example.org", "api.example.org", "roll::record"),
        (
            r#"{ "port": 80 }"#,
            r#"{ "port": 81 }"#,
            "roll::no_listener",
        ),
    ] {
        let bench = saying(from, to).await;
        // Neither of the two load balancers has it.
        let count = if code == "roll::no_listener" { 2 } else { 1 };
        let ended = refused(&bench, Verdict::Refused, &vec![code; count]).await;
        for refusal in &ended.refused {
            assert_eq!(refusal.finding.labels.len(), 1, "{to}: {refusal:?}");
        }
    }
}

/// Each load balancer leads to its own target group, and each has one record.
#[tokio::test(start_paused = true)]
async fn load_balancers_that_lead_elsewhere_are_refused() {
    let (from, to) = (
        r#"groups": ["web-a", "web-b"]"#,
        r#"groups": ["web-b", "web-a"]"#,
    );
    let bench = saying(from, to).await;
    let ended = bench.roll(V1).await;
    assert_eq!(ended.verdict, Verdict::Refused, "{ended:#?}");
    assert!(
        ended
            .refused
            .iter()
            .all(|one| one.finding.code == "roll::record"),
        "{ended:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_more_is_refused() {
    let bench = Bench::by_records(AT_ONCE, None).await;
    let zone = bench.cloud.world().model.view_zones().remove(0).id;
    let third = json!([{ "Action": "CREATE", "ResourceRecordSet": { "Name": "www.example.org.", "Type": "A",
        "SetIdentifier": "c", "Weight": 0, "TTL": 60, "ResourceRecords": [{ "Value": "192.0.2.1" }] } }]);
    let given = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": third } });
    bench.meanwhile(Api::Route53, "ChangeResourceRecordSets", &given);
    let help = refused_input(&bench, "roll::record").await;
    assert!(help.contains("two weighted records"), "{help}");
}
