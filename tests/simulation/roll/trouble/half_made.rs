//! What a dead run left half-made, only gone on with (`--resume`), or only taken back (`--abandon`).

use kiln::roll::{Dead, Ended, Request, Verdict, abandon, roll};
use kiln::run::{Silent, Urgency};

use super::super::plain::{nothing_left, rolled_once, three};
use super::super::{Bench, V1, V2, V3, expect};
use super::{about, killed, points};
use crate::simulation::cloud::Mishap;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Resume,
    Abandon,
}

async fn with(bench: &Bench, image: &str, only: Only) -> Ended {
    let run = bench.next_run();
    let client = bench.process(run).await;
    let journal = bench.journals.begin(run);
    let dead = bench.journals.dead(run);
    let dead = dead.iter().map(|(run, due, journal)| Dead {
        run: *run,
        due: due.clone(),
        journal,
    });
    let request = Request {
        dead: dead.collect(),
        resume: only == Only::Resume,
        ..bench.request(image, run)
    };
    let probe = bench.probe();
    let tools = bench.tools(&client, &probe, &journal, &Silent);
    match only {
        Only::Resume => Box::pin(roll(&request, &tools)).await,
        Only::Abandon => Box::pin(abandon(&request, &tools)).await,
    }
}

/// Takes back what a dead run left, and rolls nothing.
pub async fn abandoned(bench: &Bench) -> Ended {
    with(bench, V2, Only::Abandon).await
}

fn is_half_made(bench: &Bench) -> bool {
    bench.groups().iter().any(|(_, _, state)| state == "next")
}

#[track_caller]
fn refused(ended: &Ended) {
    expect(ended, Verdict::Refused);
    assert_eq!(ended.refused[0].finding.code, "roll::nothing_to_resume");
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_it_is_gone_on_with_or_taken_back_as_asked() {
    let base = rolled_once().await;
    let mut half_made = 0;
    for at in points(&base).await.into_iter().step_by(2) {
        let kill = Mishap::KilledAfter;
        let Some(dead) = killed(&base, at, kill).await else {
            panic!("a roll has a call {at}");
        };
        dead.pass(7).await;
        let about = about(&dead, at, kill);
        half_made += usize::from(is_half_made(&dead));
        let bench = dead.fork().await;
        let writes = bench.cloud.writes().len();
        let ended = with(&bench, V2, Only::Resume).await;
        if is_half_made(&dead) {
            expect(&ended, Verdict::Done);
            assert_eq!(bench.serving(), three(V2), "{about}");
            nothing_left(&bench, &about);
        } else {
            refused(&ended);
            assert_eq!(bench.cloud.writes().len(), writes, "{about}");
        }
        let before = dead.serving();
        let watchman = dead.watched_back();
        let ended = with(&dead, V2, Only::Abandon).await;
        watchman.content(&about);
        if ended.verdict == Verdict::Done {
            assert_eq!(dead.serving(), three(V1), "{about}");
            assert!(!is_half_made(&dead), "{about}");
        } else {
            expect(&ended, Verdict::NothingToDo);
            assert_eq!(dead.serving(), before, "{about}");
        }
        refused(&with(&dead, V2, Only::Resume).await);
        expect(&with(&dead, V2, Only::Abandon).await, Verdict::NothingToDo);
    }
    assert!(half_made > 10, "{half_made} rolls were half-made");
}

#[tokio::test(start_paused = true)]
async fn another_image_is_not_gone_on_with() {
    let base = rolled_once().await;
    let points = points(&base).await;
    let at = points[points.len() / 2];
    let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    let ended = with(&bench, V3, Only::Resume).await;
    refused(&ended);
    let help = ended.refused[0].finding.help.clone().unwrap();
    assert!(help.contains("`--abandon` takes it back"), "{help}");
    assert_eq!(bench.serving(), three(V1));
    // Whatever image is asked for, what is half-made goes.
    expect(&with(&bench, V3, Only::Abandon).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "given up");
}

#[tokio::test(start_paused = true)]
async fn trouble_while_it_is_taken_back_is_told_and_the_same_again_ends_it() {
    let base = rolled_once().await;
    let points = points(&base).await;
    let at = points[points.len() * 4 / 5];
    let dead = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    for mishap in [Mishap::Refused, Mishap::Down, Mishap::KilledAfter] {
        for at in (1..).step_by(2) {
            let bench = dead.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let ended = tokio::select! {
                biased;
                () = bench.cloud.killed() => None,
                ended = with(&bench, V2, Only::Abandon) => Some(ended),
            };
            bench.cloud.calm();
            if bench.cloud.calls().len() < at {
                break;
            }
            let about = about(&bench, at, mishap);
            watchman.content(&about);
            if let Some(ended) = ended {
                let is_told = matches!(ended.verdict, Verdict::Done | Verdict::NothingToDo)
                    || ended.failure.is_some()
                    || !ended.left.is_empty();
                assert!(is_told, "{about}: {ended:#?}");
            }
            let again = with(&bench, V2, Only::Abandon).await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}: {again:#?}");
            watchman.content(&about);
            assert_eq!(bench.serving(), three(V1), "{about}");
            nothing_left(&bench, &about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_at_the_most_the_rest_to_the_next_run() {
    let base = rolled_once().await;
    let points = points(&base).await;
    let at = points[points.len() / 2];
    let mut bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    bench.stop.request(Urgency::Ask);
    expect(&with(&bench, V2, Only::Abandon).await, Verdict::Stopped);
    assert_eq!(bench.serving(), three(V1));
    bench.stop_again();
    let again = with(&bench, V2, Only::Abandon).await;
    let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
    assert!(good, "{again:#?}");
    assert!(!is_half_made(&bench));
    nothing_left(&bench, "stopped while it is given up");
}
