//! Commands of checks and hooks in a roll: when they run, what they know, and what their failure does.

use std::time::Duration;

use kiln::roll::{Decision, Error, Verdict};
use kiln::run::Urgency;
use kiln::template::service::{Check, CheckKind, Command, Hook, OnFail};

use super::canary::{base, weights};
use super::outside::{Word, share};
use super::plain::{nothing_left, rolled_once, three};
use super::rolling::rolling;
use super::trouble::{about, killed, points};
use super::{Bench, V1, V2, expect};
use crate::simulation::cloud::Mishap;

fn hook(line: &str) -> Vec<Hook> {
    vec![Hook {
        command: Command::Line(line.to_owned()),
        timeout: Duration::from_mins(1),
    }]
}

fn command(line: &str) -> Check {
    Check {
        kind: CheckKind::Command(Command::Line(line.to_owned())),
        times: 2,
        timeout: Duration::from_secs(20),
        place: None,
    }
}

/// A service with hooks, whose next roll is a canary or not.
fn hooked(mut bench: Bench) -> Bench {
    bench.service.hooks.before_swap = hook("migrate");
    bench.service.hooks.after_swap = hook("warm");
    bench
}

#[tokio::test(start_paused = true)]
async fn hooks_run_once_each_around_the_swap_and_know_the_machines() {
    for bench in [rolled_once().await, base().await] {
        let mut bench = hooked(bench);
        bench.service.checks.before = vec![command("check")];
        bench.service.checks.watch = vec![command("watch")];
        let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
            panic!("there is a plan");
        };
        let text = plan.to_string();
        for line in [
            "! before the swap: migrate, at most 60 s",
            "! after the swap: warm, at most 60 s",
            "? before traffic: command check, 2 times, 20 s",
            "? while it takes traffic: command watch, 2 times, 20 s",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        bench.outside.says(|what, share| {
            let right = match what {
                "migrate" | "check" => share < 100,
                "warm" => share == 100,
                _ => share > 0,
            };
            Some(if right { Word::Yes } else { Word::No }).filter(|_| !what.starts_with('/'))
        });
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content("hooks");
        assert_eq!(bench.serving(), three(V2));
        nothing_left(&bench, "hooks");
        let ran = bench.outside.ran.borrow();
        let count = |name: &str| ran.iter().filter(|one| *one == name).count();
        assert_eq!((count("migrate"), count("warm")), (1, 1), "{ran:?}");
        assert!(count("check") >= 2 && count("watch") >= 4, "{ran:?}");
        let known = bench.outside.environment.borrow();
        assert_eq!(known["KILN_IMAGE"], V2);
        assert_eq!(known["KILN_GROUP"], "web-v002");
        for several in ["KILN_INSTANCES", "KILN_ADDRESSES"] {
            assert_eq!(known[several].split(' ').count(), 3, "{known:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_before_the_swap_moves_nothing_and_blames_no_image() {
    for (line, bench) in [("migrate", rolled_once().await), ("migrate", base().await)] {
        let bench = hooked(bench);
        bench.outside.says(move |what, share| {
            assert_eq!(share, 0, "nothing has moved");
            (what == line).then_some(Word::No)
        });
        let watchman = bench.watched();
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::Failed);
        let failure = ended.failure.unwrap();
        assert!(
            matches!(failure.error(), Some(Error::Hook { .. })),
            "{failure:?}"
        );
        assert!(failure.cause.to_string().contains("exit 1: the last line"));
        watchman.content("before the swap");
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "before the swap");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_after_the_swap_does_what_on_fail_says() {
    for (on_fail, verdict, moved) in [
        (OnFail::Rollback, Verdict::Failed, 0),
        (OnFail::Hold, Verdict::Traffic, 100),
    ] {
        let mut bench = hooked(base().await);
        bench.service.checks.on_fail = on_fail;
        bench
            .outside
            .says(|what, _| (what == "warm").then_some(Word::No));
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, verdict);
        watchman.content("after the swap");
        assert_eq!(share(&bench.cloud), moved, "{:?}", weights(&bench));
        if on_fail == OnFail::Rollback {
            nothing_left(&bench, "after the swap");
        }
        bench.outside.says(|_, _| None);
        expect(&bench.roll(V2).await, Verdict::Done);
        assert_eq!(bench.serving(), three(V2));
        nothing_left(&bench, "after the swap, then again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_has_hooks_around_it() {
    let bench = hooked(rolling().await);
    bench
        .outside
        .says(|what, _| (what == "migrate").then_some(Word::No));
    let calls = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Failed);
    let calls = bench.cloud.calls().split_off(calls);
    assert!(!calls.contains(&"StartInstanceRefresh".to_owned()));
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "before the refresh");
    bench.outside.says(|what, share| {
        let right = share == if what == "warm" { 100 } else { 0 };
        Some(if right { Word::Yes } else { Word::No }).filter(|_| !what.starts_with('/'))
    });
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "around the refresh");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_cannot_be_asked_is_unknown() {
    let mut bench = rolled_once().await;
    bench.service.checks.before = vec![command("check")];
    bench
        .outside
        .says(|what, _| (what == "check").then_some(Word::Nothing));
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    let failure = ended.failure.unwrap();
    assert!(
        matches!(failure.error(), Some(Error::CheckUnknown(_))),
        "{failure:?}"
    );
    nothing_left(&bench, "unknown");
}

#[tokio::test(start_paused = true)]
async fn refusals_stops_and_kills_around_hooks_leave_nothing() {
    let base = hooked(rolled_once().await);
    for at in points(&base).await.into_iter().step_by(9) {
        for mishap in [Mishap::Refused, Mishap::KilledAfter] {
            let bench = if mishap == Mishap::Refused {
                let bench = base.fork().await;
                let watchman = bench.watched();
                bench.cloud.plan(at, mishap);
                drop(bench.roll(V2).await);
                bench.cloud.calm();
                watchman.content(&about(&bench, at, mishap));
                bench
            } else {
                killed(&base, at, mishap).await.unwrap()
            };
            let about = about(&bench, at, mishap);
            let again = bench.roll(V2).await;
            assert!(
                matches!(again.verdict, Verdict::Done | Verdict::NothingToDo),
                "{about}: {again:?}"
            );
            nothing_left(&bench, &about);
        }
    }
    for second in (0..60).step_by(4) {
        let bench = base.fork().await;
        let watchman = bench.watched();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), stop);
        watchman.content(&format!("stopped after {second} s"));
        expect(&ended, Verdict::Stopped);
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, &format!("stopped after {second} s"));
    }
}
