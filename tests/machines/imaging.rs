//! Images of real machines on their way: a bake that dies while one is made, images that are copied and encrypted, and a
//! machine that only another one leads to.

use kiln::cloud::{Filter, ImageId, ImageQuery, Images as _};
use kiln::ssh::{Command as Remotely, Remote as _, keys};
use serde_json::{Value, json};

use super::bake::launch_with;
use super::cloud::{LocalCloud, kill};
use crate::ssh::server::write_key;

/// A template with these options in its builder.
fn template(more: &Value) -> String {
    let mut builder = json!({
        "type": "amazon-ebs", "ami_name": "web-{{timestamp}}", "instance_type": "t3.small", "ssh_username": "admin",
        "source_ami_filter": {
            "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
        }
    });
    let more = more.as_object().unwrap().clone();
    builder.as_object_mut().unwrap().extend(more);
    let shell = json!({ "type": "shell", "inline": ["sudo touch /etc/baked; echo reached from ${SSH_CLIENT%% *}"] });
    json!({ "builders": [builder], "provisioners": [shell] }).to_string()
}

/// The images that a bake printed.
#[track_caller]
fn baked(cloud: &LocalCloud) -> (Vec<String>, String) {
    let done = cloud.run(&["bake", "web.json"]);
    let log = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{log}");
    let ids = String::from_utf8(done.stdout).unwrap();
    (ids.lines().map(ToOwned::to_owned).collect(), log)
}

#[tokio::test]
async fn an_image_whose_bake_died_while_it_was_made_is_gone_on_with_or_swept() {
    let cloud = LocalCloud::at_pace("0,0,15", "kilnmidw", 229, 4993);
    cloud.write("web.json", &template(&json!({})));
    let begun = ": image available";
    kill(cloud.until(&["bake", "web.json"], begun));
    let own = ImageQuery::own(Vec::new());
    let pending = cloud.aws().await.find_images(&own).await.unwrap().remove(0);
    let (ids, log) = baked(&cloud);
    assert_eq!(ids, [pending.id.to_string()], "{log}");
    assert!(!log.contains("reached from"), "a second machine:\n{log}");
    let whole = cloud.things().await;
    assert_eq!(whole.len(), 2, "an image and its snapshot: {whole:?}");
    kill(cloud.until(&["bake", "web.json"], begun));
    assert!(cloud.things().await.len() > 4);
    let swept = cloud.run(&["sweep"]);
    let log = String::from_utf8_lossy(&swept.stderr);
    assert!(swept.status.success(), "{log}");
    assert_eq!(cloud.things().await, whole, "{log}");
}

#[tokio::test]
async fn an_encrypted_image_and_its_copy_in_another_region_boot() {
    let cloud = LocalCloud::up("kilncopy", 230, 4994);
    let options = json!({ "encrypt_boot": true, "ami_regions": ["eu-west-1"] });
    cloud.write("web.json", &template(&options));
    let (ids, log) = baked(&cloud);
    assert_eq!(ids.len(), 2, "{log}");
    let home = cloud.variable("AWS_REGION").to_owned();
    for (region, id) in [(home.as_str(), &ids[0]), ("eu-west-1", &ids[1])] {
        let (aws, id) = (cloud.aws_in(region).await, ImageId::new(id));
        let image = aws
            .find_images(&ImageQuery::id(&id))
            .await
            .unwrap()
            .remove(0);
        assert!(
            image.devices.iter().all(|device| device.encrypted),
            "{image:?}"
        );
        let pair = keys::generate("of-the-test").unwrap();
        let (_, session) = launch_with(&pair, &id, &aws).await;
        let baked = Remotely::new("test -f /etc/baked && echo yes");
        assert_eq!(session.capture(baked).await.unwrap(), b"yes\n", "{region}");
    }
}

#[tokio::test]
async fn a_bake_goes_through_a_bastion_whose_host_key_is_known() {
    let cloud = LocalCloud::up("kilnbast", 231, 4995);
    let aws = cloud.aws().await;
    let public = ImageQuery {
        filters: vec![Filter::new("name", "debian-12-amd64-*")],
        ..ImageQuery::default()
    };
    let source = aws.find_images(&public).await.unwrap().remove(0);
    let pair = keys::generate("of-the-test").unwrap();
    let (bastion, session) = launch_with(&pair, &source.id, &aws).await;
    let host_key = Remotely::new("cat /etc/ssh/ssh_host_ed25519_key.pub");
    let host_key = String::from_utf8(session.capture(host_key).await.unwrap()).unwrap();
    write_key(
        &cloud.folder.path().join("bastion"),
        &pair.private().unwrap(),
    );
    cloud.write("web.json", &template(&json!({
        "ssh_bastion_host": bastion, "ssh_bastion_username": "admin", "ssh_bastion_private_key_file": "bastion"
    })));
    let before = cloud.things().await;
    let bake = || {
        let mut kiln = cloud.kiln(&["bake", "web.json"]);
        let done = kiln.env("HOME", cloud.folder.path()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, log) = bake();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("known_hosts"), "{log}");
    assert_eq!(cloud.things().await, before, "{log}");
    std::fs::create_dir(cloud.folder.path().join(".ssh")).unwrap();
    cloud.write(".ssh/known_hosts", &format!("{bastion} {host_key}"));
    let (code, log) = bake();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains(&format!(":   reached from {bastion}")),
        "{log}"
    );
}
