//! What a dead run left is the next one's from its first moment, also where the journal is lost: a run that goes on with a dead
//! roll takes all of it back when it is stopped before its first step, and leaves none of it when it goes through.

use kiln::roll::Verdict;
use kiln::run::Urgency;

use super::super::plain::{nothing_left, rolled_once};
use super::super::{Bench, V1, V2, V3, canary, expect, pair, replace, rolling};
use super::{about, killed, points};
use crate::simulation::cloud::Mishap;

/// Whether a run that died has left its next group, not proven.
fn is_half_made(bench: &Bench) -> bool {
    let mut groups = bench.groups().into_iter();
    groups.any(|(_, _, state)| state == "next")
}

/// Kills a roll of `V2` behind every second call, loses its journal, and gives each world in which it is half-made.
async fn half_made(base: &Bench) -> Vec<(Bench, String)> {
    let mut found = Vec::new();
    for at in points(base).await.into_iter().step_by(2) {
        let bench = killed(base, at, Mishap::KilledAfter).await.unwrap();
        if is_half_made(&bench) {
            bench.journals.lose();
            let about = about(&bench, at, Mishap::KilledAfter);
            found.push((bench, about));
        }
    }
    assert!(found.len() > 5, "{}", found.len());
    found
}

/// A roll of `image` that is stopped before its first step takes the dead one back.
async fn stopped_at_once(base: Bench, image: &str) {
    for (bench, about) in half_made(&base).await {
        let watchman = bench.watched_back();
        bench.stop.request(Urgency::Ask);
        let ended = bench.roll(image).await;
        assert_eq!(ended.verdict, Verdict::Stopped, "{about}: {ended:#?}");
        watchman.content(&about);
        assert_eq!(bench.serving(), bench.all(V1), "{about}");
        assert!(!is_half_made(&bench), "{about}");
        nothing_left(&bench, &about);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_what_is_gone_on_with() {
    stopped_at_once(rolled_once().await, V2).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_a_canary_that_is_gone_on_with() {
    stopped_at_once(canary::base().await, V2).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_the_group_of_a_pair_that_is_gone_on_with() {
    stopped_at_once(pair::untouched().await, V2).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_a_roll_of_another_image() {
    stopped_at_once(rolled_once().await, V3).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_a_roll_without_a_load_balancer() {
    stopped_at_once(replace::replaced().await, V2).await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_through_without_the_journal_leaves_nothing() {
    for base in [rolled_once().await, canary::base().await] {
        for (bench, about) in half_made(&base).await {
            let watchman = bench.watched();
            expect(&bench.roll(V2).await, Verdict::Done);
            watchman.content(&about);
            assert_eq!(bench.serving(), bench.all(V2), "{about}");
            nothing_left(&bench, &about);
        }
    }
}

/// The refresh of a dead run goes on by itself, and goes back when the run that goes on with it is stopped.
#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_a_refresh_that_is_gone_on_with() {
    let base = rolling::rolling().await;
    let mut refreshed = 0;
    for at in points(&base).await.into_iter().step_by(3) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let is_under_way = rolling::tag(&bench, "kiln:lease:refresh").is_some();
        if !is_under_way {
            continue;
        }
        refreshed += 1;
        bench.journals.lose();
        bench.stop.request(Urgency::Ask);
        let ended = bench.roll(V2).await;
        assert_eq!(ended.verdict, Verdict::Stopped, "{about}: {ended:#?}");
        assert_eq!(bench.serving(), bench.all(V1), "{about}");
        nothing_left(&bench, &about);
    }
    assert!(refreshed > 2, "{refreshed}");
}
