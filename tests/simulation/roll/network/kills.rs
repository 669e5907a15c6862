//! Trouble at every call and every second of a roll behind a network load balancer, and processes that are killed.

use std::io::Write as _;

use super::super::trouble::{
    first_killed, killed_and, killed_for_another, stopped_everywhere, trouble_everywhere,
};
use super::super::{BLUE_GREEN, Bench};
use super::{a_canary, alone, others, rolled_once};
use crate::simulation::cloud::Mishap;

async fn killed_everywhere(what: &str, base: Bench) {
    let before = Box::pin(killed_and(&base, Mishap::KilledBefore, alone)).await;
    let behind = Box::pin(killed_and(&base, Mishap::KilledAfter, alone)).await;
    let mut out = std::io::stderr();
    writeln!(out, "{what:>10} behind a network load balancer: killed before {before} calls and behind {behind}").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_roll_by_blue_green_is_gone_on_with() {
    killed_everywhere("blue_green", rolled_once().await).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_gone_on_with() {
    killed_everywhere("canary", a_canary().await).await;
}

/// The previous group carries no tag of kiln's before, and the second target group is made.
#[tokio::test(start_paused = true)]
async fn a_roll_over_a_group_of_others_is_gone_on_with() {
    killed_everywhere("by hand", others::by_hand().await).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    trouble_everywhere(&rolled_once().await, Mishap::Refused).await;
    trouble_everywhere(&others::by_hand().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_happens_and_is_never_answered_leaves_nothing() {
    trouble_everywhere(&rolled_once().await, Mishap::AnswersLost).await;
    trouble_everywhere(&others::by_hand().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_or_an_api_that_is_down_leaves_nothing() {
    for mishap in [Mishap::AnswerLost, Mishap::Down] {
        trouble_everywhere(&a_canary().await, mishap).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_gives_everything_back() {
    stopped_everywhere(&rolled_once().await, 60, 1).await;
    stopped_everywhere(&a_canary().await, 60, 5).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    killed_for_another(&rolled_once().await, 1, alone).await;
    killed_for_another(&a_canary().await, 3, alone).await;
    killed_for_another(&others::by_hand().await, 3, alone).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on() {
    first_killed(&Bench::network(BLUE_GREEN).await, false, alone).await;
}
