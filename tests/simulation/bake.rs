//! Bakes from end to end: what they call, what they leave, and that trouble at any point leaves nothing.

use std::time::Duration;

use kiln::bake::{Artifact, Verdict, World, carry_out, verdict};
use kiln::cloud::{Filter, Home, ImageQuery, Images, Instances as _, tag};
use kiln::run::{Entry, Event, Events, MemoryJournal, Outcome, Silent, Urgency, due};
use kiln::undo::Undo;
use localcloud::physics::{Behaviour, Spread};

use super::bench::{Bench, TEMPLATE, account, brisk};
use super::cloud::Mishap;
use super::machines::Trouble;
use super::ordeal::{stops, trouble};

/// What must be left of a bake: image and snapshots when it went well, else nothing.
async fn check(bench: &Bench, outcome: Option<&Outcome<Artifact, Undo>>, about: &str) {
    let remains = bench.remains().await;
    let Some(outcome) = outcome else {
        assert_eq!(remains, [""; 0], "{about}");
        return;
    };
    assert!(outcome.left.is_empty(), "{about}: {:?}", outcome.left);
    let expected = match &outcome.result {
        Ok(artifact) => {
            let images = artifact.images.iter();
            let ids = images.flat_map(|published| {
                let snapshots = published.snapshots.iter().map(ToString::to_string);
                [published.image.to_string()].into_iter().chain(snapshots)
            });
            ids.collect()
        }
        Err(_) => Vec::new(),
    };
    assert_eq!(remains, expected, "{about}: {:?}", outcome.result);
}

