//! What health checks see, and where requests go because of it.

use localcloud::model::{Target, Verdict};

use super::http::{Client, Server, get};
use super::{Bench, PORT, by_http, forward, group, rule};

#[tokio::test]
async fn only_healthy_targets_get_requests_and_all_of_them_when_none_is() {
    let mut bench = Bench::new(20);
    let good = Server::start("good", bench.address(10)).await;
    let bad = Server::start("bad", bench.address(11)).await;
    bad.set_health(500);
    let groups = vec![group("web", vec![good.target.clone(), bad.target.clone()])];
    let mut wanted = bench.wanted(vec![rule(forward(&[("web", 1)]))], groups);
    bench.balance(&wanted).await;
    bench.until_healthy(&["good"]).await;
    bench.until_verdict("bad", Verdict::WrongStatus(500)).await;
    let mut client = Client::new(wanted.address);
    for _ in 0..20 {
        assert_eq!(client.get("/").await.body, "good");
    }
    assert_eq!(bad.served(), 0);

    good.set_health(503);
    bench.until_verdict("good", Verdict::WrongStatus(503)).await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(
        bad.served() > 0 && good.served() > 0,
        "with no healthy target all get requests"
    );

    wanted.groups[0].targets.clear();
    bench.balance(&wanted).await;
    assert_eq!(get(wanted.address, "/").await.status, 503);
    bench.end().await;
}

#[tokio::test]
async fn the_matcher_says_which_status_is_healthy() {
    let mut bench = Bench::new(21);
    let server = Server::start("odd", bench.address(10)).await;
    server.set_health(302);
    let mut wanted = bench.wanted(
        vec![rule(forward(&[("web", 1)]))],
        vec![group("web", vec![server.target.clone()])],
    );
    wanted.groups[0].probe.asks = by_http("200-204,302");
    bench.balance(&wanted).await;
    bench.until_healthy(&["odd"]).await;
    wanted.groups[0].probe.asks = by_http("200-204");
    bench.balance(&wanted).await;
    bench.until_verdict("odd", Verdict::WrongStatus(302)).await;
    bench.end().await;
}

#[tokio::test]
async fn a_target_that_is_not_there_or_silent_has_its_own_verdict() {
    let mut bench = Bench::new(22);
    let silent = tokio::net::TcpListener::bind((bench.address(11), PORT))
        .await
        .expect("a free address");
    let target = |id: &str, host| Target {
        id: id.into(),
        address: bench.address(host),
        port: PORT,
        draining: false,
    };
    let groups = vec![group(
        "web",
        vec![target("nobody", 10), target("silent", 11)],
    )];
    let wanted = bench.wanted(vec![rule(forward(&[("web", 1)]))], groups);
    bench.balance(&wanted).await;
    bench.until_verdict("nobody", Verdict::Failed).await;
    bench.until_verdict("silent", Verdict::Timeout).await;
    drop(silent);
    bench.end().await;
}
