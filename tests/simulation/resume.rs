//! A bake that died, and the same command again: its image is gone on with or everything is taken back, and one is made.

use std::path::Path;
use std::time::Duration;

use kiln::aws::Aws;
use kiln::bake::{Artifact, Attending, Inputs, Objections, Options, TOLD, World, attend};
use kiln::cloud::{Error, Filter, Home, ImageId, ImageQuery, Images, tag};
use kiln::resume::{self, Prepared, dead_bakes};
use kiln::run::{Clock as _, Entry, Holder, Outcome, RunId, Setup, Silent, Stop};
use kiln::store::Store;
use kiln::sweep::{Sweeping, sweep_journals};
use kiln::template::bake::Template;
use kiln::undo::Undo;
use localcloud::model::{Request, Service, Tree};
use serde_json::json;

use super::bench::{TEMPLATE, account, brisk, remains, run_id, template};
use super::cloud::{Cloud, Mishap};
use super::machines::SimulatedTools;
use super::publish::images;
use super::roll::params;

/// What the command asks and settles before a bake; `connect` leads to where dead runs worked.
pub async fn prepare<'a>(
    (cloud, store): (&'a Cloud, &Store),
    template: &Template,
    run: RunId,
    ways: (&Aws, &SimulatedTools),
    connect: &impl AsyncFn(&Home) -> Result<Aws, Error>,
) -> Result<Prepared<'a>, Objections> {
    let build = &template.builds[0];
    let wanted = resume::Wanted {
        template,
        build,
        home: &Home::default(),
        options: Options::default(),
        run,
        act: true,
    };
    let inputs = |source: &ImageId| Inputs::of(template, build, source, Path::new("/nowhere")).ok();
    let dead = dead_bakes(store, cloud).unwrap();
    let on = sweeping(cloud, store, run);
    resume::prepare(&wanted, inputs, dead, ways, &on, connect).await
}

/// What `kiln bake` does, in a process of its own.
async fn bake(
    cloud: &Cloud,
    template: &Template,
    store: &Store,
    run: RunId,
) -> Outcome<Artifact, Undo> {
    let client = cloud.client().await;
    let tools = SimulatedTools::new(cloud, None).await;
    // What only the template says of credentials, no journal has: the way that is open is taken.
    let connect = async |_: &Home| Err(Error::blocked("connect", "no credentials"));
    let ways = (&client, &tools);
    let prepared = prepare((cloud, store), template, run, ways, &connect).await;
    let prepared = prepared.unwrap();
    let (adopt, journal) = match prepared.adopt {
        Some((adopted, journal)) => (Some(adopted), journal),
        None => (None, Box::new(store.begin(run, cloud).unwrap()) as _),
    };
    let world = World {
        cloud: &client,
        tools: &tools,
        clock: cloud,
    };
    let setup = Setup {
        journal: journal.as_ref(),
        events: &Silent,
        stop: Stop::default(),
    };
    let attending = Attending {
        adopt,
        ..Attending::default()
    };
    let outcome = attend(&prepared.plan, &Home::default(), &world, setup, attending).await;
    let told = Entry::<Undo>::Fact {
        key: TOLD.to_owned(),
        value: true.into(),
    };
    journal.note(&told).unwrap();
    outcome
}

pub fn sweeping<'a>(cloud: &'a Cloud, store: &'a Store, run: RunId) -> Sweeping<'a> {
    Sweeping {
        store,
        clock: cloud,
        events: &Silent,
        stop: Stop::default(),
        holder: Holder {
            run,
            host: "agent".to_owned(),
            process: 1,
            since: cloud.now(),
        },
    }
}

fn another() -> RunId {
    RunId::new("2026-11-01T03:00:00Z".parse().unwrap(), 8)
}

/// Bakes until the process is killed at call `at`; `None` when it ended before.
pub async fn killed(template: &Template, store: &Store, at: usize, kill: Mishap) -> Option<Cloud> {
    let cloud = Cloud::new(account());
    cloud.world().physics.set_usual(brisk());
    cloud.plan(at, kill);
    let dead = tokio::select! {
        biased;
        () = cloud.killed() => true,
        _ = bake(&cloud, template, store, run_id()) => false,
    };
    cloud.calm();
    dead.then_some(cloud)
}

/// The images that are marked as ready.
async fn ready(cloud: &Cloud) -> Vec<String> {
    let filter = vec![Filter::new("tag-key", tag::READY)];
    let seer = cloud.observer().await;
    let found = seer.find_images(&ImageQuery::own(filter)).await.unwrap();
    found.iter().map(|image| image.id.to_string()).collect()
}

