//! A whole bake against moto, with an sshd of our own for the machine that moto does not have.

use kiln::aws::{Access, Aws, Keys};
use kiln::bake::{HostTools, Options, World, carry_out, draft, look_up};
use kiln::cloud::{Filter, Home, ImageQuery, Images, Instances, Network, tag};
use kiln::run::{Clock as _, Event, Events, MemoryJournal, RunId, Setup, Stop, SystemClock};
use kiln::undo;
use serde_json::json;

use super::moto::Moto;
use crate::simulation::bench::template;
use crate::ssh::server::{Server, user, write_key};

/// Packer makes 17 with the same template (DESIGN.md's peers).
const MOST_CALLS: usize = 15;

#[derive(Default)]
struct Lines(std::cell::RefCell<Vec<String>>);

impl Events for Lines {
    fn emit(&self, event: Event) {
        if let Event::Output { line, .. } = event {
            self.0.borrow_mut().push(line);
        }
    }
}

#[tokio::test]
async fn a_bake_takes_no_more_calls_than_it_must() {
    let (moto, sshd) = (Moto::start(), Server::start());
    let key = sshd.folder.path().join("client");
    write_key(&key, &sshd.client.private().unwrap());
    let template = template(
        &json!({
            "builders": [{
                "type": "amazon-ebs", "ami_name": "web-{{timestamp}}", "instance_type": "t3.small",
                "source_ami_filter": {
                    "filters": { "name": "amzn-ami-hvm-2017*-x86_64-gp2" },
                    "owners": ["amazon"], "most_recent": true
                },
                "ssh_username": user(), "ssh_host": "127.0.0.1", "ssh_port": sshd.port,
                "ssh_private_key_file": key
            }],
            "provisioners": [{ "type": "shell", "inline": ["echo baked for $PACKER_BUILDER_TYPE"] }]
        })
        .to_string(),
    );
    let access = Access {
        region: Some("eu-central-1".to_owned()),
        ec2_endpoint: Some(moto.endpoint.clone()),
        keys: Some(Keys {
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            token: None,
        }),
        ..Access::default()
    };
    let aws = Aws::connect(&access).await.unwrap();
    moto.record().await;
    let now = SystemClock.now();
    let run = RunId::new(now, 1);
    let (build, options) = (&template.builds[0], Options::default());
    let (facts, objections) = look_up(build, &aws, &HostTools).await;
    let draft = draft(&template, build, &facts, options, run, now);
    let plan = draft.after(objections).done().unwrap();
    let (journal, lines) = (MemoryJournal::default(), Lines::default());
    let setup = Setup {
        journal: &journal,
        events: &lines,
        stop: Stop::default(),
    };
    let on = World {
        cloud: &aws,
        tools: &HostTools,
        clock: &SystemClock,
    };
    let outcome = carry_out(&plan, &Home::default(), &on, setup).await;
    let calls = moto.recorded().await;
    let artifact = outcome.result.unwrap();
    assert!(outcome.left.is_empty(), "{:?}", outcome.left);
    assert!(calls.len() <= MOST_CALLS, "{}: {calls:?}", calls.len());
    assert_eq!(*lines.0.borrow(), ["baked for amazon-ebs"]);
    assert_eq!(
        crate::ssh::spared(&sshd),
        "",
        "at a fixed host the machine's id stays"
    );
    let image = aws
        .find_images(&ImageQuery::id(artifact.image().unwrap()))
        .await
        .unwrap()
        .remove(0);
    assert!(image.tags.contains_key(tag::READY), "{:?}", image.tags);
    let ready = [Filter::new("tag-key", tag::READY)];
    assert_eq!(
        aws.find_snapshots(&ready).await.unwrap(),
        artifact.images[0].snapshots
    );
    let of = undo::of(run);
    assert_eq!(aws.find_security_groups(&of).await.unwrap(), []);
    let instances = aws.find_instances(&of).await.unwrap();
    assert!(instances.iter().all(|instance| instance.state.is_ending()));
}
