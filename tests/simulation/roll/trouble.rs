//! Trouble at every call and every second of a second roll, and processes that are killed.
//!
//! Each case is a world of its own, forked from one in which `V1` serves.

pub mod half_made;
mod inherited;

use std::time::Duration;

use kiln::roll::{Ended, Left, Verdict};
use kiln::run::Urgency;

use super::left_over::unused_versions;
use super::plain::{nothing_left, rolled_once};
use super::{Bench, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// The calls of a second roll at which trouble is tried: all of them, but for polls between the third and the last of the
/// same question, which find the same state.
pub async fn points(base: &Bench) -> Vec<usize> {
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
    assert!(points.len() > 25, "a roll is more than {calls:?}");
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

pub fn about(bench: &Bench, at: usize, mishap: Mishap) -> String {
    let calls = bench.cloud.calls();
    let call = calls.get(at - 1).map_or("?", String::as_str);
    format!("{mishap:?} at call {at}, {call}")
}

/// Whatever happened: one group serves, whole, and nothing is left but what is due.
fn stands(bench: &Bench, ended: &Ended, about: &str) {
    match ended.verdict {
        Verdict::Done => assert_eq!(bench.serving(), bench.all(V2), "{about}"),
        Verdict::Failed | Verdict::Stopped => {
            assert_eq!(bench.serving(), bench.all(V1), "{about}: {ended:#?}");
        }
        Verdict::CleanUpDue => return,
        other => panic!("{about}: {other:?} {ended:#?}"),
    }
    nothing_left(bench, about);
}

/// A roll afterwards goes through and leaves nothing.
pub async fn mends(bench: &Bench, about: &str) {
    let again = bench.roll(V2).await;
    let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
    assert!(good, "{about}, then again: {again:#?}");
    assert_eq!(bench.serving(), bench.all(V2), "{about}");
    nothing_left(bench, about);
    let unused = unused_versions(&bench.cloud.world().model);
    assert_eq!(unused, [""; 0], "{about}");
}

/// Trouble at every call of a roll of `V2`.
pub async fn trouble_everywhere(base: &Bench, mishap: Mishap) {
    for at in points(base).await {
        let (bench, ended) = with(base, at, mishap).await;
        let about = about(&bench, at, mishap);
        stands(&bench, &ended, &about);
        mends(&bench, &about).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    trouble_everywhere(&rolled_once().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_happens_and_is_never_answered_leaves_nothing() {
    trouble_everywhere(&rolled_once().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_once_changes_nothing() {
    let base = rolled_once().await;
    for at in points(&base).await {
        let (bench, ended) = with(&base, at, Mishap::AnswerLost).await;
        stands(&bench, &ended, &about(&bench, at, Mishap::AnswerLost));
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_is_down_at_any_call_leaves_nothing() {
    let base = rolled_once().await;
    for at in points(&base).await {
        let (bench, ended) = with(&base, at, Mishap::Down).await;
        stands(&bench, &ended, &about(&bench, at, Mishap::Down));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_gives_everything_back() {
    stopped_everywhere(&rolled_once().await, 60, 1).await;
}

/// A stop at every so many seconds of a roll of `V2`, which takes longer than `least`.
pub async fn stopped_everywhere(base: &Bench, least: u64, every: usize) {
    for second in (0..).step_by(every) {
        let bench = base.fork().await;
        let watchman = bench.watched();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), stop);
        let about = format!("stopped after {second} s");
        watchman.content(&about);
        stands(&bench, &ended, &about);
        if ended.verdict == Verdict::Done {
            assert!(second > least, "a roll takes longer than {second} s");
            break;
        }
        assert_eq!(ended.verdict, Verdict::Stopped, "{about}: {ended:#?}");
    }
}

/// Kills a roll of `V2` at a call; nothing when it ended before.
pub async fn killed(base: &Bench, at: usize, kill: Mishap) -> Option<Bench> {
    let bench = base.fork().await;
    bench.cloud.plan(at, kill);
    let ended = bench.roll_killed(V2).await;
    bench.cloud.calm();
    ended.is_none().then_some(bench)
}

/// Kills a roll of `V2` at every call; the same command goes on. Gives at how many.
pub async fn killed_in(base: &Bench, kill: Mishap) -> usize {
    killed_and(base, kill, |_, _| ()).await
}

/// The same, and `also` holds behind each.
pub async fn killed_and(base: &Bench, kill: Mishap, also: fn(&Bench, &str)) -> usize {
    killed_at_each(base, (kill, 1), also).await
}

/// The same at every third call, say: of a way that differs little from one that is gone through at each.
pub async fn killed_at_each(
    base: &Bench,
    (kill, every): (Mishap, usize),
    also: fn(&Bench, &str),
) -> usize {
    let mut points = points(base).await;
    points = points.into_iter().step_by(every).collect();
    for at in &points {
        let Some(bench) = killed(base, *at, kill).await else {
            panic!("a roll has a call {at}");
        };
        let about = about(&bench, *at, kill);
        let watchman = bench.watched();
        bench.pass(7).await;
        mends(&bench, &about).await;
        also(&bench, &about);
        watchman.content(&about);
    }
    points.len()
}

/// Kills a roll of `V2` at every so many-th call; a roll of `V3` first takes it back, and `also` holds behind each.
pub async fn killed_for_another(base: &Bench, every: usize, also: fn(&Bench, &str)) {
    for at in points(base).await.into_iter().step_by(every) {
        let Some(bench) = killed(base, at, Mishap::KilledAfter).await else {
            panic!("a roll has a call {at}");
        };
        let about = about(&bench, at, Mishap::KilledAfter);
        // What serves may be the dead run's next group, which is not to stay.
        let watchman = bench.watched_back();
        expect(&bench.roll(V3).await, Verdict::Done);
        watchman.content(&about);
        assert_eq!(bench.serving(), bench.all(V3), "{about}");
        nothing_left(&bench, &about);
        also(&bench, &about);
    }
}

/// Kills the first roll of all, which makes more and whose things a later run may make its own, behind every call that writes;
/// the same roll or one of `V2` goes on, and `also` holds behind each. `watched`: the invariants do too; not where production
/// leads to nothing healthy when it begins.
pub async fn first_killed(base: &Bench, watched: bool, also: fn(&Bench, &str)) {
    let counted = base.fork().await;
    expect(&counted.roll(V1).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let writes = (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe"));
    for at in writes {
        for image in [V1, V2] {
            let bench = base.fork().await;
            bench.cloud.plan(at, Mishap::KilledAfter);
            assert!(bench.roll_killed(V1).await.is_none());
            bench.cloud.calm();
            let about = format!("{image} after {}", about(&bench, at, Mishap::KilledAfter));
            let watchman = watched.then(|| bench.watched_back());
            let again = bench.roll(image).await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}: {again:#?}");
            if let Some(watchman) = watchman {
                watchman.content(&about);
            }
            assert_eq!(bench.serving(), bench.all(image), "{about}");
            nothing_left(&bench, &about);
            also(&bench, &about);
        }
    }
}

/// Kills a rollback from `V2` to `V1` in the same way; the next one finishes it, and `also` holds behind each. `is_led`: whether
/// all of production leads back.
pub async fn killed_back_is_finished(
    base: &Bench,
    is_led: impl Fn(&Bench) -> bool,
    also: fn(&Bench, &str),
) {
    killed_back(base, async |bench, about| {
        let groups = bench.cloud.world().model.view_groups();
        let is_marked = groups.iter().any(|one| one.tags.contains_key("kiln:back"));
        // Nothing was left of one that died behind its last call.
        let wanted = if !is_marked && is_led(bench) {
            Verdict::Failed
        } else {
            Verdict::Done
        };
        let watchman = bench.watched_back();
        let back = Box::pin(bench.rollback()).await;
        assert_eq!(back.verdict, wanted, "{about}: {back:?}");
        watchman.content(about);
        assert_eq!(bench.serving(), bench.all(V1), "{about}");
        also(bench, about);
    })
    .await;
}

/// Kills a rollback at every call that writes, and at the last of each that reads; `after` sees each once it is dead.
pub async fn killed_back(base: &Bench, after: impl AsyncFn(&Bench, &str)) {
    let counted = base.fork().await;
    assert_eq!(Box::pin(counted.rollback()).await.verdict, Verdict::Done);
    let calls = counted.cloud.calls();
    for at in (1..=calls.len()).filter(|at| {
        let call = &calls[at - 1];
        !call.starts_with("Describe") || !calls[*at..].contains(call)
    }) {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        let ended = tokio::select! {
            biased;
            () = bench.cloud.killed() => None,
            ended = Box::pin(bench.rollback()) => Some(ended),
        };
        assert!(ended.is_none(), "{at}: {ended:?}");
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::KilledAfter);
        Box::pin(after(&bench, &about)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    killed_for_another(&rolled_once().await, 3, |_, _| ()).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on() {
    first_killed(&Bench::new().await, true, |_, _| ()).await;
}

/// Whether what was done and what is left are what the verdict says.
pub fn is_told(done: &Left) -> bool {
    match done.verdict {
        Verdict::Done | Verdict::NothingToDo => done.left.is_empty(),
        Verdict::Failed => done.done.is_empty() && !done.left.is_empty(),
        Verdict::CleanUpDue => !done.left.is_empty(),
        _ => false,
    }
}
