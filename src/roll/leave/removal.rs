//! What is taken away when a service is destroyed: what kiln made for it, by its tags, and nothing else. Pure.

use super::belongings::{Belongings, Template, given_back, keys, known_no_more, made, untag_group};
use super::{Parting, Plan};
use crate::cloud::{
    Group, Resource, ResourceKind, RulePlace, Stage, TargetGroup, TargetState, TemplateUser,
    TrafficArn, tag,
};
use crate::roll::names;
use crate::undo::mend;
use crate::undo::serving::{Leading, forwards};

/// Without it no machine of a group ever ends by the group's own hand.
const TERMINATE: &str = "Terminate";

impl Belongings {
    /// What is to go, in its order: nothing loses a request that is under way. Machines end before the rule that leads to
    /// them goes, and what leads to the rest goes as the last: it carries the service's name, and says where its state is.
    pub fn destroyed(&self) -> Plan {
        let groups = self.ours();
        let named = groups.iter().map(|group| group.name.clone());
        let mut partings: Vec<Parting> = named.clone().map(Parting::Empty).collect();
        let targets = self.targets();
        partings.extend(targets.map(|(one, _)| Parting::Drain(one.arn.clone(), one.name.clone())));
        let others = self.places().filter(|one| !is_made(one));
        let others = others.chain(self.tests());
        partings.extend(others.flat_map(Self::untag_place));
        partings.extend(self.watching());
        partings.extend(self.made_rules().filter_map(|one| match &one.place {
            RulePlace::Rule(arn) => Some(Parting::DeleteProduction(arn.clone())),
            RulePlace::Default(_) | RulePlace::Record(_) => None,
        }));
        let (made, others): (Vec<_>, Vec<_>) =
            (self.alarms.iter()).partition(|(_, tags)| tags.contains_key(tag::MADE_BY));
        let made = made.into_iter();
        partings.extend(made.map(|(alarm, _)| Parting::DeleteAlarm(alarm.name.clone())));
        partings.extend(named.map(Parting::DeleteGroup));
        partings.extend(self.others().flat_map(given_back));
        partings.extend(self.others().filter_map(untag_group));
        let others = others.into_iter();
        partings.extend(others.map(|(alarm, tags)| Parting::UntagAlarm(alarm.clone(), keys(tags))));
        partings.extend(self.things.iter().map(|one| self.thing(one)));
        partings.extend(self.targets().map(|(one, tags)| {
            if self.goes(one) {
                return Parting::DeleteTargetGroup(one.arn.clone(), one.name.clone());
            }
            let arn = TrafficArn::TargetGroup(one.arn.clone());
            Parting::UntagTraffic(arn, format!("target group {}", one.name), keys(tags))
        }));
        let notes = if partings.is_empty() {
            Vec::new()
        } else {
            self.notes()
        };
        (partings, notes)
    }

    /// The groups that kiln made, the one that serves as the last.
    fn ours(&self) -> Vec<&Group> {
        let groups = self.groups().iter();
        let mut ours: Vec<&Group> = groups.filter(|group| self.made(group)).collect();
        ours.sort_by_key(|group| (group.tag(tag::STATE) == Some(tag::LIVE), &group.name));
        ours
    }

    /// The service's groups that kiln did not make.
    fn others(&self) -> impl Iterator<Item = &Group> {
        self.own_groups().filter(|group| !self.made(group))
    }

    fn made(&self, group: &Group) -> bool {
        made(group, &self.service)
    }

    /// The production rules that kiln made.
    fn made_rules(&self) -> impl Iterator<Item = &Leading> {
        self.places().filter(|one| is_made(one))
    }

    /// Whether a target group goes.
    fn goes(&self, one: &TargetGroup) -> bool {
        let mut groups = self.groups().iter();
        let others =
            groups.any(|group| group.target_groups.contains(&one.arn) && !self.made(group));
        let mut tags = self.targets().filter(|(other, _)| other.arn == one.arn);
        !others && tags.any(|(_, tags)| tags.contains_key(tag::MADE_BY))
    }

    /// A launch template that nobody else uses goes; one that stays, and an image, only lose their tags.
    fn thing(&self, one: &Resource) -> Parting {
        let mut templates = self.templates.iter();
        let template = templates.find(|of| of.template.id.as_str() == one.id);
        match template {
            Some(of) if one.kind == ResourceKind::LaunchTemplate && self.kept_by(of).is_none() => {
                Parting::DeleteTemplate(of.template.id.clone(), of.template.name.clone())
            }
            _ => Parting::Untag(one.id.clone(), self.own(one)),
        }
    }

    /// Launch templates that would go, did anybody know who uses them.
    pub fn unknown(&self) -> Vec<(Parting, String)> {
        let templates = self.templates.iter();
        let made = templates.filter(|of| of.template.tags.contains_key(tag::MADE_BY));
        let unknown = made.filter_map(|of| {
            let (id, name) = (of.template.id.clone(), of.template.name.clone());
            let why = of.users.as_ref().err()?.clone();
            Some((Parting::DeleteTemplate(id, name), why))
        });
        unknown.collect()
    }

