//! Others at work at the listener of a network load balancer, and groups of others' making.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::super::pair::{make_group, make_template};
use super::super::plain::{nothing_left, three};
use super::super::{BLUE_GREEN, Bench, V1, V2, V3, expect, quick};
use super::{led, rolled_once, shares};

/// `V1` serves from `web-a`, a group of others' making, and no roll has been there.
pub async fn by_hand() -> Bench {
    let bench = Bench::network(BLUE_GREEN).await;
    let arn = bench.cloud.world().model.view_target_groups().remove(0).arn;
    make_template(&bench, "web", V1, "t3.small");
    make_group(&bench, "web-by-hand", ("web", "1"), 3, &arn);
    bench.pass(90).await;
    assert_eq!(bench.serving(), three(V1));
    bench
}

/// What somebody else's tool writes: all to one target group.
fn lead(bench: &Bench, name: &str) -> serde_json::Value {
    let world = bench.cloud.world();
    let groups = world.model.view_target_groups().into_iter();
    let arn = groups
        .filter(|group| group.name == name)
        .map(|group| group.arn)
        .next()
        .unwrap();
    let listener = world.model.view_listeners().remove(0).arn;
    json!({ "ListenerArn": listener, "DefaultActions": [{ "Type": "forward", "TargetGroupArn": arn }] })
}

#[tokio::test(start_paused = true)]
async fn a_group_of_others_is_kept_and_emptied_and_stays_theirs() {
    let bench = by_hand().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("over a group of others");
    assert_eq!(led(&bench), shares([("web-a", 0), ("web-b", 1)]));
    assert_eq!(bench.serving(), three(V2));
    bench.pass(3700).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    watchman.content("retired");
    let there = |name: &str, count, state: &str| (name.to_owned(), count, state.to_owned());
    assert_eq!(
        bench.groups(),
        [
            there("web-by-hand", 0, "retiring"),
            there("web-v001", 3, "live")
        ]
    );
    nothing_left(&bench, "over a group of others");
}

/// Somebody takes the next target group out of the listener while it is proven: nothing moves.
#[tokio::test(start_paused = true)]
async fn a_second_writer_of_the_listener_is_never_overwritten() {
    let bench = rolled_once().await;
    let write = lead(&bench, "web-b");
    let meanwhile = async {
        bench.pass(15).await;
        bench.meanwhile(Api::Elb, "ModifyListener", &write);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    // Its machines are in use no more, so that nobody knows of their health; what serves is as it was.
    assert!(
        matches!(
            ended.verdict,
            Verdict::Failed | Verdict::Traffic | Verdict::Rejected
        ),
        "{ended:#?}"
    );
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(led(&bench).len(), 1, "as its writer wanted");
    nothing_left(&bench, "a second writer");
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// Somebody gives what serves another weight, which moves nothing: what the listener says is not what it was.
#[tokio::test(start_paused = true)]
async fn weights_that_somebody_else_has_written_stay() {
    let bench = rolled_once().await;
    let write = {
        let world = bench.cloud.world();
        let listener = world.model.view_listeners().remove(0).arn;
        let shares = world.model.view_target_groups().into_iter().map(|group| {
            let weight = if group.name == "web-b" { 7 } else { 0 };
            json!({ "TargetGroupArn": group.arn, "Weight": weight })
        });
        let shares: Vec<_> = shares.collect();
        json!({ "ListenerArn": listener, "DefaultActions":
            [{ "Type": "forward", "ForwardConfig": { "TargetGroups": shares } }] })
    };
    let meanwhile = async {
        bench.pass(15).await;
        bench.meanwhile(Api::Elb, "ModifyListener", &write);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    expect(&ended, Verdict::Failed);
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(led(&bench), shares([("web-a", 0), ("web-b", 7)]));
    nothing_left(&bench, "other weights");
    expect(&bench.roll(V2).await, Verdict::Done);
}

/// Between the read of the listener and the write that names the next target group.
#[tokio::test(start_paused = true)]
async fn one_who_writes_between_a_read_and_the_write_is_seen_behind_it() {
    let bench = by_hand().await;
    let mut written = false;
    bench.cloud.accustom(Box::new(move |mut call| {
        let is_first = call.action == "ModifyListener" && !std::mem::replace(&mut written, call.action == "ModifyListener");
        written |= is_first;
        let answer = call.world.answer(&call.request, call.now);
        if is_first {
            let groups = call.world.model.view_target_groups().into_iter();
            let arn = groups.filter(|group| group.name == "web-a").map(|group| group.arn).next().unwrap();
            let listener = call.world.model.view_listeners().remove(0).arn;
            let weights = json!([{ "TargetGroupArn": arn, "Weight": 7 }]);
            let given = json!({ "ListenerArn": listener, "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": weights } }] });
            call.also(Api::Elb, "ModifyListener", &given);
        }
        answer
    }));
    let ended = bench.roll(V2).await;
    assert!(
        matches!(ended.verdict, Verdict::Failed | Verdict::Traffic),
        "{ended:#?}"
    );
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(led(&bench).len(), 1, "as its writer wanted");
}

/// Somebody has led all of the traffic to the next target group while it was proven, and the roll has died: what served is in no listener
/// any more, so that nobody knows of its health.
async fn led_to_what_is_not_proven() -> Bench {
    let bench = rolled_once().await;
    let write = lead(&bench, "web-a");
    let killed = async {
        bench.pass(25).await;
        bench.meanwhile(Api::Elb, "ModifyListener", &write);
    };
    tokio::select! {
        biased;
        () = killed => {}
        ended = bench.roll(V2) => panic!("{ended:#?}"),
    }
    bench.pass(60).await;
    assert_eq!(bench.serving(), three(V2), "as its writer wanted");
    bench
}

#[tokio::test(start_paused = true)]
async fn what_is_named_no_more_is_named_again_before_a_dead_roll_goes_back_to_it() {
    for is_lost in [false, true] {
        let bench = led_to_what_is_not_proven().await;
        if is_lost {
            bench.journals.lose();
        }
        expect(&bench.roll(V3).await, Verdict::Done);
        assert_eq!(bench.serving(), three(V3));
        assert_eq!(led(&bench), shares([("web-a", 1), ("web-b", 0)]));
        nothing_left(&bench, "a dead roll that somebody had led all traffic to");
    }
}

/// Somebody writes once more while kiln waits for the health of what it has named.
#[tokio::test(start_paused = true)]
async fn nothing_is_named_in_what_somebody_else_has_written_meanwhile() {
    let bench = led_to_what_is_not_proven().await;
    let sick = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V1, sick);
    let vpc = bench.cloud.world().model.view_subnets().remove(0).vpc;
    let other = json!({ "Name": "other", "Protocol": "TCP", "Port": 80, "VpcId": vpc });
    bench.meanwhile(Api::Elb, "CreateTargetGroup", &other);
    let away = lead(&bench, "other");
    let meanwhile = async {
        while led(&bench).len() < 2 {
            bench.pass(1).await;
        }
        bench.meanwhile(Api::Elb, "ModifyListener", &away);
    };
    let (ended, ()) = tokio::join!(bench.roll(V3), meanwhile);
    expect(&ended, Verdict::Traffic);
    let rules = bench.cloud.world().model.view_listeners().remove(0).rules;
    let [(arn, _)] = rules[0].forwards.as_slice() else {
        panic!("as its writer wanted: {rules:?}");
    };
    assert!(arn.contains("/other/"), "{arn}");
}
