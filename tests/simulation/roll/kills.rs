//! A kill before and behind every call of a roll by each strategy, after which the same command goes on: the run leaves
//! nothing twice, and the service is never worse. `make sim` prints at how many calls.

use std::io::Write as _;
use std::time::Instant;

use super::plain::rolled_once;
use super::trouble::killed_and;
use super::{Bench, canary, pair, replace, replace_root, rolling};
use crate::simulation::cloud::Mishap;

#[expect(
    clippy::disallowed_methods,
    reason = "what it takes on the wall is what is printed"
)]
async fn killed_everywhere(strategy: &str, base: Bench, also: fn(&Bench, &str)) {
    let began = Instant::now();
    let before = Box::pin(killed_and(&base, Mishap::KilledBefore, also)).await;
    let behind = Box::pin(killed_and(&base, Mishap::KilledAfter, also)).await;
    // Past the tests' own capture, so that whoever runs them sees it.
    let mut out = std::io::stderr();
    writeln!(
        out,
        "{strategy:>10}: killed before {before} calls and behind {behind}, each gone on with; {:.1} seconds",
        began.elapsed().as_secs_f64()
    )
    .unwrap();
}

/// One target group has all of the traffic.
fn alone(bench: &Bench, about: &str) {
    assert_eq!(canary::weights(bench), [1], "{about}");
}

/// The group is the one that served before, and there is no other.
fn in_place(bench: &Bench, about: &str) {
    assert_eq!(bench.groups(), rolling::one_live(), "{about}");
}

#[tokio::test(start_paused = true)]
async fn a_roll_by_blue_green_is_gone_on_with() {
    killed_everywhere("blue_green", rolled_once().await, alone).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_gone_on_with() {
    killed_everywhere("canary", canary::base().await, alone).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_gone_on_with() {
    killed_everywhere("rolling", rolling::rolling().await, in_place).await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_by_replace_is_gone_on_with() {
    killed_everywhere("replace", replace::replaced().await, |_, _| ()).await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_from_one_group_of_a_pair_to_the_other_is_gone_on_with() {
    killed_everywhere("pair", pair::untouched().await, alone).await;
}

#[tokio::test(start_paused = true)]
async fn another_root_is_gone_on_with() {
    killed_everywhere("replace_root", replace_root::rooted().await, |_, _| ()).await;
}
