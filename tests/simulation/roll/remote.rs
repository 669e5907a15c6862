//! Rolls whose state is in a bucket: what becomes of one that lost its lease, and of one whose agent is gone with its folders.

use std::sync::Arc;

use kiln::cloud::Fence;
use kiln::roll::{Dead, Ended, Request, Tools, Verdict, roll};
use kiln::run::{Holder, Journal, Leases as _, Silent, due};
use kiln::store::{Claim, Remote};
use kiln::undo::Undo;

use super::plain::{nothing_left, three};
use super::{Bench, V1, V2, expect};
use crate::simulation::cloud::Mishap;
use crate::wire::bucket_on_moto::{make_bucket, open};
use crate::wire::moto::Moto;

#[tokio::test(start_paused = true)]
async fn a_roll_that_lost_its_lease_sends_nothing_more_and_the_next_one_goes_on() {
    for action in [
        "CreateLaunchTemplateVersion",
        "CreateRule",
        "CreateAutoScalingGroup",
        "UpdateAutoScalingGroup",
        "ModifyListener",
        "CreateOrUpdateTags",
    ] {
        let bench = Bench::new().await;
        expect(&bench.roll(V1).await, Verdict::Done);
        let watchman = bench.watched();
        let fence = bench.cloud.fence().clone();
        let before = bench.cloud.writes().len();
        bench
            .cloud
            .ahead(action, move |_, _| fence.lose("run 2 has taken it"));
        let ended = bench.roll(V2).await;
        assert_ne!(ended.verdict, Verdict::Done, "{action}");
        let failure = kiln::run::with_causes(&ended.failure.expect(action));
        assert!(
            failure.contains("run 2 has taken it"),
            "{action}: {failure}"
        );
        let writes = bench.cloud.writes().split_off(before);
        assert_eq!(
            writes.last().map(String::as_str),
            Some(action),
            "{writes:?}"
        );
        bench.cloud.fence().open();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content(action);
        assert_eq!(bench.serving(), three(V2), "{action}");
        nothing_left(&bench, action);
    }
}

/// Rolls as an agent without folders does.
async fn on_an_agent(bench: &Bench, moto: &Moto, image: &str) -> Ended {
    let run = bench.next_run();
    let store = Remote::new(Arc::new(open(moto, "prod/").unwrap()), Fence::default());
    let claims = store.claim::<Undo>(Some("web"), &bench.cloud).unwrap();
    let dead: Vec<_> = claims
        .into_iter()
        .map(|claim| match claim {
            Claim::Dead(dead) => *dead,
            Claim::Alive(_) | Claim::Torn(_) => {
                panic!("a bucket has no locks, and nothing is torn")
            }
        })
        .collect();
    let dead = dead.iter().map(|dead| Dead {
        run: dead.run,
        due: due(dead.lines.iter().map(|line| line.entry.clone())),
        journal: dead.journal.as_ref(),
    });
    let journal: Box<dyn Journal<Undo>> = store.begin(run, "web", &bench.cloud);
    let request = Request {
        dead: dead.collect(),
        ..bench.request(image, run)
    };
    let tools = Tools {
        cloud: &bench.client,
        probe: &bench.probe(),
        store: &store,
        clock: &bench.cloud,
        events: &Silent,
        journal: journal.as_ref(),
        stop: bench.stop.clone(),
    };
    Box::pin(roll(&request, &tools)).await
}

#[tokio::test(start_paused = true)]
async fn an_agent_goes_on_where_another_was_wiped() {
    let moto = Moto::start();
    make_bucket(&moto, "eu-central-1");
    let bench = Bench::new().await;
    expect(&on_an_agent(&bench, &moto, V1).await, Verdict::Done);
    for at in [3, 9, 15, 21, 27] {
        let at = bench.cloud.calls().len() + at;
        bench.cloud.plan(at, Mishap::KilledAfter);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            ended = on_an_agent(&bench, &moto, V2) => panic!("{at}: {ended:?}"),
        }
        bench.cloud.calm();
        bench.pass(10).await;
    }
    expect(&on_an_agent(&bench, &moto, V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    let bucket = open(&moto, "prod/").unwrap();
    let left = kiln::cloud::Objects::list(&bucket, "runs/").unwrap();
    assert_eq!(left, [""; 0], "every journal is worked off");
    let store = Remote::new(Arc::new(bucket), Fence::default());
    let due: Vec<kiln::run::Later<Undo>> = kiln::run::LaterLists::read(&store, "web").unwrap();
    assert_eq!(due.len(), 1, "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_agent_is_told_who_rolls() {
    let moto = Moto::start();
    make_bucket(&moto, "eu-central-1");
    let bench = Bench::new().await;
    let store = Remote::new(Arc::new(open(&moto, "prod/").unwrap()), Fence::default());
    let other = Holder {
        run: bench.next_run(),
        ..bench.request(V1, bench.next_run()).holder
    };
    let lease = store.take("web", &other).ok().unwrap();
    let ended = on_an_agent(&bench, &moto, V1).await;
    expect(&ended, Verdict::Busy);
    assert_eq!(ended.holder, Some(other));
    assert_eq!(bench.cloud.writes(), [""; 0]);
    drop(lease);
    expect(&on_an_agent(&bench, &moto, V1).await, Verdict::Done);
}
