//! Bakes of real machines: the image boots and is nobody's but its own; a bake that dies or is stopped leaves nothing.

use std::process::{Child, Command};
use std::time::Duration;

use kiln::aws::Aws;
use kiln::cloud::{
    ImageId, InstanceId, InstanceState, Instances, Keys, Metadata, NewInstance, Tags,
};
use kiln::ssh::keys::KeyPair;
use kiln::ssh::{self, Auth, Command as Remotely, HostKeys, Remote as _, Session, Target, keys};

use super::cloud::{LocalCloud, kill};

/// Long enough for a stop or a kill to come in its middle.
const TEMPLATE: &str = r#"{
  "variables": { "last": "true" },
  "builders": [{
    "type": "amazon-ebs", "ami_name": "web-{{timestamp}}", "instance_type": "t3.small", "ssh_username": "admin",
    "source_ami_filter": {
      "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
    }
  }],
  "provisioners": [{ "type": "shell", "inline": ["cat /etc/machine-id", "sudo touch /etc/baked", "{{user `last`}}"] }]
}"#;

const WAIT: &str = "last=echo in the middle; sleep 300";

#[tokio::test]
async fn an_image_boots_without_the_builds_key_and_with_an_id_of_its_own() {
    let cloud = LocalCloud::up("kilnbake", 218, 4981);
    cloud.write("web.json", TEMPLATE);
    let baked = cloud.run(&["bake", "web.json"]);
    let log = String::from_utf8(baked.stderr).unwrap();
    assert!(baked.status.success(), "{log}");
    let image = ImageId::new(String::from_utf8(baked.stdout).unwrap().trim());
    let aws = cloud.aws().await;
    let session = launch(&image, &aws).await;
    let ask = async |command: &str| {
        let text = session.capture(Remotely::new(command)).await.unwrap();
        String::from_utf8(text).unwrap().trim().to_owned()
    };
    ask("test -f /etc/baked").await;
    let id = ask("cat /etc/machine-id").await;
    assert!(
        id.len() == 32 && !log.contains(&id),
        "the machine's id was baked in"
    );
    let authorized = ask("cat ~/.ssh/authorized_keys; sudo cat /root/.ssh/authorized_keys").await;
    assert!(authorized.contains("of-the-test"), "{authorized}");
    assert!(
        !authorized.contains("kiln-"),
        "the build's key was baked in: {authorized}"
    );
}

/// Launches a machine and opens a session on it, with a key of our own.
async fn launch(image: &ImageId, aws: &Aws) -> Session {
    let pair = keys::generate("of-the-test").unwrap();
    launch_with(&pair, image, aws).await.1
}

/// The same with this key, and the machine's address too.
pub async fn launch_with(pair: &KeyPair, image: &ImageId, aws: &Aws) -> (String, Session) {
    let name = kiln::cloud::KeyPairName::new("test");
    let tags = Tags::from([("Name".to_owned(), "test".to_owned())]);
    aws.import_key_pair(&name, pair.public(), &tags)
        .await
        .unwrap();
    let launched = aws
        .launch(&NewInstance {
            image: image.clone(),
            instance_type: "t3.small".to_owned(),
            profile: None,
            key_pair: Some(name),
            security_groups: Vec::new(),
            subnet: None,
            zone: None,
            public_address: None,
            devices: Vec::new(),
            user_data: None,
            metadata: Metadata {
                enabled: true,
                tokens_required: true,
                hop_limit: 1,
                instance_tags: false,
            },
            ebs_optimized: false,
            unlimited_credits: false,
            enclave: false,
            placement: kiln::cloud::Placement::default(),
            reservation: None,
            licenses: Vec::new(),
            terminate_on_shutdown: true,
            spot: None,
            token: "test".to_owned(),
            tags: tags.clone(),
            volume_tags: tags,
        })
        .await
        .unwrap();
    let auth = Auth::Memory {
        private_key: pair.private().unwrap(),
    };
    let limit = tokio::time::timeout(Duration::from_mins(1), session(&launched.id, &auth, aws));
    limit.await.unwrap()
}

async fn session(id: &InstanceId, auth: &Auth, aws: &Aws) -> (String, Session) {
    let mut turns = tokio::time::interval(Duration::from_millis(500));
    loop {
        turns.tick().await;
        let instance = aws.instance(id).await.unwrap();
        if instance.state != InstanceState::Running {
            continue;
        }
        let host = instance.addresses.private_ip.unwrap();
        let target = Target::new(&host, 22, "admin", auth.clone(), HostKeys::PinFirst);
        if let Ok(session) = ssh::connect(target).await {
            return (host, session);
        }
    }
}

/// Begins a bake and returns once its provisioner runs.
fn in_the_middle(cloud: &LocalCloud) -> Child {
    cloud.until(&["bake", "--var", WAIT, "web.json"], ":   in the middle")
}

#[tokio::test]
async fn a_bake_that_dies_is_swept_and_one_that_is_stopped_sweeps_itself() {
    let cloud = LocalCloud::up("kilndies", 219, 4982);
    cloud.write("web.json", TEMPLATE);
    kill(in_the_middle(&cloud));
    assert!(
        cloud.things().await.len() >= 4,
        "instance, volume, group and key"
    );
    swept_from_elsewhere(&cloud).await;
    let swept = cloud.run(&["sweep"]);
    let log = String::from_utf8_lossy(&swept.stderr);
    assert!(swept.status.success(), "{log}");
    assert_eq!(cloud.things().await, [""; 0], "{log}");
    let mut stopped = in_the_middle(&cloud);
    let pid = stopped.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(stopped.wait().unwrap().code(), Some(6));
    assert_eq!(cloud.things().await, [""; 0]);
}

/// With another account's credentials, or at another endpoint, nothing of the run is found: it is not gone for all that.
async fn swept_from_elsewhere(cloud: &LocalCloud) {
    let runs = cloud.folder.path().join(".kiln/runs");
    let journal = std::fs::read_dir(runs).unwrap().next().unwrap();
    let journal = journal.unwrap().path();
    let text = std::fs::read_to_string(&journal).unwrap();
    let there = cloud.things().await;
    for (here, other, why) in [
        (
            "\"012345678901\"",
            "\"111122223333\"",
            "in account 111122223333",
        ),
        (
            "http://",
            "http://elsewhere.",
            "worked at http://elsewhere.",
        ),
    ] {
        assert!(text.contains(here), "{text}");
        std::fs::write(&journal, text.replace(here, other)).unwrap();
        let swept = cloud.run(&["sweep"]);
        let log = String::from_utf8_lossy(&swept.stderr);
        assert_eq!(swept.status.code(), Some(3), "{log}");
        assert!(log.contains(why), "{log}");
        assert_eq!(cloud.things().await, there);
    }
    std::fs::write(&journal, text).unwrap();
}
