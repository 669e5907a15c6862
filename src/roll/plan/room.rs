//! Whether the account has room for what a roll adds: addresses, rules, target groups, groups.
//!
//! How many machines it may have is asked of nobody: no call of EC2 or Auto Scaling tells the quotas of vCPUs. A launch that
//! one forbids is told within seconds, by the group's activities.

use jiff::Timestamp;

use super::{NextTargetGroup, Plan, Refusal, Traffic};
use crate::cloud::{Group, SubnetId, Zone, tag};
use crate::roll::facts::Facts;
use crate::roll::names;
use crate::source::Diagnostic;
use crate::template::service::Service;
use crate::undo::serving::forwards;

/// Every limit that the roll would run into. One that goes on has made its things already.
/// What goes before the next group is made leaves its room.
pub(super) fn refuse(
    service: &Service,
    facts: &Facts,
    plan: &Plan,
    now: Timestamp,
    refused: &mut Vec<Refusal>,
) {
    let going = going(service, facts, plan, now);
    zones(service, facts, (plan, &going), refused);
    refused.extend(uncovered(service, facts, plan));
    if plan.resumed || plan.stays() {
        return;
    }
    refused.extend(thin(service, plan));
    let mut refuse = |what: &str, most: u32, there: usize, more: usize| {
        if there + more > usize::try_from(most).unwrap_or(usize::MAX) {
            let text = format!("{there} {what}, {most} at the most, and this roll adds {more}");
            let help = "remove some, or have the quota raised (Service Quotas)";
            let finding = Diagnostic::error("roll::quota", text).help(help);
            refused.push(Refusal::account(finding));
        }
    };
    let quota = |name: &str| facts.room.balancer.get(name).copied();
    if let (Some(balancer), Some(traffic)) = (&facts.balancer, &plan.traffic) {
        let name = &balancer.load_balancer.name;
        let rules = balancer.leading.iter().filter(|one| one.rule.is_some());
        let most = quota("rules-per-application-load-balancer");
        if let Some(most) = most.filter(|_| !traffic.names_on()) {
            let what = format!("rules of load balancer {name}");
            let is_watched =
                |group: &&&Group| group.target_groups.iter().any(|arn| facts.is_watched(arn));
            let freed = going.iter().filter(is_watched).count();
            let there = rules.count().saturating_sub(freed);
            refuse(&what, most, there, rules_more(plan, traffic));
        }
        let most = quota("target-groups-per-application-load-balancer");
        if let Some(most) = most.filter(|_| !traffic.names_on()) {
            let what = format!("target groups of load balancer {name}");
            let (there, more) = target_groups(facts, traffic);
            refuse(&what, most, there, more);
        }
        if let Some(most) = quota("targets-per-target-group") {
            let what = format!("targets of target group {}", traffic.next.name());
            let more = usize::try_from(plan.next.size.desired).unwrap_or(usize::MAX);
            refuse(&what, most, 0, more);
        }
    }
    if let Some(groups) = facts.room.groups {
        let there = usize::try_from(groups.there).unwrap_or(usize::MAX);
        let is_ours = |group: &&&Group| group.tag(tag::MADE_BY).is_some();
        let freed = going.iter().filter(is_ours).count();
        let there = there.saturating_sub(freed);
        let more = usize::from(plan.next.idle.is_none());
        refuse("Auto Scaling groups", groups.most, there, more);
    }
}

/// Groups that are gone by then: the one that makes way, and those whose time is up.
fn going<'a>(
    service: &'a Service,
    facts: &'a Facts,
    plan: &Plan,
    now: Timestamp,
) -> Vec<&'a Group> {
    let is_due = |group: &Group| match group.tag(tag::STATE) {
        Some(tag::KEPT) => names::keep_until(group).is_none_or(|until| until <= now),
        Some(tag::RETIRING) => true,
        _ => false,
    };
    let way = plan.make_way.as_ref().map(|way| &way.group);
    let own = facts.own(&service.name);
    let due = own.filter(|group| Some(&group.name) != way && is_due(group));
    let makes_way = facts.groups.iter().filter(|group| Some(&group.name) == way);
    makes_way.chain(due).collect()
}

/// The probe rule, the one that keeps the previous group watched, and production rules that are to be made.
fn rules_more(plan: &Plan, traffic: &Traffic) -> usize {
    let makes = traffic.rules.iter().filter(|rule| rule.place.is_none());
    1 + usize::from(plan.previous.is_some()) + makes.count()
}

/// Target groups that rules of the load balancer name, and how many of the roll's are not among them.
fn target_groups(facts: &Facts, traffic: &Traffic) -> (usize, usize) {
    let forwards = facts
        .leading()
        .iter()
        .flat_map(|one| forwards(one.actions()));
    let mut there: Vec<_> = forwards
        .flat_map(|one| &one.shares)
        .map(|(arn, _)| arn)
        .collect();
    there.sort();
    there.dedup();
    let is_new = match &traffic.next {
        NextTargetGroup::There { arn, .. } => !there.contains(&arn),
        NextTargetGroup::Make { .. } => true,
    };
    (there.len(), usize::from(is_new))
}

impl Plan {
    /// How many machines it starts beside those that there are.
    fn fresh(&self, facts: &Facts) -> u32 {
        let desired = self.next.size.desired;
        if let Some(in_place) = &self.in_place {
            return in_place.ahead(desired);
        }
        if self.reroot.is_some() {
            return 0;
        }
        let made = facts.groups.iter().find(|one| one.name == self.next.group);
        let there = made.map_or(0, |group| group.members.len());
        let pool = self.next.pool.as_ref();
        let waiting = pool.map_or(0, |pool| pool.size(self.next.size));
        desired.saturating_sub(u32::try_from(there).unwrap_or(u32::MAX)) + waiting
    }
}

