//! What `kiln roll --plan` refuses, by kiln's own process: drawn at its place, exit 2, and nothing touched.

use jiff::SignedDuration;
use kiln::run::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::model::ModelBakery;

pub const OWN: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];
const EC2: &str = "2016-11-15";
const ELB: &str = "2015-12-01";
const SCALING: &str = "2011-01-01";

/// An account in which others have made a service, and a file for it.
pub struct Ground {
    pub bakery: ModelBakery,
    subnets: Vec<String>,
    balancer: String,
    listener: String,
    serving: String,
    vpc: String,
}

impl Ground {
    pub fn open() -> Self {
        let bakery = ModelBakery::open();
        let ask =
            |version: &str, call: &str| bakery.call(&format!("Version={version}&Action={call}"));
        let network = ask(EC2, "DescribeSubnets");
        let mut subnets = all(&network, "subnetId");
        subnets.truncate(2);
        let vpc = all(&network, "vpcId").remove(0);
        let [one, two] = &subnets[..] else {
            panic!("{network}");
        };
        let made = ask(
            ELB,
            &format!(
                "CreateLoadBalancer&Name=public&Subnets.member.1={one}&Subnets.member.2={two}"
            ),
        );
        let balancer = all(&made, "LoadBalancerArn").remove(0);
        let serving = target_group(&bakery, "web-a", "HTTP", &vpc);
        let made = ask(
            ELB,
            &format!(
                "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80\
                 &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={serving}"
            ),
        );
        let listener = all(&made, "ListenerArn").remove(0);
        ask(
            EC2,
            "CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId=ami-0000000000000001\
             &LaunchTemplateData.InstanceType=t3.small",
        );
        group(
            &bakery,
            "web-by-hand",
            1,
            one,
            &format!("&TargetGroupARNs.member.1={serving}"),
        );
        // Fresh things show late.
        for _ in 0..4 {
            ask(EC2, "DescribeLaunchTemplates");
            ask(EC2, "DescribeLaunchTemplateVersions&LaunchTemplateName=web");
        }
        Self {
            bakery,
            subnets,
            balancer,
            listener,
            serving,
            vpc,
        }
    }

    /// Has the group that serves grow to so many healthy machines.
    pub fn grow(&self, machines: u32) {
        self.call(SCALING, &format!(
            "UpdateAutoScalingGroup&AutoScalingGroupName=web-by-hand&MaxSize={machines}&DesiredCapacity={machines}"
        ));
        let health = format!(
            "Version={ELB}&Action=DescribeTargetHealth&TargetGroupArn={}",
            self.serving
        );
        let wanted = usize::try_from(machines).unwrap();
        let is_there = |_| {
            let states = all(&self.bakery.call(&health), "State");
            states.iter().filter(|state| *state == "healthy").count() == wanted
        };
        // Each look takes the cloud five seconds on.
        assert!((0..200).any(is_there), "{machines} healthy machines");
    }

    /// Writes `web.json`, with these settings in place of its own. Values that are asked for stand behind text that is not ASCII.
    pub fn file(&self, more: &Value) {
        let mut file = json!({
            "format": 1, "service": "web", "region": "eu-central-1",
            "image": { "id": "ami-0000000000000002" },
            "groups": { "mode": "new", "template": "web" },
            "set": { "tags": { "größe": "klein" } },
            "traffic": { "load_balancer": "public", "target_groups": ["web-a", "web-b"],
                "target": { "port": 80 }, "rules": [{ "port": 80 }] }
        });
        let more = more.as_object().unwrap().clone();
        file.as_object_mut().unwrap().extend(more);
        let text = serde_json::to_string_pretty(&file).unwrap();
        self.bakery.write("web.json", &text);
    }

    /// Plans, which must be refused with this code, and draws it.
    #[track_caller]
    pub fn refused(&self, code: &str, environment: &[(&str, &str)]) -> String {
        let before = self.bakery.asked().len();
        let done = self
            .bakery
            .run(&["roll", "--plan", "web.json"], environment);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(code), "no {code} in:\n{said}");
        let asked = self.bakery.asked().split_off(before);
        let mut writes = asked.iter().filter(|asked| {
            let reads = ["Describe", "Get", "List"];
            !reads.iter().any(|read| asked.action.starts_with(read))
        });
        assert!(writes.next().is_none(), "{code}");
        said
    }

    #[track_caller]
    fn drawn(&self, code: &str) {
        let picture = self
            .refused(code, &OWN)
            .replace("web.json: service file\n", "");
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(code.replace("::", "-"), picture);
        });
    }

    fn call(&self, version: &str, call: &str) {
        self.bakery
            .call(&format!("Version={version}&Action={call}"));
    }
}

