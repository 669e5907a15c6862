//! Alarms and metrics, and what of them is about one group or target group.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::cloud::{GroupName, LoadBalancerArn, Result, TargetGroupArn};

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    /// Its metric has had no data, or too little.
    Unknown,
}

/// One alarm, metric or composite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub name: String,
    pub state: AlarmState,
    /// Why it is in its state, in the cloud's words.
    pub reason: String,
    /// When it came into its state (`StateTransitionedTimestamp`).
    pub since: Option<Timestamp>,
    pub looks_at: LooksAt,
}

/// What an alarm goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LooksAt {
    /// Dimensions of each metric that it looks at.
    Metrics(Vec<Dimensions>),
    /// Other alarms, by name.
    Alarms(Vec<String>),
}

/// What tells metrics of one name apart, `TargetGroup` and its like.
pub type Dimensions = BTreeMap<String, String>;

/// One number over a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricQuery {
    pub namespace: String,
    pub name: String,
    pub dimensions: Dimensions,
    /// `Average`, `Sum`, `p99`, …
    pub statistic: String,
    /// Seconds; a whole number of minutes.
    pub period: u32,
}

/// Alarms and metrics of a region.
pub trait Alarms {
    /// The alarms of these names. One that is not there is not in the answer.
    fn alarms(&self, names: &BTreeSet<String>) -> impl Future<Output = Result<Vec<Alarm>>>;

    /// The names of all alarms.
    fn alarm_names(&self) -> impl Future<Output = Result<Vec<String>>>;

    /// The alarms that may take machines away from a group: those that set off a scaling policy which does.
    fn low_alarms(&self, group: &GroupName) -> impl Future<Output = Result<BTreeSet<String>>>;

    /// The values of each query's whole periods between two times, oldest first; a period without data has none.
    fn metrics(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> impl Future<Output = Result<Vec<Vec<f64>>>>;
}

/// What a service's metrics are told apart by.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub group: &'a GroupName,
    /// `None`: no load balancer leads to it.
    pub behind: Option<Behind<'a>>,
}

/// What leads requests to a group.
#[derive(Clone, Copy, Debug)]
pub struct Behind<'a> {
    pub target_group: &'a TargetGroupArn,
    pub load_balancer: &'a LoadBalancerArn,
}

/// Whether dimensions are about what serves, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    This,
    Other,
    /// They name no group, target group, load balancer or machine.
    Neither,
}

impl Behind<'_> {
    /// `targetgroup/web-a/73e2d6bc24d8a067`, as dimensions have it.
    pub fn target_group_dimension(&self) -> &str {
        let arn = self.target_group.as_str();
        arn.rsplit(':').next().unwrap_or(arn)
    }

    /// `app/public/50dc6c495c0c9188`, as dimensions have it.
    pub fn load_balancer_dimension(&self) -> &str {
        let arn = self.load_balancer.as_str();
        arn.split_once(":loadbalancer/")
            .map_or(arn, |(_, rest)| rest)
    }

    /// The dimensions under which the load balancer counts the target group's requests.
    pub fn of_target_group(&self) -> Dimensions {
        let pairs = [
            ("LoadBalancer", self.load_balancer_dimension()),
            ("TargetGroup", self.target_group_dimension()),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.into()
    }
}

impl Sight<'_> {
    fn about(&self, dimensions: &Dimensions) -> About {
        let known = [
            ("AutoScalingGroupName", Some(self.group.as_str())),
            (
                "TargetGroup",
                self.behind.as_ref().map(Behind::target_group_dimension),
            ),
            (
                "LoadBalancer",
                self.behind.as_ref().map(Behind::load_balancer_dimension),
            ),
            // Of one machine, which is not the whole group.
            ("InstanceId", None),
        ];
        let named = known.into_iter();
        let named: Vec<bool> = named
            .filter_map(|(name, own)| Some(Some(dimensions.get(name)?.as_str()) == own))
            .collect();
        match named.as_slice() {
            [] => About::Neither,
            all if all.iter().all(|own| *own) => About::This,
            _ => About::Other,
        }
    }

    /// Whether an alarm may see what goes wrong with the group: one of its metrics is the group's own, the target group's or the
    /// whole load balancer's, or none is anybody's. A composite alarm may when one of those it names may. `all` holds them.
    pub fn is_covered_by(&self, alarm: &Alarm, all: &BTreeMap<String, Alarm>) -> bool {
        self.covered(alarm, all, &mut BTreeSet::new())
    }

    fn covered<'a>(
        &self,
        alarm: &'a Alarm,
        all: &'a BTreeMap<String, Alarm>,
        met: &mut BTreeSet<&'a str>,
    ) -> bool {
        if !met.insert(&alarm.name) {
            return false;
        }
        match &alarm.looks_at {
            LooksAt::Metrics(metrics) => {
                let about: Vec<About> = metrics.iter().map(|one| self.about(one)).collect();
                about.contains(&About::This) || !about.contains(&About::Other)
            }
            LooksAt::Alarms(names) => names.iter().any(|name| {
                let child = all.get(name);
                child.is_some_and(|child| self.covered(child, all, met))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, dimensions: &[&[(&str, &str)]]) -> Alarm {
        let owned = |pairs: &&[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        Alarm {
            name: name.to_owned(),
            state: AlarmState::Ok,
            reason: String::new(),
            since: None,
            looks_at: LooksAt::Metrics(dimensions.iter().map(owned).collect()),
        }
    }

    fn composite(name: &str, of: &[&str]) -> Alarm {
        let of = of.iter().map(|one| (*one).to_owned()).collect();
        Alarm {
            looks_at: LooksAt::Alarms(of),
            ..metric(name, &[])
        }
    }

    #[test]
    fn an_alarm_covers_what_its_dimensions_name() {
        let group = GroupName::new("web-v002");
        let target_group =
            TargetGroupArn::new("arn:aws:elasticloadbalancing:r:1:targetgroup/web-b/2");
        let load_balancer =
            LoadBalancerArn::new("arn:aws:elasticloadbalancing:r:1:loadbalancer/app/public/1");
        let sight = Sight {
            group: &group,
            behind: Some(Behind {
                target_group: &target_group,
                load_balancer: &load_balancer,
            }),
        };
        let (own, other) = ("targetgroup/web-b/2", "targetgroup/web-a/1");
        let alarms = [
            metric(
                "own",
                &[&[("TargetGroup", own), ("LoadBalancer", "app/public/1")]],
            ),
            metric(
                "other",
                &[&[("TargetGroup", other), ("LoadBalancer", "app/public/1")]],
            ),
            metric("balancer", &[&[("LoadBalancer", "app/public/1")]]),
            metric("elsewhere", &[&[("LoadBalancer", "app/private/1")]]),
            metric("group", &[&[("AutoScalingGroupName", "web-v001")]]),
            metric("machine", &[&[("InstanceId", "i-1")]]),
            metric("custom", &[&[("Service", "web")]]),
            metric("sum", &[&[("TargetGroup", own)], &[("TargetGroup", other)]]),
            composite("either", &["other", "own"]),
            composite("deep", &["either"]),
            composite("blind", &["other", "gone", "blind"]),
        ];
        let all: BTreeMap<String, Alarm> = alarms
            .iter()
            .map(|alarm| (alarm.name.clone(), alarm.clone()))
            .collect();
        let covering = alarms
            .iter()
            .filter(|alarm| sight.is_covered_by(alarm, &all));
        let covering: Vec<&str> = covering.map(|alarm| alarm.name.as_str()).collect();
        assert_eq!(
            covering,
            ["own", "balancer", "custom", "sum", "either", "deep"]
        );
    }
}
