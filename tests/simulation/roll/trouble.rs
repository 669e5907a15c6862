//! Trouble at every call and every second of a second roll, and processes that are killed.
//!
//! Each case is a world of its own, forked from one in which `V1` serves.

use kiln::roll::{Ended, Verdict};

use super::invariants::unused_versions;
use super::plain::{nothing_left, rolled_once, three};
use super::{Bench, V1, V2, expect};
use crate::simulation::cloud::Mishap;

/// The calls of a second roll at which trouble is tried: all of them, but for polls between the third and the last of the
/// same question, which find the same state.
async fn points(base: &Bench) -> Vec<usize> {
    let bench = base.fork().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let calls = bench.cloud.calls();
    let mut points = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let earlier = calls[..index].iter().filter(|other| *other == call).count();
        let is_last = !calls[index + 1..].contains(call);
        if earlier < 3 || is_last || !call.starts_with("Describe") {
            points.push(index + 1);
        }
    }
    assert!(points.len() > 40, "a roll is more than {calls:?}");
    points
}

/// Rolls `V2` with trouble at one call. Gives the world and how it ended.
async fn with(base: &Bench, at: usize, mishap: Mishap) -> (Bench, Ended) {
    let bench = base.fork().await;
    let watchman = bench.watched();
    bench.cloud.plan(at, mishap);
    let ended = bench.roll(V2).await;
    bench.cloud.calm();
    watchman.content(&about(&bench, at, mishap));
    (bench, ended)
}

fn about(bench: &Bench, at: usize, mishap: Mishap) -> String {
    let calls = bench.cloud.calls();
    let call = calls.get(at - 1).map_or("?", String::as_str);
    format!("{mishap:?} at call {at}, {call}")
}

/// Whatever happened: one group serves, whole, and a roll afterwards goes through and leaves nothing.
async fn mends(bench: &Bench, ended: &Ended, about: &str) {
    match ended.verdict {
        Verdict::Done => assert_eq!(bench.serving(), three(V2), "{about}"),
        Verdict::CleanUpDue => {}
        Verdict::Failed | Verdict::Stopped => {
            assert_eq!(bench.serving(), three(V1), "{about}: {ended:#?}");
            nothing_left(bench, about);
        }
        other => panic!("{about}: {other:?} {ended:#?}"),
    }
    let again = bench.roll(V2).await;
    let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
    assert!(good, "{about}, then again: {again:#?}");
    assert_eq!(bench.serving(), three(V2), "{about}");
    nothing_left(bench, about);
    let unused = unused_versions(&bench.cloud.world().model);
    assert_eq!(unused, [""; 0], "{about}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    let base = rolled_once().await;
    for at in points(&base).await {
        let (bench, ended) = with(&base, at, Mishap::Refused).await;
        mends(&bench, &ended, &about(&bench, at, Mishap::Refused)).await;
    }
}
