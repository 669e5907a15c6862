//! Checks of `http` behind the swap: they ask by every rule that their request would meet.

use kiln::roll::{Ended, Error, Verdict};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::{BLUE_GREEN, Bench, V1, V2, expect};
use super::{MADE, led, ports, together, two_ports};

/// From now on the version is asked for as users do: once behind the swap, or in every wait behind it.
fn asks(bench: &mut Bench, is_watch: bool) {
    let checks = &mut bench.service.checks;
    let check = checks.before[0].clone();
    if is_watch {
        checks.watch = vec![check];
    } else {
        checks.after.insert(0, check);
    }
}

/// A rule on the second listener, before the service's own, answers a path by itself.
fn answers_by_itself(bench: &Bench, path: &str) {
    let listener = {
        let world = bench.cloud.world();
        let mut listeners = world.model.view_listeners().into_iter();
        listeners.find(|one| one.port == 443).unwrap().arn
    };
    let given = json!({ "ListenerArn": listener, "Priority": 1,
        "Conditions": [{ "Field": "path-pattern", "Values": [path] }],
        "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }] });
    bench.meanwhile(Api::Elb, "CreateRule", &given);
}

fn reason(ended: &Ended) -> String {
    let failure = ended.failure.as_ref().unwrap();
    failure.error::<Error>().unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_second_listener_that_answers_otherwise_fails_the_check_and_all_rules_go_back() {
    for is_watch in [false, true] {
        let mut bench = two_ports().await;
        asks(&mut bench, is_watch);
        answers_by_itself(&bench, "/version");
        let watchman = bench.watched();
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::Rejected);
        let reason = reason(&ended);
        let place = "on port 443 answered with status 503";
        assert!(reason.contains(place), "{reason}");
        watchman.content("a second listener that answers otherwise");
        together(&bench, "a second listener that answers otherwise");
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "a second listener that answers otherwise");
    }
}

#[tokio::test(start_paused = true)]
async fn both_listeners_are_asked_and_a_rule_for_other_paths_is_not() {
    let mut bench = two_ports().await;
    asks(&mut bench, false);
    answers_by_itself(&bench, "/shop/*");
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    // The second listener answers whatever is not below `/shop/` by itself.
    let mut bench = ports(BLUE_GREEN).await;
    bench.service.traffic = Bench::by(MADE, BLUE_GREEN).await.service.traffic;
    asks(&mut bench, false);
    asks(&mut bench, true);
    expect(&bench.roll(V1).await, Verdict::Done);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(led(&bench), ["web-b"; 2]);
}
