//! What a file says that a network load balancer cannot do, and what its zones need.

use kiln::roll::{Ended, Verdict};

use super::super::refused::refused;
use super::super::world::{account, by_connections, seed_connections};
use super::super::{BLUE_GREEN, Bench, V1, expect};

/// A first roll of a file in which `from` stands as `to`.
async fn saying(from: &str, to: &str) -> Bench {
    let text = by_connections()
        .replace("STRATEGY", BLUE_GREEN)
        .replace("RULE", r#"{ "port": 80 }"#);
    assert!(text.contains(from), "{text}");
    Bench::seeded(account(), seed_connections, &text.replace(from, to)).await
}

fn has_places(ended: &Ended) {
    for refusal in &ended.refused {
        assert_eq!(refusal.finding.labels.len(), 1, "{refusal:?}");
        assert!(refusal.finding.help.is_some(), "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_looks_at_requests_is_refused_at_each_place() {
    const CODE: &str = "roll::network_load_balancer";
    let http = r#"{ "http": { "path": "/version" } }"#;
    let check = r#"{ "command": ["check"], "times": 2, "timeout": "1m" }"#;
    let compare = r#"{ "compare": "5xx_rate", "max_ratio": 2 }"#;
    let rule = r#"{ "port": 80 }"#;
    for (from, to, count) in [
        (check, http.to_owned(), 1),
        (r#"{ "soak": "30s" }"#, compare.to_owned(), 1),
        (rule, r#"{ "port": 80, "create": true }"#.to_owned(), 1),
        (rule, r#"{ "port": 80 } ], "probe": { "header": "x-probe" }, "target_groups": [ "web-a", "web-b""#.to_owned(), 1),
    ] {
        let bench = saying(from, &to).await;
        let ended = refused(&bench, Verdict::Refused, &vec![CODE; count]).await;
        has_places(&ended);
    }
    let matching = r#"{ "port": 80, "match": { "host": ["web.example"] } }"#;
    let bench = saying(rule, matching).await;
    let ended = refused(&bench, Verdict::Refused, &[CODE]).await;
    has_places(&ended);
    // What asks through production is asked once it is all the next group's.
    let bench = saying(r#"{ "soak": "30s" }"#, http).await;
    expect(&bench.roll(V1).await, Verdict::Done);
}

#[tokio::test(start_paused = true)]
async fn protocols_that_the_listener_cannot_lead_to_are_refused_at_their_place() {
    for protocol in ["HTTP", "TLS", "UDP"] {
        let wanted = format!(r#""protocol": "{protocol}""#);
        let bench = saying(r#""protocol": "TCP""#, &wanted).await;
        let ended = bench.roll(V1).await;
        expect(&ended, Verdict::Refused);
        assert!(
            ended
                .refused
                .iter()
                .all(|one| one.finding.code == "roll::protocols"),
            "{ended:?}"
        );
        has_places(&ended);
    }
}
