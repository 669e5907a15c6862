//! What is taken away when a service is destroyed: what kiln made for it, by its tags, and nothing else. Pure.

use super::belongings::{Belongings, Template, is_ours, keys};
use super::{Parting, Plan};
use crate::cloud::{
    Group, Resource, ResourceKind, RulePlace, TargetGroup, TargetState, TemplateUser, TrafficArn,
    tag,
};
use crate::roll::names;
use crate::undo::serving::{Leading, forwards};

/// Without it no machine of a group ever ends by the group's own hand.
const TERMINATE: &str = "Terminate";

impl Belongings {
    /// What is to go, in its order: nothing loses a request that is under way. Machines end before the rule that leads to
    /// them goes, and the service's name goes from what leads to the rest as the last.
    pub fn destroyed(&self) -> Plan {
        let groups = self.ours();
        let mut partings: Vec<Parting> = Vec::new();
        let named = groups.iter().map(|group| group.name.clone());
        partings.extend(named.clone().map(Parting::Empty));
        let targets = self.targets();
        partings.extend(targets.map(|(one, _)| Parting::Drain(one.arn.clone(), one.name.clone())));
        partings.extend(
            self.places()
                .filter(|one| !is_made(one))
                .map(Self::untag_place),
        );
        partings.extend(self.watching());
        partings.extend(self.made_rules().filter_map(|one| match &one.place {
            RulePlace::Rule(arn) => Some(Parting::DeleteProduction(arn.clone())),
            RulePlace::Default(_) => None,
        }));
        let (made, others): (Vec<_>, Vec<_>) =
            (self.alarms.iter()).partition(|(_, tags)| tags.contains_key(tag::MADE_BY));
        let made = made.into_iter();
        partings.extend(made.map(|(alarm, _)| Parting::DeleteAlarm(alarm.name.clone())));
        partings.extend(named.map(Parting::DeleteGroup));
        for (one, tags) in self.targets() {
            partings.push(if self.goes(one) {
                Parting::DeleteTargetGroup(one.arn.clone(), one.name.clone())
            } else {
                let arn = TrafficArn::TargetGroup(one.arn.clone());
                Parting::UntagTraffic(arn, format!("target group {}", one.name), keys(tags))
            });
        }
        let others = others.into_iter();
        partings.extend(others.map(|(alarm, tags)| Parting::UntagAlarm(alarm.clone(), keys(tags))));
        partings.extend(self.untagged_groups().filter(|parting| {
            let mut groups = groups.iter();
            !matches!(parting, Parting::UntagGroup(name, _) if groups.any(|one| one.name == *name))
        }));
        partings.extend(self.things.iter().map(|one| self.thing(one)));
        let notes = if partings.is_empty() {
            Vec::new()
        } else {
            self.stays()
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

    /// Whether kiln made the group and gave it its number: tags alone may have been copied.
    fn made(&self, group: &Group) -> bool {
        is_ours(group, &self.service) && names::number(&self.service, &group.name).is_some()
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

    /// What stays, and why.
    fn stays(&self) -> Vec<String> {
        let mut notes = vec![
            "images, load balancers and listeners stay: none of them was made for the service"
                .to_owned(),
        ];
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
        notes
    }

    /// Why nothing may be taken away: users would lose what others made, or others what they use.
    pub fn entangled(&self) -> Vec<String> {
        let mut reasons = self.led_by_others();
        for group in self.groups() {
            if self.made(group) {
                reasons.extend(held_fast(group));
            } else if group.size.desired > 0 || !group.members.is_empty() {
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
        let ours = |one: &Leading| self.is_named(one) && (one.is_probe() || is_made(one));
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

/// The command that leads requests away from a service that goes.
fn elsewhere(place: &RulePlace) -> String {
    const SORRY: &str = "Type=fixed-response,FixedResponseConfig={StatusCode=503}";
    match place {
        RulePlace::Rule(arn) => {
            format!("`aws elbv2 modify-rule --rule-arn {arn} --actions {SORRY}`")
        }
        RulePlace::Default(arn) => format!(
            "`aws elbv2 modify-listener --listener-arn {arn} --default-actions {SORRY}`, then `aws elbv2 remove-tags \
             --resource-arns {arn} --tag-keys {}`",
            tag::SERVICE
        ),
    }
}

/// What keeps a group of kiln's from being emptied and deleted in order.
fn held_fast(group: &Group) -> Vec<String> {
    let name = &group.name;
    let mut reasons: Vec<String> = group
        .protections
        .iter()
        .map(|what| format!("group {name} has {what}: take it off first"))
        .collect();
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
    if group.tag(tag::BEFORE_RETIRE).is_some() {
        reasons.push(format!(
            "the hook `before_retire` comes before group {name} goes: once it is due, `kiln roll --finish` with the service file \
             runs it"
        ));
    }
    reasons
}
