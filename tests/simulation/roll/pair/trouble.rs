//! Trouble, stops and kills at every call of a roll of a pair.

use super::super::trouble::{
    killed_for_another, killed_in, stopped_everywhere, trouble_everywhere,
};
use super::super::{BLUE_GREEN, V1};
use super::{CANARY, LATEST, NUMBER, OWN, made_by_others, rolled_once, stay, untouched};
use crate::simulation::cloud::Mishap;

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing() {
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&untouched().await, mishap).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_a_roll_over_a_kept_group_leaves_nothing() {
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&rolled_once().await, mishap).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_gives_everything_back() {
    let base = made_by_others(BLUE_GREEN, V1, LATEST).await;
    stopped_everywhere(&base, 60, 1).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_of_a_canary_the_same_command_goes_on() {
    let base = made_by_others(CANARY, V1, LATEST).await;
    killed_in(&base, Mishap::KilledAfter).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_a_roll_over_a_kept_group_the_same_command_goes_on() {
    killed_in(&rolled_once().await, Mishap::KilledAfter).await;
}

/// With another image what the dead run took is given back first, by its tags alone.
#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    for of in [NUMBER, LATEST, OWN] {
        let base = made_by_others(BLUE_GREEN, V1, of).await;
        killed_for_another(&base, 2, stay).await;
    }
}
