//! Checks that are alive in every wait, and what becomes of a roll of which one fails or says nothing.

use std::cell::Cell;
use std::time::Duration;

use kiln::roll::{Decision, Ended, Error, Verdict};
use kiln::template::Late;
use kiln::template::service::{Check, CheckKind, HttpCheck, OnFail, OnUnknown};
use tokio::time::Instant;

use super::canary::{base, weights};
use super::outside::Word;
use super::plain::{nothing_left, rolled_once, three};
use super::trouble::{about, killed, points};
use super::{Bench, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// A watch that asks what the test answers.
fn watch(times: u32, timeout: u64) -> Check {
    let http = HttpCheck {
        host: None,
        path: Late::fixed("/watch"),
        status: vec![200],
        body: None,
        header: Vec::new(),
        latency: None,
    };
    Check {
        kind: CheckKind::Http(Box::new(http)),
        times,
        timeout: Duration::from_secs(timeout),
        place: None,
    }
}

/// A canary with a watch that passes until `V2` has so many percent of the traffic.
async fn until(percent: u32, then: Word) -> Bench {
    let mut bench = base().await;
    bench.service.checks.watch = vec![watch(2, 30)];
    says(&bench, percent, then);
    bench
}

fn says(bench: &Bench, percent: u32, then: Word) {
    bench.outside.says(move |what, share| {
        let word = if share < percent { Word::Yes } else { then };
        (what == "/watch").then_some(word)
    });
}

fn cause(ended: &Ended) -> &Error {
    ended
        .failure
        .as_ref()
        .and_then(|failure| failure.error())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_asked_in_every_wait_and_the_plan_names_it() {
    let bench = until(101, Word::No).await;
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("there is a plan");
    };
    let text = plan.to_string();
    assert!(
        text.contains("? while it takes traffic: http /watch, 2 times, 30 s\n"),
        "{text}"
    );
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("watched");
    // Holds of 20, 20 and 10 s and a soak of 30, asked every 5 s.
    let asked = bench.outside.asked();
    assert!((16..40).contains(&asked), "{asked}");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "watched");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_in_a_hold_gives_all_traffic_back_and_rejects_the_image() {
    for percent in [1, 50, 100] {
        let bench = until(percent, Word::No).await;
        let watchman = bench.watched();
        let began = Instant::now();
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::Rejected);
        assert!(matches!(cause(&ended), Error::CheckFailed(_)), "{ended:?}");
        watchman.content("failed");
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "failed");
        assert!(began.elapsed() < Duration::from_mins(4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_swap_without_any_wait_behind_it_is_watched_all_the_same() {
    let mut bench = rolled_once().await;
    bench.service.checks.watch = vec![watch(3, 30)];
    bench.service.checks.after.clear();
    says(&bench, 100, Word::No);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Rejected);
    watchman.content("no wait");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "no wait");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_says_nothing_has_its_time_and_then_the_image_is_not_to_blame() {
    let mut bench = until(10, Word::Nothing).await;
    bench.service.checks.on_unknown.hold = Duration::from_mins(1);
    let watchman = bench.watched();
    let (ended, since) = tokio::join!(bench.roll(V2), async {
        super::canary::reaches(&bench, 10).await;
        Instant::now()
    });
    let took = since.elapsed().as_secs();
    assert!(
        (90..190).contains(&took),
        "30 s of its own, 60 s more, and the way back, which looks twice for what is gone: {took}"
    );
    expect(&ended, Verdict::Failed);
    assert!(matches!(cause(&ended), Error::CheckUnknown(_)), "{ended:?}");
    watchman.content("says nothing");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "says nothing");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_says_nothing_keeps_the_next_step_from_being_taken() {
    let mut bench = until(10, Word::Nothing).await;
    bench.service.checks.on_unknown.hold = Duration::from_mins(1);
    let (ended, ()) = tokio::join!(bench.roll(V2), async {
        super::canary::reaches(&bench, 10).await;
        // Longer than the step is held.
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!(weights(&bench), [90, 10]);
        says(&bench, 101, Word::No);
    });
    expect(&ended, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

/// A canary that is held where a check failed, at 10 %.
async fn held() -> Bench {
    let mut bench = until(10, Word::No).await;
    bench.service.checks.on_fail = OnFail::Hold;
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    assert!(matches!(cause(&ended), Error::Held(_)), "{ended:?}");
    assert_eq!(weights(&bench), [90, 10]);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_held_roll_leaves_traffic_where_it_is_and_the_same_roll_goes_on() {
    let bench = held().await;
    let watchman = bench.watched();
    bench.pass(60).await;
    assert_eq!(weights(&bench), [90, 10]);
    says(&bench, 101, Word::No);
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("held, then gone on with");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "held, then gone on with");
}

#[tokio::test(start_paused = true)]
async fn a_held_roll_stays_where_it_is_when_it_is_gone_on_with_or_a_hold_is_set() {
    let bench = held().await;
    // The same roll goes on, and is held again by the same check.
    let again = bench.roll(V2).await;
    expect(&again, Verdict::Traffic);
    assert_eq!(weights(&bench), [90, 10]);
    kiln::roll::set_hold(&bench.client, "web", "somebody looks into it", None)
        .await
        .unwrap();
    let before = bench.cloud.writes().len();
    expect(&bench.roll(V2).await, Verdict::Frozen);
    assert_eq!(bench.cloud.writes().len(), before, "nobody touches it");
    assert_eq!(weights(&bench), [90, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_held_roll_is_given_back_by_a_rollback_and_by_a_roll_of_another_image() {
    let bench = held().await;
    let watchman = bench.watched();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    watchman.content("held, then rolled back");
    let bench = held().await;
    let watchman = bench.watched();
    says(&bench, 101, Word::No);
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("held, then another");
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "held, then another");
}

/// Machines of the model answer within 20 ms, and name their image in a header.
#[tokio::test(start_paused = true)]
async fn a_header_and_the_time_of_an_answer_are_checked() {
    let base = base().await;
    for (header, latency, verdict) in [
        (V2, 20, Verdict::Done),
        (V1, 20, Verdict::Rejected),
        (V2, 19, Verdict::Rejected),
    ] {
        let mut bench = base.fork().await;
        let mut check = watch(2, 20);
        if let CheckKind::Http(http) = &mut check.kind {
            http.path = Late::fixed("/version");
            http.latency = Some(Duration::from_millis(latency));
            let name = kiln::source::Spanned::unplaced("X-Image".to_owned());
            http.header = vec![(name, Late::fixed(header))];
        }
        bench.service.checks.before = vec![check];
        let ended = bench.roll(V2).await;
        expect(&ended, verdict);
        if let Some(failure) = &ended.failure {
            let text = failure.cause.to_string();
            let says = if header == V1 {
                "X-Image"
            } else {
                "at most 19 ms"
            };
            assert!(text.contains(says), "{text}");
        }
        nothing_left(&bench, "header and latency");
    }
}

#[tokio::test(start_paused = true)]
async fn before_traffic_there_is_nothing_to_hold() {
    let mut bench = base().await;
    bench.service.checks.before = vec![watch(2, 20)];
    bench.service.checks.on_fail = OnFail::Hold;
    bench.service.checks.on_unknown = OnUnknown {
        hold: Duration::from_secs(10),
        then: OnFail::Hold,
    };
    for (word, verdict) in [
        (Word::Nothing, Verdict::Failed),
        (Word::No, Verdict::Rejected),
    ] {
        says(&bench, 0, word);
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, verdict);
        watchman.content("before traffic");
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "before traffic");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_watch_with_a_refusal_or_a_kill_at_any_call_leaves_nothing() {
    let base = until(50, Word::No).await;
    let calls = {
        let bench = base.fork().await;
        expect(&bench.roll(V2).await, Verdict::Rejected);
        bench.cloud.calls().len()
    };
    for at in (1..=calls).step_by(7) {
        let bench = base.fork().await;
        let watchman = bench.watched();
        bench.cloud.plan(at, Mishap::Refused);
        let ended = bench.roll(V2).await;
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::Refused);
        watchman.content(&about);
        if ended.verdict != Verdict::CleanUpDue {
            assert_eq!(bench.serving(), three(V1), "{about}");
            nothing_left(&bench, &about);
        }
    }
    says(&base, 101, Word::No);
    for at in points(&base).await.into_iter().step_by(9) {
        let Some(bench) = killed(&base, at, Mishap::KilledAfter).await else {
            panic!("a roll has a call {at}");
        };
        says(&bench, 50, Word::No);
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched_back();
        let ended = bench.roll(V2).await;
        assert!(
            matches!(
                ended.verdict,
                Verdict::Rejected | Verdict::NothingToDo | Verdict::Done
            ),
            "{about}: {ended:?}"
        );
        watchman.content(&about);
        nothing_left(&bench, &about);
        says(&bench, 101, Word::No);
    }
}

/// A server that is half dead answers, and then does not.
#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_and_says_nothing_in_turn_ends_a_roll_as_one_that_fails() {
    let bench = until(101, Word::Yes).await;
    let asked = Cell::new(0);
    bench.outside.says(move |what, share| {
        asked.set(asked.get() + 1);
        let then = [Word::No, Word::Nothing][asked.get() % 2];
        let word = if share < 10 { Word::Yes } else { then };
        (what == "/watch").then_some(word)
    });
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    assert!(matches!(cause(&ended), Error::CheckFailed(_)), "{ended:?}");
    watchman.content("in turn");
    assert_eq!(bench.serving(), three(V1));
}
