//! The strategy `replace_root`: a group of one machine, which stays and gets another root.

mod back;
mod refused;

use std::time::Duration;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use kiln::template::service::{Command, Hook};
use kiln::undo::lease::Leased;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, RootFailure};
use serde_json::json;

use super::outside::Word;
use super::plain::nothing_left;
use super::trouble::{about, killed, points, stopped_everywhere, trouble_everywhere};
use super::{Bench, V1, V2, V3, expect, quick, text};
use crate::simulation::cloud::Mishap;

const ROOT: &str = r#"{ "type": "replace_root", "keep_snapshots": "48h" }"#;

/// One machine of `V1` with a data volume, without a load balancer.
pub async fn rooted() -> Bench {
    let bench = Bench::single(ROOT).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let zone = bench.cloud.world().model.view_instances()[0].zone.clone();
    let made = json!({ "AvailabilityZone": zone, "Size": 5 });
    let made = bench.meanwhile(Api::Ec2, "CreateVolume", &made);
    bench.pass(60).await;
    let data = json!({ "VolumeId": text(&made, "volumeId"), "InstanceId": machine(&bench), "Device": "/dev/sdf" });
    bench.meanwhile(Api::Ec2, "AttachVolume", &data);
    bench.pass(60).await;
    bench
}

/// The one machine of the group.
fn machine(bench: &Bench) -> String {
    let groups = bench.cloud.world().model.view_groups();
    let [one] = groups[0].members.as_slice() else {
        panic!("{:?}", groups[0].members);
    };
    one.instance.clone()
}

/// Its volumes, and those on no machine.
pub fn volumes(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let volumes = bench.cloud.world().model.view_volumes();
    let (on, off): (Vec<_>, Vec<_>) = volumes.into_iter().partition(|one| one.instance.is_some());
    let ids = |all: Vec<localcloud::model::view::VolumeView>| {
        all.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    (ids(on), ids(off))
}

fn tag(bench: &Bench, key: &str) -> Option<String> {
    let groups = bench.cloud.world().model.view_groups();
    groups[0].tags.get(key).cloned()
}

/// Nothing of a roll is left on the machine, its group and its template.
fn as_before(bench: &Bench, was: &(String, Vec<String>), about: &str) {
    assert_eq!(bench.serving(), bench.all(V1), "{about}");
    assert_eq!((machine(bench), volumes(bench).0), *was, "{about}");
    assert_eq!(volumes(bench).1, [""; 0], "{about}");
    let version = bench.cloud.world().model.view_groups()[0].template.clone();
    assert_eq!(version.unwrap().1, "1", "{about}");
    nothing_left(bench, about);
}

fn hook(line: &str) -> Vec<Hook> {
    vec![Hook {
        command: Command::Line(line.to_owned()),
        timeout: Duration::from_mins(1),
    }]
}

fn calls(bench: &Bench, from: usize, name: &str) -> usize {
    let calls = bench.cloud.writes().split_off(from);
    calls.iter().filter(|call| *call == name).count()
}

#[tokio::test(start_paused = true)]
async fn the_machine_stays_with_its_volumes_and_gets_another_root() {
    let mut bench = rooted().await;
    bench.service.hooks.before_swap = hook("stop");
    bench.outside.says(|_, _| Some(Word::Yes));
    let (was, before) = (machine(&bench), volumes(&bench).0);
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    insta::assert_snapshot!(plan.to_string());
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("another root");
    assert_eq!(bench.serving(), bench.all(V2));
    assert_eq!(machine(&bench), was);
    assert_eq!(*bench.outside.ran.borrow(), ["stop"]);
    let (on, off) = volumes(&bench);
    assert_eq!(
        on.iter().filter(|id| before.contains(id)).count(),
        1,
        "data"
    );
    assert_eq!(
        off.iter().filter(|id| before.contains(id)).count(),
        1,
        "root"
    );
    assert_eq!(bench.cloud.world().model.view_snapshots().len(), 1);
    let version = bench.cloud.world().model.view_groups()[0].template.clone();
    assert_eq!(version.unwrap().1, "2", "what the group starts next");
    assert_eq!(tag(&bench, "kiln:image").as_deref(), Some(V2));
    nothing_left(&bench, "another root");
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(volumes(&bench).1, off, "kept");
    bench.pass(3601).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(
        volumes(&bench),
        (on, Vec::new()),
        "the old root's time is up"
    );
    assert_eq!(bench.cloud.world().model.view_snapshots().len(), 1);
    bench.pass(48 * 3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(bench.cloud.world().model.view_snapshots().len(), 0);
    assert_eq!(bench.store.due().len(), 0);
}

/// Nobody but EC2's checks says so, and Auto Scaling must not act on them.
#[tokio::test(start_paused = true)]
async fn an_image_that_does_not_boot_gives_the_old_root_back() {
    let bench = rooted().await;
    let was = (machine(&bench), volumes(&bench).0);
    let broken = Behaviour {
        boot_failure: Some("no init found".to_owned()),
        console_tail: "Kernel panic".to_owned(),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    watchman.content("does not boot");
    as_before(&bench, &was, "does not boot");
    assert_eq!(bench.cloud.world().model.view_snapshots().len(), 1, "kept");
    bench.pass(3600).await;
    assert_eq!(machine(&bench), was.0, "Auto Scaling has not replaced it");
    let again = bench.roll(V2).await;
    assert_eq!(again.refused[0].finding.code, "roll::quarantined");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), bench.all(V3));
}

/// What EC2 says right after the restart is of before it.
#[tokio::test(start_paused = true)]
async fn health_of_before_the_restart_does_not_count() {
    let mut bench = rooted().await;
    bench.service.checks.after = Vec::new();
    let slow = Behaviour {
        boot: localcloud::physics::Spread::seconds(70, 70),
        boot_failure: Some("no init found".to_owned()),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, slow);
    expect(&bench.roll(V2).await, Verdict::Rejected);
    assert_eq!(bench.serving(), bench.all(V1));
}

/// The replacement is over, and the machine reads as before it.
#[tokio::test(start_paused = true)]
async fn a_machine_that_reads_as_it_was_is_no_root_that_did_not_come() {
    let bench = rooted().await;
    bench.cloud.remember();
    let (cloud, before) = (bench.cloud.clone(), volumes(&bench).0);
    let mut stale = 0;
    bench.cloud.ordain(move |call| {
        let volumes = cloud.world().model.view_volumes();
        let mut off = volumes.iter().filter(|one| one.instance.is_none());
        let is_over = off.any(|one| before.contains(&one.id));
        let is_read = is_over && call.action == "DescribeInstances" && stale < 2;
        stale += usize::from(is_read);
        is_read.then_some(Mishap::Stale(Duration::from_secs(29)))
    });
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), bench.all(V2));
}

