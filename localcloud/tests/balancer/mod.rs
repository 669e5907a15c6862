//! Load balancers with a real `HAProxy` in front of small servers of the test's own.

mod drain;
mod health;
mod http;
mod network;
mod reload;
mod routing;

use std::net::Ipv4Addr;
use std::time::Duration;

use localcloud::balancer::{Balancers, Place};
use localcloud::model::{
    Asks, Balancer, Closes, Fact, Listener, Probe, Protocol, Rule, Share, Target, TargetGroup,
    Verdict,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes on a busy host; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const PORT: u16 = 8080;

/// One cloud of load balancers, on loopback addresses of the test's own.
struct Bench {
    network: u8,
    folder: tempfile::TempDir,
    balancers: Balancers,
    facts: mpsc::UnboundedReceiver<Fact>,
    seen: Vec<Fact>,
}

impl Bench {
    /// `network` is the third number of the test's addresses, so that tests do not meet.
    fn new(network: u8) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("kiln-balancer-")
            .tempdir()
            .expect("a folder");
        let (sender, facts) = mpsc::unbounded_channel();
        let balancers = Balancers::new(Place {
            folder: folder.path().to_owned(),
            facts: sender,
        });
        Self {
            network,
            folder,
            balancers,
            facts,
            seen: Vec::new(),
        }
    }

    fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 77, self.network, host)
    }

    fn wanted(&self, rules: Vec<Rule>, groups: Vec<TargetGroup>) -> Balancer {
        Balancer {
            arn: "arn:lb".into(),
            name: "front".into(),
            address: self.address(1),
            idle_timeout_seconds: 60,
            listeners: vec![Listener {
                arn: "arn:listener".into(),
                protocol: Protocol::Http,
                port: PORT,
                rules,
            }],
            groups,
        }
    }

    /// Brings the load balancer to this state and waits until it is.
    async fn balance(&mut self, wanted: &Balancer) {
        self.balancers.balance(wanted.clone());
        self.until(|fact| matches!(fact, Fact::Balanced { .. }))
            .await;
    }

    /// Waits for a fact; those before it are kept in `seen`.
    async fn until(&mut self, wanted: impl Fn(&Fact) -> bool) {
        loop {
            let fact = timeout(PATIENCE, self.facts.recv())
                .await
                .expect("a fact in time")
                .expect("a sender");
            let found = wanted(&fact);
            self.seen.push(fact);
            if found {
                return;
            }
        }
    }

    async fn until_verdict(&mut self, id: &str, wanted: Verdict) {
        self.until(|fact| matches!(fact, Fact::Probed { target, verdict, .. } if target == id && *verdict == wanted)).await;
    }

    async fn until_healthy(&mut self, ids: &[&str]) {
        let mut left: Vec<&str> = ids.to_vec();
        while !left.is_empty() {
            let is_healthy = |fact: &Fact| match fact {
                Fact::Probed {
                    target,
                    verdict: Verdict::Healthy,
                    ..
                } => Some(target.clone()),
                _ => None,
            };
            self.until(|fact| is_healthy(fact).is_some()).await;
            let target = is_healthy(self.seen.last().expect("the fact that was waited for"));
            left.retain(|id| Some(*id) != target.as_deref());
        }
    }

    /// The ids of the processes that run on this bench's folder.
    fn processes(&self) -> Vec<u32> {
        let mark = self.folder.path().display().to_string();
        let all = std::fs::read_dir("/proc").expect("/proc").flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| command_line(*id).contains(&mark)).collect()
    }

    async fn end(self) -> tempfile::TempDir {
        self.balancers.end().await;
        self.folder
    }
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

fn by_http(matcher: &str) -> Asks {
    Asks::Http {
        path: "/health".into(),
        matcher: matcher.into(),
        encrypted: false,
    }
}

fn probe() -> Probe {
    Probe {
        asks: by_http("200"),
        port: None,
        interval_seconds: 1,
        timeout_seconds: 1,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
    }
}

fn group(name: &str, targets: Vec<Target>) -> TargetGroup {
    TargetGroup {
        arn: format!("arn:{name}"),
        name: name.into(),
        protocol: Protocol::Http,
        closes: Closes {
            unhealthy: false,
            deregistered: false,
        },
        probe: probe(),
        targets,
    }
}

fn rule(action: Share) -> Rule {
    Rule {
        arn: "arn:rule".into(),
        hosts: Vec::new(),
        paths: Vec::new(),
        headers: Vec::new(),
        action,
    }
}

fn forward(shares: &[(&str, u32)]) -> Share {
    Share::Forward(
        shares
            .iter()
            .map(|(name, weight)| (format!("arn:{name}"), *weight))
            .collect(),
    )
}

fn fixed(status: u16, body: &str) -> Share {
    Share::Fixed {
        status,
        content_type: "text/plain".into(),
        body: body.into(),
    }
}
