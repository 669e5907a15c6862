//! How a machine is come to: with a pause, without waiting for cloud-init, by its private address.

use std::time::Duration;

use kiln::bake::{Verdict, verdict};
use kiln::cloud::{Filter, Instances as _};
use kiln::run::{Entry, MemoryJournal, Silent};
use kiln::template::bake::Ssh;
use tokio::time::Instant;

use super::bench::Bench;

/// A bake with these changes: its steps, and how long it took. Nothing but the image is left.
async fn steps(change: impl FnOnce(&mut Ssh)) -> (Vec<String>, Duration) {
    let mut bench = Bench::new(None).await;
    change(&mut bench.template.builds[0].builder.ssh);
    let journal = MemoryJournal::default();
    let began = Instant::now();
    let outcome = bench.bake(&journal, &Silent).await.unwrap();
    let took = began.elapsed();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    let image = outcome.result.unwrap();
    let left = bench.remains().await;
    assert_eq!(left.len(), 1 + image.images[0].snapshots.len(), "{left:?}");
    let steps = journal
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Step { name } => Some(name),
            _ => None,
        });
    (steps.collect(), took)
}

#[tokio::test(start_paused = true)]
async fn a_pause_begins_when_the_machine_has_let_us_in_and_ends_with_another_connection() {
    let (usual, quick) = steps(|_| {}).await;
    assert!(
        !usual.contains(&"pause before connecting".to_owned()),
        "{usual:?}"
    );
    let pause = Duration::from_mins(2);
    let (paused, slow) = steps(|ssh| ssh.pause_before_connecting = pause).await;
    let at = |name: &str| paused.iter().position(|step| step == name);
    assert!(
        at("connect").is_some() && at("connect") < at("pause before connecting"),
        "{paused:?}"
    );
    assert!(
        at("pause before connecting") < at("connect again"),
        "{paused:?}"
    );
    assert!(slow >= quick + pause, "{slow:?} {quick:?}");
}

#[tokio::test(start_paused = true)]
async fn cloud_init_is_waited_for_unless_it_is_switched_off() {
    let waits = |steps: &[String]| steps.contains(&"wait for cloud-init".to_owned());
    assert!(waits(&steps(|_| {}).await.0));
    assert!(!waits(
        &steps(|ssh| ssh.wait_for_cloud_init = false).await.0
    ));
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_a_public_address_is_come_to_by_its_private_one() {
    let mut bench = Bench::new(None).await;
    bench.template.builds[0]
        .builder
        .instance
        .associate_public_ip_address = Some(false);
    let outcome = bench
        .bake(&MemoryJournal::default(), &Silent)
        .await
        .unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    let looks = bench.cloud.calls();
    let looks = looks
        .iter()
        .filter(|call| *call == "DescribeInstances")
        .count();
    assert!(looks > 3, "a public address may come late: {looks}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_let_us_in_is_asked_as_often_as_allowed() {
    let mut bench = Bench::new(None).await;
    bench.template.builds[0].builder.ssh.handshake_attempts = Some(3);
    bench.tools.denies.set(true);
    let outcome = bench
        .bake(&MemoryJournal::default(), &Silent)
        .await
        .unwrap();
    let failure = crate::provision::chain(&outcome.result.unwrap_err());
    assert!(
        failure.contains("refused 3 times, as `ssh_handshake_attempts` allows"),
        "{failure}"
    );
    assert_eq!(bench.remains().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_has_gone_is_not_waited_for() {
    let bench = Bench::new(None).await;
    bench.tools.denies.set(true);
    let gone = async {
        let seer = bench.cloud.observer().await;
        let running = [Filter::new("instance-state-name", "running")];
        let found = loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(found) = seer.find_instances(&running).await.unwrap().pop() {
                break found;
            }
        };
        tokio::time::sleep(Duration::from_secs(20)).await;
        seer.terminate_instance(&found.id).await.unwrap();
    };
    let (journal, began) = (MemoryJournal::default(), Instant::now());
    let (outcome, ()) = tokio::join!(bench.bake(&journal, &Silent), gone);
    let failure = crate::provision::chain(&outcome.unwrap().result.unwrap_err());
    assert!(began.elapsed() < Duration::from_mins(3), "{failure}");
    assert!(failure.contains("terminated"), "{failure}");
}
