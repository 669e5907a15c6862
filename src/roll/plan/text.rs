//! The plan as a user reads it: a diff of what is and what will be, in the order in which it is done.

use std::fmt;

use super::{Idle, InPlace, NextTemplate, Plan, Previous, Traffic, checks, reroot};
use crate::cloud::{Action, Size, VersionRef};
use crate::template::service::{Replace, Strategy};
use crate::undo::serving;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "roll {} to {} ({})",
            self.service, self.image, self.image_facts.name
        )?;
        if self.resumed {
            let done = if self.swapped {
                "after its swap"
            } else {
                "before its swap"
            };
            writeln!(f, "  goes on with run {}, which died {done}", self.run)?;
        }
        make_way(self, f)?;
        template(self, f)?;
        if let Some(in_place) = &self.in_place {
            replaced(self, in_place, f)?;
            checks::before_swap(self, f)?;
            checks::after(self, f)?;
            return write!(f, "{}", self.outlook);
        }
        if let Some(reroot) = &self.reroot {
            reroot::show(self, reroot, f)?;
            checks::after(self, f)?;
            return write!(f, "{}", self.outlook);
        }
        group(self, f)?;
        checks::before(self, f)?;
        if let Some(traffic) = &self.traffic {
            moved(self, traffic, f)?;
        }
        checks::after(self, f)?;
        back(self, f)?;
        write!(f, "{}", self.outlook)
    }
}

fn make_way(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(way) = &plan.make_way else {
        return Ok(());
    };
    write!(
        f,
        "- group {}: retired now, its target group is needed",
        way.group
    )?;
    match &way.kept_until {
        Some(until) => writeln!(f, " (was kept until {until})"),
        None => writeln!(f),
    }
}

fn template(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(previous) = &plan.previous
        && let Some(followed) = previous.pin
    {
        let (group, version) = (&previous.group, previous.version);
        writeln!(
            f,
            "~ group {group}: launch template version {followed} -> {version} (pinned)"
        )?;
    }
    match &plan.next.template {
        NextTemplate::Version { name, source, .. } => {
            writeln!(f, "+ launch template {name}: a version made from {source}")?;
        }
        NextTemplate::New { name } => writeln!(f, "+ launch template {name}")?,
    }
    for (what, before, after) in &plan.next.changes {
        writeln!(f, "    {what}: {before} -> {after}")?;
    }
    match &plan.next.mixed {
        Some(mixed) if !plan.next.types.is_empty() => writeln!(
            f,
            "    instance types: {mixed}; each where those before it cannot be had"
        ),
        Some(mixed) => writeln!(f, "    instance types stay: {mixed}"),
        None => Ok(()),
    }
}

fn replaced(plan: &Plan, in_place: &InPlace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (rolling, warmup) = (&in_place.rolling, in_place.warmup.as_secs());
    let count = plan.next.size.desired;
    let ahead = in_place.ahead(count);
    writeln!(
        f,
        "~ group {}: {count} machines replaced, {ahead} at a time",
        plan.next.group
    )?;
    writeln!(
        f,
        "    a new one serves for {warmup} s before an old one goes"
    )?;
    if plan.next.pool.is_some() {
        writeln!(f, "    those of its warm pool are replaced too")?;
    }
    if !rolling.checkpoints.is_empty() {
        let percents: Vec<_> = rolling
            .checkpoints
            .iter()
            .map(ToString::to_string)
            .collect();
        let (at, delay) = (percents.join(", "), rolling.checkpoint_delay.as_secs());
        writeln!(f, "    it waits for {delay} s at {at} % replaced")?;
    }
    let batches = count.div_ceil(ahead);
    let time = u64::from(batches) * warmup;
    writeln!(
        f,
        "  both versions serve meanwhile, for {time} s at the least; never fewer than {count} healthy machines"
    )?;
    writeln!(
        f,
        "  the way back is another refresh to version {}, which takes as long",
        in_place.before
    )
}

fn group(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let next = &plan.next;
    for made in plan.traffic.iter().flat_map(|traffic| &traffic.make) {
        writeln!(
            f,
            "+ target group {} ({} {})",
            made.name, made.protocol, made.port
        )?;
    }
    let Size { min, max, desired } = next.size;
    let sign = if next.idle.is_some() { '~' } else { '+' };
    write!(
        f,
        "{sign} group {}: {desired} machines (min {min}, max {max})",
        next.group
    )?;
    match &plan.traffic {
        Some(traffic) => writeln!(f, " in target group {}", traffic.next.name())?,
        None => writeln!(f)?,
    }
    if let Some(idle) = &next.idle {
        return taken(idle, f);
    }
    if let Some(previous) = &plan.previous {
        writeln!(f, "    everything else as in {}", previous.group)?;
        if let Some(pool) = &next.pool {
            let (machines, name) = (pool.size(next.size), &previous.group);
            writeln!(
                f,
                "    warm pool, when its checks have passed: {pool}; {machines} machines beside those of {name}'s until that is retired"
            )?;
        }
        for copy in &plan.alarms {
            let (from, to, policies) = (&copy.from, &copy.to, copy.policies.join(", "));
            writeln!(
                f,
                "+ alarm {to}: as {from}, for policy {policies} of {}",
                next.group
            )?;
        }
        Ok(())
    } else {
        let subnets: Vec<_> = next.subnets.iter().map(ToString::to_string).collect();
        writeln!(f, "    in {}", subnets.join(", "))
    }
}