/// A target in a zone that the load balancer does not serve stays unused for ever.
fn zones(
    service: &Service,
    facts: &Facts,
    (plan, going): (&Plan, &[&Group]),
    refused: &mut Vec<Refusal>,
) {
    let share = plan
        .fresh(facts)
        .div_ceil(u32::try_from(facts.subnets.len().max(1)).unwrap_or(1));
    let initial = service
        .groups
        .initial
        .iter()
        .flat_map(|initial| &initial.subnets);
    let named: Vec<_> = service
        .set
        .subnets
        .iter()
        .flatten()
        .chain(initial)
        .collect();
    for subnet in &facts.subnets {
        let place = named.iter().find(|id| id.value == subnet.id.as_str());
        let mut refuse = |text: String| {
            let finding = Diagnostic::error("roll::subnet", text);
            refused.push(match place {
                Some(id) => Refusal::input(finding.at_value(*id, "this subnet")),
                None => Refusal::account(finding),
            });
        };
        let balancer = facts.balancer.as_ref().zip(plan.traffic.as_ref());
        let balancer = balancer.map(|(one, traffic)| one.named(&traffic.load_balancer));
        if balancer.is_some_and(|one| subnet.vpc != one.vpc) {
            refuse(format!(
                "subnet {} is not in the load balancer's VPC",
                subnet.id
            ));
        } else if balancer.is_some_and(|one| !one.zones.contains(&subnet.zone)) {
            refuse(format!(
                "the load balancer does not serve zone {} of subnet {}",
                subnet.zone, subnet.id
            ));
        } else if subnet.free.saturating_add(freed(going, &subnet.id)) < share {
            refuse(format!(
                "subnet {} has only {} free addresses, and {share} machines more would start in it",
                subnet.id, subnet.free
            ));
        }
    }
}

/// A zone of the load balancer in which the next group has no subnet, where requests of a zone go to its own targets alone: they
/// would go nowhere. What serves may do so already.
fn uncovered(service: &Service, facts: &Facts, plan: &Plan) -> Option<Refusal> {
    let traffic = plan.traffic.as_ref()?;
    let previous = plan.previous.as_ref().filter(|_| traffic.was_zonal);
    let previous = previous.and_then(|one| facts.groups.iter().find(|it| it.name == one.group));
    let is_new = |zone: &&Zone| previous.is_none_or(|group| group.zones.contains(zone));
    let mut zones = plan.zonal().iter().filter(is_new);
    let zone = zones.find(|zone| !plan.next.zones.contains(zone))?;
    let name = traffic.next.name();
    let text = format!(
        "cross-zone load balancing of target group {name} is off, and the next group has no subnet in zone {zone} of the load balancer: \
         requests there would find no machine"
    );
    let mend = match &traffic.next {
        NextTargetGroup::There { arn, .. } => format!(
            "add a subnet of that zone, or: aws elbv2 modify-target-group-attributes --target-group-arn {arn} --attributes \
             Key=load_balancing.cross_zone.enabled,Value=use_load_balancer_configuration"
        ),
        NextTargetGroup::Make { .. } => "add a subnet of that zone".to_owned(),
    };
    let finding = Diagnostic::error("roll::zone", text).help(mend);
    let named = service
        .set
        .subnets
        .as_ref()
        .and_then(|subnets| subnets.first());
    Some(match named {
        Some(id) => Refusal::input(finding.at_value(id, "these subnets")),
        None => Refusal::account(finding),
    })
}

/// Fewer machines than the load balancer has zones, where requests of a zone go to its own targets alone. What serves may be so already.
fn thin(service: &Service, plan: &Plan) -> Option<Refusal> {
    let traffic = plan.traffic.as_ref()?;
    let is_so = plan.previous.is_some() && traffic.was_zonal;
    let (count, zones) = (plan.next.size.desired, plan.zonal().len());
    if is_so || usize::try_from(count).unwrap_or(usize::MAX) >= zones {
        return None;
    }
    let name = traffic.next.name();
    let text = format!(
        "cross-zone load balancing of target group {name} is off, and {count} machines cannot be in each of the {zones} zones of the load \
         balancer: requests of one would find no machine"
    );
    let mend = match &traffic.next {
        NextTargetGroup::There { arn, .. } => format!(
            "have as many, or: aws elbv2 modify-target-group-attributes --target-group-arn {arn} --attributes \
             Key=load_balancing.cross_zone.enabled,Value=true"
        ),
        NextTargetGroup::Make { .. } => format!(
            "have as many, or: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {} --attributes \
             Key=load_balancing.cross_zone.enabled,Value=true",
            traffic.load_balancer
        ),
    };
    let finding = Diagnostic::error("roll::zone", text).help(mend);
    let initial = service.groups.initial.as_ref();
    Some(match initial.filter(|_| plan.previous.is_none()) {
        Some(initial) => Refusal::input(finding.at_value(&initial.desired, "so many")),
        None => Refusal::account(finding),
    })
}

/// Addresses of a subnet that going groups leave: their machines are spread evenly, and what one has more is not counted on.
fn freed(going: &[&Group], subnet: &SubnetId) -> u32 {
    let among = going.iter().filter(|group| group.subnets.contains(subnet));
    let shares = among.map(|group| group.members.len() / group.subnets.len());
    u32::try_from(shares.sum::<usize>()).unwrap_or(u32::MAX)
}