    /// Why a launch template stays.
    fn kept_by(&self, of: &Template) -> Option<String> {
        if !of.template.tags.contains_key(tag::MADE_BY) {
            return Some("kiln did not make it".to_owned());
        }
        let users = match &of.users {
            Ok(users) => users,
            Err(denied) => {
                return Some(format!(
                    "whether anybody else uses it is not known: {denied}"
                ));
            }
        };
        let numbered = |name| names::number(&self.service, name).is_some();
        let others = users.iter().filter(|user| match user {
            TemplateUser::Group(name) => !self.ours().iter().any(|group| group.name == *name),
            TemplateUser::Instance { group, .. } => !group.as_ref().is_some_and(numbered),
            TemplateUser::Fleet(_) => true,
        });
        let others: Vec<String> = others.map(|user| format!("{user} uses it")).collect();
        (!others.is_empty()).then(|| others.join(", "))
    }

    /// What a person is to know: who loses what, and what stays and why.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.served().into_iter().collect();
        notes.extend(self.kept_things());
        notes.push(
            "images, load balancers, listeners and records of DNS stay: none of them was made for the service"
                .to_owned(),
        );
        let groups = self.groups().iter().filter(|group| !self.made(group));
        notes.extend(
            groups.map(|group| format!("group {} stays: kiln did not make it", group.name)),
        );
        let targets = self.targets().filter(|(one, _)| !self.goes(one));
        notes.extend(targets.map(|(one, tags)| {
            let why = if tags.contains_key(tag::MADE_BY) {
                "another group registers its machines in it"
            } else {
                "kiln did not make it"
            };
            format!("target group {} stays: {why}", one.name)
        }));
        notes.extend(self.templates.iter().filter_map(|of| {
            let why = self.kept_by(of)?;
            let (id, name) = (&of.template.id, &of.template.name);
            Some(format!(
                "launch template {id} ({name}) stays: {why}; of kiln's versions go those that nothing needs, and not the \
                 default and the latest one"
            ))
        }));
        notes.extend(self.others().flat_map(known_no_more));
        notes
    }

    /// Whose requests and whose work end.
    fn served(&self) -> Option<String> {
        let busy = |group: &&Group| !group.members.is_empty();
        let live = self.ours().into_iter().rev().find(busy)?;
        let (name, service) = (&live.name, &self.service);
        let users = self.made_rules().next().map(|one| &one.place);
        match users {
            Some(place) => Some(format!(
                "{service} has users: what {place} leads to it is answered with 503 from when group {name} is empty, and otherwise \
                 once the rule is gone"
            )),
            None if live.target_groups.is_empty() => Some(format!(
                "{service} is at work: what the machines of group {name} do is done by nobody then"
            )),
            None => None,
        }
    }

    /// What machines have that does not end with them.
    fn kept_things(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for machine in &self.machines {
            let id = &machine.id;
            if machine.state.is_ending() {
                continue;
            }
            notes.extend(machine.lasting_volumes.iter().map(|volume| {
                format!("volume {volume} stays: it does not end with machine {id}, which it is attached to")
            }));
            let elastic = machine.addresses.public_ip.as_ref();
            notes.extend(elastic.filter(|_| machine.addresses.elastic).map(|address| {
                format!("elastic address {address} of machine {id} stays: it belongs to the account")
            }));
        }
        notes
    }

    /// Why nothing may be taken away: users would lose what others made, or others what they use.
    pub fn entangled(&self, without_hooks: bool) -> Vec<String> {
        let mut reasons = self.led_by_others();
        for group in self.groups() {
            if self.made(group) {
                reasons.extend(held_fast(group));
                let hooked = group.tag(tag::BEFORE_RETIRE).filter(|_| !without_hooks);
                reasons.extend(hooked.map(|_| hooks_first(group)));
            } else if group.size.desired > 0 || group.remains().is_some() {
                let (name, service) = (&group.name, &self.service);
                reasons.push(format!(
                    "group {name} has machines, and kiln did not make it: `kiln release {service}` leaves all as it is; or empty it \
                     first: `aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --min-size 0 \
                     --desired-capacity 0`"
                ));
            }
        }
        reasons.extend(self.registered_by_hand());
        reasons
    }

    /// Users' requests that come by a rule of others' making, and rules of kiln's that lead elsewhere too.
    fn led_by_others(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let made = |one: &Leading| one.is_probe() && one.rule.is_some() || is_made(one);
        let ours = |one: &Leading| self.is_named(one) && made(one);
        for one in self.leading() {
            for (target, _) in self.targets().filter(|(target, _)| one.names(&target.arn)) {
                if !ours(one) {
                    let (place, name) = (&one.place, &target.name);
                    let mend = elsewhere(&one.place);
                    reasons.push(format!(
                        "{place} leads to target group {name}, and kiln did not make it: lead it elsewhere first: {mend}"
                    ));
                }
            }
        }
        for one in self.made_rules() {
            let shares = forwards(one.actions()).flat_map(|forward| &forward.shares);
            let mut others =
                shares.filter(|(arn, _)| !self.targets().any(|(own, _)| own.arn == *arn));
            if let Some((arn, _)) = others.next() {
                let place = &one.place;
                reasons.push(format!(
                    "{place} leads to {arn} too, which is not the service's: take that out of it first, or the service's target \
                     groups: {}",
                    elsewhere(place)
                ));
            }
        }
        reasons
    }

    /// Targets of no group.
    fn registered_by_hand(&self) -> Vec<String> {
        let sides = self.scene.iter().flat_map(|scene| &scene.sides);
        let mut reasons = Vec::new();
        for side in sides {
            let Some(target) = &side.target_group else {
                continue;
            };
            for one in &side.health {
                let id = &one.instance;
                let mut groups = self.groups().iter();
                let member = groups.any(|group| group.members.iter().any(|of| of.instance == *id));
                if !member && one.state != TargetState::Draining {
                    let (name, arn) = (&target.name, &target.arn);
                    reasons.push(format!(
                        "target {id} of target group {name} is of no group: `aws elbv2 deregister-targets --target-group-arn {arn} \
                         --targets Id={id}` first"
                    ));
                }
            }
        }
        reasons
    }
}

