//! Debian's packer 1.6.6 as a foreign client: it was written by others, so what it trips over is a bug here.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{Cloud, between, until};

const TEMPLATE: &str = r#"{
  "builders": [{
    "type": "amazon-ebs",
    "region": "eu-central-1",
    "custom_endpoint_ec2": "ENDPOINT",
    "access_key": "kiln",
    "secret_key": "kiln",
    "skip_credential_validation": true,
    "skip_metadata_api_check": true,
    "source_ami_filter": {
      "filters": { "virtualization-type": "hvm", "name": "debian-12-amd64-*", "root-device-type": "ebs" },
      "owners": ["136693071363"],
      "most_recent": true
    },
    "instance_type": "t3.micro",
    "ssh_username": "admin",
    "ami_name": "baked-by-packer",
    "tags": { "Name": "by packer" }
  }],
  "provisioners": [
    { "type": "shell", "inline": ["echo baked-by-packer | sudo tee /etc/baked"] }
  ]
}"#;

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot run ({error}); `make deps` installs it"))
}

/// Asks a machine by SSH; `None` while it cannot be asked.
fn ssh(key: &Path, address: &str, command: &str) -> Option<String> {
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ]);
    ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-i"])
        .arg(key);
    let output = run(ssh.arg(format!("admin@{address}")).arg(command));
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn packer_bakes_an_image_that_boots() {
    let cloud = Cloud::up().await;
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.json");
    std::fs::write(
        &template,
        TEMPLATE.replace("ENDPOINT", &cloud.config.endpoint()),
    )
    .unwrap();
    let packer = run(Command::new("packer")
        .args(["build", "-color=false"])
        .arg(&template)
        .env("HOME", folder.path())
        .env("CHECKPOINT_DISABLE", "1")
        .env("AWS_POLL_DELAY_SECONDS", "1"));
    let said = String::from_utf8_lossy(&packer.stdout);
    assert!(
        packer.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&packer.stderr)
    );
    let image = format!("ami-{}", between(&said, "eu-central-1: ami-", "\n"));

    let images = cloud
        .ec2("DescribeImages", &format!("&ImageId.1={image}"))
        .await;
    assert!(
        images.contains("<imageState>available<") && images.contains("<value>by packer<"),
        "{images}"
    );
    let pair = cloud.ec2("CreateKeyPair", "&KeyName=after").await;
    let key = folder.path().join("key");
    std::fs::write(
        &key,
        between(&pair, "<keyMaterial>", "</keyMaterial>").replace("&#xA;", "\n"),
    )
    .unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let launch =
        format!("&ImageId={image}&MinCount=1&MaxCount=1&InstanceType=t3.micro&KeyName=after");
    let launched = cloud.ec2("RunInstances", &launch).await;
    let address = between(&launched, "<privateIpAddress>", "<");
    let mut baked = None;
    until("the baked machine answers", async || {
        baked = ssh(&key, &address, "cat /etc/baked");
        baked.is_some()
    })
    .await;
    assert_eq!(baked.as_deref(), Some("baked-by-packer\n"));
    cloud.down().await;
}