#[tokio::test(start_paused = true)]
async fn a_bake_leaves_its_image_and_says_what_it_did() {
    let bench = Bench::new(None).await;
    let journal = MemoryJournal::default();
    let outcome = bench.bake(&journal, &Silent).await.unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    check(&bench, Some(&outcome), "success").await;
    let artifact = outcome.result.unwrap();
    let seer = bench.cloud.observer().await;
    let query = ImageQuery::id(artifact.image().unwrap());
    let image = seer.find_images(&query).await.unwrap().remove(0);
    let tags: Vec<_> = image.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert!(tags.contains(&"team=web".to_owned()), "{tags:?}");
    assert!(
        tags.contains(&"base=debian-12-amd64-20261001".to_owned()),
        "{tags:?}"
    );
    assert!(image.tags.contains_key(tag::READY) && !image.tags.contains_key(tag::EXPIRES));
    assert_eq!(image.tags[tag::VERSION], "1.4.2");
    let ready = [kiln::cloud::Filter::new("tag-key", tag::READY)];
    assert_eq!(
        seer.find_snapshots(&ready).await.unwrap(),
        artifact.images[0].snapshots
    );
    assert_eq!(due(journal.entries()), []);
    let steps = journal
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Step { name } => Some(name),
            _ => None,
        });
    assert_eq!(
        steps.collect::<Vec<_>>(),
        [
            "create key pair",
            "create security group",
            "launch instance",
            "instance running",
            "connect",
            "wait for cloud-init",
            "provision",
            "verify",
            "clean up the machine",
            "stop instance",
            "instance stopped",
            "note volumes",
            "create image",
            "image available",
            "check image",
            "begin to publish",
            "publish",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_key_and_the_id_of_the_machine_do_not_come_into_the_image() {
    let bench = Bench::new(None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let commands = bench.tools.commands();
    let last = &commands[commands.len() - 2..];
    let key = last[0].contains("/root/.ssh/authorized_keys") && last[0].contains("grep -v -F");
    assert!(key, "{last:?}");
    assert!(
        last[1].contains("truncate -s 0 /etc/machine-id"),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_has_fallen_silent_has_no_clean_up() {
    let text = TEMPLATE.replace(
        r#""type": "shell", "inline": ["apt"#,
        r#""type": "shell", "timeout": "1m", "inline": ["apt"#,
    );
    let bench = Bench::of(&text, account(), None).await;
    let (warnings, journal) = (Warnings::default(), MemoryJournal::default());
    let gone = async {
        while bench.tools.commands().len() < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let seer = bench.cloud.observer().await;
        let running = [Filter::new("instance-state-name", "running")];
        let found = seer.find_instances(&running).await.unwrap();
        seer.terminate_instance(&found[0].id).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(bench.bake(&journal, &warnings), gone);
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Failed);
    let said = warnings.0.borrow();
    assert!(
        said.iter().any(|text| text.contains("does not run")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_has_its_clean_up_on_the_machine_and_success_or_a_stop_has_none() {
    let cleaned = |bench: &Bench| {
        let commands = bench.tools.commands();
        commands.iter().any(|text| text.contains("as-clean-up"))
    };
    let bench = Bench::new(None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert!(outcome.unwrap().result.is_ok() && !cleaned(&bench));
    let count = bench.tools.commands().len();
    let mut failures = 0;
    for at in 1..=count {
        let bench = Bench::new(Some((at, Trouble::Fails))).await;
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        let failed = outcome.unwrap().result.is_err();
        assert_eq!(cleaned(&bench), failed, "{:?}", bench.tools.commands());
        failures += usize::from(failed);
    }
    assert!(failures > 3);
    let bench = Bench::new(None).await;
    let journal = MemoryJournal::default();
    let stop = async {
        while bench.tools.commands().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bench.stop.request(Urgency::Ask);
    };
    let (outcome, ()) = tokio::join!(bench.bake(&journal, &Silent), stop);
    assert!(outcome.unwrap().result.unwrap_err().is_stop() && !cleaned(&bench));
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing_or_the_image() {
    let mishaps = [
        Mishap::Refused,
        Mishap::AnswerLost,
        Mishap::AnswersLost,
        Mishap::Down,
    ];
    trouble(async || Bench::new(None).await, &mishaps, check).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_fails_or_a_bug_at_any_command_leaves_nothing() {
    let bench = Bench::new(None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let count = bench.tools.commands().len();
    assert!(count >= 4, "{:?}", bench.tools.commands());
    for trouble in [Trouble::Fails, Trouble::Panics] {
        for at in 1..=count {
            let bench = Bench::new(Some((at, trouble))).await;
            let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
            check(
                &bench,
                outcome.as_ref(),
                &format!("{trouble:?} at command {at}"),
            )
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_leaves_nothing_or_the_image() {
    stops(async || Bench::new(None).await, check).await;
}

/// Keeps warnings.
#[derive(Default)]
struct Warnings(std::cell::RefCell<Vec<String>>);

impl Events for Warnings {
    fn emit(&self, event: Event) {
        if let Event::Warning { text } = event {
            self.0.borrow_mut().push(text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_key_that_the_console_never_shows_is_pinned_with_a_warning_or_refused() {
    for require_host_key in [false, true] {
        let bench = Bench::new(None).await;
        let late = Behaviour {
            console: Spread::seconds(3000, 3000),
            ..brisk()
        };
        bench.cloud.world().physics.set_usual(late);
        let mut plan = bench.plan().await.unwrap();
        plan.ssh.require_host_key = require_host_key;
        plan.ssh.pause = Duration::from_mins(1);
        let (warnings, journal) = (Warnings::default(), MemoryJournal::default());
        let on = World {
            cloud: &bench.client,
            tools: &bench.tools,
            clock: &bench.cloud,
        };
        let setup = bench.setup(&journal, &warnings);
        let outcome = carry_out(&plan, &Home::default(), &on, setup).await;
        let said = warnings.0.take();
        let warned = said.iter().filter(|text| text.contains("no host key"));
        assert_eq!(warned.count(), usize::from(!require_host_key), "{said:?}");
        assert_eq!(outcome.result.is_ok(), !require_host_key);
        check(&bench, Some(&outcome), "no host key on the console").await;
    }
}
