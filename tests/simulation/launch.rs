//! Getting the build machine: a role that EC2 learns of late, spot machines that cannot be had, and what is bought instead.

use std::cell::{Cell, RefCell};

use kiln::bake::{Options, Verdict, look_up, verdict};
use kiln::cloud::Instances as _;
use kiln::run::{Event, Events, MemoryJournal, Silent};
use localcloud::model::{Config, Fault, FaultPlan, Scarcity};

use super::bench::{Bench, account};

/// A role of its own, and spot machines of two types before any is bought.
pub const TEMPLATE: &str = r#"{
  "builders": [{
    "type": "amazon-ebs",
    "ami_name": "web-1.4.2",
    "spot_price": "auto",
    "spot_instance_types": ["t3.small", "t3.medium"],
    "source_ami": "ami-0000000000000002",
    "temporary_iam_instance_profile_policy_document": {
      "Statement": [{ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"] }]
    },
    "ssh_username": "admin",
    "run_tags": { "team": "web" }
  }],
  "provisioners": [{ "type": "shell", "inline": ["true"] }]
}"#;

/// EC2 learns of profiles late.
pub fn late() -> Config {
    Config {
        late_profiles: 60,
        seed: 11,
        ..account()
    }
}

/// The next launches are refused for want of capacity.
pub fn scarce(bench: &Bench, times: u32) {
    let fault = Fault::insufficient_capacity("t3.small", "us-east-1a");
    let plan = FaultPlan::default().launches(times, &fault);
    bench.cloud.world().model.inject(plan);
}

/// Keeps warnings.
#[derive(Default)]
pub struct Warnings(RefCell<Vec<String>>);

impl Warnings {
    pub fn taken(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

impl Events for Warnings {
    fn emit(&self, event: Event) {
        if let Event::Warning { text } = event {
            self.0.borrow_mut().push(text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_spot_type_is_tried_then_one_is_bought_and_every_refusal_is_shown() {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    scarce(&bench, 3);
    let warnings = Warnings::default();
    let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
    let outcome = outcome.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    let said: Vec<_> = warnings
        .0
        .borrow()
        .iter()
        .filter_map(|text| Some(text.split_once(": ")?.0.to_owned()))
        .collect();
    assert_eq!(
        said,
        [
            "no machine as spot t3.small",
            "no machine as spot t3.medium",
            "no machine as on-demand t3.small"
        ]
    );
}

/// EC2 answers "`InsufficientInstanceCapacity`" as a server's error, which the SDK would send again ten times.
#[tokio::test(start_paused = true)]
async fn a_refusal_for_want_of_capacity_is_not_asked_again() {
    let mut launches = Vec::new();
    for refused in [0, 3] {
        let bench = Bench::of(TEMPLATE, account(), None).await;
        scarce(&bench, refused);
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
        let calls = bench.cloud.calls();
        launches.push(calls.iter().filter(|call| *call == "RunInstances").count());
    }
    assert_eq!(launches[1], launches[0] + 3);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_be_had_all_of_it_is_said_and_nothing_is_left() {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    scarce(&bench, 100);
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    let outcome = outcome.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Failed);
    let failure = outcome.result.unwrap_err();
    let error = failure.error::<kiln::bake::Error>().unwrap();
    let text = error.to_string();
    for way in [
        "spot t3.small",
        "spot t3.medium",
        "on-demand t3.small",
        "on-demand t3.medium",
    ] {
        assert!(text.contains(way), "{text}");
    }
    assert!(error.finding().is_some(), "it points at the type");
    assert_eq!(bench.remains().await, [""; 0]);
}

/// Types before subnets, and spot machines before those that are bought; a zone that has none is passed over.
#[tokio::test(start_paused = true)]
async fn types_and_subnets_are_tried_in_the_order_given() {
    let bench = Bench::of(TEMPLATE, account(), None).await;
    let subnets: Vec<_> = {
        let world = bench.cloud.world();
        world.model.view_subnets()
    };
    let listed: Vec<_> = [&subnets[2], &subnets[0]]
        .map(|one| format!("\"{}\"", one.id))
        .into();
    let text = TEMPLATE.replace(
        r#""source_ami""#,
        &format!(r#""subnet_ids": [{}], "source_ami""#, listed.join(", ")),
    );
    let bench = Bench::of(&text, account(), None).await;
    let lacks = |spot: bool, kind: Option<&str>, zone: Option<&str>| Scarcity {
        times: 100,
        spot: Some(spot),
        instance_type: kind.map(str::to_owned),
        zone: zone.map(str::to_owned),
    };
    let plan = FaultPlan::default()
        .scarce(lacks(true, None, None))
        .scarce(lacks(false, Some("t3.small"), None))
        .scarce(lacks(false, None, Some(&subnets[2].zone)));
    bench.cloud.world().model.inject(plan);
    let warnings = Warnings::default();
    let outcome = bench.bake(&MemoryJournal::default(), &warnings).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let place = |at: usize| &subnets[at].id;
    let way = |market: &str, kind: &str, at: usize| {
        format!("no machine as {market} {kind} in {}", place(at))
    };
    let said: Vec<_> = warnings
        .taken()
        .iter()
        .map(|text| text.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        said,
        [
            way("spot", "t3.small", 2),
            way("spot", "t3.small", 0),
            way("spot", "t3.medium", 2),
            way("spot", "t3.medium", 0),
            way("on-demand", "t3.small", 2),
            way("on-demand", "t3.small", 0),
            way("on-demand", "t3.medium", 2),
        ]
    );
    let world = bench.cloud.world();
    let machine = &world.model.view_instances()[0];
    assert_eq!(
        (&*machine.instance_type, &machine.subnet),
        ("t3.medium", place(0))
    );
}

#[tokio::test(start_paused = true)]
async fn a_price_of_ones_own_buys_nothing_dearer() {
    let text = TEMPLATE.replace("\"auto\"", "\"0.01\"");
    let bench = Bench::of(&text, late(), None).await;
    let plan = bench.plan().await.unwrap();
    assert!(plan.attempts.iter().all(|attempt| attempt.spot.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_spot_machine_has_its_role_and_is_not_stopped() {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let calls = bench.cloud.calls();
    assert!(!calls.contains(&"StopInstances".to_owned()), "{calls:?}");
    for call in [
        "CreateRole",
        "PutRolePolicy",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
    ] {
        assert!(calls.contains(&call.to_owned()), "{call}: {calls:?}");
    }
}

/// The objections of a look-up, or of the rehearsal.
async fn objections(text: &str) -> Vec<String> {
    let bench = Bench::of(text, late(), None).await;
    let found = bench.findings(Options::default()).await.into_iter();
    found.map(|finding| finding.message).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_account_does_not_have_is_said_at_once() {
    let with = |options: &str| {
        TEMPLATE
            .replace("\"spot_price\": \"auto\",", "")
            .replace(
                "\"spot_instance_types\": [\"t3.small\", \"t3.medium\"],",
                options,
            )
            .replace("temporary_iam_instance_profile_policy_document", "_")
            .replace(
                r#""_": {
      "Statement": [{ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"] }]
    },"#,
                "",
            )
    };
    let found = objections(&with(
        r#""instance_type": "t3.small", "iam_instance_profile": "nobody",
           "security_group_id": "sg-00000000000000000","#,
    ))
    .await;
    assert_eq!(found.len(), 2, "{found:?}");
    let found = objections(&with(
        r#""instance_type": "t3.small", "vpc_filter": { "filters": { "cidr": "10.9.0.0/16" } },"#,
    ))
    .await;
    assert_eq!(found, ["no VPC matches the filter"]);
    let found = objections(&with(
        r#""instance_type": "t3.small", "subnet_filter": { "filters": { "availability-zone": "eu-central-1z" } },"#,
    ))
    .await;
    assert_eq!(found, ["no subnet that is available matches"]);
    let bench = Bench::of(&with(r#""instance_type": "t4g.small","#), late(), None).await;
    let build = &bench.template.builds[0];
    let (facts, _) = look_up(build, &bench.client, &bench.tools).await;
    assert_eq!(facts.types.unwrap()[0].architectures, ["arm64"]);
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_would_be_refused_is_known_before_anything_is_made() {
    let text = TEMPLATE.replace(
        "\"run_tags\"",
        "\"user_data\": \"{{user `long`}}\", \"run_tags\"",
    );
    let text = text.replacen(
        '{',
        &format!(
            "{{ \"variables\": {{ \"long\": \"{}\" }},",
            "x".repeat(17_000)
        ),
        1,
    );
    let bench = Bench::of(&text, late(), None).await;
    assert!(bench.plan().await.is_none());
    let calls = bench.cloud.calls();
    assert_eq!(calls.last().unwrap(), "RunInstances", "{calls:?}");
    assert_eq!(bench.remains().await, [""; 0]);
    assert_eq!(bench.client.find_instances(&[]).await.unwrap(), []);
    let sound = Bench::of(TEMPLATE, late(), None).await;
    assert!(sound.plan().await.is_some());
}

/// A bake whose first launch is refused so, and whether a step of it failed.
async fn refused(code: &str, text: &str) -> (Verdict, bool) {
    let bench = Bench::of(TEMPLATE, late(), None).await;
    let plan = FaultPlan::default().launches(1, &Fault::new(code, text));
    bench.cloud.world().model.inject(plan);
    let failed = Failed::default();
    let outcome = bench.bake(&MemoryJournal::default(), &failed).await;
    (verdict(&outcome.unwrap()), failed.0.get())
}

/// Whether a step failed.
#[derive(Default)]
struct Failed(Cell<bool>);

impl Events for Failed {
    fn emit(&self, event: Event) {
        if let Event::Failed { .. } = event {
            self.0.set(true);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_profile_that_ec2_does_not_know_yet_is_waited_for() {
    let code = "InvalidParameterValue";
    let unseen = "Value (kiln-x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
    assert_eq!(refused(code, unseen).await, (Verdict::Done, false));
    let other = "Value (x) for parameter groupId is invalid.";
    assert_eq!(refused(code, other).await, (Verdict::Failed, true));
}
