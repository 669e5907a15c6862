//! Two load balancers, and the weighted records of Route 53 that lead to them.

use std::time::Duration;

use super::balancer::{listener_of, production};
use super::{Balancer, Found, NoFacts, Second};
use crate::cloud::{
    BalancerKind, Cloud, Error, HostedZone, HostedZoneId, LoadBalancer, Names, Record, TargetGroup,
    TargetGroupArn, plain_host, plain_name, tag,
};
use crate::roll::plan::Refusal;
use crate::roll::refusals;
use crate::source::{Diagnostic, Spanned};
use crate::template::service::{ByRecord, Rule, Traffic};
use crate::undo::records::{Front, by_records, leads_to, word};
use crate::undo::serving::{Leading, forwards, rules};

/// One of the load balancers as it is found.
struct Half {
    load_balancer: LoadBalancer,
    cross_zone: bool,
    rules: Vec<Leading>,
}

/// The same with its target group, and the rules that lead there by their indexes.
struct Led(Half, TargetGroupArn, Vec<usize>);

impl Led {
    fn front(&self) -> Front<'_> {
        let Self(half, target_group, places) = self;
        let rules = places.iter().filter_map(|index| half.rules.get(*index));
        Front {
            load_balancer: &half.load_balancer,
            target_group: target_group.clone(),
            rules: rules.collect(),
        }
    }
}

/// What leads to the two target groups; nothing where something of it is not there.
pub(super) async fn balancer(
    cloud: &impl Cloud,
    (traffic, by): (&Traffic, &ByRecord),
    refused: &mut Vec<Refusal>,
) -> Result<Option<Balancer>, NoFacts> {
    let all = cloud.load_balancers().await?;
    let target_groups = cloud.target_groups().await?;
    let mut halves = Vec::new();
    for (name, target) in by.load_balancers.iter().zip(&traffic.target_groups) {
        let Some(half) = half(cloud, name, &all, refused).await? else {
            continue;
        };
        let fronts = fronts(&half, (traffic, target), &target_groups, refused);
        halves.extend(fronts.map(|(target_group, places)| Led(half, target_group, places)));
    }
    let records = records(cloud, by, refused).await?;
    let (Some((zone, records)), [one, other]) = (records, halves.as_slice()) else {
        return Ok(None);
    };
    let both = [one, other].map(Led::front);
    let before = refused.len();
    refused.extend(refuse_records(by, &records, &both));
    let serving = by_records((&zone, &plain_name(&by.name)), &records, &both);
    if refused.len() > before {
        return Ok(None);
    }
    Ok(joined([one, other], &both, &serving))
}

