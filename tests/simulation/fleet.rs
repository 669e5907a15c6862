//! A spot machine out of a fleet: which calls are made, what is tried when the fleet has none, and that its launch template
//! goes however the bake ends.

use kiln::bake::{Verdict, verdict};
use kiln::run::{MemoryJournal, Silent};
use localcloud::model::{At, Fault, FaultPlan, Scarcity, Service, Trouble};

use super::bench::Bench;
use super::launch::{TEMPLATE, Warnings, late};

/// EC2 is to choose among two types.
pub fn text() -> String {
    let fleet = r#""spot_price": "auto", "spot_allocation_strategy": "capacity-optimized-prioritized",
        "fleet_tags": { "cost": "build" }, "spot_tags": { "kind": "spot" },"#;
    TEMPLATE.replace(r#""spot_price": "auto","#, fleet)
}

fn scarce(bench: &Bench, spot: bool, instance_type: &str) {
    let plan = FaultPlan::default().scarce(Scarcity {
        times: 1,
        spot: Some(spot),
        instance_type: Some(instance_type.to_owned()),
        zone: None,
    });
    bench.cloud.world().model.inject(plan);
}

#[tokio::test(start_paused = true)]
async fn ec2_chooses_among_the_types_and_the_launch_template_goes_with_the_run() {
    let bench = Bench::of(&text(), late(), None).await;
    scarce(&bench, true, "t3.small");
    let warnings = Warnings::default();
    let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
    let outcome = outcome.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    assert_eq!(warnings.taken(), [""; 0], "the fleet had the other type");
    let (types, tags): (Vec<_>, Vec<_>) = {
        let world = bench.cloud.world();
        let machines = world.model.view_instances().into_iter();
        machines.map(|one| (one.instance_type, one.tags)).unzip()
    };
    assert_eq!(types, ["t3.medium"]);
    assert_eq!(tags[0]["team"], "web", "run_tags, by the launch template");
    let calls = bench.cloud.calls();
    let count = |call: &str| calls.iter().filter(|other| *other == call).count();
    assert_eq!(count("CreateLaunchTemplate"), 1 + 1, "rehearsed and made");
    assert_eq!(count("CreateFleet"), 1 + 1);
    assert_eq!(count("DeleteLaunchTemplate"), 1);
    assert_eq!(bench.remains().await.len(), 2, "image and snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_has_nothing_says_so_for_each_type_and_then_one_is_bought() {
    let bench = Bench::of(&text(), late(), None).await;
    scarce(&bench, true, "t3.small");
    scarce(&bench, true, "t3.medium");
    scarce(&bench, false, "t3.small");
    let warnings = Warnings::default();
    let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let said = warnings.taken();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].starts_with(
            "no machine as spot t3.small, t3.medium: CreateFleet: t3.small: There is no Spot"
        ),
        "{said:#?}"
    );
    assert!(
        said[0].contains("; t3.medium: There is no Spot capacity"),
        "{said:#?}"
    );
    assert!(
        said[1].starts_with("no machine as on-demand t3.small: RunInstances"),
        "{said:#?}"
    );
    assert_eq!(bench.remains().await.len(), 2, "image and snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_cannot_be_leaves_no_launch_template() {
    let bench = Bench::of(&text(), late(), None).await;
    let plan = FaultPlan::default().scarce(Scarcity {
        times: 100,
        ..Scarcity::default()
    });
    bench.cloud.world().model.inject(plan);
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Failed);
    assert_eq!(bench.remains().await, [""; 0]);
}

/// What EC2 says of a profile that it does not know yet.
fn unseen() -> Fault {
    let text = "Value (kiln-x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
    Fault::new("InvalidParameterValue", text)
}

/// An instant fleet that launched nothing answers the same for ever under its token.
#[tokio::test(start_paused = true)]
async fn a_fleet_that_does_not_know_the_role_yet_is_asked_for_anew() {
    let bench = Bench::of(&text(), late(), None).await;
    let plan = FaultPlan::default().launches(4, &unseen());
    bench.cloud.world().model.inject(plan);
    let warnings = Warnings::default();
    let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let said = warnings.taken();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].starts_with("the launch is asked for again: "));
    let calls = bench.cloud.calls();
    let fleets = calls.iter().filter(|call| *call == "CreateFleet").count();
    // One of them is the rehearsal.
    assert_eq!(fleets, 1 + 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_about_one_choice_does_not_keep_a_machine_from_being_bought() {
    for code in ["InvalidFleetConfiguration", "MaxFleetCountExceeded"] {
        let bench = Bench::of(&text(), late(), None).await;
        let odd = Fault::new(code, "It is not supported in the zone.");
        let denied = Fault::new("UnauthorizedOperation", "Not for you.");
        let plan = FaultPlan::default().launches(1, &denied).launches(1, &odd);
        bench.cloud.world().model.inject(plan);
        let warnings = Warnings::default();
        let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
        assert_eq!(verdict(&outcome.unwrap()), Verdict::Done, "{code}");
        let said = warnings.taken();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            said[0].contains("Not for you") && said[0].contains(code),
            "{said:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_may_not_be_made_is_known_before_anything_is() {
    for action in ["CreateLaunchTemplate", "CreateFleet"] {
        let bench = Bench::of(&text(), late(), None).await;
        let denied = Trouble::Before(Fault::new("UnauthorizedOperation", "Not for you."));
        let at = At::Action(Service::Ec2, action.to_owned());
        bench
            .cloud
            .world()
            .model
            .inject(FaultPlan::default().call(at, 1, denied));
        assert!(bench.plan().await.is_none(), "{action}");
        assert_eq!(bench.remains().await, [""; 0], "{action}");
    }
}
