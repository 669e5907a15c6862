//! A spot machine that EC2 takes back in the middle of its bake: said in plain words at once, nothing left, and never an
//! image of a machine that was not whole.

use std::time::Duration;

use jiff::SignedDuration;
use kiln::bake::{Artifact, Verdict, verdict};
use kiln::cloud::{InstanceId, Instances as _};
use kiln::run::{Clock as _, MemoryJournal, Outcome, Silent};
use kiln::undo::Undo;
use localcloud::model::{FaultPlan, Scarcity};
use tokio::time::Instant;

use super::bench::Bench;
use super::launch::{TEMPLATE, late};
use super::machines::Trouble;

/// Takes back all that runs.
fn take_back(bench: &Bench, notice: SignedDuration) {
    let now = bench.cloud.now();
    let mut world = bench.cloud.world();
    for machine in world.model.view_instances() {
        world.interrupt(&machine.id, notice, now);
    }
}

/// Bakes, and has what runs after `second` taken back `notice` later.
async fn interrupted(second: u64, notice: SignedDuration) -> (Bench, Outcome<Artifact, Undo>) {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    let take = async {
        tokio::time::sleep(Duration::from_secs(second)).await;
        take_back(&bench, notice);
        std::future::pending::<()>().await;
    };
    let journal = MemoryJournal::default();
    let outcome = tokio::select! {
        outcome = bench.bake(&journal, &Silent) => outcome.unwrap(),
        () = take => unreachable!(),
    };
    (bench, outcome)
}

fn reason(outcome: &Outcome<Artifact, Undo>) -> String {
    match &outcome.result {
        Ok(_) => String::new(),
        Err(failure) => format!("{}: {}", failure.step, failure.cause),
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_at_any_second_leaves_nothing_or_a_whole_image() {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    let began = Instant::now();
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let (whole, commands) = (began.elapsed().as_secs(), bench.tools.commands().len());
    let mut said = Vec::new();
    for notice in [0, 120] {
        for second in 0..=whole {
            let notice = SignedDuration::from_secs(notice);
            let (bench, outcome) = interrupted(second, notice).await;
            let about = format!("second {second}, notice {notice:?}: {}", reason(&outcome));
            assert!(outcome.left.is_empty(), "{about}: {:?}", outcome.left);
            let remains = bench.remains().await;
            if outcome.result.is_ok() {
                assert_eq!(remains.len(), 2, "image and snapshot: {about}: {remains:?}");
                assert_eq!(bench.tools.commands().len(), commands, "{about}");
            } else {
                assert_eq!(remains, [""; 0], "{about}");
                said.push(reason(&outcome));
            }
        }
    }
    for step in [
        "instance running",
        "connect",
        "wait for cloud-init",
        "provision",
        "clean up the machine",
    ] {
        let taken = |text: &&String| {
            text.starts_with(step) && text.contains("EC2 has taken the spot machine i-")
        };
        assert!(said.iter().any(|text| taken(&text)), "{step}: {said:#?}");
    }
    let image = "image available: ";
    assert!(said.iter().any(|text| text.starts_with(image)), "{said:#?}");
}

/// The connection only falls silent: without a look at the machine the command would be waited for to its end.
#[tokio::test(start_paused = true)]
async fn a_command_on_a_machine_that_is_taken_back_ends_within_seconds() {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    let plan = FaultPlan::default().interruption(SignedDuration::from_secs(12));
    bench.cloud.world().model.inject(plan);
    let began = Instant::now();
    let journal = MemoryJournal::default();
    let bake = bench.bake(&journal, &Silent);
    let outcome = tokio::time::timeout(Duration::from_hours(1), bake).await;
    let outcome = outcome.expect("it ends").unwrap();
    assert_eq!(verdict(&outcome), Verdict::Failed);
    assert!(
        reason(&outcome).contains("has taken"),
        "{}",
        reason(&outcome)
    );
    assert!(
        began.elapsed() < Duration::from_mins(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(bench.remains().await, [""; 0]);
}

/// Bakes where spot was asked for and on-demand has to do (launched after 60 s, see `late`), and ends what runs after
/// `second`, as somebody may. Its provisioning takes longer than a look at the machine is away.
async fn ended_on_demand(second: u64) -> (Bench, Outcome<Artifact, Undo>) {
    let slow = r#""inline": ["true"], "pause_before": "30s""#;
    let text = TEMPLATE.replace(r#""inline": ["true"]"#, slow);
    let bench = Bench::of(&text, late(), None).await;
    let plan = FaultPlan::default().scarce(Scarcity {
        times: 100,
        spot: Some(true),
        ..Scarcity::default()
    });
    bench.cloud.world().model.inject(plan);
    let end = async {
        tokio::time::sleep(Duration::from_secs(second)).await;
        let seer = bench.cloud.observer().await;
        let machines = bench.cloud.world().model.view_instances();
        for machine in machines {
            let id = InstanceId::new(machine.id);
            seer.terminate_instance(&id).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let journal = MemoryJournal::default();
    let bake = tokio::time::timeout(Duration::from_hours(12), bench.bake(&journal, &Silent));
    let outcome = tokio::select! {
        outcome = bake => outcome.unwrap_or_else(|_| panic!("second {second}: it never ends")),
        () = end => unreachable!(),
    };
    (bench, outcome.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_machine_on_demand_that_somebody_ends_after_spot_was_scarce_ends_its_bake() {
    let mut said = Vec::new();
    for second in 60..=110 {
        let (bench, outcome) = ended_on_demand(second).await;
        if outcome.result.is_err() {
            assert_eq!(bench.remains().await, [""; 0], "second {second}");
            said.push(format!("{second}: {}", reason(&outcome)));
        }
    }
    let told = |text: &String| text.contains("provision: ") && text.contains("User initiated");
    assert!(said.iter().any(told), "{said:#?}");
}

/// Whichever way it was launched: that the connection broke is not the reason.
#[tokio::test(start_paused = true)]
async fn a_machine_that_goes_down_by_itself_is_the_reason_and_not_its_connection() {
    let on_demand = TEMPLATE.replace("\"spot_price\": \"auto\",", "").replace(
        "\"spot_instance_types\": [\"t3.small\", \"t3.medium\"],",
        "\"instance_type\": \"t3.small\",",
    );
    for text in [TEMPLATE, &on_demand] {
        let mut said = Vec::new();
        for command in 1..=4 {
            let trouble = Some((command, Trouble::GoesDown));
            let bench = Bench::of(text, late(), trouble).await;
            let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
            let outcome = outcome.unwrap();
            assert_eq!(verdict(&outcome), Verdict::Failed);
            assert_eq!(bench.remains().await, [""; 0]);
            said.push(reason(&outcome));
        }
        for text in &said {
            assert!(
                text.contains("Client.InstanceInitiatedShutdown"),
                "{said:#?}"
            );
        }
    }
}