#[tokio::test(start_paused = true)]
async fn a_root_that_does_not_come_is_no_fault_of_the_image() {
    for detached in [false, true] {
        let bench = rooted().await;
        let was = (machine(&bench), volumes(&bench).0);
        let lost = Behaviour {
            root_failure: Some(RootFailure {
                reason: "internal error".to_owned(),
                detached,
            }),
            ..quick()
        };
        bench.cloud.world().physics.set_behaviour(V2, lost);
        let watchman = bench.watched();
        let before = bench.cloud.writes().len();
        expect(&bench.roll(V2).await, Verdict::Failed);
        let about = format!("detached: {detached}");
        watchman.content(&about);
        as_before(&bench, &was, &about);
        assert_eq!(
            calls(&bench, before, "StopInstances"),
            usize::from(detached)
        );
        bench.cloud.world().physics.set_behaviour(V2, quick());
        expect(&bench.roll(V2).await, Verdict::Done);
        assert_eq!(bench.serving(), bench.all(V2), "{about}");
    }
}

/// Nor does EC2 put an unencrypted root in the place of an encrypted one.
#[tokio::test(start_paused = true)]
async fn an_old_root_that_ec2_does_not_put_back_is_put_on_by_hand() {
    let bench = rooted().await;
    let was = (machine(&bench), volumes(&bench).0);
    let broken = Behaviour {
        boot_failure: Some("no init found".to_owned()),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let mut begun = 0;
    bench.cloud.ordain(move |call| {
        begun += usize::from(call.action == "CreateReplaceRootVolumeTask");
        // The first is a rehearsal.
        let is_back = begun > 2 && call.action == "CreateReplaceRootVolumeTask";
        is_back.then_some(Mishap::Refused)
    });
    let before = bench.cloud.writes().len();
    expect(&bench.roll(V2).await, Verdict::Rejected);
    as_before(&bench, &was, "by hand");
    assert_eq!(calls(&bench, before, "AttachVolume"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_command_has_stopped_is_started_again() {
    let mut bench = rooted().await;
    bench.service.hooks.before_swap = hook("stop");
    bench.outside.says(|_, _| Some(Word::No));
    let was = (machine(&bench), volumes(&bench).0);
    let before = bench.cloud.writes().len();
    expect(&bench.roll(V2).await, Verdict::Failed);
    as_before(&bench, &was, "stopped");
    assert_eq!(calls(&bench, before, "RebootInstances"), 1);
    assert_eq!(calls(&bench, before, "CreateReplaceRootVolumeTask"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_gives_the_old_root_back() {
    let mut bench = rooted().await;
    let was = (machine(&bench), volumes(&bench).0);
    let check = |line: &str| kiln::template::service::Check {
        kind: kiln::template::service::CheckKind::Command(Command::Line(line.to_owned())),
        times: 1,
        timeout: Duration::from_secs(30),
        place: None,
    };
    bench.service.checks.after = vec![check("answers")];
    bench.outside.says(|_, _| Some(Word::No));
    let watchman = bench.watched();
    let before = bench.cloud.writes().len();
    expect(&bench.roll(V2).await, Verdict::Rejected);
    watchman.content("check");
    as_before(&bench, &was, "check");
    assert_eq!(calls(&bench, before, "CreateReplaceRootVolumeTask"), 2);
}

#[tokio::test(start_paused = true)]
async fn processes_go_on_only_when_the_machine_is_well() {
    let bench = rooted().await;
    let at = last(&bench, "CreateReplaceRootVolumeTask").await;
    let bench = killed(&bench, at, Mishap::KilledAfter).await.unwrap();
    let before = bench.cloud.writes().len();
    let (name, what) = (kiln::cloud::GroupName::new("web-v001"), Leased::Processes);
    let released = kiln::undo::lease::release(&bench.client, &name, what, None).await;
    assert!(released.is_err());
    assert_eq!(calls(&bench, before, "ResumeProcesses"), 0);
    let broken = Behaviour {
        boot_failure: Some("no init found".to_owned()),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    bench.pass(3600).await;
    assert_eq!(
        bench.groups(),
        [("web-v001".to_owned(), 1, "live".to_owned())]
    );
    let id = machine(&bench);
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(machine(&bench), id);
    assert_eq!(bench.serving(), bench.all(V3));
}

/// The last call of a name in a roll of `V2`, behind its rehearsal, counted from one.
async fn last(base: &Bench, name: &str) -> usize {
    let bench = base.fork().await;
    let before = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    let calls = bench.cloud.calls();
    calls.iter().rposition(|call| call == name).unwrap() + 1 - before
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    trouble_everywhere(&rooted().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_happens_and_is_never_answered_leaves_nothing() {
    trouble_everywhere(&rooted().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_time_gives_everything_back() {
    stopped_everywhere(&rooted().await, 60, 7).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_brings_the_old_root_back() {
    let base = rooted().await;
    for at in points(&base).await.into_iter().step_by(2) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched();
        bench.pass(120).await;
        expect(&bench.roll(V3).await, Verdict::Done);
        watchman.content(&about);
        assert_eq!(bench.serving(), bench.all(V3), "{about}");
        nothing_left(&bench, &about);
    }
}

/// A machine, its root and its snapshots are made once, whenever a run died.
#[tokio::test(start_paused = true)]
async fn a_run_that_died_is_gone_on_with_and_does_nothing_twice() {
    let mut base = rooted().await;
    base.service.hooks.before_swap = hook("stop");
    base.outside.says(|_, _| Some(Word::Yes));
    let id = machine(&base);
    for at in points(&base).await {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        bench.pass(7).await;
        let again = bench.roll(V2).await;
        let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
        assert!(good, "{about}: {again:#?}");
        assert_eq!(machine(&bench), id, "{about}");
        assert_eq!(
            bench.cloud.world().model.view_snapshots().len(),
            1,
            "{about}"
        );
        assert_eq!(
            calls(&bench, 0, "CreateReplaceRootVolumeTask"),
            1,
            "{about}"
        );
        let (on, off) = volumes(&bench);
        assert_eq!((on.len(), off.len()), (2, 1), "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_keeps_for_a_while_is_told_when_kiln_leaves() {
    let bench = rooted().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let shown = bench.farewell().await.to_string();
    let told = "stays, and is deleted by nobody: ";
    assert!(shown.contains(told), "{shown}");
    let done = bench.leave().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
}

async fn stand(bench: &Bench) -> kiln::roll::Status {
    let now = bench.cloud.now();
    status(&bench.client, "web", now).await.unwrap()
}
