//! Spot machines of the local cloud: none to be had, and one that is taken back in the middle of a bake.

use std::io::Read as _;
use std::process::Stdio;

use kiln::cloud::{Filter, Instances as _};

use super::cloud::LocalCloud;

const TEMPLATE: &str = r#"{
  "builders": [{
    "type": "amazon-ebs", "ami_name": "spot-{{timestamp}}", "ssh_username": "admin",
    "spot_price": "auto", "spot_instance_types": ["t3.small", "t3.medium"],
    "source_ami_filter": {
      "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
    }
  }],
  "provisioners": [{ "type": "shell", "inline": ["echo in the middle", "sleep {{user `rest`}}"] }]
}"#;

#[tokio::test]
async fn a_want_of_capacity_goes_on_to_what_there_is_and_a_machine_that_is_taken_back_ends_its_bake()
 {
    let cloud = LocalCloud::up("kilnspot", 227, 4991);
    cloud.write("spot.json", TEMPLATE);
    let scarce = cloud.run(&[
        "local", "scarce", "--name", "kilnspot", "--spot", "--type", "t3.small",
    ]);
    assert!(scarce.status.success(), "{scarce:?}");
    let middle = [Filter::new("instance-state-name", "running")];
    let arguments = ["bake", "--var", "rest=300", "spot.json"];
    let mut bake = cloud
        .kiln(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = std::io::BufReader::new(bake.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(":   in the middle") {
        let read = std::io::BufRead::read_line(&mut log, &mut said).unwrap();
        assert!(read > 0, "it ended before:\n{said}");
    }
    assert!(
        said.contains("no machine as spot t3.small: RunInstances: There is no Spot capacity"),
        "{said}"
    );
    let machine = cloud
        .aws()
        .await
        .find_instances(&middle)
        .await
        .unwrap()
        .remove(0);
    assert!(machine.spot, "{machine:?}");
    let taken = [
        "local",
        "interrupt",
        "--name",
        "kilnspot",
        machine.id.as_str(),
    ];
    let taken = cloud.run(&taken);
    assert!(taken.status.success(), "{taken:?}");
    log.read_to_string(&mut said).unwrap();
    assert_eq!(bake.wait().unwrap().code(), Some(1), "{said}");
    let why = format!("EC2 has taken the spot machine {} back", machine.id);
    assert!(said.contains(&why), "{said}");
    assert_eq!(cloud.things().await, [""; 0], "{said}");
    let again = cloud.run(&[
        "local",
        "interrupt",
        "--name",
        "kilnspot",
        machine.id.as_str(),
    ]);
    assert!(!again.status.success());
    let baked = cloud.run(&["bake", "--var", "rest=0", "spot.json"]);
    assert!(
        baked.status.success(),
        "{}",
        String::from_utf8_lossy(&baked.stderr)
    );
}
