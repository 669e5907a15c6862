//! The check `instance`: a command on machines of the new version.

mod diagnosed;

use std::collections::BTreeSet;

use kiln::roll::{Error, Verdict};
use kiln::template::service::CheckKind;

use super::outside::Word;
use super::plain::{nothing_left, rolled_once, three};
use super::rolling::rolling;
use super::{Bench, V1, V2, expect};
use crate::language::bad_input::service;

const COMMAND: &str = "systemctl is-active web";

/// The check as a service file has it.
fn with_check(mut bench: Bench, each: bool) -> Bench {
    let on = if each { "each" } else { "one" };
    let more = format!(
        r#", "checks": {{ "before": [{{ "instance": {{ "command": "{COMMAND}", "on": "{on}", "ssh_username": "admin",
            "ssh_agent_auth": true }}, "times": 1, "timeout": "40s" }}] }}"#
    );
    let (read, findings) = service("", &more).service().unwrap();
    assert_eq!(findings, []);
    let check = read.checks.before[0].clone();
    assert!(matches!(check.kind, CheckKind::Instance(_)));
    bench.service.checks.before = vec![check.clone()];
    bench.service.checks.watch = vec![check];
    bench
}

/// Where it was run.
fn places(bench: &Bench) -> BTreeSet<String> {
    let ran = bench.outside.ran.borrow();
    ran.iter()
        .filter(|one| one.contains('@'))
        .cloned()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn it_runs_on_one_machine_or_on_each() {
    for (each, count) in [(false, 1), (true, 3)] {
        let bench = with_check(rolled_once().await, each);
        expect(&bench.roll(V2).await, Verdict::Done);
        let places = places(&bench);
        assert_eq!(places.len(), count, "{places:?}");
        assert!(
            places.iter().all(|place| place.starts_with("admin@")),
            "{places:?}"
        );
        nothing_left(&bench, "on machines");
    }
}

#[tokio::test(start_paused = true)]
async fn a_no_rejects_the_image_and_a_machine_that_is_not_reached_says_nothing() {
    for (word, verdict) in [
        (Word::No, Verdict::Rejected),
        (Word::Nothing, Verdict::Failed),
    ] {
        for base in [rolled_once().await, rolling().await] {
            let bench = with_check(base, true);
            bench
                .outside
                .says(move |what, _| (what == COMMAND).then_some(word));
            let watchman = bench.watched();
            let ended = bench.roll(V2).await;
            expect(&ended, verdict);
            let failure = ended.failure.unwrap();
            let text = failure.cause.to_string();
            match failure.error() {
                Some(Error::CheckFailed(_)) => assert!(text.contains("exit 3: inactive"), "{text}"),
                other => assert!(matches!(other, Some(Error::CheckUnknown(_))), "{text}"),
            }
            watchman.content("on machines");
            assert_eq!(bench.serving(), three(V1));
            nothing_left(&bench, "on machines");
        }
    }
}
