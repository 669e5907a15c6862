//! The pure parts of a plan; whole plans are made in `tests/simulation/roll`.

use super::*;
use crate::cloud::{Action, Forward};

fn arn(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(name)
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
    assert_eq!(led_to(&before, &arn("b")), [redirect, sticky("b")]);
}

#[test]
fn what_did_not_forward_does_afterwards() {
    let fixed = Action::Fixed {
        status: "404".to_owned(),
        content_type: None,
        body: None,
    };
    let to_b = Action::Forward(Forward::to(arn("b")));
    assert_eq!(led_to(&[fixed], &arn("b")), [to_b]);
}

#[test]
fn going_back_is_the_same_swap_again() {
    let there = led_to(&[Action::Forward(Forward::to(arn("a")))], &arn("b"));
    let back = led_to(&there, &arn("a"));
    assert_eq!(back, [Action::Forward(Forward::to(arn("a")))]);
}
