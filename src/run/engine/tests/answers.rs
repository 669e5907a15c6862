use super::*;
use crate::run::{Answer, Attendance, Operator};
use futures_util::future::LocalBoxFuture;

/// Gives one answer after the other, then has everything taken back.
struct Says(RefCell<Vec<Answer>>);

impl Operator for Says {
    fn before(&self, _: &'static str) -> LocalBoxFuture<'_, ()> {
        std::future::ready(()).boxed_local()
    }

    fn failed<'f>(&'f self, _: &'f Failure) -> LocalBoxFuture<'f, Answer> {
        let answer = self.0.borrow_mut().pop().unwrap_or(Answer::CleanUp);
        std::future::ready(answer).boxed_local()
    }
}

/// What is there after a flow whose first step fails, is answered `first`, and is got over; then `last` ends it.
async fn left(
    first: Answer,
    last: impl AsyncFnOnce(&mut Run<'_, String>, &Stop) -> Failure,
) -> Vec<&'static str> {
    let (world, journal, stop) = (World::default(), MemoryJournal::default(), Stop::default());
    let operator = Says(RefCell::new(vec![first]));
    let attendance = Attendance {
        operator: &operator,
        ..Attendance::default()
    };
    let body = async |run: &mut Run<'_, String>| {
        let refused = run.step("refused", async |_| Err::<(), _>(Broken("refused")));
        refused.await.unwrap_err();
        let made = run.step("key", async |made| {
            world.create(made, Lifetime::Scratch, "key", None)
        });
        made.await?;
        Err::<(), _>(last(run, &stop).await)
    };
    let outcome = attended(&world, setup(&journal, &stop), attendance, body).await;
    outcome.result.unwrap_err();
    world.things.take()
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_for_its_own_failure_only() {
    for first in [Answer::Abort, Answer::Keep] {
        let other =
            async |_: &mut Run<'_, String>, _: &Stop| Failure::new("other", Broken("other"));
        assert_eq!(left(first, other).await, [""; 0], "{first:?}");
        let same =
            async |_: &mut Run<'_, String>, _: &Stop| Failure::new("refused", Broken("same"));
        assert_eq!(left(first, same).await, ["key"], "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_whatever_was_answered_before() {
    let stopped = async |run: &mut Run<'_, String>, stop: &Stop| {
        stop.request(Urgency::Ask);
        let ended = run.work("refused", async || Ok::<_, Broken>(()));
        ended.await.unwrap_err()
    };
    assert_eq!(left(Answer::Abort, stopped).await, [""; 0]);
}
