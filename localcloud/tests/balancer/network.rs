//! Network load balancers: connections are passed on as they come, and stay where they are.

use std::process::Stdio;

use localcloud::model::{Asks, Balancer, Closes, Fact, Protocol, Target, TargetGroup, Verdict};
use tokio::process::Command;

use super::http::{Client, Server, get};
use super::{Bench, PORT, by_http, forward, group, rule};

const STAYS: Closes = Closes {
    unhealthy: false,
    deregistered: false,
};

/// A target group whose targets need only take connections.
fn tcp(name: &str, targets: Vec<Target>) -> TargetGroup {
    let mut group = group(name, targets);
    group.protocol = Protocol::Tcp;
    group.probe.asks = Asks::Connection;
    group
}

/// A listener for TCP on the shares.
fn wanted(bench: &Bench, shares: &[(&str, u32)], groups: Vec<TargetGroup>) -> Balancer {
    let mut wanted = bench.wanted(vec![rule(forward(shares))], groups);
    wanted.listeners[0].protocol = Protocol::Tcp;
    wanted
}

fn is_drained(fact: &Fact) -> bool {
    matches!(fact, Fact::Drained { target, .. } if target == "old")
}

#[tokio::test]
async fn connections_are_shared_by_the_weights_and_stay_where_they_are() {
    let mut bench = Bench::new(60);
    let (old, new) = (
        Server::start("old", bench.address(10)).await,
        Server::start("new", bench.address(11)).await,
    );
    let groups = vec![
        tcp("web-a", vec![old.target.clone()]),
        tcp("web-b", vec![new.target.clone()]),
    ];
    let mut wanted = wanted(&bench, &[("web-a", 1), ("web-b", 0)], groups);
    bench.balance(&wanted).await;
    bench.until_healthy(&["old", "new"]).await;
    let mut stays = Client::new(wanted.address);
    assert_eq!(stays.get("/").await.body, "old");
    let echoed = stays.get("/echo").await.body;
    assert!(!echoed.to_lowercase().contains("x-forwarded"), "{echoed}");
    wanted.listeners[0].rules[0].action = forward(&[("web-a", 1), ("web-b", 1)]);
    bench.balance(&wanted).await;
    let (mut to_old, mut to_new) = (0, 0);
    for _ in 0..100 {
        match get(wanted.address, "/").await.body.as_str() {
            "old" => to_old += 1,
            _ => to_new += 1,
        }
    }
    assert!(to_old > 20 && to_new > 20, "{to_old} and {to_new}");
    wanted.listeners[0].rules[0].action = forward(&[("web-a", 0), ("web-b", 1)]);
    bench.balance(&wanted).await;
    for _ in 0..20 {
        assert_eq!(get(wanted.address, "/").await.body, "new");
    }
    assert_eq!(stays.get("/").await.body, "old", "it was moved or cut");
    bench.end().await;
}

/// Deregisters a target that has a connection, and takes it away when its delay is over. What becomes of the connection.
async fn deregister(network: u8, closes: Closes) -> Option<String> {
    let mut bench = Bench::new(network);
    let old = Server::start("old", bench.address(10)).await;
    let new = Server::start("new", bench.address(11)).await;
    let mut group = tcp("web", vec![old.target.clone(), new.target.clone()]);
    group.closes = closes;
    let mut wanted = wanted(&bench, &[("web", 1)], vec![group]);
    bench.balance(&wanted).await;
    bench.until_healthy(&["old", "new"]).await;
    let mut client = Client::new(wanted.address);
    while client.get("/").await.body != "old" {
        client = Client::new(wanted.address);
    }
    wanted.groups[0].targets[0] = old.draining();
    bench.balance(&wanted).await;
    for _ in 0..20 {
        assert_eq!(get(wanted.address, "/").await.body, "new");
    }
    // A reload on the way, and a look at what is in flight.
    for interval in [2, 1] {
        wanted.groups[0].probe.interval_seconds = interval;
        bench.balance(&wanted).await;
        assert_eq!(client.get("/").await.body, "old");
    }
    assert!(!bench.seen.iter().any(is_drained), "it has a connection");
    wanted.groups[0].targets.remove(0);
    bench.balance(&wanted).await;
    let answer = client.request("/", "Host: test\r\n").await;
    bench.end().await;
    answer.map(|answer| answer.body)
}

