//! A key pair of a run under a name of the user's: made, used and deleted, and never somebody else's.

use kiln::bake::{Verdict, verdict};
use kiln::cloud::{KeyPairName, Keys as _, Tags};
use kiln::run::{MemoryJournal, Silent, due, settle};
use kiln::undo::{Undo, Unwinder};

use super::bench::{Bench, TEMPLATE, account, remains};
use super::cloud::Mishap;

const NAMED: &str = r#""ssh_username": "admin", "temporary_key_pair_name": "ours""#;

async fn bench() -> Bench {
    let text = TEMPLATE.replace(r#""ssh_username": "admin""#, NAMED);
    Bench::of(&text, account(), None).await
}

/// Somebody has a key pair of that name.
async fn somebody(bench: &Bench) {
    let name = KeyPairName::new("ours");
    let pair = kiln::ssh::keys::generate("somebody").unwrap();
    let tags = Tags::from([("owner".to_owned(), "somebody".to_owned())]);
    let seer = bench.cloud.observer().await;
    seer.import_key_pair(&name, pair.public(), &tags)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused_before_anything_is_made() {
    let bench = bench().await;
    somebody(&bench).await;
    remains(&bench.cloud).await;
    let found = bench.findings(kiln::bake::Options::default()).await;
    assert_eq!(found[0].code, "bake::key_pair");
    assert!(!found[0].labels.is_empty(), "it points at the name");
}

#[tokio::test(start_paused = true)]
async fn a_key_pair_that_somebody_makes_meanwhile_stays_somebodys() {
    let bench = bench().await;
    let plan = bench.plan().await.unwrap();
    somebody(&bench).await;
    let journal = MemoryJournal::default();
    let on = kiln::bake::World {
        cloud: &bench.client,
        tools: &bench.tools,
        clock: &bench.cloud,
    };
    let setup = bench.setup(&journal, &Silent);
    let home = kiln::cloud::Home::default();
    let outcome = kiln::bake::carry_out(&plan, &home, &on, setup).await;
    assert_eq!(verdict(&outcome), Verdict::Failed);
    assert_eq!(bench.remains().await, ["ours"]);
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_no_key_pair_of_that_name() {
    let calm = bench().await;
    let outcome = calm.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let calls = calm.cloud.calls();
    let at = calls.iter().position(|call| call == "ImportKeyPair");
    let at = at.unwrap() + 1;
    for mishap in [Mishap::Refused, Mishap::AnswerLost, Mishap::AnswersLost] {
        let bench = bench().await;
        bench.cloud.plan(at, mishap);
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        let remains = bench.remains().await;
        let done = outcome.unwrap().result.is_ok();
        assert!(
            !remains.contains(&"ours".to_owned()),
            "{mishap:?}: {remains:?}"
        );
        assert_eq!(done, mishap != Mishap::Refused, "{mishap:?}: {remains:?}");
    }
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        let bench = bench().await;
        bench.cloud.plan(at, kill);
        let journal = MemoryJournal::<Undo>::default();
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            _ = bench.bake(&journal, &Silent) => panic!("it dies"),
        }
        bench.cloud.calm();
        let setup = bench.setup(&journal, &Silent);
        let seer = bench.cloud.observer().await;
        let left = settle(due(journal.entries()), &Unwinder::new(&seer), &setup).await;
        assert!(left.is_empty(), "{kill:?}: {left:?}");
        assert_eq!(bench.remains().await, [""; 0], "{kill:?}");
    }
}

/// The run dies with its key pair made; before it is settled, somebody has deleted that and made another of the name.
#[tokio::test(start_paused = true)]
async fn a_key_pair_of_the_name_that_somebody_made_after_a_kill_stays() {
    let calm = bench().await;
    let outcome = calm.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let calls = calm.cloud.calls();
    let at = calls.iter().position(|call| call == "ImportKeyPair");
    let bench = bench().await;
    bench.cloud.plan(at.unwrap() + 2, Mishap::KilledBefore);
    let journal = MemoryJournal::<Undo>::default();
    tokio::select! {
        biased;
        () = bench.cloud.killed() => {}
        _ = bench.bake(&journal, &Silent) => panic!("it dies"),
    }
    bench.cloud.calm();
    let seer = bench.cloud.observer().await;
    let name = KeyPairName::new("ours");
    seer.delete_key_pair(&name).await.unwrap();
    somebody(&bench).await;
    let setup = bench.setup(&journal, &Silent);
    let left = settle(due(journal.entries()), &Unwinder::new(&seer), &setup).await;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(bench.remains().await, ["ours"]);
}
