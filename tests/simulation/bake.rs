//! Bakes from end to end: what they call, what they leave, and that trouble at any point leaves nothing.

use std::time::Duration;

use jiff::Timestamp;
use kiln::aws::Aws;
use kiln::bake::{Artifact, BakePlan, Options, Verdict, World, carry_out, look_up, plan, verdict};
use kiln::cloud::{Home, ImageQuery, Images, InstanceState, Instances, Keys, Network, tag};
use kiln::run::{
    Clock as _, Entry, Event, Events, Journal, MemoryJournal, Outcome, RunId, Setup, Silent, Stop,
    Urgency, due, settle,
};
use kiln::source::SourceMap;
use kiln::template::bake::Template;
use kiln::undo::{self, Undo, Unwinder};
use localcloud::model::{Config, SourceImage};
use localcloud::physics::{Behaviour, Spread};

use super::cloud::{Cloud, Mishap};
use super::machines::{SimulatedTools, Trouble};

/// Every kind of temporary thing: key pair, security group, instance, a volume that outlives it.
const TEMPLATE: &str = r#"{
  "kiln": { "family": "web", "version": "1.4.2", "verify": ["systemctl is-active nginx"] },
  "builders": [{
    "type": "amazon-ebs",
    "ami_name": "web-1.4.2",
    "instance_type": "t3.small",
    "source_ami_filter": {
      "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
    },
    "launch_block_device_mappings": [
      { "device_name": "/dev/xvda", "volume_size": 10, "delete_on_termination": false }
    ],
    "ssh_username": "admin",
    "run_tags": { "team": "web" },
    "tags": { "base": "{{.SourceAMIName}}" }
  }],
  "provisioners": [{ "type": "shell", "inline": ["apt-get install -y nginx"] }]
}"#;

pub fn template(text: &str) -> Template {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.json");
    std::fs::write(&path, text).unwrap();
    let mut request = crate::language::request(folder.path().to_str().unwrap());
    request.files.push("web.json".to_owned());
    let (template, _) = kiln::template::load::bake(&request, &mut SourceMap::new()).unwrap();
    template
}

pub fn account() -> Config {
    let image = |id: &str, name: &str, created: &str| SourceImage {
        id: id.to_owned(),
        name: name.to_owned(),
        owner: "136693071363".to_owned(),
        description: String::new(),
        created: created.parse().unwrap(),
        architecture: "x86_64".to_owned(),
        root_device: "/dev/xvda".to_owned(),
        root_size: 8,
    };
    Config {
        opened: "2026-11-01T03:00:00Z".parse().unwrap(),
        images: vec![
            image(
                "ami-0000000000000001",
                "debian-12-amd64-20260101",
                "2026-01-01T00:00:00Z",
            ),
            image(
                "ami-0000000000000002",
                "debian-12-amd64-20261001",
                "2026-10-01T00:00:00Z",
            ),
        ],
        late_polls: 2,
        ..Config::default()
    }
}

/// Machines that are quick, so that a bake takes few polls.
fn brisk() -> Behaviour {
    Behaviour {
        boot: Spread::seconds(2, 5),
        console: Spread::seconds(1, 3),
        stop: Spread::seconds(1, 3),
        freeze: Spread::seconds(4, 12),
        ..Behaviour::default()
    }
}

pub fn run_id() -> RunId {
    let began: Timestamp = "2026-11-01T03:00:00Z".parse().unwrap();
    RunId::new(began, 7)
}

/// One bake with everything around it.
pub struct Bench {
    pub cloud: Cloud,
    pub client: Aws,
    pub tools: SimulatedTools,
    pub template: Template,
    pub stop: Stop,
}

impl Bench {
    pub async fn new(trouble: Option<(usize, Trouble)>) -> Self {
        let cloud = Cloud::new(account());
        cloud.world().physics.set_usual(brisk());
        Self {
            client: cloud.client().await,
            tools: SimulatedTools::new(&cloud, trouble).await,
            template: template(TEMPLATE),
            stop: Stop::default(),
            cloud,
        }
    }

    pub async fn plan(&self) -> Option<BakePlan> {
        let build = &self.template.builds[0];
        let facts = look_up(build, &self.client, &self.tools).await.ok()?;
        let now = self.cloud.now();
        let planned = plan(
            &self.template,
            build,
            &facts,
            Options::default(),
            run_id(),
            now,
        );
        Some(planned.unwrap())
    }