#[tokio::test]
async fn a_connection_outlives_its_targets_deregistration() {
    assert_eq!(deregister(61, STAYS).await.as_deref(), Some("old"));
}

#[tokio::test]
async fn a_connection_ends_with_the_delay_where_the_target_group_says_so() {
    let closes = Closes {
        deregistered: true,
        ..STAYS
    };
    assert_eq!(deregister(62, closes).await, None);
}

#[tokio::test]
async fn a_target_that_drains_has_drained_when_its_connection_ends() {
    let mut bench = Bench::new(63);
    let old = Server::start("old", bench.address(10)).await;
    let mut wanted = wanted(
        &bench,
        &[("web", 1)],
        vec![tcp("web", vec![old.target.clone()])],
    );
    bench.balance(&wanted).await;
    bench.until_healthy(&["old"]).await;
    let mut client = Client::new(wanted.address);
    assert_eq!(client.get("/").await.body, "old");
    wanted.groups[0].targets[0] = old.draining();
    bench.balance(&wanted).await;
    assert_eq!(client.get("/").await.body, "old");
    drop(client);
    bench.until(is_drained).await;
    bench.end().await;
}

/// A connection to a target whose checks begin to fail while another target's are good.
async fn fall_ill(network: u8, closes: Closes) -> Option<String> {
    let mut bench = Bench::new(network);
    let old = Server::start("old", bench.address(10)).await;
    let new = Server::start("new", bench.address(11)).await;
    let mut group = tcp("web", vec![old.target.clone(), new.target.clone()]);
    (group.closes, group.probe.asks) = (closes, by_http("200-399"));
    let wanted = wanted(&bench, &[("web", 1)], vec![group]);
    bench.balance(&wanted).await;
    bench.until_healthy(&["old", "new"]).await;
    let mut client = Client::new(wanted.address);
    while client.get("/").await.body != "old" {
        client = Client::new(wanted.address);
    }
    old.set_health(503);
    bench.until_verdict("old", Verdict::WrongStatus(503)).await;
    for _ in 0..10 {
        assert_eq!(get(wanted.address, "/").await.body, "new");
    }
    let answer = client.request("/", "Host: test\r\n").await;
    bench.end().await;
    answer.map(|answer| answer.body)
}

#[tokio::test]
async fn connections_of_an_unhealthy_target_end_where_the_target_group_says_so() {
    let closes = Closes {
        unhealthy: true,
        ..STAYS
    };
    assert_eq!(fall_ill(64, closes).await, None);
    assert_eq!(fall_ill(65, STAYS).await.as_deref(), Some("old"));
}

#[tokio::test]
async fn a_target_is_healthy_after_as_many_connections_as_the_threshold_says() {
    let mut bench = Bench::new(66);
    let server = Server::start("up", bench.address(10)).await;
    let nobody = Target {
        id: "nobody".into(),
        address: bench.address(11),
        port: PORT,
        draining: false,
    };
    let mut group = tcp("web", vec![server.target.clone()]);
    group.probe.healthy_threshold = 3;
    let mut wanted = wanted(&bench, &[("web", 1)], vec![group]);
    let began = tokio::time::Instant::now();
    bench.balance(&wanted).await;
    bench.until_healthy(&["up"]).await;
    assert!(began.elapsed().as_secs() >= 2, "{:?}", began.elapsed());
    wanted.groups[0].targets.push(nobody);
    bench.balance(&wanted).await;
    bench.until_verdict("nobody", Verdict::Failed).await;
    bench.end().await;
}

#[tokio::test]
async fn a_check_by_https_takes_any_certificate() {
    let mut bench = Bench::new(67);
    let address = bench.address(10);
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .status()
        .await
        .expect("openssl");
    assert!(made.success());
    let mut server = Command::new("openssl")
        .args([
            "s_server", "-www", "-quiet", "-key", "key.pem", "-cert", "cert.pem",
        ])
        .args(["-accept", &format!("{address}:{PORT}")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl");
    let target = Target {
        id: "tls".into(),
        address,
        port: PORT,
        draining: false,
    };
    let mut group = tcp("web", vec![target]);
    group.probe.asks = Asks::Http {
        path: "/".into(),
        matcher: "200-399".into(),
        encrypted: true,
    };
    let wanted = wanted(&bench, &[("web", 1)], vec![group]);
    bench.balance(&wanted).await;
    bench.until_healthy(&["tls"]).await;
    server.kill().await.expect("its end");
    bench.end().await;
}
