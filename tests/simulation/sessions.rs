//! Bakes through Session Manager: the way there, a reboot that ends it, and trouble at any point, which leaves nothing.

use std::time::Duration;

use kiln::bake::{Options, Verdict, verdict};
use kiln::cloud::{InstanceId, Sessions as _};
use kiln::run::{Entry, MemoryJournal, Outcome, Silent, Urgency, due, settle, with_causes};
use kiln::undo::{Undo, Unwinder};

use localcloud::model::{At, Fault, FaultPlan, Service, Trouble as Fails};

use super::bench::{Bench, TEMPLATE, account};
use super::cloud::Mishap;
use super::launch::Warnings;
use super::machines::Trouble;

async fn bench(trouble: Option<(usize, Trouble)>) -> Bench {
    let session = r#""ssh_username": "admin", "ssh_interface": "session_manager", "pause_before_ssm": "3s",
        "iam_instance_profile": "kiln-instance","#;
    let text = TEMPLATE.replace(r#""ssh_username": "admin","#, session);
    Bench::of(&text, account(), trouble).await
}

/// Sessions to the machines that a journal knows, and plugins, must all be gone; what else there may be left is the bench's
/// own question.
async fn check(bench: &Bench, journal: &MemoryJournal<Undo>, images: usize, about: &str) {
    let observer = bench.cloud.observer().await;
    for instance in machines(journal) {
        let open = observer.port_sessions(&instance).await.unwrap();
        assert_eq!(open, [""; 0], "{about}: a session is open");
    }
    assert!(!bench.tools.carried.is_any(), "{about}: a plugin runs");
    let left = bench.remains().await;
    let found = left.iter().filter(|thing| thing.starts_with("ami-"));
    assert_eq!(found.count(), images, "{about}: {left:?}");
    let other = |thing: &&String| !thing.starts_with("ami-") && !thing.starts_with("snap-");
    assert_eq!(left.iter().find(other), None, "{about}");
}

fn machines(journal: &MemoryJournal<Undo>) -> Vec<InstanceId> {
    let entries = journal.entries().into_iter();
    let known = entries.filter_map(|entry| match entry {
        Entry::Intend {
            undo: Undo::EndSessionsTo { instance },
            ..
        } => Some(instance),
        _ => None,
    });
    known.collect()
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_come_to_through_a_session_that_survives_its_reboot() {
    let bench = bench(None).await;
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.security_group.unwrap().sources, [""; 0]);
    let journal = MemoryJournal::default();
    let outcome = bench.bake(&journal, &Silent).await.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    assert_eq!(
        bench.tools.carried.started.get(),
        2,
        "one more after the reboot"
    );
    let calls = bench.cloud.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!(count("AuthorizeSecurityGroupIngress"), 0);
    // The agent takes 15 s to register; tries are 2 to 5 s apart.
    assert!((4..12).contains(&count("StartSession")), "{calls:?}");
    let steps = journal.entries().into_iter();
    let steps = steps.filter_map(|entry| match entry {
        Entry::Step { name } => Some(name),
        _ => None,
    });
    let steps: Vec<_> = steps.collect();
    let at = |name: &str| steps.iter().position(|step| step == name).unwrap();
    assert!(at("instance running") < at("pause before the session"));
    assert!(at("pause before the session") < at("begin a session"));
    assert!(at("begin a session") < at("connect"));
    check(&bench, &journal, 1, "success").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_plugin_nothing_is_made() {
    let bench = bench(None).await;
    bench.tools.carried.missing.set(true);
    let findings = bench.findings(Options::default()).await;
    assert_eq!(findings[0].code, "bake::session_manager");
    assert!(findings[0].message.contains("session-manager-plugin"));
    assert!(findings[0].help.as_ref().unwrap().contains("1.2.497"));
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_no_session() {
    let calls = {
        let bench = bench(None).await;
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
        bench.cloud.calls()
    };
    // What comes before is the same without a session, and is another test's.
    let first = calls
        .iter()
        .position(|call| call == "StartSession")
        .unwrap()
        + 1;
    // Another test has what never arrives.
    for mishap in [Mishap::Refused, Mishap::AnswerLost, Mishap::AnswersLost] {
        for at in first..=calls.len() {
            let bench = bench(None).await;
            bench.cloud.plan(at, mishap);
            let journal = MemoryJournal::default();
            let mut outcome = bench.bake(&journal, &Silent).await;
            let calls = bench.cloud.calls();
            let about = format!("{mishap:?} at call {at}, {}", calls[at - 1]);
            if mishap == Mishap::AnswerLost {
                let outcome = outcome.as_ref().unwrap();
                assert_eq!(
                    verdict(outcome),
                    Verdict::Done,
                    "{about}: {:?}",
                    outcome.result
                );
            }
            // A refused undo cannot be carried out, and is said to be left; the next run can.
            if let Some(Outcome { left, .. }) = &mut outcome
                && !left.is_empty()
            {
                assert_eq!(mishap, Mishap::Refused, "{about}: {left:?}");
                let setup = bench.setup(&journal, &Silent);
                let due = due(journal.entries());
                *left = settle(due, &Unwinder::new(&bench.client), &setup).await;
                assert!(left.is_empty(), "{about}: {left:?}");
            }
            let images = usize::from(outcome.is_some_and(|outcome| outcome.result.is_ok()));
            check(&bench, &journal, images, &about).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_and_a_bug_at_any_command_leave_no_session() {
    let mut second = 0;
    loop {
        let bench = bench(None).await;
        let journal = MemoryJournal::default();
        let ask = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = bench.bake(&journal, &Silent) => outcome.unwrap(),
            () = ask => unreachable!(),
        };
        let done = verdict(&outcome) == Verdict::Done;
        check(
            &bench,
            &journal,
            usize::from(done),
            &format!("stop at second {second}"),
        )
        .await;
        if done {
            break;
        }
        assert_eq!(verdict(&outcome), Verdict::Stopped, "{:?}", outcome.result);
        second += 1;
    }
    assert!(second > 30, "it takes a while");
    for at in 1..=6 {
        let bench = bench(Some((at, Trouble::Panics))).await;
        let journal = MemoryJournal::default();
        let outcome = bench.bake(&journal, &Silent).await.unwrap();
        assert!(outcome.result.is_err());
        check(&bench, &journal, 0, &format!("a bug at command {at}")).await;
    }
}

/// A policy as Packer needs it has neither right.
#[tokio::test(start_paused = true)]
async fn a_right_to_end_sessions_that_lacks_leaves_nothing_to_be_done() {
    for call in ["DescribeSessions", "TerminateSession"] {
        let bench = bench(None).await;
        let denied = Fault::new("AccessDeniedException", "Not for you.");
        let at = At::Action(Service::Ssm, call.to_owned());
        let plan = FaultPlan::default().call(at, 100, Fails::Before(denied));
        bench.cloud.world().model.inject(plan);
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        let outcome = outcome.unwrap();
        assert_eq!(verdict(&outcome), Verdict::Done, "{call}");
        assert!(outcome.left.is_empty(), "{call}: {:?}", outcome.left);
    }
}

/// SSH alone would only see that nothing answers, for as long as it has patience.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_refused_after_a_reboot_ends_the_bake_as_that() {
    let calls = {
        let bench = bench(None).await;
        bench.bake(&MemoryJournal::default(), &Silent).await;
        bench.cloud.calls()
    };
    let again = calls.iter().rposition(|call| call == "StartSession");
    let bench = bench(None).await;
    bench.cloud.plan(again.unwrap() + 1, Mishap::Refused);
    let journal = MemoryJournal::default();
    let outcome = bench.bake(&journal, &Silent).await.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Failed);
    let reason = with_causes(outcome.result.as_ref().unwrap_err());
    assert!(reason.contains("no session to i-"), "{reason}");
    assert!(reason.contains("StartSession: not authorized"), "{reason}");
    check(&bench, &journal, 0, "refused").await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_somebody_takes_before_the_plugin_is_given_up_for_another() {
    let bench = bench(None).await;
    bench.tools.carried.too_late.set(true);
    let (journal, warnings) = (MemoryJournal::default(), Warnings::default());
    let outcome = bench.bake(&journal, &warnings).await.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    assert_eq!(*bench.tools.carried.taken.borrow(), [50022]);
    // Its first, another on a port of its own, and one more after the reboot.
    assert_eq!(bench.tools.carried.started.get(), 3);
    let said = warnings.taken();
    let told = |text: &String| text.contains("address already in use");
    assert!(said.iter().any(told), "{said:?}");
    check(&bench, &journal, 1, "another port").await;
}
