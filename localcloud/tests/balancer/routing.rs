//! Which target group a request goes to.

use localcloud::model::{Balancer, Rule, Share};

use super::http::{Client, Server, get};
use super::{Bench, fixed, forward, group, rule};

async fn two_groups(network: u8) -> (Bench, [Server; 2], Balancer) {
    let mut bench = Bench::new(network);
    let servers = [
        Server::start("a", bench.address(10)).await,
        Server::start("b", bench.address(11)).await,
    ];
    let groups = vec![
        group("a", vec![servers[0].target.clone()]),
        group("b", vec![servers[1].target.clone()]),
    ];
    let wanted = bench.wanted(vec![rule(forward(&[("a", 80), ("b", 20)]))], groups);
    bench.balance(&wanted).await;
    bench.until_healthy(&["a", "b"]).await;
    (bench, servers, wanted)
}

async fn count(client: &mut Client, requests: usize, body: &str) -> usize {
    let mut found = 0;
    for _ in 0..requests {
        found += usize::from(client.get("/").await.body == body);
    }
    found
}

#[tokio::test]
async fn weights_share_requests_and_change_at_once_on_open_connections() {
    let (mut bench, _servers, mut wanted) = two_groups(1).await;
    let mut client = Client::new(wanted.address);
    let before = bench.processes();
    // 1000 draws at one in five: outside of 100 to 300 is less likely than a broken host.
    assert!((100..300).contains(&count(&mut client, 1000, "b").await));
    wanted.listeners[0].rules[0].action = forward(&[("a", 0), ("b", 1)]);
    bench.balance(&wanted).await;
    assert_eq!(count(&mut client, 100, "b").await, 100);
    assert_eq!(
        bench.processes(),
        before,
        "a change of weights must not reload"
    );
    bench.end().await;
}

#[tokio::test]
async fn rules_match_by_host_path_and_header_in_their_order() {
    let (mut bench, _servers, mut wanted) = two_groups(2).await;
    let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    wanted.listeners[0].rules = vec![
        Rule {
            headers: vec![("X-Kiln-Probe".into(), words(&["run-?", "Café"]))],
            ..rule(forward(&[("b", 1)]))
        },
        Rule {
            hosts: words(&["*.example.com"]),
            paths: words(&["/api/*", "/it's"]),
            ..rule(forward(&[("a", 1)]))
        },
        Rule {
            hosts: words(&["*.example.com"]),
            ..rule(fixed(418, "tea\nfor 'two'"))
        },
        rule(fixed(404, "")),
    ];
    bench.balance(&wanted).await;
    let mut client = Client::new(wanted.address);
    let mut ask = async |path: &str, headers: &str| {
        let answer = client.request(path, headers).await.expect("an answer");
        (answer.status, answer.body)
    };
    assert_eq!(
        ask("/", "Host: nix\r\nx-kiln-probe: RUN-1\r\n").await,
        (200, "b".into())
    );
    assert_eq!(
        ask("/", "Host: nix\r\nx-kiln-probe: run-10\r\n").await.0,
        404
    );
    assert_eq!(
        ask("/api/x?y", "Host: WWW.Example.com:80\r\n").await,
        (200, "a".into())
    );
    assert_eq!(
        ask("/it's", "Host: www.example.com\r\n").await,
        (200, "a".into())
    );
    assert_eq!(
        ask("/API/x", "Host: www.example.com\r\n").await,
        (418, "tea\nfor 'two'".into())
    );
    assert_eq!(
        ask("/api/x", "Host: www.example.comx\r\n").await,
        (404, String::new())
    );
    bench.end().await;
}

#[tokio::test]
async fn a_redirect_keeps_what_its_placeholders_say() {
    let (mut bench, _servers, mut wanted) = two_groups(3).await;
    let location = "https://#{host}:443/#{path}?#{query}".into();
    wanted.listeners[0].rules = vec![rule(Share::Redirect {
        status: 301,
        location,
    })];
    bench.balance(&wanted).await;
    let answer = Client::new(wanted.address)
        .request("/a/b?c=%20d", "Host: test:80\r\n")
        .await
        .expect("an answer");
    assert_eq!(answer.status, 301);
    assert!(
        answer
            .head
            .contains("location: https://test:443/a/b?c=%20d\r\n"),
        "{}",
        answer.head
    );
    bench.end().await;
}

#[tokio::test]
async fn a_target_learns_who_asked() {
    let (bench, _servers, wanted) = two_groups(4).await;
    let plain = get(wanted.address, "/echo").await.body.to_lowercase();
    assert!(plain.contains("x-forwarded-for: 127."), "{plain}");
    assert!(
        plain.contains("x-forwarded-proto: http\r\n")
            && plain.contains("x-forwarded-port: 8080\r\n"),
        "{plain}"
    );
    let mut client = Client::new(wanted.address);
    let chained = client
        .request("/echo", "Host: test\r\nX-Forwarded-For: 192.0.2.1\r\n")
        .await
        .expect("an answer");
    assert!(
        chained
            .body
            .to_lowercase()
            .contains("x-forwarded-for: 192.0.2.1, 127."),
        "{}",
        chained.body
    );
    bench.end().await;
}