/// The two as one, whose rules the records are.
fn joined(
    [one, other]: [&Led; 2],
    fronts: &[Front<'_>; 2],
    serving: &[Leading],
) -> Option<Balancer> {
    let listener = |front: &Front<'_>| Some(front.rules.first()?.listener.clone());
    let (first, second) = (listener(&fronts[0])?, listener(&fronts[1])?);
    let behind: Vec<_> = fronts.iter().flat_map(|front| &front.rules).collect();
    let rest = [one, other].into_iter().flat_map(|led| &led.0.rules);
    let rest = rest.filter(|rule| !behind.iter().any(|one| one.place == rule.place));
    Some(Balancer {
        load_balancer: one.0.load_balancer.clone(),
        leading: rest.chain(serving).cloned().collect(),
        rules: (serving.iter())
            .map(|leading| Found {
                listener: first.clone(),
                production: Some(leading.clone()),
            })
            .collect(),
        test: None,
        cross_zone: one.0.cross_zone,
        second: Some(Second {
            load_balancer: other.0.load_balancer.clone(),
            listener: second,
            cross_zone: other.0.cross_zone,
            also_named: None,
        }),
    })
}

/// Other names that lead to one of the load balancers. Those of other services stand in tags of the rules behind them. What is only a
/// note keeps no roll from its work.
pub(super) async fn also_named(cloud: &impl Cloud, balancer: &Balancer) -> Option<Names> {
    let second = balancer.second.as_ref()?;
    let mut own = balancer.rules.iter();
    let own = own.find_map(|found| found.production.as_ref()?.place.record())?;
    let hosts = [&balancer.load_balancer, &second.load_balancer];
    let hosts = hosts.map(|one| plain_host(&one.host));
    let mut names = cloud.names_to(&own.zone, &hosts).await.ok()?;
    let rules = balancer.leading.iter();
    let known: Vec<&String> = rules
        .filter_map(|rule| rule.tags.get(tag::RECORD))
        .collect();
    let is_other = |name: &String| *name != own.name && !known.contains(&&word(&own.zone, name));
    names.found.retain(is_other);
    Some(names)
}

async fn half(
    cloud: &impl Cloud,
    name: &Spanned<String>,
    all: &[LoadBalancer],
    refused: &mut Vec<Refusal>,
) -> Result<Option<Half>, Error> {
    let Some(load_balancer) = all.iter().find(|one| one.name == **name) else {
        refused.push(refusals::no_load_balancer(name, all));
        return Ok(None);
    };
    if load_balancer.kind == BalancerKind::Gateway {
        refused.push(refusals::gateway(name));
        return Ok(None);
    }
    Ok(Some(Half {
        load_balancer: load_balancer.clone(),
        cross_zone: cloud.cross_zone(&load_balancer.arn).await?,
        rules: rules(cloud, &load_balancer.arn).await?,
    }))
}

/// The rules of a load balancer that lead to its target group, by their indexes; nothing where one does not.
fn fronts(
    half: &Half,
    (traffic, target): (&Traffic, &Spanned<String>),
    target_groups: &[TargetGroup],
    refused: &mut Vec<Refusal>,
) -> Option<(TargetGroupArn, Vec<usize>)> {
    let Some(target_group) = target_groups.iter().find(|one| one.name == **target) else {
        refused.push(refusals::no_target_group(target, target_groups));
        return None;
    };
    let found = traffic.rules.iter().filter_map(|rule| {
        let found = front(half, rule, target_group);
        found.map_err(|refusal| refused.push(refusal)).ok()
    });
    let found: Vec<usize> = found.collect();
    let is_whole = found.len() == traffic.rules.len();
    is_whole.then(|| (target_group.arn.clone(), found))
}

fn front(half: &Half, rule: &Rule, target_group: &TargetGroup) -> Result<usize, Refusal> {
    let name = &half.load_balancer.name;
    let listener = listener_of(&rule.port, &half.load_balancer, &half.rules)?;
    let there = production(rule, &listener, &half.rules);
    let index = half
        .rules
        .iter()
        .position(|one| Some(&one.place) == there.as_ref().map(|one| &one.place));
    let Some((index, there)) = index.zip(there) else {
        let text = format!(
            "the listener on port {} of {name} has no such rule",
            rule.port
        );
        let finding = Diagnostic::error("roll::no_rule", text).at_place(rule.place, "this one");
        return Err(Refusal::input(
            finding.help("make it, or name one that is there"),
        ));
    };
    let mut led = forwards(there.actions()).map(|forward| forward.only());
    if led.next() == Some(Some(&target_group.arn)) && led.next().is_none() {
        return Ok(index);
    }
    let text = format!(
        "{} of {name} does not lead to target group {} and nothing else",
        there.place, target_group.name
    );
    let finding = Diagnostic::error("roll::record", text).at_place(rule.place, "this one");
    Err(Refusal::input(finding.help(
        "each of the two load balancers leads to one of the two target groups, in their order; the records choose between them",
    )))
}

/// The zone, and every record of the name.
async fn records(
    cloud: &impl Cloud,
    by: &ByRecord,
    refused: &mut Vec<Refusal>,
) -> Result<Option<(HostedZoneId, Vec<Record>)>, Error> {
    let zones = if is_id(&by.zone) {
        let id = HostedZoneId::new(by.zone.as_str());
        cloud.zone(&id).await?.into_iter().collect()
    } else {
        cloud.zones_named(&by.zone).await?
    };
    let [zone] = zones.as_slice() else {
        refused.push(no_zone(by, &zones));
        return Ok(None);
    };
    let name = plain_name(&by.name);
    let within = name.strip_suffix(&zone.name);
    if !within.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
        let text = format!("{} is no name of the hosted zone {}", by.name, zone.name);
        let finding = Diagnostic::error("roll::record", text);
        refused.push(Refusal::input(finding.at_value(&by.name, "this name")));
        return Ok(None);
    }
    let records = cloud.records(&zone.id, &name).await?;
    Ok(Some((zone.id.clone(), records)))
}

