//! A spot bake with a role of its own that ends up buying its machine, and one out of a fleet: a failure at every call, a
//! stop at every second, a kill at every call. Nothing is left, in IAM neither.

use super::bench::Bench;
use super::cloud::Mishap;
use super::ordeal::{Dead, Ended, kills, stops, trouble};
use super::{fleet, launch};

/// Two spot machines cannot be had.
async fn bought() -> Bench {
    let bench = Bench::of(launch::TEMPLATE, launch::late(), None).await;
    launch::scarce(&bench, 2);
    bench
}

/// The fleet has one.
async fn from_fleet() -> Bench {
    Bench::of(&fleet::text(), launch::late(), None).await
}

/// Image and snapshot when it went well, else nothing.
async fn check(bench: &Bench, ended: Ended<'_>, about: &str) {
    let left = ended.map(|outcome| outcome.left.len()).unwrap_or_default();
    assert_eq!(left, 0, "{about}");
    let done = ended.is_some_and(|outcome| outcome.result.is_ok());
    let remains = bench.remains().await;
    let kinds: Vec<_> = remains
        .iter()
        .map(|id| id.split('-').next().unwrap())
        .collect();
    let expected: &[&str] = if done { &["ami", "snap"] } else { &[] };
    assert_eq!(kinds, expected, "{about}: {remains:?}");
}

const MISHAPS: [Mishap; 3] = [Mishap::Refused, Mishap::AnswerLost, Mishap::AnswersLost];

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing_or_the_image() {
    trouble(async || bought().await, &MISHAPS, check).await;
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_a_bake_from_a_fleet_leaves_nothing_or_the_image() {
    trouble(async || from_fleet().await, &MISHAPS, check).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_leaves_nothing_or_the_image() {
    stops(async || bought().await, check).await;
}

/// With the journal and without.
async fn swept(dead: Dead) {
    let (remains, about) = (dead.swept().await, &dead.about);
    let ours = remains
        .iter()
        .any(|id| id.contains("kiln") || id.starts_with("lt-"));
    assert!(!ours, "{about}: {remains:?}");
    let image = remains.iter().any(|id| id.starts_with("ami-"));
    assert!(
        remains.is_empty() || image && dead.at > 20,
        "{about}: {remains:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_a_sweep_finds_all_of_it_with_the_journal_and_without() {
    kills(async || bought().await, 25, swept).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_of_a_bake_from_a_fleet_a_sweep_finds_its_launch_template_too() {
    kills(async || from_fleet().await, 25, swept).await;
}
