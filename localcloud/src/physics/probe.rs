//! Proxies: they listen a moment after they were told what to do, check their targets, and drain those that go.

use super::{Coming, Physics, Spread, later};
use crate::model::{Asks, Balancer, Fact, Probe, Protocol, Target, TargetGroup, Verdict};
use jiff::{SignedDuration, Timestamp};
use rand_chacha::rand_core::RngCore;
use std::collections::{BTreeMap, BTreeSet};

/// Target group, instance and port.
pub(super) type Key = (String, String, u16);

/// How long a proxy takes to listen with a new state.
const LISTENS: Spread = Spread::seconds(1, 3);

/// How long the first word about a target takes.
const FIRST_WORD: Spread = Spread::seconds(0, 2);

/// Every target that is checked or drains.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    checked: BTreeMap<Key, Checked>,
    draining: BTreeSet<Key>,
    /// Target groups of each load balancer, by its ARN.
    of: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Checked {
    probe: Probe,
    /// Checks in a row with the same outcome, good or bad.
    row: u32,
    good: bool,
    /// How many good ones are needed now: a fresh target of HTTP may need fewer than the threshold.
    needs: u32,
    said: Verdict,
}

impl Probes {
    /// Forgets everything about the targets of a load balancer.
    pub(super) fn forget(&mut self, balancer: &str) {
        let groups = self.of.remove(balancer).unwrap_or_default();
        self.checked.retain(|key, _| !groups.contains(&key.0));
        self.draining.retain(|key| !groups.contains(&key.0));
    }
}

impl Physics {
    /// Takes over the wanted state of a load balancer.
    pub(super) fn balance(&mut self, balancer: &Balancer, now: Timestamp) {
        let listens = self.draw(LISTENS);
        self.enter_fact(
            listens,
            now,
            Fact::Balanced {
                arn: balancer.arn.clone(),
            },
        );
        let mut wanted: BTreeMap<Key, (&Target, &TargetGroup)> = BTreeMap::new();
        for group in &balancer.groups {
            for target in &group.targets {
                wanted.insert(
                    (group.arn.clone(), target.id.clone(), target.port),
                    (target, group),
                );
            }
        }
        let groups: BTreeSet<String> = balancer
            .groups
            .iter()
            .map(|group| group.arn.clone())
            .collect();
        let before = self
            .probes
            .of
            .insert(balancer.arn.clone(), groups.clone())
            .unwrap_or_default();
        let mine = |key: &Key| groups.contains(&key.0) || before.contains(&key.0);
        self.probes.checked.retain(|key, _| {
            !mine(key) || wanted.get(key).is_some_and(|(target, _)| !target.draining)
        });
        self.probes
            .draining
            .retain(|key| !mine(key) || wanted.get(key).is_some_and(|(target, _)| target.draining));
        for (key, (target, group)) in wanted {
            if target.draining {
                self.drain(key, now);
            } else {
                self.watch(key, group, now);
            }
        }
    }

    fn drain(&mut self, key: Key, now: Timestamp) {
        if self.probes.draining.insert(key.clone()) {
            let after = self.draw(self.behaviour(&key.1, "").drain);
            let (group, target, port) = key;
            self.enter_fact(
                after,
                now,
                Fact::Drained {
                    group,
                    target,
                    port,
                },
            );
        }
    }

    fn watch(&mut self, key: Key, group: &TargetGroup, now: Timestamp) {
        let probe = &group.probe;
        if let Some(checked) = self.probes.checked.get_mut(&key) {
            checked.probe = probe.clone();
            return;
        }
        let needs = match group.protocol {
            Protocol::Http => 1 + self.rng.next_u32() % probe.healthy_threshold.max(1),
            Protocol::Tcp => probe.healthy_threshold,
        };
        let checked = Checked {
            probe: probe.clone(),
            row: 0,
            good: false,
            needs,
            said: Verdict::Checking,
        };
        self.probes.checked.insert(key.clone(), checked);
        let word = self.draw(FIRST_WORD);
        let (group, target, port) = key.clone();
        self.enter_fact(
            word,
            now,
            Fact::Probed {
                group,
                target,
                port,
                verdict: Verdict::Checking,
            },
        );
        let first = self.draw(Spread::seconds(2, i64::from(probe.interval_seconds)));
        self.enter(later(now, first), Coming::Check(key));
    }

    /// Makes one health check; says something only when the thresholds change what there is to say.
    pub(super) fn check(&mut self, key: &Key, at: Timestamp) -> Vec<Fact> {
        let met = self.meet(&key.1, at);
        let Some(checked) = self.probes.checked.get_mut(key) else {
            return Vec::new();
        };
        let next = later(
            at,
            SignedDuration::from_secs(checked.probe.interval_seconds.into()),
        );
        let verdict = checked.count(seen_by(&checked.probe.asks, met));
        self.enter(next, Coming::Check(key.clone()));
        let (group, target, port) = key.clone();
        verdict
            .map(|verdict| Fact::Probed {
                group,
                target,
                port,
                verdict,
            })
            .into_iter()
            .collect()
    }
}

/// Who only asks for a connection gets it from a service that answers wrongly or not at all.
fn seen_by(asks: &Asks, met: Verdict) -> Verdict {
    match (asks, met) {
        (Asks::Connection, Verdict::WrongStatus(_) | Verdict::Timeout) => Verdict::Healthy,
        (_, met) => met,
    }
}

impl Checked {
    fn count(&mut self, met: Verdict) -> Option<Verdict> {
        let good = met == Verdict::Healthy;
        self.row = if self.row > 0 && good == self.good {
            self.row + 1
        } else {
            1
        };
        self.good = good;
        let enough = self.row
            >= if good {
                self.needs
            } else {
                self.probe.unhealthy_threshold
            };
        if !enough || met == self.said {
            return None;
        }
        self.needs = self.probe.healthy_threshold;
        self.said = met.clone();
        Some(met)
    }
}
