//! Turns what the proxy's health checks saw into facts, told once at each change.
//!
//! The proxy counts the thresholds of targets that were healthy. Two rules it does not know are kept here: a newly
//! registered target of an ALB is healthy after one good check ("Health checks for Application Load Balancer target groups"),
//! and one of any load balancer unhealthy after its first `unhealthy_threshold` bad ones.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Balancer, Fact, Protocol, Target, TargetGroup, Verdict};

use super::config;
use super::stats::Row;

/// What is known of one target in one group.
#[derive(Clone, Debug)]
struct Known {
    verdict: Verdict,
    /// What the model was told since it last said what it wants.
    told: Verdict,
    failing_since: Option<Instant>,
    drained: bool,
}

/// The health of all targets of one load balancer, by target group name and server name.
#[derive(Debug, Default)]
pub(super) struct Health {
    known: HashMap<(String, String), Known>,
}

/// What follows from one look at the statistics.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub facts: Vec<Fact>,
    /// Backend and server that the proxy must take for healthy now.
    pub raise: Vec<String>,
    /// Backend and server whose connections are to be closed.
    pub close: Vec<String>,
}

impl Health {
    /// Forgets targets that are no longer wanted, and meets new ones. All that is known is told again: a target may have
    /// been deregistered and registered between two wishes, and then the model knows nothing of it.
    pub fn want(&mut self, wanted: &Balancer) {
        let mut known = HashMap::new();
        for (group, target) in targets(wanted) {
            let key = key(group, target);
            let before = self.known.remove(&key).unwrap_or(Known {
                verdict: Verdict::Checking,
                told: Verdict::Checking,
                failing_since: None,
                drained: false,
            });
            known.insert(
                key,
                Known {
                    told: Verdict::Checking,
                    drained: false,
                    ..before
                },
            );
        }
        self.known = known;
    }

    /// Whether a new process may send requests to this target before its first check.
    pub fn is_healthy(&self, group: &TargetGroup, target: &Target) -> bool {
        self.known
            .get(&key(group, target))
            .is_some_and(|known| known.verdict == Verdict::Healthy)
    }

    /// Takes in the table of the current process, and requests in flight in all processes.
    pub fn look(
        &mut self,
        wanted: &Balancer,
        rows: &[Row],
        in_flight: &dyn Fn(&str) -> u64,
        now: Instant,
    ) -> Seen {
        let (mut seen, mut fallen) = (Seen::default(), Vec::new());
        for (group, target) in targets(wanted) {
            let server = config::server(target);
            let backend = group.name.clone();
            let Some(known) = self.known.get_mut(&key(group, target)) else {
                continue;
            };
            if target.draining {
                seen.facts
                    .extend(drained(known, group, target, in_flight(&server)));
            }
            let Some(row) = rows
                .iter()
                .find(|row| row.backend == backend && row.server == server)
            else {
                continue;
            };
            let verdict = judge(known, group, row, now);
            if verdict == Verdict::Healthy && !row.up {
                seen.raise.push(format!("{backend}/{server}"));
            }
            if known.verdict == Verdict::Healthy && verdict != Verdict::Healthy {
                fallen.push((group, server));
            }
            known.verdict = verdict.clone();
            if known.told != verdict {
                known.told = verdict.clone();
                let (group, target, port) = (group.arn.clone(), target.id.clone(), target.port);
                seen.facts.push(Fact::Probed {
                    group,
                    target,
                    port,
                    verdict,
                });
            }
        }
        fallen.retain(|(group, _)| group.closes.unhealthy && self.has_healthy(group));
        let names = fallen.into_iter();
        seen.close = names
            .map(|(group, server)| format!("{}/{server}", group.name))
            .collect();
        seen
    }

    /// Without a healthy target connections may go to all, so that none is closed.
    fn has_healthy(&self, group: &TargetGroup) -> bool {
        let mut targets = group.targets.iter();
        targets.any(|target| self.is_healthy(group, target))
    }
}

fn drained(
    known: &mut Known,
    group: &TargetGroup,
    target: &Target,
    in_flight: u64,
) -> Option<Fact> {
    if known.drained || in_flight > 0 {
        return None;
    }
    known.drained = true;
    Some(Fact::Drained {
        group: group.arn.clone(),
        target: target.id.clone(),
        port: target.port,
    })
}

fn judge(known: &mut Known, group: &TargetGroup, row: &Row, now: Instant) -> Verdict {
    if row.up && row.check == "INI" {
        // A process that was told to take it for healthy, and has not looked itself yet.
        return known.verdict.clone();
    }
    let one_is_enough = group.protocol == Protocol::Http && known.verdict == Verdict::Checking;
    if row.up || (row.check.ends_with("OK") && one_is_enough) {
        known.failing_since = None;
        return Verdict::Healthy;
    }
    if row.check == "INI" || row.check.ends_with("OK") {
        return known.verdict.clone();
    }
    let since = *known.failing_since.get_or_insert(now);
    let probe = &group.probe;
    let more = probe.unhealthy_threshold.saturating_sub(1) * probe.interval_seconds;
    if known.verdict == Verdict::Checking && now - since < Duration::from_secs(more.into()) {
        return Verdict::Checking;
    }
    match (row.check.as_str(), row.code) {
        ("L7STS", Some(code)) => Verdict::WrongStatus(code),
        ("L4TOUT" | "L6TOUT" | "L7TOUT", _) => Verdict::Timeout,
        _ => Verdict::Failed,
    }
}

