//! The pure parts of a plan; whole plans are made in `tests/simulation/roll`.

use super::*;
use crate::cloud::{Action, Forward, ListenerArn, RulePlace};

fn arn(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(name)
}

fn listener(kind: &str) -> RulePlace {
    let arn = format!("arn:aws:elasticloadbalancing:r:1:listener/{kind}/public/1/2");
    RulePlace::Default(ListenerArn::new(arn))
}

fn by_weight(shares: &[(&str, u32)]) -> Vec<Action> {
    let shares = shares.iter();
    vec![Action::Forward(Forward {
        shares: shares.map(|(name, weight)| (arn(name), *weight)).collect(),
        sticky_seconds: None,
    })]
}

#[test]
fn a_swap_keeps_everything_but_the_target_group() {
    let redirect = Action::Redirect {
        status: "HTTP_301".to_owned(),
        protocol: None,
        port: None,
        host: None,
        path: None,
        query: None,
    };
    let sticky = |name: &str| {
        Action::Forward(Forward {
            shares: vec![(arn(name), 1)],
            sticky_seconds: Some(60),
        })
    };
    let before = vec![redirect.clone(), sticky("a")];
    assert_eq!(
        led_to(&listener("app"), &before, &arn("b")),
        [redirect, sticky("b")]
    );
}

#[test]
fn what_did_not_forward_does_afterwards() {
    let fixed = Action::Fixed {
        status: "404".to_owned(),
        content_type: None,
        body: None,
    };
    let to_b = Action::Forward(Forward::to(arn("b")));
    assert_eq!(led_to(&listener("app"), &[fixed], &arn("b")), [to_b]);
}

#[test]
fn going_back_is_the_same_swap_again() {
    let place = listener("app");
    let there = led_to(&place, &[Action::Forward(Forward::to(arn("a")))], &arn("b"));
    let back = led_to(&place, &there, &arn("a"));
    assert_eq!(back, [Action::Forward(Forward::to(arn("a")))]);
}

#[test]
fn a_listener_of_a_network_load_balancer_goes_on_naming_what_it_led_to() {
    let place = listener("net");
    let there = led_to(&place, &by_weight(&[("a", 7)]), &arn("b"));
    assert_eq!(there, by_weight(&[("a", 0), ("b", 1)]));
    let share = shared(&place, &there, (&arn("b"), &arn("a")), 10);
    assert_eq!(share, by_weight(&[("a", 10), ("b", 90)]));
    let foreign = by_weight(&[("a", 1), ("c", 0)]);
    let all = led_to(&place, &foreign, &arn("b"));
    assert_eq!(all, by_weight(&[("a", 0), ("b", 1), ("c", 0)]));
}
