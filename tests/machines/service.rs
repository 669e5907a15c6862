//! The service `web` on a local cloud: its images, rolls of it, and how it stands, seen by AWS's own clients.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerAttribute, LoadBalancerTypeEnum, ProtocolEnum,
    TagDescription,
};
use serde_json::{Value, json};

use super::cloud::LocalCloud;
use super::traffic;

pub const HOST: &str = "web.example";
pub const ROLL: [&str; 4] = [
    "roll",
    "services/web.json",
    "vars/common.json",
    "--local-state",
];

/// The shipped service, on a cloud of its own.
pub struct Web {
    pub cloud: LocalCloud,
    pub url: String,
    pub config: aws_config::SdkConfig,
}

impl Web {
    /// Copies what is shipped beside the cloud's state. The soak and the times to boot and to drain are short.
    pub async fn new(cloud: LocalCloud) -> Self {
        let folder = cloud.folder.path();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for shipped in [
            "templates",
            "services",
            "roles",
            "vars",
            "tests/fixtures/roles",
        ] {
            let copied = Command::new("cp")
                .arg("-r")
                .arg(root.join(shipped))
                .arg(folder)
                .status();
            assert!(copied.unwrap().success());
        }
        let credentials = aws_sdk_ec2::config::Credentials::new("kiln", "kiln", None, None, "test");
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(
                cloud.variable("AWS_REGION").to_owned(),
            ))
            .endpoint_url(cloud.variable("AWS_ENDPOINT_URL"))
            .credentials_provider(credentials)
            .load()
            .await;
        let url = format!("{}/version", cloud.variable("KILN_LOCAL_LOAD_BALANCER"));
        let web = Self { cloud, url, config };
        web.service("services/web.json", |_| ());
        web.template("templates/broken.json", "broken-web");
        web
    }

    /// Writes a service file that is the shipped one but for `change` and shorter times.
    pub fn service(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let to = self.cloud.folder.path().join(file);
        edit(&to, "services/web.json", |service| {
            service["checks"]["after"] = json!([{ "soak": "3s" }]);
            service["set"]["health_check_grace_period"] = json!("20s");
            service["traffic"]["target"]["deregistration_delay"] = json!("5s");
            change(service);
        });
    }

    /// Writes a template that is the shipped one with a role more.
    pub fn template(&self, file: &str, role: &str) {
        let to = self.cloud.folder.path().join(file);
        edit(&to, "templates/web.json", |template| {
            let last = json!({ "type": "role", "roles": [role] });
            template["provisioners"].as_array_mut().unwrap().push(last);
        });
    }

    /// Bakes an image of Debian.
    pub fn bake_first(&self, template: &str, version: &str) -> String {
        self.bake(template, version, &[])
    }

    /// Bakes an image of the image of version `of`, which is quicker.
    pub fn bake_from(&self, of: &str, template: &str, version: &str) -> String {
        let query = format!("image_query=web-{of}-*");
        self.bake(
            template,
            version,
            &["-var", &query, "-var", "image_owner=self"],
        )
    }

    fn bake(&self, template: &str, version: &str, more: &[&str]) -> String {
        let version = format!("version={version}");
        let layers = [
            "vars/common.json",
            "vars/os/debian-12.json",
            "-var",
            &version,
        ];
        let args = [&["bake", template], &layers[..], more].concat();
        let baked = self.cloud.run(&args);
        assert!(baked.status.success(), "{}", said(&baked));
        String::from_utf8(baked.stdout).unwrap().trim().to_owned()
    }

    /// Rolls to a good end, and gives the log.
    pub fn roll(&self, more: &[&str]) -> String {
        let rolled = self.cloud.run(&[&ROLL[..], more].concat());
        assert!(rolled.status.success(), "{}", said(&rolled));
        said(&rolled)
    }

    /// Rolls an image by a service file of its own to a good end.
    pub fn roll_of(&self, file: &str, image: &str) {
        let common = "vars/common.json";
        let rolled = (self.cloud).run(&["roll", file, common, "--local-state", "--image", image]);
        assert!(rolled.status.success(), "{}", said(&rolled));
    }

    /// `image` serves, `kept` is whole beside it, and nothing else is left of the roll.
    pub fn stands(&self, image: &str, kept: &str) {
        let status = self.status();
        assert_eq!(status["live"]["image"], image, "{status:#}");
        assert_eq!(status["live"]["healthy"], 2, "{status:#}");
        assert_eq!(status["previous"]["image"], kept, "{status:#}");
        assert!(status["half_made"].is_null(), "{status:#}");
        assert_eq!(status["temporary"], json!([]), "{status:#}");
    }

    /// The version that answers a user.
    pub async fn version(&self) -> String {
        traffic::version(&self.url, HOST).await
    }

    /// The document of `kiln status`.
    pub fn status(&self) -> Value {
        let status = self.cloud.run(&["status", "web", "--json"]);
        assert!(status.status.success(), "{}", said(&status));
        serde_json::from_slice(&status.stdout).unwrap()
    }

    /// A network load balancer of this name, which balances across zones, and whose listeners lead to a target group that is made for them. Gives its address.
    pub async fn network(&self, name: &str, group: &str, ports: &[i32]) -> String {
        let ec2 = aws_sdk_ec2::Client::new(&self.config);
        let subnets = ec2.describe_subnets().send().await.unwrap();
        let ids = subnets.subnets().iter().filter_map(|one| one.subnet_id());
        let ids: Vec<_> = ids.map(str::to_owned).collect();
        let client = aws_sdk_elasticloadbalancingv2::Client::new(&self.config);
        let balancer = client.create_load_balancer().name(name);
        let balancer = balancer.r#type(LoadBalancerTypeEnum::Network);
        let balancer = balancer.set_subnets(Some(ids)).send().await.unwrap();
        let balancer = &balancer.load_balancers()[0];
        let across = LoadBalancerAttribute::builder()
            .key("load_balancing.cross_zone.enabled")
            .value("true");
        let all = client.modify_load_balancer_attributes();
        all.set_load_balancer_arn(balancer.load_balancer_arn.clone())
            .attributes(across.build())
            .send()
            .await
            .unwrap();
        let group = client.create_target_group().name(group);
        let group = group.protocol(ProtocolEnum::Tcp).port(80);
        let group = group.vpc_id(subnets.subnets()[0].vpc_id().unwrap());
        let group = group
            .health_check_protocol(ProtocolEnum::Http)
            .health_check_path("/healthz")
            .health_check_interval_seconds(5)
            .health_check_timeout_seconds(2)
            .healthy_threshold_count(2)
            .unhealthy_threshold_count(2);
        let group = group.send().await.unwrap();
        let leads = Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .set_target_group_arn(group.target_groups()[0].target_group_arn.clone())
            .build();
        for port in ports {
            let listener = client.create_listener().protocol(ProtocolEnum::Tcp);
            let listener = listener.set_load_balancer_arn(balancer.load_balancer_arn.clone());
            let listener = listener.port(*port).default_actions(leads.clone());
            listener.send().await.unwrap();
        }
        balancer.dns_name().unwrap().to_owned()
    }

    pub async fn groups(&self) -> Vec<AutoScalingGroup> {
        let client = aws_sdk_autoscaling::Client::new(&self.config);
        let page = client.describe_auto_scaling_groups().send().await.unwrap();
        page.auto_scaling_groups.unwrap_or_default()
    }

    /// The private address of a machine.
    pub async fn address(&self, instance: &str) -> String {
        let client = aws_sdk_ec2::Client::new(&self.config);
        let page = client.describe_instances().instance_ids(instance);
        let page = page.send().await.unwrap();
        let machine = &page.reservations()[0].instances()[0];
        machine.private_ip_address().unwrap().to_owned()
    }

    /// What the rules that are not for users are for, with how many there are of each.
    pub async fn other_rules(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for rule in self.rule_tags().await {
            for tag in rule.tags() {
                if tag.key() == Some("kiln:rule") {
                    *count
                        .entry(tag.value().unwrap_or_default().to_owned())
                        .or_default() += 1;
                }
            }
        }
        count
    }

    async fn rule_tags(&self) -> Vec<TagDescription> {
        let client = aws_sdk_elasticloadbalancingv2::Client::new(&self.config);
        let balancers = client.describe_load_balancers().send().await.unwrap();
        let mut tags = Vec::new();
        for balancer in balancers.load_balancers() {
            let of = client.describe_listeners();
            let listeners = of
                .set_load_balancer_arn(balancer.load_balancer_arn.clone())
                .send()
                .await;
            for listener in listeners.unwrap().listeners() {
                let of = client
                    .describe_rules()
                    .set_listener_arn(listener.listener_arn.clone());
                let rules = of.send().await.unwrap();
                let arns = rules
                    .rules()
                    .iter()
                    .filter(|rule| rule.is_default() == Some(false));
                let arns: Vec<_> = arns.filter_map(|rule| rule.rule_arn.clone()).collect();
                if arns.is_empty() {
                    continue;
                }
                let of = client.describe_tags().set_resource_arns(Some(arns));
                tags.extend(of.send().await.unwrap().tag_descriptions.unwrap());
            }
        }
        tags
    }

    /// Fails unless `image` alone serves as `version`, and beside it there is but what is kept to go back to.
    pub async fn assert_whole(&self, image: &str, version: &str) {
        assert_eq!(self.version().await, version);
        let status = self.status();
        assert_eq!(status["live"]["image"], image, "{status:#}");
        assert_eq!(
            status["live"]["healthy"], status["live"]["desired"],
            "{status:#}"
        );
        assert!(status["half_made"].is_null(), "{status:#}");
        assert_eq!(status["temporary"], json!([]), "{status:#}");
        let kept = status["previous"]["group"].as_str();
        let live = status["live"]["group"].as_str();
        let groups = self.groups().await;
        let names: BTreeSet<_> = groups
            .iter()
            .filter_map(AutoScalingGroup::auto_scaling_group_name)
            .collect();
        let wanted: BTreeSet<_> = [live, kept].into_iter().flatten().collect();
        assert_eq!(names, wanted);
        for group in &groups {
            assert!(
                group.suspended_processes().is_empty() || group.auto_scaling_group_name() == kept,
                "{group:?}"
            );
            let mut tags = group.tags().iter().filter_map(|tag| tag.key());
            let scratch = tags.find(|key| key.starts_with("kiln:lease:") || *key == "kiln:expires");
            assert_eq!(scratch, None, "{group:?}");
        }
        let watch = kept.map(|_| ("watch".to_owned(), 1));
        assert_eq!(self.other_rules().await, watch.into_iter().collect());
        let swept = self.cloud.run(&["sweep"]);
        let removed = String::from_utf8_lossy(&swept.stdout);
        assert_eq!(removed.trim(), "nothing to remove", "{}", said(&swept));
    }
}

/// The log of a command.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn edit(to: &Path, shipped: &str, change: impl FnOnce(&mut Value)) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped);
    let mut document = serde_json::from_slice(&std::fs::read(from).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(to, document.to_string()).unwrap();
}
