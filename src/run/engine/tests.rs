use std::cell::RefCell;
use std::io;

use super::*;
use crate::run::{Lifetime, MemoryJournal, Silent, Urgency, due};

mod answers;

/// A world in which things can be made and taken back, and one call can fail.
#[derive(Default)]
struct World {
    things: RefCell<Vec<&'static str>>,
    order: RefCell<Vec<String>>,
    stuck: Option<&'static str>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(&'static str);

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self("journal")
    }
}

impl Unwind<String> for World {
    type Error = Broken;

    async fn undo(&self, undo: &String) -> Result<(), Broken> {
        self.order.borrow_mut().push(undo.clone());
        match self.stuck {
            Some(stuck) if stuck == undo => Err(Broken("it will not go")),
            _ => {
                self.things.borrow_mut().retain(|thing| thing != undo);
                Ok(())
            }
        }
    }
}

/// How a call goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Mishap {
    Refused,
    LostAnswer,
    Panic,
}

impl World {
    fn create(
        &self,
        ledger: &mut Ledger<'_, String>,
        lifetime: Lifetime,
        thing: &'static str,
        mishap: Option<Mishap>,
    ) -> Result<(), Broken> {
        let slot = ledger.intend(lifetime, thing.to_owned())?;
        if mishap == Some(Mishap::Refused) {
            return Err(Broken("refused"));
        }
        self.things.borrow_mut().push(thing);
        match mishap {
            Some(Mishap::LostAnswer) => Err(Broken("answer lost")),
            Some(Mishap::Panic) => panic!("a bug"),
            _ => Ok(ledger.made(slot, thing.to_owned())?),
        }
    }
}

const THINGS: [(&str, Lifetime); 4] = [
    ("key", Lifetime::Scratch),
    ("group", Lifetime::Scratch),
    ("instance", Lifetime::Scratch),
    ("image", Lifetime::Product),
];

fn setup<'a>(journal: &'a dyn Journal<String>, stop: &Stop) -> Setup<'a, String> {
    Setup {
        journal,
        events: &Silent,
        stop: stop.clone(),
    }
}

