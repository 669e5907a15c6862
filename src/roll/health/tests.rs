//! One judgement at a time; the flow around it is simulated in `tests/simulation/roll`.

use super::*;
use crate::cloud::{ActivityOutcome, Member, Zone};

const TIMING: Timing = Timing {
    boot: Duration::from_mins(1),
    unhealthy: Duration::from_mins(1),
    launch: Duration::from_mins(5),
    short: Some(Duration::from_mins(5)),
    healthy: Duration::from_secs(400),
    slow_start: Duration::ZERO,
};

fn group(zones: &[&str]) -> Group {
    let members = zones.iter().enumerate().map(|(number, zone)| Member {
        instance: InstanceId::new(format!("i-{number}")),
        zone: Zone::new(*zone),
        stage: Stage::InService,
        healthy: true,
        protected: false,
        from: None,
    });
    let count = u32::try_from(zones.len()).unwrap();
    Group {
        members: members.collect(),
        ..Group::example("web-v002", count)
    }
}

fn targets(states: &[TargetState]) -> Vec<TargetHealth> {
    let states = states.iter().enumerate();
    states
        .map(|(number, state)| TargetHealth {
            instance: InstanceId::new(format!("i-{number}")),
            state: *state,
            reason: "Target.Timeout".to_owned(),
            description: String::new(),
        })
        .collect()
}

fn even(count: u32) -> Floor {
    Floor::even(count, &[Zone::new("a"), Zone::new("b")])
}

fn failed(message: &str) -> Activity {
    Activity {
        id: "1".to_owned(),
        outcome: ActivityOutcome::Failed,
        description: String::new(),
        message: message.to_owned(),
        began: Timestamp::from_second(5).unwrap(),
    }
}

fn health(now: Instant) -> Health {
    Health::new(TIMING, Timestamp::UNIX_EPOCH, now)
}