fn no_zone(by: &ByRecord, zones: &[HostedZone]) -> Refusal {
    let (text, help) = if zones.is_empty() {
        let text = format!("there is no hosted zone {}", by.zone);
        (
            text,
            "`aws route53 list-hosted-zones` lists those that there are".to_owned(),
        )
    } else {
        let each = zones.iter().map(|zone| {
            let kind = if zone.private { "private" } else { "public" };
            format!("{} ({kind})", zone.id)
        });
        let text = format!("there are several hosted zones {}", by.zone);
        (
            text,
            format!(
                "name one by its id: {}",
                each.collect::<Vec<_>>().join(", ")
            ),
        )
    };
    let finding = Diagnostic::error("roll::record", text).at_value(&by.zone, "named here");
    Refusal::input(finding.help(help))
}

/// For longer nobody waits at night.
const LONGEST: Duration = Duration::from_hours(1);

/// Of each type there are two weighted records, one to each load balancer.
fn refuse_records(by: &ByRecord, records: &[Record], fronts: &[Front<'_>; 2]) -> Vec<Refusal> {
    let wrong = |text: String| {
        let [one, other] = &by.load_balancers;
        let help = format!(
            "it takes two weighted records of one type, an alias or a CNAME to {one} and one to {other}; give the one that serves the \
             weight 1 and the other the weight 0"
        );
        let finding = Diagnostic::error("roll::record", text).at_value(&by.name, "of this name");
        Refusal::input(finding.help(help))
    };
    let leads = |record: &&Record| fronts.iter().any(|front| leads_to(record, front));
    let mut kinds: Vec<&str> = records
        .iter()
        .filter(leads)
        .map(|one| one.kind.as_str())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return vec![wrong(format!(
            "no record of {} leads to one of the load balancers",
            by.name
        ))];
    }
    if let Some(long) = records.iter().filter(leads).find(|one| one.ttl > LONGEST) {
        let text = format!(
            "answers for {} may be kept for {} s",
            by.name,
            long.ttl.as_secs()
        );
        let finding = Diagnostic::error("roll::record", text).at_value(&by.name, "of this name");
        let help = "give the records a TTL of an hour at most, better of a minute, and wait until the old one is over";
        return vec![Refusal::input(finding.help(help))];
    }
    let refusals = kinds.into_iter().filter_map(|kind| {
        let own: Vec<&Record> = records.iter().filter(|one| one.kind == kind).collect();
        let each = fronts.iter().all(|front| {
            let mut to = own.iter().filter(|record| leads_to(record, front));
            to.next().is_some_and(|one| one.weighted.is_some()) && to.next().is_none()
        });
        (!each || own.len() != 2).then(|| {
            wrong(format!(
                "the records {} ({kind}) are not one to each load balancer",
                by.name
            ))
        })
    });
    refusals.collect()
}

/// Whether it is the id of a hosted zone, and no name: `Z1D633PJN98FT9`.
fn is_id(zone: &str) -> bool {
    let mut letters = zone.chars();
    letters.next() == Some('Z') && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
