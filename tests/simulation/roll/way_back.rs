//! The way back under trouble, and sweeps that meet it: what is said of traffic is true, and one writer works at a time.

use std::time::Duration;

use kiln::aws::Aws;
use kiln::cloud::{Home, KeyPairName};
use kiln::roll::{NAMELESS, Verdict, work_off_alone};
use kiln::run::{Clock as _, Entry, Journal as _, Leases as _, Lifetime, SERVICE, Silent, Stop};
use kiln::store::Store;
use kiln::sweep::{Sweeping, sweep_journals};
use kiln::undo::Undo;

use super::plain::{rolled_once, three};
use super::retire::waiting;
use super::{V1, V2, expect, holder};
use crate::simulation::cloud::Mishap;

#[tokio::test(start_paused = true)]
async fn a_rollback_that_says_failed_has_moved_nothing() {
    let base = rolled_once().await;
    expect(&base.roll(V2).await, Verdict::Done);
    let mut moved = 0;
    for mishap in [Mishap::Refused, Mishap::Down] {
        for at in 1.. {
            let bench = base.fork().await;
            bench.cloud.plan(at, mishap);
            let back = bench.rollback().await;
            bench.cloud.calm();
            let calls = bench.cloud.calls();
            let Some(call) = calls.get(at - 1) else { break };
            let about = format!("{mishap:?} at call {at}, {call}: {back:?}");
            match back.verdict {
                Verdict::Failed => assert_eq!(bench.serving(), three(V2), "{about}"),
                Verdict::Traffic => moved += 1,
                _ => assert_eq!(bench.serving(), three(V1), "{about}"),
            }
        }
    }
    assert!(moved > 0, "none of the cases met the write");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retired_while_another_holds_the_lease() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(2 * 3600).await;
    let now = bench.cloud.now();
    let sweep = holder(bench.next_run(), now);
    let sweep = async || {
        let (client, store) = (&bench.client, &bench.store);
        let wait = waiting(&bench);
        work_off_alone("web", &sweep, (now, NAMELESS), client, store, &wait).await
    };
    let before = bench.groups();
    let other = holder(bench.next_run(), now);
    let lease = bench.store.take("web", &other).ok().unwrap();
    assert!(sweep().await.is_err());
    assert_eq!(bench.groups(), before);
    drop(lease);
    assert_eq!(sweep().await.unwrap().unwrap().gone, 1);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn the_journal_of_a_roll_is_not_swept_while_another_holds_the_lease() {
    let bench = rolled_once().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let run = bench.next_run();
    let journal = store.begin(run, &bench.cloud).unwrap();
    let name = KeyPairName::new("kiln-lost");
    let entries: [Entry<Undo>; 2] = [
        Entry::Fact {
            key: SERVICE.to_owned(),
            value: "web".into(),
        },
        Entry::Intend {
            slot: 0,
            lifetime: Lifetime::Scratch,
            undo: Undo::DeleteKeyPair { name },
        },
    ];
    for entry in &entries {
        journal.note(entry).unwrap();
    }
    drop(journal);
    let now = bench.cloud.now();
    let on = Sweeping {
        store: &store,
        clock: &bench.cloud,
        events: &Silent,
        stop: Stop::default(),
        holder: holder(bench.next_run(), now),
    };
    let connect = async |_: &Home| -> kiln::cloud::Result<Aws> { Ok(bench.client.clone()) };
    let lease = store
        .take("web", &holder(bench.next_run(), now))
        .ok()
        .unwrap();
    let swept = sweep_journals(&on, connect).await.unwrap();
    assert_eq!((swept.removed.len(), swept.kept.len()), (0, 1), "{swept:?}");
    drop(lease);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let swept = sweep_journals(&on, connect).await.unwrap();
    assert_eq!((swept.removed.len(), swept.kept.len()), (1, 0), "{swept:?}");
}