/// Makes all of [`THINGS`], a second apart, with a mishap at one of them.
async fn flow(
    run: &mut Run<'_, String>,
    world: &World,
    mishap: Option<(usize, Mishap)>,
) -> Result<u32, Failure> {
    for (at, (thing, lifetime)) in THINGS.into_iter().enumerate() {
        let mishap = mishap.and_then(|(step, mishap)| (step == at).then_some(mishap));
        run.step(thing, async |made| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.create(made, lifetime, thing, mishap)
        })
        .await?;
        let until = Instant::now() + Duration::from_secs(10);
        let patience = Patience::new(
            Duration::from_mins(1),
            Duration::from_secs(1),
            Duration::from_secs(3),
        );
        run.wait("ready", &patience, async || {
            Ok::<_, Broken>(if Instant::now() < until {
                Readiness::NotYet("not there".to_owned())
            } else {
                Readiness::Ready(())
            })
        })
        .await?;
    }
    run.work("provision", async || {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok::<_, Broken>(7)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn success_leaves_only_the_product() {
    let (world, journal) = (World::default(), MemoryJournal::default());
    let outcome = run(
        &world,
        setup(&journal, &Stop::default()),
        async |run: &mut Run<'_, String>| flow(run, &world, None).await,
    )
    .await;
    assert_eq!(outcome.result.unwrap(), 7);
    assert_eq!(*world.things.borrow(), ["image"]);
    assert_eq!(*world.order.borrow(), ["instance", "group", "key"]);
    assert_eq!(due(journal.entries()), []);
}

#[tokio::test(start_paused = true)]
async fn a_mishap_at_any_call_leaves_nothing() {
    for step in 0..THINGS.len() {
        for mishap in [Mishap::Refused, Mishap::LostAnswer, Mishap::Panic] {
            let (world, journal) = (World::default(), MemoryJournal::default());
            let outcome = run(
                &world,
                setup(&journal, &Stop::default()),
                async |run: &mut Run<'_, String>| flow(run, &world, Some((step, mishap))).await,
            )
            .await;
            let failure = outcome.result.unwrap_err();
            assert_eq!(
                matches!(failure.cause, Cause::Panicked(_)),
                mishap == Mishap::Panic
            );
            assert_eq!(*world.things.borrow(), [""; 0], "step {step}");
            assert_eq!(due(journal.entries()), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_leaves_nothing_or_the_product() {
    for second in 0..60 {
        let (world, journal, stop) = (World::default(), MemoryJournal::default(), Stop::default());
        let flow = run(
            &world,
            setup(&journal, &stop),
            async |run: &mut Run<'_, String>| flow(run, &world, None).await,
        );
        let ask = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            stop.request(Urgency::Ask);
        };
        let (outcome, ()) = tokio::join!(flow, ask);
        match outcome.result {
            Ok(_) => assert_eq!(*world.things.borrow(), ["image"]),
            Err(failure) => {
                assert!(failure.is_stop(), "{failure:?}");
                assert_eq!(*world.things.borrow(), [""; 0], "second {second}");
            }
        }
        assert_eq!(due(journal.entries()), []);
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_commit_a_stop_changes_nothing() {
    let (world, journal, stop) = (World::default(), MemoryJournal::default(), Stop::default());
    let outcome = run(
        &world,
        setup(&journal, &stop),
        async |run: &mut Run<'_, String>| {
            run.commit()?;
            stop.request(Urgency::Ask);
            flow(run, &world, None).await
        },
    )
    .await;
    assert_eq!(outcome.result.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn one_undo_that_will_not_go_keeps_none_of_the_others() {
    let (world, journal) = (
        World {
            stuck: Some("group"),
            ..World::default()
        },
        MemoryJournal::default(),
    );
    let outcome = run(
        &world,
        setup(&journal, &Stop::default()),
        async |run: &mut Run<'_, String>| flow(run, &world, Some((3, Mishap::Refused))).await,
    )
    .await;
    assert_eq!(outcome.left.len(), 1);
    assert_eq!(outcome.left[0].reason, "it will not go");
    assert_eq!(
        outcome.result.unwrap_err().cause.to_string(),
        "refused",
        "the first error stays"
    );
    assert_eq!(*world.things.borrow(), ["group"]);
    assert_eq!(due(journal.entries()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_stop_request_skips_and_lists() {
    let (world, journal, stop) = (World::default(), MemoryJournal::default(), Stop::default());
    let outcome = run(
        &world,
        setup(&journal, &stop),
        async |run: &mut Run<'_, String>| {
            run.step("key", async |made| {
                world.create(made, Lifetime::Scratch, "key", None)
            })
            .await?;
            stop.request(Urgency::Skip);
            flow(run, &world, None).await
        },
    )
    .await;
    assert_eq!(outcome.left[0].reason, "skipped on request");
    assert_eq!(due(journal.entries()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_quotes_its_last_reason_and_counts_good_polls_in_a_row() {
    let journal = MemoryJournal::default();
    let patience = Patience::new(
        Duration::from_secs(20),
        Duration::from_secs(1),
        Duration::from_secs(1),
    );
    let polls = RefCell::new(0);
    let outcome = run(
        &World::default(),
        setup(&journal, &Stop::default()),
        async |run: &mut Run<'_, String>| {
            run.wait("flapping", &patience.clone().in_a_row(3), async || {
                *polls.borrow_mut() += 1;
                let good = *polls.borrow() % 3 != 0;
                Ok::<_, Broken>(if good {
                    Readiness::Ready(())
                } else {
                    Readiness::NotYet("it flaps".to_owned())
                })
            })
            .await
        },
    )
    .await;
    let text = outcome.result.unwrap_err().cause.to_string();
    assert!(text.starts_with("not ready after 20 s: "), "{text}");
    let never = run(
        &World::default(),
        setup(&journal, &Stop::default()),
        async |run: &mut Run<'_, String>| {
            run.wait("hopeless", &patience, async || {
                Ok::<Readiness<()>, Broken>(Readiness::Never("it is gone".to_owned()))
            })
            .await
        },
    )
    .await;
    assert_eq!(never.result.unwrap_err().cause.to_string(), "it is gone");
}

/// A journal that takes `room` entries and then says that the disk is full.
struct Full {
    room: usize,
    taken: RefCell<usize>,
}

impl Journal<String> for Full {
    fn note(&self, _: &Entry<String>) -> io::Result<()> {
        *self.taken.borrow_mut() += 1;
        if *self.taken.borrow() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_journal_a_run_makes_nothing_more_and_leaves_nothing() {
    for room in 0..18 {
        let world = World::default();
        let journal = Full {
            room,
            taken: RefCell::new(0),
        };
        let outcome = run(
            &world,
            setup(&journal, &Stop::default()),
            async |run: &mut Run<'_, String>| flow(run, &world, None).await,
        )
        .await;
        assert!(outcome.result.is_err(), "room for {room}");
        assert_eq!(*world.things.borrow(), [""; 0], "room for {room}");
    }
}

/// How long a wait took that moves on by a hundredth every `step`, and never ends, under a limit of a minute.
async fn stuck_after(step: Duration, most: u8, strict: bool) -> Duration {
    let journal = MemoryJournal::default();
    let second = Duration::from_secs(1);
    let mut patience = Patience::new(Duration::from_mins(1), second, second);
    patience.strict = strict;
    let began = Instant::now();
    let outcome = run(
        &World::default(),
        setup(&journal, &Stop::default()),
        async |run: &mut Run<'_, String>| {
            run.wait("image", &patience, async || {
                let done = began.elapsed().as_millis() / step.as_millis();
                let done = u8::try_from(done).unwrap_or(most).min(most);
                let reason = format!("{done} %");
                Ok::<Readiness<()>, Broken>(Readiness::Moving { reason, done })
            })
            .await
        },
    )
    .await;
    let Cause::TimedOut { after, last } = outcome.result.unwrap_err().cause else {
        panic!("it timed out");
    };
    assert_eq!(last, format!("{most} %"));
    after
}

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_for_as_long_as_things_move() {
    let step = Duration::from_secs(50);
    // Forty steps, and then a minute of nothing.
    assert_eq!(
        stuck_after(step, 40, false).await,
        40 * step + Duration::from_mins(1)
    );
    assert_eq!(stuck_after(step, 1, true).await, Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_proportion_is_late_by_no_more_than_its_fraction() {
    let (first, longest) = (Duration::from_millis(500), Duration::from_secs(10));
    let patience = Patience::new(Duration::from_hours(1), first, longest).in_proportion(30);
    for ends in [8, 15, 60, 240, 1800] {
        let (journal, ends) = (MemoryJournal::default(), Duration::from_secs(ends));
        let (began, mut polls) = (Instant::now(), 0);
        let outcome = run(
            &World::default(),
            setup(&journal, &Stop::default()),
            async |run: &mut Run<'_, String>| {
                run.wait("image", &patience, async || {
                    polls += 1;
                    Ok::<_, Broken>(if began.elapsed() < ends {
                        Readiness::NotYet(String::new())
                    } else {
                        Readiness::Ready(())
                    })
                })
                .await
            },
        )
        .await;
        outcome.result.unwrap();
        let late = began.elapsed().saturating_sub(ends);
        assert!(late <= first.max(ends / 30), "{late:?} late after {ends:?}");
        assert!(
            polls <= 32 + 100 + ends.as_secs() / 10,
            "{polls} polls in {ends:?}"
        );
    }
}
