//! What load balancers count, as metrics ("`CloudWatch` metrics for your Application Load Balancer").

use super::metrics::{Key, Sample, add};
use crate::model::{Fact, elb, state::State};
use std::collections::BTreeMap;

/// Takes in what a proxy counted. What is nought is not reported, as by a load balancer.
pub(in crate::model) fn observe(state: &mut State, fact: &Fact) {
    let Fact::Served {
        group,
        requests,
        failed,
        mean_millis,
    } = fact
    else {
        return;
    };
    if *requests == 0 {
        return;
    }
    let healthy = elb::healthy(state, group).max(1);
    let per_target = whole(*requests) / whole(u64::try_from(healthy).unwrap_or(u64::MAX));
    let mut counted = vec![
        ("RequestCount", whole(*requests)),
        ("RequestCountPerTarget", per_target),
    ];
    let good = requests.saturating_sub(*failed);
    let of_class = [
        ("HTTPCode_Target_2XX_Count", good),
        ("HTTPCode_Target_5XX_Count", *failed),
    ];
    counted.extend(
        of_class
            .map(|(name, count)| (name, whole(count)))
            .into_iter()
            .filter(|(_, count)| *count > 0.0),
    );
    for label in elb::request_labels(state, group) {
        let Some((balancer, target_group)) = label.split_once("/targetgroup/") else {
            continue;
        };
        let dimensions = [
            ("LoadBalancer", balancer.to_owned()),
            ("TargetGroup", format!("targetgroup/{target_group}")),
        ];
        let all: BTreeMap<String, String> = dimensions
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        let now = state.now;
        for (name, value) in &counted {
            note(state, name, all.clone(), Sample::of(now, *value));
        }
        let times = vec![(whole(*mean_millis) / 1000.0, whole(*requests))];
        note(
            state,
            "TargetResponseTime",
            all,
            Sample::of_many(now, times),
        );
    }
}

fn note(state: &mut State, name: &str, dimensions: BTreeMap<String, String>, sample: Sample) {
    let key = Key {
        namespace: "AWS/ApplicationELB".to_owned(),
        name: name.to_owned(),
        dimensions,
    };
    add(state, &key, sample);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody counts that far in a minute"
)]
fn whole(count: u64) -> f64 {
    count as f64
}
