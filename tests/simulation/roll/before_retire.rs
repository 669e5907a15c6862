//! The hook before a kept group goes: who runs it, and who must leave the group alone.

use std::time::Duration;

use kiln::roll::{Decision, NAMELESS, Verdict, work_off_alone};
use kiln::run::Clock as _;
use kiln::template::service::{Command, Hook};

use super::outside::Word;
use super::plain::{nothing_left, rolled_once, three};
use super::retire::{lead, waiting};
use super::trouble::{about, killed, points};
use super::world::holder;
use super::{Bench, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// A service that runs `V2`, whose previous group is kept, and whose file has the hook.
async fn hooked() -> Bench {
    let mut bench = rolled_once().await;
    bench.service.hooks.before_retire = vec![Hook {
        command: Command::Line("farewell".to_owned()),
        timeout: Duration::from_mins(1),
    }];
    expect(&bench.roll(V3).await, Verdict::Done);
    bench
}

fn farewells(bench: &Bench) -> usize {
    let ran = bench.outside.ran.borrow();
    ran.iter().filter(|one| *one == "farewell").count()
}

fn names(bench: &Bench) -> Vec<String> {
    bench.groups().into_iter().map(|(name, ..)| name).collect()
}

#[tokio::test(start_paused = true)]
async fn it_runs_before_the_group_goes_and_knows_its_machines() {
    let bench = hooked().await;
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("there is a plan");
    };
    let text = plan.to_string();
    assert!(
        text.contains("! before a kept group is retired: farewell, at most 60 s\n"),
        "{text}"
    );
    assert_eq!(farewells(&bench), 0);
    bench.pass(3700).await;
    let watchman = bench.watched();
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    watchman.content("retired");
    assert_eq!(farewells(&bench), 1);
    let known = bench.outside.environment.borrow().clone();
    assert_eq!(known["KILN_GROUP"], "web-v001");
    assert_eq!(known["KILN_ADDRESSES"].split(' ').count(), 3);
    assert_eq!(names(&bench), ["web-v002"]);
    nothing_left(&bench, "retired");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_keeps_the_group_until_the_next_run() {
    let bench = hooked().await;
    bench.pass(3700).await;
    bench
        .outside
        .says(|what, _| (what == "farewell").then_some(Word::No));
    expect(&bench.roll(V3).await, Verdict::CleanUpDue);
    assert_eq!(names(&bench), ["web-v001", "web-v002"]);
    // Its target group is needed, and the roll fails with nothing moved.
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(bench.serving(), three(V3));
    bench.outside.says(|_, _| None);
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    assert_eq!(names(&bench), ["web-v002"]);
}

/// Its machines would stop what they do.
#[tokio::test(start_paused = true)]
async fn it_runs_on_no_group_that_somebody_has_led_traffic_back_to() {
    let bench = hooked().await;
    bench.pass(3600).await;
    lead(&bench, &[("web-a", 1)], None);
    bench.pass(100).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    // On the one alone that the next group takes the place of.
    assert_eq!(farewells(&bench), 1);
    let known = bench.outside.environment.borrow().clone();
    assert_eq!(known["KILN_GROUP"], "web-v002");
    assert_eq!(names(&bench), ["web-v001", "web-v003"]);
}

#[tokio::test(start_paused = true)]
async fn who_has_no_file_leaves_the_group_alone_and_says_why() {
    let bench = hooked().await;
    bench.pass(3700).await;
    let sweep = holder(bench.next_run(), bench.cloud.now());
    let by = (bench.cloud.now(), NAMELESS);
    let wait = waiting(&bench);
    let done = work_off_alone("web", &sweep, by, &bench.client, &bench.store, &wait).await;
    let done = done.ok().unwrap().unwrap();
    assert_eq!((done.gone, done.left.len()), (0, 1), "{done:?}");
    assert!(
        done.left[0]
            .reason
            .contains("`kiln roll --finish` with the service file")
    );
    assert_eq!(names(&bench), ["web-v001", "web-v002"]);
    assert_eq!(farewells(&bench), 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_makes_way_has_its_hook_and_a_kill_leaves_nothing() {
    let base = hooked().await;
    let bench = base.fork().await;
    let before = farewells(&base);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("made way");
    assert_eq!(farewells(&bench), before + 1);
    for at in points(&base).await.into_iter().take(45).step_by(3) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content(&about);
        nothing_left(&bench, &about);
    }
}
