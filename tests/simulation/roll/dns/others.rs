//! Others at work at the records.

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use localcloud::model::view::RecordView;
use serde_json::{Value, json};

use super::super::plain::{nothing_left, three};
use super::super::{Bench, V1, V2, expect, text};
use super::{AT_ONCE, follow, led, rolled_once, weights};

/// What somebody else's tool writes: these weights.
pub fn write(bench: &Bench, given: [(&str, i64); 2]) {
    let change = batch(bench, given);
    bench.meanwhile(Api::Route53, "ChangeResourceRecordSets", &change);
}

fn batch(bench: &Bench, given: [(&str, i64); 2]) -> Value {
    let world = bench.cloud.world();
    let zone = world.model.view_zones().remove(0).id;
    let sets = world.model.view_records(&zone).into_iter();
    let changes = sets.filter_map(|set| {
        let (identifier, _) = set.weighted?;
        let (_, weight) = given.iter().find(|(name, _)| *name == identifier)?;
        let alias = set.alias?;
        Some(json!({ "Action": "UPSERT", "ResourceRecordSet": {
            "Name": set.name, "Type": set.kind, "SetIdentifier": identifier, "Weight": weight,
            "AliasTarget": { "HostedZoneId": alias.zone, "DNSName": alias.target, "EvaluateTargetHealth": alias.evaluates_health } } }))
    });
    let changes: Vec<_> = changes.collect();
    json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } })
}

