//! `replace_root` on a real machine, by a run that dies and the next that goes on: it stays with its id and its address, and runs
//! from another root; by `kiln rollback` from its old one again.

use std::process::Command;

use serde_json::json;

use super::cloud::{LocalCloud, kill};
use super::service::{Web, said};
use super::traffic;

const ROLL: [&str; 4] = [
    "roll",
    "services/wiki.json",
    "vars/common.json",
    "--local-state",
];

/// A service of one machine, without a load balancer.
struct Wiki {
    web: Web,
    instance: String,
    url: String,
}

impl Wiki {
    async fn first(web: Web) -> Self {
        let service = json!({
            "format": 1,
            "service": "wiki",
            "region": "{{ region }}",
            "variables": { "region": null, "instance_type": null, "subnets": null, "security_groups": null },
            "image": { "family": "web" },
            "groups": {
                "mode": "new",
                "template": "wiki",
                "initial": { "min": 1, "max": 1, "desired": 1, "subnets": "{{ subnets }}" },
            },
            "set": {
                "instance_type": "{{ instance_type }}",
                "security_groups": "{{ security_groups }}",
                "health_check_grace_period": "30s",
            },
            "strategy": { "type": "replace_root" },
            "checks": { "after": [
                { "command": "curl --fail --silent --max-time 5 http://$KILN_ADDRESSES/healthz", "times": 2, "timeout": "1m" },
            ] },
            "rollback": { "keep": "1h" },
        });
        web.cloud.write("services/wiki.json", &service.to_string());
        let rolled = web.cloud.run(&ROLL);
        assert!(rolled.status.success(), "{}", said(&rolled));
        let group = web.groups().await.remove(0);
        let instance = group.instances()[0].instance_id().unwrap().to_owned();
        let address = web.address(&instance).await;
        let url = format!("http://{address}/version");
        Self { web, instance, url }
    }

    /// Fails unless the same machine, at the same address, runs this version, and nothing of a roll is left.
    async fn assert_runs(&self, image: &str, version: &str) {
        assert_eq!(traffic::version(&self.url, "wiki.example").await, version);
        let groups = self.web.groups().await;
        assert_eq!(groups.len(), 1, "{groups:?}");
        let machine = groups[0].instances()[0].instance_id();
        assert_eq!(machine, Some(self.instance.as_str()));
        assert!(groups[0].suspended_processes().is_empty(), "{groups:?}");
        let mut tags = groups[0].tags().iter().filter_map(|tag| tag.key());
        assert_eq!(tags.find(|key| key.starts_with("kiln:lease:")), None);
        let status = self.web.cloud.run(&["status", "wiki", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(status["live"]["image"], image, "{status:#}");
        assert_eq!(status["drift"], json!([]), "{status:#}");
    }
}

#[tokio::test]
async fn a_machine_gets_another_root_and_its_old_one_again() {
    let web = Web::new(LocalCloud::up("kilnwiki", 233, 4997)).await;
    let first = web.bake_first("templates/web.json", "1.0.0");
    let wiki = Wiki::first(web).await;
    wiki.assert_runs(&first, "1.0.0").await;
    let second = wiki.web.bake_from("1.0.0", "templates/web.json", "2.0.0");
    kill(wiki.web.cloud.until(&ROLL, "another root: done"));
    let rolled = wiki.web.cloud.run(&ROLL);
    assert!(rolled.status.success(), "{}", said(&rolled));
    wiki.assert_runs(&second, "2.0.0").await;

    let empty = tempfile::tempdir().unwrap();
    let mut rollback: Command = wiki.web.cloud.kiln(&["rollback", "wiki"]);
    let rollback = rollback.current_dir(&empty).output().unwrap();
    assert!(rollback.status.success(), "{}", said(&rollback));
    wiki.assert_runs(&first, "1.0.0").await;
}