/// The texts of all elements of a name.
fn all(answer: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = answer.split(&open).skip(1);
    found
        .map(|rest| rest.split(&close).next().unwrap().to_owned())
        .collect()
}

fn target_group(bakery: &ModelBakery, name: &str, protocol: &str, vpc: &str) -> String {
    let made = bakery.call(&format!(
        "Version={ELB}&Action=CreateTargetGroup&Name={name}&Protocol={protocol}&Port=80&VpcId={vpc}"
    ));
    all(&made, "TargetGroupArn").remove(0)
}

fn group(bakery: &ModelBakery, name: &str, desired: u32, subnet: &str, more: &str) {
    bakery.call(&format!(
        "Version={SCALING}&Action=CreateAutoScalingGroup&AutoScalingGroupName={name}&MinSize={desired}&MaxSize=4\
         &DesiredCapacity={desired}&LaunchTemplate.LaunchTemplateName=web&LaunchTemplate.Version=$Latest\
         &VPCZoneIdentifier={subnet}{more}"
    ));
}

#[test]
fn what_the_account_does_not_allow_is_drawn() {
    let ground = Ground::open();
    ground.file(&json!({}));
    let done = ground.bakery.run(&["roll", "--plan", "web.json"], &OWN);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let foreign = target_group(&ground.bakery, "shop", "HTTP", &ground.vpc);
    let listen = format!(
        "CreateListener&LoadBalancerArn={}&Protocol=HTTP&Port=8443&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={foreign}",
        ground.balancer
    );
    ground.call(ELB, &listen);
    ground.file(
        &json!({ "traffic": { "load_balancer": "public", "target_groups": ["web-a", "web-b"],
        "target": { "port": 80 }, "rules": [{ "port": 80 }], "probe": { "port": 8443 } } }),
    );
    ground.drawn("roll::test_listener");
    ground.file(&json!({ "account": "111122223333" }));
    ground.drawn("roll::wrong_account");
    let any = json!({ "filters": { "name": "*" }, "owners": ["136693071363"] });
    ground.file(&json!({ "image": { "filter": any } }));
    ground.drawn("roll::several_images");
    ground.file(&json!({ "image": { "ssm": "/web/image" } }));
    ground.refused("there is no parameter /web/image", &OWN);
    ground.file(&json!({ "set": { "subnets": ["subnet-0123456789abcdef0"] } }));
    ground.drawn("roll::not_found");
    let types = json!({ "when_short": "fallback", "instance_types": ["t3.small", "t4g.small"] });
    ground.file(&json!({ "capacity": types }));
    let said = ground.refused("roll::instance_type", &OWN);
    assert!(said.contains("[web.json:"), "{said}");
    assert!(said.contains("t4g.small is arm64"), "{said}");
    ground.file(&json!({ "rollback": { "keep": "5m" } }));
    let sticky = format!(
        "ModifyListener&ListenerArn={}&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn={}\
         &DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled=true\
         &DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds=3600",
        ground.listener, ground.serving
    );
    ground.call(ELB, &sticky);
    ground.drawn("roll::keep");
    let pair = |other: &str| {
        let names = json!({ "mode": "pair", "names": ["web-by-hand", other] });
        ground.file(&json!({ "groups": names, "set": {}, "rollback": { "keep": "2h" } }));
    };
    group(&ground.bakery, "web-green", 0, &ground.subnets[0], "");
    pair("web-grün");
    ground.drawn("roll::no_group");
    pair("web-green");
    ground.drawn("roll::pair");
    ground.call(
        SCALING,
        "DeleteAutoScalingGroup&AutoScalingGroupName=web-green",
    );
    ground.file(&json!({}));
    group(&ground.bakery, "batch", 0, &ground.subnets[0], "");
    ground.drawn("roll::shared_template");
    let pinned = "UpdateAutoScalingGroup&AutoScalingGroupName=batch&LaunchTemplate.LaunchTemplateName=web&LaunchTemplate.Version=1";
    ground.call(SCALING, pinned);
    target_group(&ground.bakery, "web-b", "HTTPS", &ground.vpc);
    ground.drawn("roll::protocols");
    ground.file(
        &json!({ "traffic": { "load_balancer": "public", "target_groups": ["web-a", "web-c"],
        "target": { "port": 80 }, "rules": [{ "port": 80 }] } }),
    );
    let tag = format!(
        "AddTags&ResourceArns.member.1={}&Tags.member.1.Key=kiln:service&Tags.member.1.Value=shop",
        ground.listener
    );
    ground.call(ELB, &tag);
    ground.drawn("roll::rule_of_another");
}