/// Somebody gives what serves another weight while the next group is proven: what is there is not what was looked at.
#[tokio::test(start_paused = true)]
async fn weights_that_somebody_else_has_written_stay() {
    let bench = rolled_once(AT_ONCE).await;
    let meanwhile = async {
        bench.pass(15).await;
        write(&bench, [("a", 0), ("b", 7)]);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    expect(&ended, Verdict::Failed);
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(weights(&bench), led([("a", 0), ("b", 7)]));
    nothing_left(&bench, "other weights");
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// Between the last look at the records and the write: the batch names what it takes the place of, and does not go through.
#[tokio::test(start_paused = true)]
async fn one_who_writes_between_the_look_and_the_write_is_not_written_over() {
    let bench = rolled_once(AT_ONCE).await;
    let change = batch(&bench, [("a", 0), ("b", 7)]);
    let mut written = false;
    bench.cloud.accustom(Box::new(move |mut call| {
        if call.action == "ChangeResourceRecordSets" && !std::mem::replace(&mut written, true) {
            call.also(Api::Route53, "ChangeResourceRecordSets", &change);
        }
        call.world.answer(&call.request, call.now)
    }));
    let ended = bench.roll(V2).await;
    assert!(
        matches!(ended.verdict, Verdict::Failed | Verdict::Traffic),
        "{ended:#?}"
    );
    assert_eq!(weights(&bench), led([("a", 0), ("b", 7)]));
    assert_eq!(bench.serving(), three(V1));
}

/// A tool that owns the records too has put back what it knows.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_led_elsewhere_since_is_shown() {
    let bench = rolled_once(AT_ONCE).await;
    write(&bench, [("a", 1), ("b", 1)]);
    follow(&bench).await;
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert!(
        !stands.drift.is_empty() || stands.live.is_none(),
        "{stands:#?}"
    );
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
}

/// Another service has rules on the same load balancers, and records of its own.
#[tokio::test(start_paused = true)]
async fn two_services_may_share_the_load_balancers() {
    let bench = rolled_once(AT_ONCE).await;
    let zone = bench.cloud.world().model.view_zones().remove(0).id;
    let listeners = bench.cloud.world().model.view_listeners();
    let vpc = bench.cloud.world().model.view_vpc().to_owned();
    for (listener, letter) in listeners.iter().zip(["a", "b"]) {
        let group = json!({ "Name": format!("api-{letter}"), "Protocol": "HTTP", "Port": 80, "VpcId": vpc });
        let made = bench.meanwhile(Api::Elb, "CreateTargetGroup", &group);
        let arn = text(&made, "TargetGroups.0.TargetGroupArn");
        let tags = json!([{ "Key": "kiln:service", "Value": "api" },
            { "Key": "kiln:record", "Value": format!("{zone}/api.example.org") }]);
        let rule = json!({ "ListenerArn": listener.arn, "Priority": 1, "Tags": tags,
            "Conditions": [{ "Field": "host-header", "Values": ["api.example.org"] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": arn }] });
        bench.meanwhile(Api::Elb, "CreateRule", &rule);
    }
    {
        let mut world = bench.cloud.world();
        for record in world.model.view_records(&zone) {
            let name = "api.example.org.".to_owned();
            let other = RecordView { name, ..record };
            world.model.plant_record(&zone, &other).unwrap();
        }
    }
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("beside another service");
    assert_eq!(bench.serving(), three(V2));
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    follow(&bench).await;
    assert_eq!(bench.serving(), three(V1));
}

/// Names that no roll moves are told of, but for those of other services.
#[tokio::test(start_paused = true)]
async fn another_name_of_a_load_balancer_is_noted() {
    let bench = rolled_once(AT_ONCE).await;
    let (zone, host) = {
        let world = bench.cloud.world();
        let zone = world.model.view_zones().remove(0).id;
        let records = world.model.view_records(&zone);
        let alias = records.into_iter().find_map(|record| record.alias);
        (zone, alias.unwrap().target)
    };
    for (name, target) in [
        ("old.example.org", host.as_str()),
        ("far.example.org", "elsewhere.example.com"),
    ] {
        let set = json!({ "Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{ "Value": target }] });
        let change = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": [{ "Action": "CREATE", "ResourceRecordSet": set }] } });
        bench.meanwhile(Api::Route53, "ChangeResourceRecordSets", &change);
    }
    let planned = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &planned.decision else {
        panic!("{planned:?}");
    };
    let notes: Vec<_> = (plan.outlook.notes.iter())
        .filter(|note| note.contains("whatever this roll does"))
        .collect();
    assert!(
        matches!(notes[..], [one] if one.starts_with("old.example.org leads to")),
        "{notes:?}"
    );
}

/// Nobody's requests to Route 53 are used up for a note, and none at all where there is nothing to roll.
#[tokio::test(start_paused = true)]
async fn of_a_large_zone_a_part_is_looked_at_and_only_for_a_plan() {
    let bench = rolled_once(AT_ONCE).await;
    {
        let mut world = bench.cloud.world();
        let zone = world.model.view_zones().remove(0).id;
        let records = world.model.view_records(&zone);
        let alias = records.into_iter().find_map(|record| record.alias);
        let host = alias.unwrap().target;
        for number in 0..3100 {
            let record = RecordView {
                name: format!("n{number:04}.example.org."),
                kind: "CNAME".to_owned(),
                ttl: Some(60),
                values: vec!["elsewhere.example.com".to_owned()],
                ..RecordView::default()
            };
            world.model.plant_record(&zone, &record).unwrap();
        }
        let first = RecordView {
            name: "early.example.org.".to_owned(),
            kind: "CNAME".to_owned(),
            ttl: Some(60),
            values: vec![host],
            ..RecordView::default()
        };
        world.model.plant_record(&zone, &first).unwrap();
    }
    let listed = |bench: &Bench| {
        let calls = bench.cloud.calls().into_iter();
        calls
            .filter(|call| call == "ListResourceRecordSets")
            .count()
    };
    let before = listed(&bench);
    let planned = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &planned.decision else {
        panic!("{planned:?}");
    };
    let whole = listed(&bench) - before;
    let notes = plan.outlook.notes.join("\n");
    assert!(
        notes.contains("3000 of its records were looked at"),
        "{notes}"
    );
    assert!(notes.contains("early.example.org leads to"), "{notes}");
    let before = listed(&bench);
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    let none = listed(&bench) - before;
    assert!((10..15).contains(&whole) && none < 10, "{whole} {none}");
}
