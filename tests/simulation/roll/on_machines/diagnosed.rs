//! A machine that does not get healthy, and what the service says there of why.

use std::time::Duration;

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;
use tokio::time::Instant;

use super::super::outside::Word;
use super::super::plain::{nothing_left, rolled_once, three};
use super::super::rolling::rolling;
use super::super::{Bench, V1, V2, expect, quick, soak};
use crate::language::bad_input::service;

const COMMAND: &str = "journalctl -u web -n 20 --no-pager";

/// As a service file has it.
fn asks(mut bench: Bench) -> Bench {
    let more = format!(
        r#", "diagnosis": {{ "command": "{COMMAND}", "ssh_username": "admin", "ssh_agent_auth": true }}"#
    );
    let (read, findings) = service("", &more).service().unwrap();
    assert_eq!(findings, []);
    bench.service.diagnosis = read.diagnosis;
    let asked = bench.service.diagnosis.as_ref().unwrap();
    assert_eq!(asked.command, COMMAND);
    bench
}

fn broken(bench: &Bench, service: Answers) {
    let broken = Behaviour {
        console_tail: "web.service: failed to start".to_owned(),
        service,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
}

/// Where it was run.
fn places(bench: &Bench) -> Vec<String> {
    let ran = bench.outside.ran.borrow();
    let places = ran.iter().filter(|one| one.starts_with("admin@"));
    places.cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn the_end_of_its_log_stands_behind_its_console_whatever_comes_of_asking() {
    for (word, says) in [
        (None, ":\ninactive"),
        (Some(Word::No), " (exit 3):\ninactive"),
        (Some(Word::Nothing), "cannot be read: connection refused"),
        (Some(Word::Silence), "cannot be read: no end within 30 s"),
    ] {
        for base in [rolled_once().await, rolling().await] {
            let bench = asks(base);
            broken(&bench, Answers::WrongStatus(500));
            let answers = move |what: &str, _| if what == COMMAND { word } else { None };
            bench.outside.says(answers);
            let watchman = bench.watched();
            let ended = bench.roll(V2).await;
            expect(&ended, Verdict::Rejected);
            let reason = ended.failure.as_ref().unwrap().cause.to_string();
            let console = reason.find("web.service: failed to start");
            let log = reason
                .rfind("the log of i-")
                .filter(|at| reason[*at..].contains(says));
            assert!(console.is_some() && log > console, "{says}: {reason}");
            let times = places(&bench).len();
            assert!((1..=4).contains(&times), "{says}: {times} times");
            watchman.content(says);
            assert_eq!(bench.serving(), three(V1));
            nothing_left(&bench, says);
        }
    }
}

/// They are listened to before the verdict falls, and not once more behind it.
#[tokio::test(start_paused = true)]
async fn the_way_back_waits_once_for_machines_that_say_nothing() {
    for in_place in [false, true] {
        let mut took = Vec::new();
        for word in [Word::Nothing, Word::Silence] {
            let base = if in_place {
                rolling().await
            } else {
                rolled_once().await
            };
            let bench = asks(base);
            broken(&bench, Answers::WrongStatus(500));
            bench
                .outside
                .says(move |what, _| (what == COMMAND).then_some(word));
            let began = Instant::now();
            expect(&bench.roll(V2).await, Verdict::Rejected);
            took.push(began.elapsed());
        }
        let more = took[1].saturating_sub(took[0]);
        assert!(more < Duration::from_secs(10), "{in_place}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn users_who_are_led_to_it_come_first() {
    let mut bench = asks(rolled_once().await);
    bench.service.checks.after = vec![soak(5)];
    broken(
        &bench,
        Answers::DiesAfter(jiff::SignedDuration::from_secs(200)),
    );
    // What is sick stays to be judged.
    let keep = async {
        while bench.serving() != three(V2) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let given =
            json!({ "AutoScalingGroupName": "web-v002", "ScalingProcesses": ["ReplaceUnhealthy"] });
        bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &given);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), keep);
    expect(&ended, Verdict::Rejected);
    let reason = ended.failure.as_ref().unwrap().cause.to_string();
    assert!(reason.contains("the end of its console"), "{reason}");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(places(&bench), [""; 0]);
}