    /// Looks up, plans and runs; nothing when the look-up failed.
    pub async fn bake(
        &self,
        journal: &dyn Journal<Undo>,
        events: &dyn Events,
    ) -> Option<Outcome<Artifact, Undo>> {
        let plan = self.plan().await?;
        let on = World {
            cloud: &self.client,
            tools: &self.tools,
            clock: &self.cloud,
        };
        let setup = self.setup(journal, events);
        Some(carry_out(&plan, &Home::default(), &on, setup).await)
    }

    fn setup<'a>(&self, journal: &'a dyn Journal<Undo>, events: &'a dyn Events) -> Setup<'a, Undo> {
        Setup {
            journal,
            events,
            stop: self.stop.clone(),
        }
    }

    /// Everything that carries the run's tag, an hour later.
    pub async fn remains(&self) -> Vec<String> {
        self.cloud.calm();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        remains(&self.cloud).await
    }
}

pub async fn remains(cloud: &Cloud) -> Vec<String> {
    let seer = cloud.observer().await;
    let of = undo::of(run_id());
    let mut found = Vec::new();
    // Fresh things show late: the last look counts.
    for _ in 0..4 {
        found.clear();
        let instances = seer.find_instances(&of).await.unwrap().into_iter();
        let alive = instances.filter(|one| one.state != InstanceState::Terminated);
        found.extend(alive.map(|instance| instance.id.to_string()));
        let volumes = seer.find_volumes(&of).await.unwrap();
        found.extend(volumes.iter().map(ToString::to_string));
        let groups = seer.find_security_groups(&of).await.unwrap();
        found.extend(groups.iter().map(ToString::to_string));
        let keys = seer.find_key_pairs(&of).await.unwrap();
        found.extend(keys.iter().map(ToString::to_string));
        let images = seer
            .find_images(&ImageQuery::own(of.clone()))
            .await
            .unwrap();
        found.extend(images.iter().map(|image| image.id.to_string()));
        // Of the whole account: not each has a tag at every time.
        let snapshots = seer.find_snapshots(&[]).await.unwrap();
        found.extend(snapshots.iter().map(ToString::to_string));
    }
    found
}

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
            let mut ids = vec![artifact.image.to_string()];
            ids.extend(artifact.snapshots.iter().map(ToString::to_string));
            ids
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
    let query = ImageQuery::id(&artifact.image);
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
        artifact.snapshots
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
            "mark as ready",
        ]
    );
}

/// The calls of a bake that meets no trouble.
async fn calls() -> Vec<String> {
    let bench = Bench::new(None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    bench.cloud.calls()
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_nothing_or_the_image() {
    let count = calls().await.len();
    for mishap in [
        Mishap::Refused,
        Mishap::AnswerLost,
        Mishap::AnswersLost,
        Mishap::Down,
    ] {
        for at in 1..=count {
            let bench = Bench::new(None).await;
            bench.cloud.plan(at, mishap);
            let journal = MemoryJournal::default();
            let mut outcome = bench.bake(&journal, &Silent).await;
            let about = format!("{mishap:?} at call {at}, {}", bench.cloud.calls()[at - 1]);
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
                let due = due(journal.entries());
                assert_eq!(due.len(), left.len(), "{about}: {left:?}");
                let setup = bench.setup(&journal, &Silent);
                *left = settle(due, &Unwinder::new(&bench.client), &setup).await;
            }
            check(&bench, outcome.as_ref(), &about).await;
        }
    }
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
    let mut second = 0;
    loop {
        let bench = Bench::new(None).await;
        let journal = MemoryJournal::default();
        let ask = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = bench.bake(&journal, &Silent) => outcome,
            () = ask => unreachable!(),
        };
        let done = outcome
            .as_ref()
            .is_some_and(|o| verdict(o) == Verdict::Done);
        check(
            &bench,
            outcome.as_ref(),
            &format!("stop at second {second}"),
        )
        .await;
        if done {
            break;
        }
        assert_eq!(verdict(outcome.as_ref().unwrap()), Verdict::Stopped);
        second += 1;
        assert!(second < 2000, "a bake ends");
    }
    assert!(second > 20, "it takes a while");
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
        let (warnings, journal) = (Warnings::default(), MemoryJournal::default());
        let on = World {
            cloud: &bench.client,
            tools: &bench.tools,
            clock: &bench.cloud,
        };
        let setup = bench.setup(&journal, &warnings);
        let outcome = carry_out(&plan, &Home::default(), &on, setup).await;
        let warned = warnings
            .0
            .borrow()
            .iter()
            .any(|text| text.contains("no host key"));
        assert_eq!(warned, !require_host_key);
        assert_eq!(outcome.result.is_ok(), !require_host_key);
        check(&bench, Some(&outcome), "no host key on the console").await;
    }
}
