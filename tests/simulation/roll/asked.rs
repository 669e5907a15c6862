//! Checks that ask outside: a Prometheus server, and a person.

use std::time::Duration;

use kiln::roll::{Decision, Error, Verdict, approve};
use kiln::source::Spanned;
use kiln::template::Late;
use kiln::template::service::{
    Bound, Check, CheckKind, OnFail, OnUnknown, PrometheusCheck, Server,
};

use super::canary::base;
use super::outside::Word;
use super::plain::{nothing_left, rolled_once, three};
use super::rolling::rolling;
use super::trouble::{about, killed, points};
use super::{Bench, V1, V2, expect};
use crate::simulation::cloud::Mishap;

const QUESTION: &str = "Does it look right?";

fn prometheus() -> Check {
    let check = PrometheusCheck {
        server: Server::read("http://prometheus.example:9090/prom/").unwrap(),
        query: Late::fixed("errors{job=\"web\"}"),
        bound: Bound::Below(0.5),
        login: None,
    };
    Check {
        kind: CheckKind::Prometheus(Box::new(check)),
        times: 2,
        timeout: Duration::from_mins(1),
        place: None,
    }
}

fn manual(minutes: u64) -> Check {
    Check {
        kind: CheckKind::Manual(Spanned::unplaced(QUESTION.to_owned())),
        times: 1,
        timeout: Duration::from_mins(minutes),
        place: None,
    }
}

fn is_query(what: &str) -> bool {
    what == "/prom/api/v1/query?query=errors%7Bjob%3D%22web%22%7D"
}

#[tokio::test(start_paused = true)]
async fn a_query_is_watched_and_gives_traffic_back_when_its_value_is_wrong() {
    for (word, verdict) in [
        (Word::Yes, Verdict::Done),
        (Word::No, Verdict::Rejected),
        (Word::Nothing, Verdict::Failed),
    ] {
        let mut bench = base().await;
        bench.service.checks.watch = vec![prometheus()];
        bench.outside.says(move |what, share| {
            assert!(share > 0 || !is_query(what), "nothing to go by yet");
            is_query(what).then_some(word)
        });
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, verdict);
        watchman.content("a query");
        assert!(bench.outside.asked() > 1);
        let serving = if verdict == Verdict::Done { V2 } else { V1 };
        assert_eq!(bench.serving(), three(serving));
        nothing_left(&bench, "a query");
    }
}

fn asked(mut bench: Bench, minutes: u64) -> Bench {
    bench.service.checks.after = vec![manual(minutes)];
    bench
}

/// Nothing of question and answer is left.
fn no_trace(bench: &Bench) {
    for group in bench.cloud.world().model.view_groups() {
        let left = group.tags.keys();
        let mut left = left.filter(|key| key.contains("question") || key.contains("answer"));
        assert_eq!(left.next(), None, "{group:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_answers_from_anywhere() {
    for (yes, verdict, serving) in [(true, Verdict::Done, V2), (false, Verdict::Rejected, V1)] {
        for bench in [rolled_once().await, rolling().await] {
            let bench = asked(bench, 600);
            let nobody = approve(&bench.client, "web", true, "").await;
            assert!(nobody.is_err(), "{nobody:?}");
            let watchman = bench.watched();
            let answer = async {
                loop {
                    tokio::time::sleep(Duration::from_mins(5)).await;
                    if let Ok(said) = approve(&bench.client, "web", yes, "by me: <ok>").await {
                        return said;
                    }
                }
            };
            let (ended, said) = tokio::join!(bench.roll(V2), answer);
            expect(&ended, verdict);
            assert_eq!(
                (said.question.as_str(), said.approved),
                (QUESTION.trim_end_matches('?'), yes)
            );
            if let Some(failure) = ended.failure {
                let text = failure.cause.to_string();
                assert!(text.contains("The answer is no (by me: ok)"), "{text}");
            }
            watchman.content("answered");
            assert_eq!(bench.serving(), three(serving));
            nothing_left(&bench, "answered");
            no_trace(&bench);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_person_at_the_terminal_is_asked_once() {
    for (word, verdict) in [(Word::Yes, Verdict::Done), (Word::No, Verdict::Rejected)] {
        let bench = asked(rolled_once().await, 10);
        bench
            .outside
            .says(move |what, _| (what == QUESTION).then_some(word));
        expect(&bench.roll(V2).await, verdict);
        assert_eq!(bench.outside.asked(), 1);
        nothing_left(&bench, "at the terminal");
        no_trace(&bench);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_does_what_on_unknown_says() {
    let bench = asked(rolled_once().await, 10);
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("there is a plan");
    };
    let text = plan.to_string();
    assert!(
        text.contains("manual: Does it look right?, 600 s\n"),
        "{text}"
    );
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    let failure = ended.failure.unwrap();
    assert!(
        matches!(failure.error(), Some(Error::CheckUnknown(_))),
        "{failure:?}"
    );
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "nobody");
    no_trace(&bench);
}

/// As in Jenkins: the job ends with a held roll, a person decides, the next job goes on.
#[tokio::test(start_paused = true)]
async fn a_held_question_is_answered_between_two_jobs() {
    for (yes, verdict, serving) in [(true, Verdict::Done, V2), (false, Verdict::Rejected, V1)] {
        let mut bench = asked(base().await, 1);
        bench.service.checks.on_unknown = OnUnknown {
            hold: Duration::ZERO,
            then: OnFail::Hold,
        };
        expect(&bench.roll(V2).await, Verdict::Traffic);
        bench.pass(3600).await;
        approve(&bench.client, "web", yes, "").await.unwrap();
        let watchman = bench.watched_back();
        expect(&bench.roll(V2).await, verdict);
        watchman.content("answered between");
        assert_eq!(bench.serving(), three(serving));
        nothing_left(&bench, "answered between");
        no_trace(&bench);
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_and_kills_around_a_question_leave_nothing() {
    let base = asked(rolled_once().await, 10);
    base.outside
        .says(|what, _| (what == QUESTION).then_some(Word::Yes));
    for at in points(&base).await.into_iter().rev().take(30).step_by(2) {
        let refused = base.fork().await;
        let watchman = refused.watched();
        refused.cloud.plan(at, Mishap::Refused);
        drop(refused.roll(V2).await);
        refused.cloud.calm();
        watchman.content(&about(&refused, at, Mishap::Refused));
        let killed = killed(&base, at, Mishap::KilledAfter).await;
        for bench in [Some(refused), killed].into_iter().flatten() {
            let about = about(&bench, at, Mishap::KilledAfter);
            let again = bench.roll(V2).await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}: {again:?}");
            nothing_left(&bench, &about);
            no_trace(&bench);
        }
    }
}