#[test]
fn what_a_network_load_balancer_cannot_do_is_drawn() {
    let ground = Ground::open();
    let made = ground.bakery.call(&format!(
        "Version={ELB}&Action=CreateLoadBalancer&Name=flows&Type=network&Subnets.member.1={}",
        ground.subnets[0]
    ));
    let balancer = all(&made, "LoadBalancerArn").remove(0);
    let idle = target_group(&ground.bakery, "flows-a", "TCP", &ground.vpc);
    ground.call(
        ELB,
        &format!(
            "CreateListener&LoadBalancerArn={balancer}&Protocol=TCP&Port=80\
             &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={idle}"
        ),
    );
    ground.file(&json!({
        "traffic": { "load_balancer": "flows", "target_groups": ["flows-a", "flows-b"], "target": { "port": 80 },
            "rules": [{ "port": 80, "match": { "host": ["größe.example"] } }] },
        "checks": { "before": [{ "http": { "path": "/" } }] }
    }));
    ground.drawn("roll::network_load_balancer");
}

#[test]
fn credentials_must_outlast_the_roll_and_its_way_back() {
    let ground = Ground::open();
    ground.file(&json!({}));
    let token = ("AWS_SESSION_TOKEN", "of-the-session");
    let end = |seconds| {
        let end = SystemClock.now() + SignedDuration::from_secs(seconds);
        end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let soon = end(300);
    let environment = [
        OWN[0],
        OWN[1],
        token,
        ("AWS_CREDENTIAL_EXPIRATION", soon.as_str()),
    ];
    let said = ground.refused("roll::credentials", &environment);
    let words: Vec<_> = said
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    let words = words.join(" ");
    for part in [
        "the credentials end in 2",
        soon.as_str(),
        "with its way back may take 885 s",
        "aws sts assume-role --duration-seconds 900",
    ] {
        assert!(words.contains(part), "no `{part}` in:\n{said}");
    }
    assert!(!said.contains("of-the-session"), "{said}");
    let late = end(6 * 3600);
    let environment = [
        OWN[0],
        OWN[1],
        token,
        ("AWS_CREDENTIAL_EXPIRATION", late.as_str()),
    ];
    let done = ground
        .bakery
        .run(&["roll", "--plan", "web.json"], &environment);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    // Nobody says when these end.
    let environment = [OWN[0], OWN[1], token];
    let done = ground
        .bakery
        .run(&["roll", "--plan", "web.json"], &environment);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let plan = String::from_utf8_lossy(&done.stdout);
    let note = "note: the credentials are of a session, and nobody says when it ends";
    assert!(plan.contains(note), "{plan}");
    // Keys of a user have no end, and ones that a profile gets for itself are renewed.
    let done = ground.bakery.run(&["roll", "--plan", "web.json"], &OWN);
    let plan = String::from_utf8_lossy(&done.stdout);
    assert!(!plan.contains("note:"), "{plan}");
    let expires = end(300);
    let lent = json!({ "Version": 1, "AccessKeyId": "AKIALENT", "SecretAccessKey": "secret",
        "SessionToken": "lent", "Expiration": expires });
    ground.bakery.write("lent.json", &lent.to_string());
    ground
        .bakery
        .write("config", "[default]\ncredential_process = cat lent.json\n");
    let config = ground.bakery.folder.path().join("config");
    let environment = [("AWS_CONFIG_FILE", config.to_str().unwrap())];
    let done = ground
        .bakery
        .run(&["roll", "--plan", "web.json"], &environment);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

/// Every code of src/ has a row in docs/services.md.
#[test]
fn every_code_has_a_row() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(here.join("docs/services.md")).unwrap();
    let mut codes = std::collections::BTreeSet::new();
    let mut folders = vec![here.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let named = text.split("\"roll::").skip(1);
            codes.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(codes.len() > 30, "{codes:?}");
    let lost = codes
        .iter()
        .filter(|code| !docs.contains(&format!("| `roll::{code}` |")));
    assert_eq!(
        lost.collect::<Vec<_>>(),
        [""; 0],
        "without a row in docs/services.md"
    );
}