async fn one_image(cloud: &Cloud, outcome: Outcome<Artifact, Undo>, about: &str) -> Artifact {
    let artifact = outcome
        .result
        .unwrap_or_else(|error| panic!("{about}: {error:?}"));
    assert_eq!(outcome.left, [], "{about}");
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut wanted = vec![artifact.image().unwrap().to_string()];
    wanted.extend(artifact.images[0].snapshots.iter().map(ToString::to_string));
    assert_eq!(remains(cloud).await, wanted, "{about}");
    assert_eq!(
        ready(cloud).await,
        [artifact.image().unwrap().to_string()],
        "{about}"
    );
    artifact
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_the_same_command_makes_one_image_and_leaves_nothing() {
    let template = template(TEMPLATE);
    for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
        let mut adopted = 0;
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let Some(cloud) = killed(&template, &store, at, kill).await else {
                assert!(at > 15, "a bake takes more calls than {at}");
                break;
            };
            let died = cloud.calls();
            let about = format!("{kill:?} at call {at}, {}", died[at - 1]);
            let outcome = bake(&cloud, &template, &store, another()).await;
            one_image(&cloud, outcome, &about).await;
            let launches = cloud
                .writes()
                .iter()
                .filter(|call| *call == "RunInstances")
                .count();
            let created = died.iter().any(|call| call == "CreateImage");
            let sent = created && (died[at - 1] != "CreateImage" || kill == Mishap::KilledAfter);
            adopted += usize::from(sent);
            assert!(
                !sent || launches == 1,
                "{about}: an image was being made already"
            );
            let on = sweeping(&cloud, &store, another());
            let connect = async |_: &Home| Ok(cloud.client().await);
            let swept = sweep_journals(&on, connect).await.unwrap();
            assert!(
                swept.removed.is_empty() && swept.is_clean(),
                "{about}: {swept:?}"
            );
        }
        assert!(adopted >= 4, "{adopted}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_inputs_are_no_reason_to_go_on_and_the_dead_runs_image_goes() {
    let before = template(TEMPLATE);
    let after = template(&TEMPLATE.replace("install -y nginx", "install -y haproxy"));
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let mut at = 1;
    let cloud = loop {
        let cloud = killed(&before, &store, at, Mishap::KilledAfter)
            .await
            .unwrap();
        if cloud
            .calls()
            .last()
            .is_some_and(|call| call == "CreateImage")
        {
            break cloud;
        }
        std::fs::remove_dir_all(folder.path().join("runs")).unwrap_or_default();
        at += 1;
    };
    // The name of the image is the same, and it is the dead run's: no reason to refuse it.
    let outcome = bake(&cloud, &after, &store, another()).await;
    let artifact = one_image(&cloud, outcome, "other inputs").await;
    let seer = cloud.observer().await;
    let image = seer
        .find_images(&ImageQuery::id(artifact.image().unwrap()))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(image.tags[tag::RUN], another().to_string());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_finished_and_told_of_is_no_reason_to_bake_nothing() {
    let first = template(TEMPLATE);
    let renamed = TEMPLATE.replace("\"ami_name\": \"web-1.4.2\"", "\"ami_name\": \"web-2\"");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let cloud = Cloud::new(account());
    cloud.world().physics.set_usual(brisk());
    let first = bake(&cloud, &first, &store, run_id()).await;
    let first = first.result.unwrap();
    let dead = dead_bakes(&store, &cloud).unwrap();
    assert!(dead.is_empty(), "nothing is left to do");
    let second = bake(&cloud, &template(&renamed), &store, another()).await;
    assert_ne!(second.result.unwrap().image(), first.image());
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_name_has_become_free_is_not_published_under_another() {
    let text = TEMPLATE.replacen(r#""web-1.4.2""#, r#""web", "force_deregister": true"#, 1);
    assert_ne!(text, TEMPLATE);
    let (template, folder) = (template(&text), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path());
    let cloud = Cloud::new(account());
    cloud.world().physics.set_usual(brisk());
    let ec2 = |action: &str, given| {
        let request = Request {
            service: Service::Ec2,
            action: action.to_owned(),
            params: params(&given),
        };
        let now = cloud.now();
        let mut world = cloud.world();
        let answer = world.model.call(&request, now);
        world.physics.take(answer.effects, now);
        answer.result.unwrap()
    };
    let copy = json!({ "SourceImageId": "ami-0000000000000002", "SourceRegion": "eu-central-1", "Name": "web" });
    let old = ec2("CopyImage", copy).at("imageId").and_then(Tree::text);
    tokio::time::sleep(Duration::from_mins(1)).await;
    // Fresh things show late.
    assert_eq!(images(&cloud, "eu-central-1").await.len(), 1);
    let begun = async {
        while !cloud.calls().contains(&"CreateImage".to_owned()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = begun => {}
        _ = bake(&cloud, &template, &store, run_id()) => panic!("it ended before"),
    }
    ec2("DeregisterImage", json!({ "ImageId": old.unwrap() }));
    tokio::time::sleep(Duration::from_mins(10)).await;
    let outcome = bake(&cloud, &template, &store, another()).await;
    let made = outcome.result.unwrap().images.remove(0).image;
    let seer = cloud.observer().await;
    let found = seer.find_images(&ImageQuery::id(&made)).await.unwrap();
    assert_eq!(found[0].name, "web", "{found:?}");
    assert!(!found[0].tags.contains_key(tag::TAKES_NAME), "{found:?}");
}
