//! Defects that understand what is so otherwise than it is.

use std::collections::BTreeMap;

use localcloud::model::Model;

use crate::simulation::habit::Call;
use crate::simulation::roll::Bench;

const STATE: &str = "<State>";
const HEALTHY: &str = "<State>healthy</State>";

fn state(name: &str) -> String {
    format!("{STATE}{name}</State>")
}

/// Has the answers of an action understood otherwise.
fn misread(bench: &Bench, action: &'static str, read: fn(String) -> String) {
    bench.cloud.accustom(Box::new(move |call| {
        if call.action == action {
            call.misread(read)
        } else {
            call.go()
        }
    }));
}

pub fn initial_is_healthy(bench: &Bench) {
    misread(bench, "DescribeTargetHealth", |answer| {
        answer.replace(&state("initial"), HEALTHY)
    });
}

pub fn sick_is_healthy(bench: &Bench) {
    misread(bench, "DescribeTargetHealth", |answer| {
        answer.replace(&state("unhealthy"), HEALTHY)
    });
}

pub fn one_stands_for_all(bench: &Bench) {
    misread(bench, "DescribeTargetHealth", |answer| {
        if !answer.contains(HEALTHY) {
            return answer;
        }
        let answer = answer.replace(&state("initial"), HEALTHY);
        answer.replace(&state("unhealthy"), HEALTHY)
    });
}

pub fn unused_is_healthy(bench: &Bench) {
    bench.cloud.accustom(Box::new(|call| match call.action {
        "DescribeTargetHealth" => call.misread(|answer| answer.replace(&state("unused"), HEALTHY)),
        "CreateRule" if call.names("=probe") => call.forget(),
        _ => call.go(),
    }));
}

pub fn red_is_quiet(bench: &Bench) {
    bench.cloud.accustom(Box::new(|call| match call.action {
        "DescribeAlarms" => call.take_for(|body| without(&body, RED, QUIET)),
        _ => call.go(),
    }));
}

/// The state of an alarm as CBOR has it: each word with its length before it, in one byte.
const RED: &[u8] = b"jStateValueeALARM";
const QUIET: &[u8] = b"jStateValuebOK";

fn without(body: &[u8], what: &[u8], instead: &[u8]) -> Vec<u8> {
    let at = body.windows(what.len()).position(|part| part == what);
    match at {
        Some(at) => [&body[..at], instead, &body[at + what.len()..]].concat(),
        None => body.to_vec(),
    }
}

pub fn dead_unknown(bench: &Bench) {
    misread(bench, "DescribeAutoScalingGroups", |answer| {
        answer.replace("<Value>next</Value>", "<Value>past</Value>")
    });
}

pub fn others_are_ours(bench: &Bench) {
    misread(bench, "DescribeAutoScalingGroups", |answer| {
        let tag = "<member><Key>kiln:made-by</Key><Value>kiln</Value><PropagateAtLaunch>false</PropagateAtLaunch></member>";
        let answer = answer.replace("<Tags/>", "<Tags></Tags>");
        answer.replace("<Tags>", &format!("<Tags>{tag}"))
    });
}

/// That a group has grown since a process first looked at it is not seen.
pub fn capacity_once(bench: &Bench) {
    let mut first: BTreeMap<(u64, String), String> = BTreeMap::new();
    bench.cloud.accustom(Box::new(move |call: Call<'_>| {
        if call.action != "DescribeAutoScalingGroups" {
            return call.go();
        }
        let process = call.process;
        call.misread(|answer| {
            let groups = answer.split_inclusive("</AutoScalingGroupName>");
            let mut name = String::new();
            let told = groups.map(|part| {
                let known = (process, name.clone());
                let told = if name.is_empty() || part.contains("<Value>next</Value>") {
                    part.to_owned()
                } else {
                    with_capacity(part, first.entry(known))
                };
                part.rsplit_once("<AutoScalingGroupName>")
                    .map_or("", |(_, name)| name)
                    .trim_end_matches("</AutoScalingGroupName>")
                    .clone_into(&mut name);
                told
            });
            told.collect()
        })
    }));
}

/// Where rules lead traffic is looked at by their load balancer's listeners alone, when a process begins and behind its own writes.
pub fn traffic_once(bench: &Bench) {
    let mut before: BTreeMap<u64, Model> = BTreeMap::new();
    bench.cloud.accustom(Box::new(move |call: Call<'_>| {
        let process = call.process;
        let by_name = call.names("ListenerArns.") || call.names("RuleArns.");
        match call.action {
            "DescribeListeners" | "DescribeRules" if by_name && before.contains_key(&process) => {
                call.recall(&before[&process])
            }
            "DescribeListeners" | "DescribeRules" => {
                before
                    .entry(process)
                    .or_insert_with(|| call.world.model.clone());
                call.go()
            }
            "ModifyListener" | "ModifyRule" => {
                let answer = call.world.answer(&call.request, call.now);
                before.insert(process, call.world.model.clone());
                answer
            }
            _ => call.go(),
        }
    }));
}

type Known<'a> = std::collections::btree_map::Entry<'a, (u64, String), String>;

fn with_capacity(part: &str, known: Known<'_>) -> String {
    let (open, close) = ("<DesiredCapacity>", "</DesiredCapacity>");
    let Some((before, rest)) = part.split_once(open) else {
        return part.to_owned();
    };
    let Some((number, after)) = rest.split_once(close) else {
        return part.to_owned();
    };
    let first = known.or_insert_with(|| number.to_owned());
    let most: usize = first.parse().unwrap_or_default();
    // That it has become smaller is seen.
    if number.parse().unwrap_or(0) < most {
        return part.to_owned();
    }
    format!("{before}{open}{first}{close}{}", with_members(after, most))
}

/// The same with so many members at the most: who counts these would see it too.
fn with_members(part: &str, most: usize) -> String {
    let (open, close) = ("<Instances>", "</Instances>");
    let Some((before, rest)) = part.split_once(open) else {
        return part.to_owned();
    };
    let Some((members, after)) = rest.split_once(close) else {
        return part.to_owned();
    };
    let members: String = members.split_inclusive("</member>").take(most).collect();
    format!("{before}{open}{members}{close}{after}")
}