#[tokio::test(start_paused = true)]
async fn only_what_the_load_balancer_calls_healthy_counts() {
    use TargetState::{Healthy, Initial, Unused};
    let now = Instant::now();
    let group = group(&["a", "b"]);
    for (states, ready) in [
        (&[Healthy, Healthy][..], true),
        (&[Healthy, Initial], false),
        (&[Healthy, Unused], false),
        (&[Healthy], false),
    ] {
        let judged = health(now).judge(&even(2), &group, &targets(states), &[], now);
        let is_ready = matches!(judged.unwrap(), Readiness::Ready(_));
        assert_eq!(is_ready, ready, "{states:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_zone_has_its_share() {
    let now = Instant::now();
    let all = targets(&[TargetState::Healthy; 2]);
    let judged = health(now).judge(&even(2), &group(&["a", "a"]), &all, &[], now);
    let Readiness::NotYet(reason) = judged.unwrap() else {
        panic!("zone b has none");
    };
    assert!(reason.ends_with("in zone b"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_had_its_time_to_boot_is_given_up() {
    let began = Instant::now();
    let group = group(&["a"]);
    let bad = targets(&[TargetState::Unhealthy]);
    let mut health = health(began);
    let early = health.judge(
        &Floor::anywhere(1),
        &group,
        &bad,
        &[],
        began + TIMING.boot / 2,
    );
    assert!(matches!(early.unwrap(), Readiness::NotYet(_)));
    let late = health.judge(
        &Floor::anywhere(1),
        &group,
        &bad,
        &[],
        began + TIMING.boot * 2,
    );
    let Err(Error::Unhealthy { reason, .. }) = late else {
        panic!("it had its time");
    };
    assert_eq!(reason, "i-0 is unhealthy, Target.Timeout");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_stays_unused_is_given_up_and_no_image_is_to_blame() {
    let began = Instant::now();
    let group = group(&["a"]);
    let unused = targets(&[TargetState::Unused]);
    let mut health = health(began);
    let early = health.judge(
        &Floor::anywhere(1),
        &group,
        &unused,
        &[],
        began + UNUSED / 2,
    );
    assert!(matches!(early.unwrap(), Readiness::NotYet(_)));
    let late = health.judge(
        &Floor::anywhere(1),
        &group,
        &unused,
        &[],
        began + UNUSED * 2,
    );
    let Err(Error::Launch(reason)) = late else {
        panic!("it will never be in use: {late:?}");
    };
    assert!(reason.contains("i-0 is not in use"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_may_pass_is_tried_for_its_own_time() {
    let began = Instant::now();
    let none = group(&[]);
    let full = [failed(
        "We currently do not have sufficient t3.small capacity",
    )];
    let mut health = health(began);
    for (after, goes_on) in [(0, true), (200, true), (301, false)] {
        let now = began + Duration::from_secs(after);
        let judged = health.judge(&Floor::anywhere(1), &none, &[], &full, now);
        assert_eq!(judged.is_ok(), goes_on, "{after} s: {judged:?}");
    }
    // One that must have its machines at once does not wait, and what else passes may.
    let timing = Timing {
        short: None,
        ..TIMING
    };
    let mut hasty = super::Health::new(timing, Timestamp::UNIX_EPOCH, began);
    let slow = [failed("Rate exceeded: throttled")];
    let judged = hasty.judge(&Floor::anywhere(1), &none, &[], &slow, began);
    assert!(matches!(judged, Ok(Readiness::NotYet(_))), "{judged:?}");
    let judged = hasty.judge(&Floor::anywhere(1), &none, &[], &full, began);
    assert!(matches!(judged, Err(Error::Launch(_))), "{judged:?}");
    let never = [failed("The security group 'sg-1' does not exist")];
    let judged = super::Health::new(TIMING, Timestamp::UNIX_EPOCH, began);
    let judged = { judged }.judge(&Floor::anywhere(1), &none, &[], &never, began);
    assert!(matches!(judged, Err(Error::Launch(_))), "{judged:?}");
}

/// Row 28 of docs/complaints.md.
#[tokio::test(start_paused = true)]
async fn a_profile_that_is_new_is_waited_for_and_a_wrong_one_not_for_long() {
    let began = Instant::now();
    let none = group(&[]);
    let unknown = [failed("Invalid IAM Instance Profile name")];
    let mut health = health(began);
    for (after, goes_on) in [(0, true), (100, true), (121, false)] {
        let now = began + Duration::from_secs(after);
        let judged = health.judge(&Floor::anywhere(1), &none, &[], &unknown, now);
        assert_eq!(judged.is_ok(), goes_on, "{after} s: {judged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn machines_that_come_and_go_are_not_health() {
    let began = Instant::now();
    let mut health = health(began);
    let mut last = Ok(Readiness::NotYet(String::new()));
    for round in 0..6 {
        let mut group = group(&["a"]);
        group.members[0].instance = InstanceId::new(format!("i-round-{round}"));
        last = health.judge(&Floor::anywhere(1), &group, &[], &[], began);
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(Error::Unhealthy { .. })), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn the_console_of_a_machine_that_was_unhealthy_outlives_it() {
    let now = Instant::now();
    let mut health = health(now);
    let id = InstanceId::new("i-0");
    let look = |health: &mut Health, zones: &[&str], state| {
        let judged = health.judge(
            &Floor::anywhere(1),
            &group(zones),
            &targets(&[state]),
            &[],
            now,
        );
        assert!(judged.is_ok());
    };
    look(&mut health, &["a"], TargetState::Initial);
    assert_eq!(health.ailing(), []);
    look(&mut health, &["a"], TargetState::Unhealthy);
    assert_eq!(health.ailing(), std::slice::from_ref(&id));
    health.keep_console(&id, Some("no such key".to_owned()));
    assert_eq!(health.ailing(), []);
    assert_eq!(health.kept_console(&id), None, "it can still be asked");
    look(&mut health, &[], TargetState::Draining);
    assert_eq!(health.kept_console(&id).as_deref(), Some("no such key"));
}

/// Without capacity no machine can get healthy: that time is the launch's own.
#[tokio::test(start_paused = true)]
async fn time_without_launches_is_not_time_to_get_healthy() {
    let began = Instant::now();
    let (none, none_yet) = (group(&[]), targets(&[]));
    let mut health = health(began);
    let short = failed("We currently do not have sufficient t3.small capacity");
    let started = Activity {
        outcome: ActivityOutcome::Done,
        description: "Launching a new EC2 instance".to_owned(),
        began: Timestamp::from_second(9).unwrap(),
        ..failed("")
    };
    let mut judge = |seconds, activities: &[Activity]| {
        let now = began + Duration::from_secs(seconds);
        health.judge(&Floor::anywhere(1), &none, &none_yet, activities, now)
    };
    assert!(judge(390, std::slice::from_ref(&short)).is_ok());
    assert!(judge(600, std::slice::from_ref(&short)).is_ok());
    let both = [started, short];
    assert!(judge(601, &both).is_ok());
    assert!(judge(1000, &both).is_ok());
    assert!(judge(1002, &both).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_launch_failure_that_a_later_launch_has_solved_is_over() {
    const NO_CAPACITY: &str = "We currently do not have sufficient t3.small capacity";
    let now = Instant::now();
    let mut health = health(now);
    let group = group(&["a"]);
    let targets = targets(&[TargetState::Initial]);
    let later = now + TIMING.launch + Duration::from_secs(1);
    let launched = |second, description: &str| Activity {
        outcome: ActivityOutcome::Done,
        description: description.to_owned(),
        message: String::new(),
        began: Timestamp::from_second(second).unwrap(),
        ..failed("")
    };
    let solved = [
        launched(6, "Launching a new EC2 instance: i-0"),
        failed(NO_CAPACITY),
    ];
    for open in [
        launched(6, "Terminating EC2 instance: i-9"),
        launched(5, "Launching a new EC2 instance: i-9"),
    ] {
        let open = [open, failed(NO_CAPACITY)];
        let mut health = self::health(now);
        assert!(
            health
                .judge(&Floor::anywhere(1), &group, &targets, &open, now)
                .is_ok()
        );
        let ended = health.judge(&Floor::anywhere(1), &group, &targets, &open, later);
        assert!(matches!(ended, Err(Error::Launch(_))), "{ended:?}");
    }
    let still = [failed(NO_CAPACITY)];
    assert!(
        health
            .judge(&Floor::anywhere(1), &group, &targets, &still, now)
            .is_ok()
    );
    assert!(
        health
            .judge(&Floor::anywhere(1), &group, &targets, &solved, later)
            .is_ok()
    );
    // Another failure has its own time.
    let anew = Activity {
        began: Timestamp::from_second(7).unwrap(),
        ..failed(NO_CAPACITY)
    };
    let again = [anew, solved[0].clone(), solved[1].clone()];
    assert!(
        health
            .judge(&Floor::anywhere(1), &group, &targets, &again, later)
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn the_sick_are_asked_for_their_logs_at_once_each_once_and_three_of_them() {
    let began = Instant::now();
    let mut health = health(began);
    let sick = |zones: &[&str]| {
        (
            group(zones),
            targets(&vec![TargetState::Unhealthy; zones.len()]),
        )
    };
    let (one, two) = (sick(&["a", "b"]), sick(&["a", "b", "a", "b"]));
    health.note(&one.0, &one.1, began);
    assert_eq!(health.whom_to_ask(began), []);
    let half = began + Duration::from_secs(31);
    assert_eq!(health.whom_to_ask(half).len(), 2);
    assert_eq!(health.whom_to_ask(half), []);
    health.keep_log(Err("refused".to_owned()), Duration::from_secs(7));
    health.note(&two.0, &two.1, half);
    let later = half + Duration::from_secs(31);
    assert_eq!(health.whom_to_ask(later).len(), 1);
    health.keep_log(Ok("inactive".to_owned()), Duration::from_secs(8));
    assert_eq!(health.whom_to_ask(later), []);
    assert_eq!(health.listened(), Duration::from_secs(15));
}
