//! Launch failures, read from a group's activities and classed: some never pass, some may within minutes.

use jiff::Timestamp;

use crate::cloud::{Activity, ActivityOutcome};

/// What a failed launch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same launch will fail again.
    Permanent,
    /// There is no machine of the type to be had, which mostly passes.
    Short,
    /// It may go through later: throttling, errors of the cloud's own.
    Passing,
    /// It goes through within a minute, or never: an instance profile that is new is not everywhere yet.
    Fresh,
}

/// A failed launch, in the cloud's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub class: Class,
    pub message: String,
    pub began: Timestamp,
}

/// Texts of status messages. Auto Scaling gives reasons as text alone, so here, and nowhere else, text decides; from
/// "Troubleshooting Amazon EC2 Auto Scaling: instance launch failures". Of want of capacity:
const SHORT: [&str; 6] = [
    "insufficientinstancecapacity",
    "insufficient capacity",
    "do not have sufficient",
    "not currently available",
    "no spot capacity",
    "unfulfillablecapacity",
];
/// Of what passes.
const PASSING: [&str; 4] = [
    "requestlimitexceeded",
    "throttl",
    "internal error",
    "internalerror",
];

/// Failed launches that began at `since` or later, newest first.
pub fn failed(activities: &[Activity], since: Timestamp) -> Vec<Failed> {
    let failures = activities.iter().filter(|activity| {
        let bad = activity.outcome == ActivityOutcome::Failed;
        let is_own = activity.began >= since && !is_of_pool(activity);
        bad && is_own && !activity.message.is_empty()
    });
    failures
        .map(|activity| Failed {
            class: class(&activity.message),
            message: activity.message.clone(),
            began: activity.began,
        })
        .collect()
}

/// Whether a launch that began after the failed one has gone through: what kept it from starting is over.
pub fn is_over(failed: &Failed, activities: &[Activity]) -> bool {
    let mut activities = activities.iter();
    activities.any(|one| {
        let launched = one.outcome == ActivityOutcome::Done && one.description.starts_with(LAUNCH);
        launched && one.began > failed.began && !is_of_pool(one)
    })
}

/// Machines of a warm pool are none of the group's: it serves without them.
fn is_of_pool(activity: &Activity) -> bool {
    activity.description.contains("warm pool")
}

/// How Auto Scaling begins the description of a launch ("Verifying a scaling activity for an Auto Scaling group").
const LAUNCH: &str = "Launching";

/// What EC2 says of an instance profile that it does not know, or not yet ("Troubleshooting IAM and Amazon EC2": changes
/// are eventually consistent).
pub fn is_fresh(message: &str) -> bool {
    message.to_lowercase().contains("iam instance profile")
}

fn class(message: &str) -> Class {
    if is_fresh(message) {
        return Class::Fresh;
    }
    let text = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if says(&SHORT) => Class::Short,
        () if says(&PASSING) => Class::Passing,
        () => Class::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_want_of_capacity_and_the_clouds_own_errors_pass() {
        for (message, expected) in [
            (
                "We currently do not have sufficient t3.small capacity in the Availability Zone you requested (eu-central-1a). Launching EC2 instance failed.",
                Class::Short,
            ),
            (
                "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request configuration.",
                Class::Short,
            ),
            (
                "Request limit exceeded. RequestLimitExceeded",
                Class::Passing,
            ),
            ("We encountered an internal error.", Class::Passing),
            (
                "The image id '[ami-1]' does not exist. Launching EC2 instance failed.",
                Class::Permanent,
            ),
            (
                "The security group 'sg-1' does not exist. Launching EC2 instance failed.",
                Class::Permanent,
            ),
            (
                "Value (web) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name. Launching EC2 instance failed.",
                Class::Fresh,
            ),
            (
                "You have requested more vCPU capacity than your current vCPU limit of 5",
                Class::Permanent,
            ),
        ] {
            assert_eq!(class(message), expected, "{message}");
        }
    }

    #[test]
    fn failures_of_before_do_not_count() {
        let activity = |second, outcome| Activity {
            id: "1".to_owned(),
            outcome,
            description: String::new(),
            message: "The image id does not exist".to_owned(),
            began: Timestamp::from_second(second).unwrap(),
        };
        let all = [
            activity(5, ActivityOutcome::Failed),
            activity(20, ActivityOutcome::Done),
            activity(20, ActivityOutcome::Failed),
        ];
        assert_eq!(failed(&all, Timestamp::from_second(10).unwrap()).len(), 1);
        let of_pool = all.map(|one| Activity {
            description: "Launching a new EC2 instance into warm pool.".to_owned(),
            ..one
        });
        assert_eq!(failed(&of_pool, Timestamp::UNIX_EPOCH).len(), 0);
    }
}
