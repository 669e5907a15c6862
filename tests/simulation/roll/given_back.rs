//! Rolls that replace machines in place and do not come to their end: held, killed or kept from going back.

mod left;

use std::time::Duration;

use kiln::roll::{Error, Verdict, clear_hold, status};
use kiln::run::Clock as _;
use kiln::template::Late;
use kiln::template::service::{Check, CheckKind, Command, HttpCheck, OnFail};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::left_over::unused_versions;
use super::outside::Word;
use super::plain::{nothing_left, three};
use super::rolling::rolling;
use super::trouble::{about, killed, points};
use super::{Bench, V1, V2, expect, quick};
use crate::simulation::cloud::Mishap;

fn command(line: &str) -> Check {
    check(CheckKind::Command(Command::Line(line.to_owned())))
}

fn http(path: &str) -> Check {
    check(CheckKind::Http(Box::new(HttpCheck {
        host: None,
        path: Late::fixed(path),
        status: vec![200],
        body: None,
        header: Vec::new(),
        latency: None,
    })))
}

fn check(kind: CheckKind) -> Check {
    Check {
        kind,
        times: 2,
        timeout: Duration::from_secs(30),
        place: None,
    }
}

/// How many machines were ever started from `V2`.
fn started(bench: &Bench) -> usize {
    let instances = bench.cloud.world().model.view_instances();
    instances.iter().filter(|one| one.image == V2).count()
}

fn mixed(bench: &Bench) -> bool {
    bench.serving().len() == 2
}

#[tokio::test(start_paused = true)]
async fn watches_are_alive_from_the_start_of_the_refresh() {
    for watch in [command("watch"), http("/watch")] {
        let mut bench = rolling().await;
        bench.service.checks.watch = vec![watch];
        bench
            .outside
            .says(|what, _| what.ends_with("watch").then_some(Word::No));
        let watchman = bench.watched();
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::Rejected);
        watchman.content("a watch in place");
        assert!(started(&bench) < 3, "{} were replaced", started(&bench));
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "a watch in place");
    }
}

/// While both versions answer the old one cannot say what only the new one knows.
#[tokio::test(start_paused = true)]
async fn an_http_watch_that_names_the_image_is_asked_when_all_are_replaced() {
    let mut bench = rolling().await;
    bench.service.checks.watch = bench.service.checks.before.clone();
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a watch that names the image");
    assert_eq!(bench.serving(), three(V2));
}

/// A refresh that is held five minutes after the first machine of `V2` serves, when some are replaced and some are not.
async fn held() -> Bench {
    held_on(rolling().await).await
}

async fn held_on(mut bench: Bench) -> Bench {
    bench.service.checks.watch = vec![Check {
        times: 40,
        ..command("watch")
    }];
    bench.service.checks.on_fail = OnFail::Hold;
    bench.outside.says(|what, share| {
        let word = if share == 0 { Word::Yes } else { Word::No };
        (what == "watch").then_some(word)
    });
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    let failure = ended.failure.unwrap();
    assert!(
        matches!(failure.error(), Some(Error::Held(_))),
        "{failure:?}"
    );
    bench
}

/// The same, once the group is as large as it is to be.
async fn stopped() -> Bench {
    let bench = held().await;
    bench.pass(120).await;
    assert!(mixed(&bench), "{:?}", bench.serving());
    bench
}

#[tokio::test(start_paused = true)]
async fn a_held_refresh_stops_where_it_is_and_the_same_roll_goes_on() {
    let bench = stopped().await;
    let watchman = bench.watched_back();
    bench.pass(3 * 3600).await;
    assert!(mixed(&bench), "{:?}", bench.serving());
    bench.outside.says(|_, _| None);
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("held, then gone on with");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "held, then gone on with");
    // While it still stops, the roll waits for that.
    let bench = held().await;
    bench.outside.says(|_, _| None);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

/// What a rollback of a roll that did not go through comes to.
async fn given_back(bench: &Bench, about: &str) {
    assert_eq!(bench.serving(), three(V1), "{about}");
    nothing_left(bench, about);
    let unused = unused_versions(&bench.cloud.world().model);
    assert_eq!(unused, [""; 0], "{about}");
    expect(&bench.roll(V2).await, Verdict::Frozen);
    clear_hold(&bench.client, "web").await.unwrap();
    let again = bench.roll(V2).await;
    assert_eq!(again.refused[0].finding.code, "roll::quarantined");
}

