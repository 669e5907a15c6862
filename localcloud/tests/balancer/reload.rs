//! Reloads, crashes and the end of a proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use localcloud::model::{Fact, Rule, Verdict};
use tokio::task::LocalSet;

use super::http::{Client, Server};
use super::{Bench, fixed, forward, group, rule};

/// Asks without a pause on one kept-alive connection until told to stop: requests sent, and errors.
async fn hammer(mut client: Client, stop: Arc<AtomicBool>) -> (usize, usize) {
    let (mut sent, mut errors) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        sent += 1;
        let answer = client.request("/", "Host: test\r\n").await;
        errors += usize::from(answer.is_none_or(|answer| answer.status != 200));
    }
    (sent, errors)
}

async fn reload_under_load() {
    let mut bench = Bench::new(40);
    let first = Server::start("first", bench.address(10)).await;
    let second = Server::start("second", bench.address(11)).await;
    second.set_health(503);
    let groups = vec![group("web", vec![first.target.clone()])];
    let mut wanted = bench.wanted(vec![rule(forward(&[("web", 1)]))], groups);
    bench.balance(&wanted).await;
    bench.until_healthy(&["first"]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|_| tokio::task::spawn_local(hammer(Client::new(wanted.address), Arc::clone(&stop))))
        .collect();
    for reload in 0..10 {
        let probe = Rule {
            paths: vec![format!("/none-{reload}")],
            ..rule(fixed(404, ""))
        };
        wanted.listeners[0].rules.insert(0, probe);
        if reload == 5 {
            wanted.groups[0].targets.push(second.target.clone());
        }
        bench.balance(&wanted).await;
    }
    bench
        .until_verdict("second", Verdict::WrongStatus(503))
        .await;
    stop.store(true, Ordering::SeqCst);
    let (mut sent, mut errors) = (0, 0);
    for client in clients {
        let (more, failed) = client.await.expect("a client");
        (sent, errors) = (sent + more, errors + failed);
    }
    assert!(sent > 1000, "{sent} requests are no load");
    assert_eq!(errors, 0, "of {sent} requests");
    assert_eq!(
        second.served(),
        0,
        "a target that never was healthy got requests"
    );
    let never_healthy = |fact: &Fact| matches!(fact, Fact::Probed { target, verdict, .. } if target == "first" && *verdict != Verdict::Healthy);
    let lost = bench.seen.iter().any(never_healthy);
    assert!(!lost, "health is carried over a reload");
    bench.end().await;
}

#[tokio::test]
async fn reloads_under_load_lose_no_request_and_no_verdict() {
    LocalSet::new().run_until(reload_under_load()).await;
}

#[tokio::test]
async fn a_killed_proxy_comes_back() {
    let mut bench = Bench::new(41);
    let server = Server::start("a", bench.address(10)).await;
    let wanted = bench.wanted(
        vec![rule(forward(&[("web", 1)]))],
        vec![group("web", vec![server.target.clone()])],
    );
    bench.balance(&wanted).await;
    bench.until_healthy(&["a"]).await;
    let before = bench.processes();
    assert_eq!(before.len(), 1);
    let kill = std::process::Command::new("kill")
        .args(["-9", &before[0].to_string()])
        .status();
    assert!(kill.expect("kill").success());
    bench
        .until(|fact| matches!(fact, Fact::Balanced { .. }))
        .await;
    assert_ne!(bench.processes(), before);
    assert_eq!(Client::new(wanted.address).get("/").await.body, "a");
    bench.end().await;
}

#[tokio::test]
async fn a_removed_load_balancer_leaves_no_process_and_no_file() {
    let mut bench = Bench::new(42);
    let wanted = bench.wanted(vec![rule(fixed(404, "none"))], Vec::new());
    bench.balance(&wanted).await;
    assert_eq!(bench.processes().len(), 1);
    bench.balancers.unbalance(&wanted.arn);
    let mark = bench.folder.path().display().to_string();
    let folder = bench.end().await;
    let running = std::process::Command::new("pgrep")
        .args(["-f", &mark])
        .output()
        .expect("pgrep");
    assert!(
        running.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&running.stdout)
    );
    let left = std::fs::read_dir(folder.path()).expect("the folder");
    assert_eq!(left.count(), 0);
}
