//! Draining: no new request, and those in flight end well.

use localcloud::model::Fact;

use super::http::{Client, Server, get};
use super::{Bench, forward, group, rule};

fn is_drained(fact: &Fact) -> bool {
    matches!(fact, Fact::Drained { target, .. } if target == "old")
}

/// Drains the first of two targets while it has a request in flight; `reload` adds a third target on the way.
async fn drain(network: u8, reload: bool) {
    let mut bench = Bench::new(network);
    let old = Server::start("old", bench.address(10)).await;
    let new = Server::start("new", bench.address(11)).await;
    let third = Server::start("third", bench.address(12)).await;
    let groups = vec![group("web", vec![old.target.clone()])];
    let mut wanted = bench.wanted(vec![rule(forward(&[("web", 1)]))], groups);
    bench.balance(&wanted).await;
    bench.until_healthy(&["old"]).await;
    let address = wanted.address;
    let slow = tokio::task::spawn_local(async move { get(address, "/slow").await });
    old.slow_request().await;

    wanted.groups[0].targets.push(new.target.clone());
    bench.balance(&wanted).await;
    bench.until_healthy(&["new"]).await;
    wanted.groups[0].targets[0] = old.draining();
    if reload {
        wanted.groups[0].targets.push(third.target.clone());
    }
    bench.balance(&wanted).await;
    let mut client = Client::new(address);
    for _ in 0..20 {
        assert_ne!(client.get("/").await.body, "old");
    }
    // Two more changes pass by, each followed by a look at what is in flight.
    for port in [9001, 9002] {
        wanted.groups[0].probe.port = Some(port);
        bench.balance(&wanted).await;
    }
    assert!(!bench.seen.iter().any(is_drained), "a request is in flight");
    old.release();
    assert_eq!(slow.await.expect("the slow request").body, "old");
    bench.until(is_drained).await;
    bench.end().await;
}

#[tokio::test]
async fn a_request_in_flight_ends_before_its_target_counts_as_drained() {
    tokio::task::LocalSet::new()
        .run_until(drain(30, false))
        .await;
}

#[tokio::test]
async fn a_request_in_flight_survives_reloads() {
    tokio::task::LocalSet::new()
        .run_until(drain(31, true))
        .await;
}
