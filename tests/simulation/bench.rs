//! One bake with everything around it, and what is left when it is over.

use std::time::Duration;

use jiff::Timestamp;
use kiln::aws::Aws;
use kiln::bake::{Artifact, BakePlan, Objections, Options, World, carry_out, draft, look_up};
use kiln::cloud::{
    Filter, Fleets, Home, ImageQuery, Images, InstanceState, Instances, Keys, Network, Profiles,
};
use kiln::run::{Clock as _, Events, Journal, Outcome, RunId, Setup, Stop};
use kiln::source::{Diagnostic, SourceMap};
use kiln::template::bake::Template;
use kiln::undo::Undo;
use localcloud::model::{Config, SourceImage};
use localcloud::physics::{Behaviour, Spread};

use super::cloud::Cloud;
use super::machines::{SimulatedTools, Trouble};

/// Every kind of temporary thing: key pair, security group, instance, a volume that outlives it.
pub const TEMPLATE: &str = r#"{
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
  "provisioners": [{ "type": "shell", "inline": ["apt-get install -y nginx"] }, { "type": "reboot" }],
  "error-cleanup-provisioner": {
    "type": "shell", "inline": ["true"], "execute_command": "sh {{.Path}} as-clean-up"
  }
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
pub fn brisk() -> Behaviour {
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
        Self::of(TEMPLATE, account(), trouble).await
    }

    /// A bake of another template in another account.
    pub async fn of(text: &str, account: Config, trouble: Option<(usize, Trouble)>) -> Self {
        let cloud = Cloud::new(account);
        cloud.world().physics.set_usual(brisk());
        Self {
            client: cloud.client().await,
            tools: SimulatedTools::new(&cloud, trouble).await,
            template: template(text),
            stop: Stop::default(),
            cloud,
        }
    }

    pub async fn plan(&self) -> Option<BakePlan> {
        self.preflight(Options::default()).await.ok()
    }

    /// Everything that is asked before anything is made.
    pub async fn preflight(&self, options: Options) -> Result<BakePlan, Objections> {
        let build = &self.template.builds[0];
        let (facts, objections) = look_up(build, &self.client, &self.tools).await;
        let now = self.cloud.now();
        let draft = draft(&self.template, build, &facts, options, run_id(), now);
        let draft = draft.after(objections).rehearse(&[], &self.client).await;
        draft.done()
    }

    /// What stands against the bake, by its findings.
    pub async fn findings(&self, options: Options) -> Vec<Diagnostic> {
        let objections = self.preflight(options).await.err().unwrap_or_default();
        assert_eq!(objections.failures(), [""; 0]);
        objections.findings
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

    pub fn setup<'a>(
        &self,
        journal: &'a dyn Journal<Undo>,
        events: &'a dyn Events,
    ) -> Setup<'a, Undo> {
        Setup {
            journal,
            events,
            stop: self.stop.clone(),
        }
    }

    /// What is left, an hour later.
    pub async fn remains(&self) -> Vec<String> {
        self.cloud.calm();
        tokio::time::sleep(Duration::from_hours(1)).await;
        remains(&self.cloud).await
    }
}

/// Everything of the account but what it came with, whatever its tags.
pub async fn remains(cloud: &Cloud) -> Vec<String> {
    let seer = cloud.observer().await;
    let ours = [Filter::new("group-name", "kiln-*")];
    let mut found = Vec::new();
    // Fresh things show late: the last look counts.
    for _ in 0..4 {
        found.clear();
        let instances = seer.find_instances(&[]).await.unwrap().into_iter();
        let alive = instances.filter(|one| one.state != InstanceState::Terminated);
        found.extend(alive.map(|instance| instance.id.to_string()));
        let volumes = seer.find_volumes(&[]).await.unwrap();
        found.extend(volumes.iter().map(ToString::to_string));
        let groups = seer.find_security_groups(&ours).await.unwrap();
        found.extend(groups.iter().map(ToString::to_string));
        let profiles = seer.made_profiles().await.unwrap().into_iter();
        found.extend(profiles.map(|made| format!("profile {}", made.name)));
        let roles = seer.made_roles().await.unwrap().into_iter();
        found.extend(roles.map(|made| format!("role {}", made.name)));
        let templates = seer.find_launch_templates(&[]).await.unwrap();
        found.extend(templates.iter().map(ToString::to_string));
        let keys = seer.find_key_pairs(&[]).await.unwrap();
        found.extend(keys.iter().map(ToString::to_string));
        let images = seer
            .find_images(&ImageQuery::own(Vec::new()))
            .await
            .unwrap();
        found.extend(images.iter().map(|image| image.id.to_string()));
        let snapshots = seer.find_snapshots(&[]).await.unwrap();
        found.extend(snapshots.iter().map(ToString::to_string));
    }
    found
}
