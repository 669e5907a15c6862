//! Alarms that are red when a roll comes behind one that died, or was held.

use kiln::roll::{Decision, Error, Verdict};
use kiln::template::service::OnFail;

use super::super::addressed::Warnings;
use super::super::canary::{base, reaches, weights};
use super::super::plain::{nothing_left, three};
use super::super::{Bench, V1, V2, V3, expect};
use super::{codes, set, watched_by, watching};

/// A roll of `V2` has died before traffic moved, and the alarm is red.
async fn dead_and_red() -> Bench {
    let bench = watching().await;
    tokio::select! {
        biased;
        () = bench.pass(20) => {}
        ended = bench.roll(V2) => panic!("{ended:#?}"),
    }
    set(&bench, "web-5xx", "ALARM");
    bench
}

/// Behind a dead roll that is taken back another image is refused as it would be without.
#[tokio::test(start_paused = true)]
async fn a_roll_that_is_refused_behind_a_dead_one_says_why_with_the_place() {
    let bench = dead_and_red().await;
    let ended = bench.roll(V3).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(codes(&ended), ["roll::alarm_is_red"]);
    assert!(ended.refused[0].finding.help.is_some());
    nothing_left(&bench, "refused behind a dead roll");
}

/// One that died is gone on with under a red alarm, and no traffic moves; by force it does, and that is told.
#[tokio::test(start_paused = true)]
async fn a_roll_that_is_gone_on_with_by_force_tells_of_the_red_alarm_it_goes_over() {
    let bench = dead_and_red().await;
    let resting = bench.fork().await;
    let told = "behind the beginning of this roll: too many";
    let Some(Decision::Roll(plan)) = resting.plan(V2).await.decision else {
        panic!("it goes on");
    };
    assert!(plan.to_string().contains(told), "{plan}");
    let ended = resting.roll(V2).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(resting.serving(), three(V1));
    let warnings = Warnings::default();
    let ended = bench.roll_by(V2, Some("a test pages"), &warnings).await;
    expect(&ended, Verdict::Done);
    let said = warnings.said();
    let [said] = said.as_slice() else {
        panic!("{said:?}");
    };
    let why = "by force (a test pages): alarm web-5xx has been red since ";
    assert!(said.starts_with(why) && said.ends_with(told), "{said}");
    assert_eq!(bench.serving(), three(V2));
}

/// A share of the traffic is the next version's by then, and so may the alarm be: it is the watch's to judge.
#[tokio::test(start_paused = true)]
async fn a_dead_canary_whose_alarm_is_red_ends_as_one_that_lives() {
    for then in [OnFail::Hold, OnFail::Rollback] {
        let mut bench = watched_by(base().await);
        bench.service.checks.on_fail = then;
        tokio::select! {
            biased;
            () = reaches(&bench, 10) => {}
            ended = bench.roll(V2) => panic!("{ended:#?}"),
        }
        set(&bench, "web-5xx", "ALARM");
        let ended = bench.roll(V2).await;
        if then == OnFail::Hold {
            expect(&ended, Verdict::Traffic);
            let failure = ended.failure.as_ref().unwrap();
            let is_held = matches!(failure.error::<Error>(), Some(Error::Held(_)));
            assert!(is_held, "{ended:#?}");
            assert_eq!(weights(&bench), [90, 10]);
        } else {
            expect(&ended, Verdict::Rejected);
            assert_eq!(bench.serving(), three(V1));
            nothing_left(&bench, "a dead canary under a red alarm");
        }
    }
}
