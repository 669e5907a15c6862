//! What is told of each end.

use super::super::error::Error;
use super::super::plan::Refusal;
use super::*;
use crate::cloud::GroupName;
use crate::run::Failure;
use crate::source::Diagnostic;

fn notice(ended: &Ended, moved: bool) -> Option<Notice> {
    let about = About {
        service: "web".to_owned(),
        run: RunId::new(jiff::Timestamp::UNIX_EPOCH, 1),
        account: Some("111122223333".to_owned()),
        region: "eu-central-1".to_owned(),
        seconds: 90,
    };
    Notice::of(ended, moved, about)
}

fn failed(verdict: Verdict, error: Error) -> Ended {
    Ended {
        failure: Some(Failure::new("wait", error)),
        ..Ended::new(verdict)
    }
}

#[test]
fn each_end_has_its_word() {
    let launch = || Error::Launch("no machine".to_owned());
    let held = || Error::Held(Box::new(Error::CheckFailed("500".to_owned())));
    for (ended, moved, outcome) in [
        (failed(Verdict::Failed, launch()), false, Outcome::Failed),
        (failed(Verdict::Failed, launch()), true, Outcome::RolledBack),
        (
            failed(Verdict::Rejected, launch()),
            true,
            Outcome::RolledBack,
        ),
        (
            failed(Verdict::CleanUpDue, launch()),
            false,
            Outcome::Failed,
        ),
        (failed(Verdict::Traffic, held()), true, Outcome::Held),
        (
            failed(Verdict::Traffic, launch()),
            true,
            Outcome::NeedsPerson,
        ),
        (Ended::new(Verdict::Busy), false, Outcome::Failed),
        (Ended::new(Verdict::Frozen), false, Outcome::Failed),
    ] {
        let told = notice(&ended, moved).unwrap();
        assert_eq!(told.outcome, outcome, "{ended:?}");
        assert_eq!(told.exit, ended.verdict.code());
    }
    let live = GroupName::new("web-v001");
    let nothing = Ended {
        decision: Some(Decision::Nothing { live }),
        ..Ended::new(Verdict::CleanUpDue)
    };
    assert_eq!(notice(&nothing, false), None);
    assert_eq!(notice(&Ended::new(Verdict::NothingToDo), false), None);
}

#[test]
fn a_reason_is_one_short_line() {
    let console = Error::Unhealthy {
        instance: None,
        reason: "it answers 500".to_owned(),
        console: Some("password: hunter2".to_owned()),
        log: None,
    };
    let told = notice(&failed(Verdict::Rejected, console), false).unwrap();
    let text = told.to_string();
    assert!(text.contains("it answers 500"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
    let run = told.about.run;
    let end = format!("(account 111122223333, eu-central-1, 90 s, run {run})");
    assert!(text.ends_with(&end), "{text}");
    let long = Refusal::input(Diagnostic::error("roll::no_image", "é".repeat(900)));
    let told = notice(&Ended::refused(vec![long]), false).unwrap();
    assert_eq!(told.reason.unwrap().chars().count(), LONGEST);
}

/// A roll that is refused behind a dead one fails by that, and has the reasons beside it for the user.
#[test]
fn a_reason_is_told_once() {
    let refused = || Refusal::account(Diagnostic::error("roll::alarm_is_red", "an alarm is red"));
    let ended = Ended {
        refused: vec![refused()],
        ..failed(Verdict::Failed, Error::Refused(vec![refused()]))
    };
    let told = notice(&ended, false).unwrap().reason.unwrap();
    assert_eq!(told.matches("an alarm is red").count(), 1, "{told}");
}