/// A rule that kiln made for production.
fn is_made(one: &Leading) -> bool {
    let rule = matches!(one.place, RulePlace::Rule(_));
    rule && !one.is_probe() && one.tags.contains_key(tag::MADE_BY)
}

const SORRY: &str = "Type=fixed-response,FixedResponseConfig={StatusCode=503}";

/// The command that leads requests away from a service that goes.
fn elsewhere(place: &RulePlace) -> String {
    if let RulePlace::Default(arn) = place
        && arn.is_network()
    {
        return format!(
            "`aws elbv2 modify-listener --listener-arn {arn} --default-actions Type=forward,TargetGroupArn=ANOTHER`, then \
             `aws elbv2 remove-tags --resource-arns {arn} --tag-keys {}`; or delete the listener",
            tag::SERVICE
        );
    }
    let (change, arn, actions) = match place {
        RulePlace::Rule(arn) => ("modify-rule --rule-arn", arn.as_str(), "--actions"),
        RulePlace::Default(arn) => (
            "modify-listener --listener-arn",
            arn.as_str(),
            "--default-actions",
        ),
        RulePlace::Record(record) => {
            return format!(
                "have the records of {} lead to other load balancers, or delete them; then {}",
                record.name,
                mend::disown(place)
            );
        }
    };
    // Nothing leads from the service to it any more then.
    format!(
        "`aws elbv2 {change} {arn} {actions} {SORRY}`, then `aws elbv2 remove-tags --resource-arns {arn} --tag-keys {}`",
        tag::SERVICE
    )
}

/// What keeps a group of kiln's from being emptied and deleted in order.
fn held_fast(group: &Group) -> Vec<String> {
    let name = &group.name;
    let mut reasons: Vec<String> = group
        .protections
        .iter()
        .map(|what| format!("group {name} has {what}: take it off first"))
        .collect();
    let aside = group
        .members
        .iter()
        .filter_map(|member| match &member.stage {
            Stage::Other(stage) => Some((&member.instance, stage)),
            _ => None,
        });
    reasons.extend(aside.map(|(id, stage)| {
        format!(
            "instance {id} of group {name} is in {stage}, where its group does not end it: `aws autoscaling exit-standby \
             --auto-scaling-group-name {name} --instance-ids {id}` first"
        )
    }));
    let protected = group.members.iter().filter(|member| member.protected);
    reasons.extend(protected.map(|member| {
        let id = &member.instance;
        format!(
            "instance {id} of group {name} is protected from scale-in: `aws autoscaling set-instance-protection \
             --auto-scaling-group-name {name} --instance-ids {id} --no-protected-from-scale-in` first"
        )
    }));
    if group.suspended.contains(TERMINATE) {
        reasons.push(format!(
            "group {name} ends no machine: `aws autoscaling resume-processes --auto-scaling-group-name {name} --scaling-processes \
             {TERMINATE}` first"
        ));
    }
    reasons
}

/// The commands before a group goes stand in the service file, which is not asked for here.
fn hooks_first(group: &Group) -> String {
    let name = &group.name;
    format!(
        "the hook `before_retire` of the service file comes before group {name} goes, and is not known here: run its commands, then \
         say --without-hooks"
    )
}

#[cfg(test)]
mod tests;