pub(super) fn targets(wanted: &Balancer) -> impl Iterator<Item = (&TargetGroup, &Target)> {
    wanted
        .groups
        .iter()
        .flat_map(|group| group.targets.iter().map(move |target| (group, target)))
}

fn key(group: &TargetGroup, target: &Target) -> (String, String) {
    (group.name.clone(), config::server(target))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::{Asks, Closes, Probe};

    fn wanted(draining: bool) -> Balancer {
        let probe = Probe {
            asks: Asks::Http {
                path: "/".into(),
                matcher: "200".into(),
                encrypted: false,
            },
            port: None,
            interval_seconds: 5,
            timeout_seconds: 2,
            healthy_threshold: 3,
            unhealthy_threshold: 3,
        };
        let target = Target {
            id: "i-1".into(),
            address: Ipv4Addr::LOCALHOST,
            port: 80,
            draining,
        };
        let group = TargetGroup {
            arn: "arn".into(),
            name: "web".into(),
            protocol: Protocol::Http,
            closes: Closes {
                unhealthy: false,
                deregistered: false,
            },
            probe,
            targets: vec![target],
        };
        Balancer {
            arn: "lb".into(),
            name: "lb".into(),
            address: Ipv4Addr::LOCALHOST,
            idle_timeout_seconds: 60,
            listeners: Vec::new(),
            groups: vec![group],
        }
    }

    fn row(up: bool, check: &str, code: Option<u16>) -> Vec<Row> {
        let (backend, server) = ("web".into(), "i-1:127.0.0.1:80".into());
        vec![Row {
            backend,
            server,
            sessions: 0,
            up,
            check: check.into(),
            code,
        }]
    }

    fn verdicts(seen: &Seen) -> Vec<Verdict> {
        let probed = seen.facts.iter().filter_map(|fact| match fact {
            Fact::Probed { verdict, .. } => Some(verdict.clone()),
            _ => None,
        });
        probed.collect()
    }

    #[test]
    fn a_new_target_is_healthy_after_one_good_check_and_told_once() {
        let (mut health, wanted, now) = (Health::default(), wanted(false), Instant::now());
        health.want(&wanted);
        assert_eq!(
            health.look(&wanted, &row(false, "INI", None), &|_| 0, now),
            Seen::default()
        );
        let seen = health.look(&wanted, &row(false, "L7OK", Some(200)), &|_| 0, now);
        assert_eq!(verdicts(&seen), [Verdict::Healthy]);
        assert_eq!(seen.raise, ["web/i-1:127.0.0.1:80"]);
        assert_eq!(
            health.look(&wanted, &row(true, "L7OK", Some(200)), &|_| 0, now),
            Seen::default()
        );
    }

    #[test]
    fn a_new_target_fails_after_its_threshold_and_comes_back_when_the_proxy_says_so() {
        let (mut health, wanted, now) = (Health::default(), wanted(false), Instant::now());
        health.want(&wanted);
        let bad = row(false, "L7STS", Some(503));
        assert_eq!(verdicts(&health.look(&wanted, &bad, &|_| 0, now)), []);
        assert_eq!(
            verdicts(&health.look(&wanted, &bad, &|_| 0, now + Duration::from_secs(9))),
            []
        );
        let seen = health.look(&wanted, &bad, &|_| 0, now + Duration::from_secs(10));
        assert_eq!(verdicts(&seen), [Verdict::WrongStatus(503)]);
        let one_good = health.look(&wanted, &row(false, "L7OK", Some(200)), &|_| 0, now);
        assert_eq!(
            one_good,
            Seen::default(),
            "an unhealthy target needs its whole threshold"
        );
        assert_eq!(
            verdicts(&health.look(&wanted, &row(true, "L7OK", Some(200)), &|_| 0, now)),
            [Verdict::Healthy]
        );
        assert_eq!(
            verdicts(&health.look(&wanted, &row(false, "L7TOUT", None), &|_| 0, now)),
            [Verdict::Timeout]
        );
        assert_eq!(
            verdicts(&health.look(&wanted, &row(false, "L4CON", None), &|_| 0, now)),
            [Verdict::Failed]
        );
    }

    #[test]
    fn drained_is_told_once_when_nothing_is_in_flight() {
        let (mut health, wanted, now) = (Health::default(), wanted(true), Instant::now());
        health.want(&wanted);
        assert_eq!(health.look(&wanted, &[], &|_| 1, now), Seen::default());
        assert_eq!(health.look(&wanted, &[], &|_| 0, now).facts.len(), 1);
        assert_eq!(health.look(&wanted, &[], &|_| 0, now), Seen::default());
    }
}