/// The idle group of a pair.
fn taken(idle: &Idle, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (followed, version) = (idle.follows.followed, idle.version);
    match followed {
        VersionRef::Number(_) => writeln!(f, "    it follows version {version} now")?,
        _ => writeln!(f, "    it follows {followed}, version {version}, now")?,
    }
    writeln!(f, "    everything else as it is")?;
    for one in &idle.differs {
        writeln!(f, "    note: {one}")?;
    }
    Ok(())
}

fn moved(plan: &Plan, traffic: &Traffic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (header, to) = (&traffic.probe_header, traffic.next.name());
    if let Some(host) = traffic.records() {
        writeln!(
            f,
            "~ {to} is proven behind its own load balancer, {}; clients go there by {host}, within {} s",
            traffic.address,
            traffic.follows().as_secs()
        )?;
    } else if traffic.network {
        writeln!(
            f,
            "~ target group {to}: named at weight 0 before it has machines, so that their health is known"
        )?;
        if let Some(test) = &traffic.test {
            let port = test.port;
            writeln!(
                f,
                "~ port {port}, the test listener: leads to {to} until the end of the roll, then where it does now"
            )?;
        }
    } else if let Some(test) = &traffic.test {
        writeln!(
            f,
            "+ rule on port {}, the test listener: all requests to {to}, until the end of the roll",
            test.port
        )?;
    } else {
        writeln!(
            f,
            "+ probe rule on port {}: header {header}, until the end of the roll",
            traffic.port
        )?;
    }
    for rule in &traffic.rules {
        let port = match traffic.rules.len() {
            1 => String::new(),
            _ => format!(" (port {})", rule.port),
        };
        let Some(place) = &rule.place else {
            let host = &rule.host;
            writeln!(f, "+ production rule for {host}{port}: forwards to {to}")?;
            continue;
        };
        // One that leads nowhere yet, beside others that do, has no share to give.
        match traffic.previous.as_ref().filter(|_| forwards(&rule.before)) {
            Some(previous) => writeln!(f, "~ {place}{port}: {} -> {to}", previous.name())?,
            None => writeln!(f, "~ {place}{port}: forwards to {to}")?,
        }
    }
    for step in plan.steps() {
        let (weight, hold) = (&step.weight, plan.hold(step).as_secs());
        writeln!(f, "    {weight} % for {hold} s")?;
    }
    if let Some(previous) = plan.previous.as_ref().filter(|_| traffic.network) {
        writeln!(
            f,
            "    new connections alone: those that are open stay with {} until they end, or it goes",
            previous.group
        )?;
    }
    let boot = plan.patience.healthy.as_secs();
    writeln!(
        f,
        "  once all of {} are healthy three times in a row, at most {boot} s",
        plan.next.group
    )
}

/// Whether some requests are forwarded.
fn forwards(actions: &[Action]) -> bool {
    serving::forwards(actions).next().is_some()
}

fn writes(plan: &Plan) -> String {
    match plan
        .traffic
        .as_ref()
        .map_or(1, |traffic| traffic.rules.len())
    {
        1 => "one write".to_owned(),
        several => format!("{several} writes, one a rule"),
    }
}

fn back(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(previous) = &plan.previous else {
        return writeln!(
            f,
            "  there is nothing to go back to: this is the first roll"
        );
    };
    let floor = previous.size.desired;
    if let Strategy::Replace(replace) = &plan.strategy {
        return replaced_by(plan, previous, *replace, f);
    }
    writeln!(
        f,
        "  never fewer than {floor} healthy machines; the way back is {}, {} s at the most",
        writes(plan),
        plan.outlook.back.as_secs()
    )?;
    let keep = plan.keep.as_secs();
    let end = match plan.next.idle {
        Some(_) => "emptied",
        None => "retired",
    };
    writeln!(
        f,
        "- group {}: kept whole for {keep} s, then {end}",
        previous.group
    )
}

fn replaced_by(
    plan: &Plan,
    previous: &Previous,
    replace: Replace,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (floor, keep, name) = (previous.size.desired, plan.keep.as_secs(), &previous.group);
    let back = plan.patience.healthy.as_secs();
    writeln!(f, "  never fewer than {floor} machines in service")?;
    if replace.keep_running {
        return writeln!(
            f,
            "- group {name}: goes on running beside it for {keep} s, then retired; the way back is to empty {}",
            plan.next.group
        );
    }
    write!(
        f,
        "- group {name}: emptied once {} is in office",
        plan.next.group
    )?;
    if let Some(drain) = replace.drain {
        write!(
            f,
            ", after {} s without its lifecycle hooks",
            drain.as_secs()
        )?;
    }
    writeln!(f, "; kept empty for {keep} s, then retired")?;
    writeln!(
        f,
        "  the way back is to fill it again, at most {back} s; both versions work meanwhile"
    )
}
