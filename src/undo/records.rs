//! Load balancers that records of DNS lead to: there the records serve, and the rules behind them only lead on.

use std::collections::BTreeSet;

use super::serving::{Leading, arns_of, forwards};
use crate::cloud::{
    Action, Cloud, End, Error, HostedZoneId, LoadBalancer, LoadBalancerArn, Record, RecordPlace,
    RulePlace, TargetGroupArn, plain_host, tag,
};

/// A load balancer behind records, and the rules that lead on to the service's machines.
#[derive(Clone, Debug)]
pub struct Front<'a> {
    pub load_balancer: &'a LoadBalancer,
    pub target_group: TargetGroupArn,
    pub rules: Vec<&'a Leading>,
}

/// The value of the tag [`tag::RECORD`].
pub fn word(zone: &HostedZoneId, name: &str) -> String {
    format!("{zone}/{name}")
}

/// What serves by rules and default actions of load balancers, where some may be behind records: the records take the place of what
/// only leads on. `leading` has the rules of each of some load balancers.
pub(super) async fn resolve(
    cloud: &impl Cloud,
    leading: Vec<(LoadBalancerArn, Vec<Leading>)>,
) -> Result<Vec<Leading>, Error> {
    let all = leading.iter().flat_map(|(_, rules)| rules);
    let named: BTreeSet<(HostedZoneId, String)> = all
        .filter_map(|one| {
            let (zone, name) = one.tags.get(tag::RECORD)?.split_once('/')?;
            Some((HostedZoneId::new(zone), name.to_owned()))
        })
        .collect();
    let mut serving: Vec<Leading> = Vec::new();
    let mut behind: Vec<RulePlace> = Vec::new();
    if !named.is_empty() {
        let balancers = cloud.load_balancers().await?;
        for (zone, name) in &named {
            let records = match cloud.records(zone, name).await {
                // The rules lead by themselves then.
                Err(error) if error.is_not_found() => continue,
                records => records?,
            };
            let mark = word(zone, name);
            let fronts: Vec<Front<'_>> = (leading.iter())
                .filter_map(|(arn, rules)| {
                    let load_balancer = balancers.iter().find(|one| one.arn == *arn)?;
                    front(load_balancer, rules, &mark)
                })
                .filter(|front| records.iter().any(|record| leads_to(record, front)))
                .collect();
            let rules = fronts.iter().flat_map(|front| &front.rules);
            behind.extend(rules.map(|rule| rule.place.clone()));
            serving.extend(by_records((zone, name), &records, &fronts));
        }
    }
    let rest = leading.into_iter().flat_map(|(_, rules)| rules);
    serving.extend(rest.filter(|rule| !behind.contains(&rule.place)));
    Ok(serving)
}

/// The rules of a load balancer that lead to the target group of those with the mark, and nothing else; where none has a mark yet, to one
/// target group. Services may share a load balancer.
fn front<'a>(
    load_balancer: &'a LoadBalancer,
    rules: &'a [Leading],
    mark: &str,
) -> Option<Front<'a>> {
    let only = |one: &Leading| forwards(one.actions()).find_map(|forward| forward.only().cloned());
    let own = || rules.iter().filter(|one| !one.is_probe());
    let marked = own().find(|one| one.tags.get(tag::RECORD).is_some_and(|one| one == mark));
    let is_shared = own().any(|one| one.tags.contains_key(tag::RECORD));
    let target_group = match marked {
        Some(marked) => only(marked)?,
        None if is_shared => return None,
        None => own().find_map(only)?,
    };
    let rules = own().filter(|one| only(one).as_ref() == Some(&target_group));
    Some(Front {
        load_balancer,
        rules: rules.collect(),
        target_group,
    })
}

/// Whether a record leads to the load balancer.
pub fn leads_to(record: &Record, front: &Front<'_>) -> bool {
    record.host.as_deref() == Some(&plain_host(&front.load_balancer.host))
}

/// What serves by the weighted records of a name: a place for each of their types.
pub fn by_records(
    (zone, name): (&HostedZoneId, &str),
    records: &[Record],
    fronts: &[Front<'_>],
) -> Vec<Leading> {
    let kinds: BTreeSet<&str> = (records.iter())
        .filter(|record| fronts.iter().any(|front| leads_to(record, front)))
        .map(|record| record.kind.as_str())
        .collect();
    let places = kinds.into_iter().filter_map(|kind| {
        let own: Vec<_> = records.iter().filter(|one| one.kind == kind).collect();
        let ends = own.iter().filter_map(|record| end(record, fronts));
        let place = RecordPlace {
            zone: zone.clone(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            ttl: own
                .iter()
                .map(|one| one.ttl.as_secs())
                .max()
                .unwrap_or_default(),
            ends: ends.collect(),
        };
        leading_of(place, records, fronts)
    });
    places.collect()
}

fn end(record: &Record, fronts: &[Front<'_>]) -> Option<End> {
    let front = fronts.iter().find(|front| leads_to(record, front))?;
    let (identifier, _) = record.weighted.as_ref()?;
    let rules = front.rules.iter();
    Some(End {
        identifier: identifier.clone(),
        host: record.host.clone()?,
        target_group: front.target_group.clone(),
        fronts: rules.flat_map(|rule| arns_of(&rule.place)).collect(),
        rest: record.rest.clone(),
    })
}

/// Its listener is that of the load balancer which has most of the traffic; its tags are those of all rules behind it.
fn leading_of(place: RecordPlace, records: &[Record], fronts: &[Front<'_>]) -> Option<Leading> {
    let actions = place.actions(records)?;
    let share = |front: &&Front<'_>| weight(&actions, &front.target_group);
    let most = fronts.iter().max_by_key(share)?;
    let listener = most.rules.first()?.listener.clone();
    let tags = fronts.iter().flat_map(|front| &front.rules);
    let tags = tags.flat_map(|rule| rule.tags.clone()).collect();
    Some(Leading {
        place: RulePlace::Record(Box::new(place)),
        listener,
        rule: None,
        records: Some(actions),
        tags,
    })
}

fn weight(actions: &[Action], target_group: &TargetGroupArn) -> u32 {
    let shares = forwards(actions).flat_map(|forward| &forward.shares);
    let own = shares.filter(|(arn, _)| arn == target_group);
    own.map(|(_, weight)| weight).sum()
}