#[tokio::test(start_paused = true)]
async fn a_held_refresh_is_given_back_by_a_rollback() {
    let bench = stopped().await;
    let stand = status(&bench.client, "web", bench.cloud.now()).await;
    let stand = stand.unwrap();
    assert_eq!(stand.rollback_refreshes_to, Some(1), "{stand}");
    assert_eq!(stand.rollback_not_ready, [""; 0]);
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(back.image.unwrap().as_str(), V2);
    watchman.content("held, then rolled back");
    given_back(&bench, "held, then rolled back").await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_whose_run_was_killed_is_given_back_by_a_rollback() {
    let base = rolling().await;
    let mut given = 0;
    for at in points(&base).await.into_iter().step_by(2) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched_back();
        bench.pass(20).await;
        let noted = tag(&bench, "kiln:lease:refresh").is_some();
        let back = bench.rollback().await;
        watchman.content(&about);
        if back.verdict == Verdict::Done {
            given += 1;
            assert_eq!(bench.serving(), three(V1), "{about}");
            nothing_left(&bench, &about);
        } else {
            assert_eq!(back.verdict, Verdict::Failed, "{about}: {back:?}");
            assert!(!noted, "{about}: {back:?}");
        }
    }
    assert!(given > 5, "{given}");
}

fn tag(bench: &Bench, key: &str) -> Option<String> {
    let groups = bench.cloud.world().model.view_groups();
    groups[0].tags.get(key).cloned()
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_is_killed_is_gone_on_with_by_the_next_rollback() {
    let base = stopped().await;
    let counted = base.fork().await;
    assert_eq!(counted.rollback().await.verdict, Verdict::Done);
    let calls = counted.cloud.calls();
    let mut kills = 0;
    for at in (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe")) {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => kills += 1,
            // One look less, and the call is never made.
            _ = bench.rollback() => continue,
        }
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched_back();
        let again = bench.rollback().await;
        // The last write was the end of it.
        let is_over = !calls[at..].iter().any(|call| !call.starts_with("Describe"));
        assert!(
            again.verdict == Verdict::Done || is_over,
            "{about}: {again:?}"
        );
        watchman.content(&about);
        given_back(&bench, &about).await;
    }
    assert!(kills > 6, "{kills}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_may_not_go_back_needs_a_person_and_loses_no_evidence() {
    let bench = rolling().await;
    let broken = Behaviour {
        service: Answers::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    bench.cloud.deny("RollbackInstanceRefresh");
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    assert_eq!(ended.left.len(), 2, "refresh and version: {ended:?}");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Traffic, "{back:?}");
    // Its rights are mended.
    let bench = bench.fork().await;
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rights mended");
    given_back(&bench, "rights mended").await;
}

/// Somebody has deleted the version under a refresh: what its machines run is no less the run's.
#[tokio::test(start_paused = true)]
async fn a_refresh_whose_version_is_gone_is_given_back_all_the_same() {
    let bench = held().await;
    let template = bench.cloud.world().model.view_templates()[0].id.clone();
    let version = json!({"LaunchTemplateId": template, "LaunchTemplateVersion": ["2"]});
    bench.meanwhile(Api::Ec2, "DeleteLaunchTemplateVersions", &version);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    given_back(&bench, "the version is gone").await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_back_that_somebody_cancels_needs_a_person() {
    let bench = rolling().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let cancel = async {
        tokio::time::sleep(Duration::from_mins(5)).await;
        let group = json!({"AutoScalingGroupName": "web-v001"});
        bench.meanwhile(Api::AutoScaling, "CancelInstanceRefresh", &group);
    };
    let (back, ()) = tokio::join!(bench.rollback(), cancel);
    assert_eq!(back.verdict, Verdict::Traffic, "{back:?}");
    assert!(mixed(&bench), "{:?}", bench.serving());
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "cancelled, then again");
}
