//! Trouble at every call and every second of a roll by records, and processes that are killed.

use std::io::Write as _;

use kiln::roll::Verdict;

use super::super::plain::three;
use super::super::trouble::{
    about, first_killed, killed_and, killed_at_each, killed_back_is_finished, killed_for_another,
    stopped_everywhere, trouble_everywhere,
};
use super::super::{Bench, V1, V2, expect};
use super::{AT_ONCE, STEPS, alone, by, follow};
use crate::simulation::cloud::Mishap;

/// Names that clients follow in a minute, so that a roll takes fewer looks.
async fn named(strategy: &str) -> Bench {
    by(strategy, Some(5)).await
}

#[tokio::test(start_paused = true)]
async fn a_roll_at_once_is_gone_on_with() {
    let base = named(AT_ONCE).await;
    let before = killed_and(&base, Mishap::KilledBefore, alone).await;
    let behind = killed_and(&base, Mishap::KilledAfter, alone).await;
    let mut out = std::io::stderr();
    writeln!(
        out,
        "   at once by records: killed before {before} calls and behind {behind}"
    )
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_roll_in_steps_is_gone_on_with() {
    let behind = killed_at_each(&named(STEPS).await, (Mishap::KilledAfter, 2), alone).await;
    let mut out = std::io::stderr();
    writeln!(out, "  in steps by records: killed behind {behind} calls").unwrap();
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing() {
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&named(AT_ONCE).await, mishap).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_time_gives_everything_back() {
    stopped_everywhere(&named(AT_ONCE).await, 90, 16).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    killed_for_another(&named(AT_ONCE).await, 3, alone).await;
    killed_for_another(&named(STEPS).await, 7, alone).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on() {
    first_killed(&Bench::by_records(AT_ONCE, Some(5)).await, false, alone).await;
}

/// `V2` serves, and `V1` is kept.
async fn swapped() -> Bench {
    let bench = named(AT_ONCE).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    follow(&bench).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_dies_anywhere_is_finished_by_the_next() {
    let is_led = |bench: &Bench| bench.serving() == three(V1);
    killed_back_is_finished(&swapped().await, is_led, alone).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_says_failed_has_moved_nothing() {
    let base = swapped().await;
    for mishap in [Mishap::Refused, Mishap::Down, Mishap::AnswersLost] {
        for at in 1.. {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let back = bench.rollback().await;
            bench.cloud.calm();
            if bench.cloud.calls().len() < at {
                break;
            }
            let about = format!("{}: {back:?}", about(&bench, at, mishap));
            follow(&bench).await;
            watchman.content(&about);
            alone(&bench, &about);
            match back.verdict {
                Verdict::Failed => assert_eq!(bench.serving(), three(V2), "{about}"),
                Verdict::Traffic => {}
                _ => assert_eq!(bench.serving(), three(V1), "{about}"),
            }
        }
    }
}
