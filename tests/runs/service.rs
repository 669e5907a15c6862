//! `kiln roll` and the commands on a service's name, from outside: kiln's own process against the model behind a listener.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kiln::run::{Clock as _, Holder, Leases as _, RunId, SystemClock};
use kiln::store::Store;
use serde_json::{Value, json};

use super::gate::Gate;
use super::model::ModelBakery;
use super::signals::{ended, signal};
use crate::wire::http::{Asked, Server};

pub const FIRST: &str = "ami-0000000000000001";
pub const SECOND: &str = "ami-0000000000000002";

/// The texts of every element of a name in an answer.
fn all<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let parts = answer
        .split(&format!("<{name}>"))
        .skip(1)
        .collect::<Vec<_>>();
    let text = |part: &&'a str| part.split('<').next().unwrap();
    parts.iter().map(text).collect()
}

/// A service on a load balancer, whose next machines answer at once.
pub struct Service {
    pub bakery: ModelBakery,
    prometheus: Server,
}

impl Service {
    pub fn open() -> Self {
        let bakery = ModelBakery::open();
        let ec2 = |call: &str| bakery.call(&format!("Version=2016-11-15&Action={call}"));
        let elb = |call: &str| bakery.call(&format!("Version=2015-12-01&Action={call}"));
        let found = ec2("DescribeSubnets");
        let subnets: Vec<String> = all(&found, "subnetId")
            .into_iter()
            .map(str::to_owned)
            .collect();
        let vpc = all(&found, "vpcId")[0];
        let group = ec2(&format!(
            "CreateSecurityGroup&GroupName=web&GroupDescription=web&VpcId={vpc}"
        ));
        let group = all(&group, "groupId")[0];
        // What is new shows late.
        for _ in 0..3 {
            ec2("DescribeSecurityGroups");
        }
        let members = subnets.iter().enumerate();
        let members = members.map(|(at, id)| format!("&Subnets.member.{}={id}", at + 1));
        let made = elb(&format!(
            "CreateLoadBalancer&Name=public{}",
            members.collect::<String>()
        ));
        let balancer = all(&made, "LoadBalancerArn")[0];
        elb(&format!(
            "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=fixed-response\
             &DefaultActions.member.1.FixedResponseConfig.StatusCode=404"
        ));
        let prometheus = Server::start(answer);
        let service = json!({
            "format": 1, "service": "web", "region": "eu-central-1",
            "variables": { "token": "{{ env `PROMETHEUS_TOKEN` }}" }, "sensitive-variables": ["token"],
            "image": { "id": FIRST },
            "groups": { "initial": { "min": 1, "max": 2, "desired": 1, "subnets": subnets } },
            "set": { "instance_type": "t3.small", "security_groups": [group], "health_check_grace_period": "60s" },
            "traffic": {
                "load_balancer": "public",
                "target": { "port": 80, "health_check": { "interval": "5s", "timeout": "2s", "healthy_threshold": 2 },
                    "deregistration_delay": "1s" },
                "rules": [{ "port": 80 }]
            },
            "checks": {
                "before": [{ "command": ["./check.sh", "before"], "times": 1 }],
                "after": [{ "prometheus": { "url": format!("http://{}/", prometheus.address), "query": "up{run=\"{{ run }}\"}",
                    "above": 0.5, "bearer": "{{ user `token` }}" }, "times": 1 }]
            },
            "hooks": {
                "before_swap": [{ "command": "echo before $KILN_SERVICE $KILN_IMAGE >> hooks; echo said by the hook" }],
                "after_swap": [{ "command": "echo after $KILN_GROUP $(echo $KILN_ADDRESSES | wc -w) >> hooks" }]
            },
            "rollback": { "keep": "1s" }
        });
        bakery.write("web.json", &service.to_string());
        bakery.write(
            "check.sh",
            "#!/bin/sh\necho \"$1 $KILN_INSTANCES\" >> checks\ntest ! -e broken\n",
        );
        let check = bakery.folder.path().join("check.sh");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(check, executable).unwrap();
        Self { bakery, prometheus }
    }

    /// What is new shows late: it is looked for until it is there.
    pub fn settle(&self) {
        for call in [
            "DescribeLaunchTemplates",
            "DescribeLaunchTemplateVersions&LaunchTemplateName=web",
        ] {
            for _ in 0..3 {
                self.bakery
                    .call(&format!("Version=2016-11-15&Action={call}"));
            }
        }
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.kiln(args).output().unwrap()
    }

    /// kiln with the account and the token in its environment.
    pub fn kiln(&self, args: &[&str]) -> Command {
        let environment = [
            ("PROMETHEUS_TOKEN", "t0ken-of-prometheus"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-central-1"),
        ];
        let kiln = env!("CARGO_BIN_EXE_kiln");
        self.bakery.command(kiln, args, &environment)
    }

    /// Runs to a good end; the document.
    #[track_caller]
    fn document(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat());
        let said = said(&done);
        assert_eq!(done.status.code(), Some(0), "{args:?}: {said}");
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

fn answer(asked: &Asked, _: usize) -> (&'static str, String) {
    if asked.header("authorization") != "Bearer t0ken-of-prometheus" {
        return ("401 Unauthorized", "who are you?".to_owned());
    }
    let result = json!([{ "metric": {}, "value": [1.5, "1"] }]);
    let data = json!({ "resultType": "vector", "result": result });
    (
        "200 OK",
        json!({ "status": "success", "data": data }).to_string(),
    )
}

pub fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// A roll that a third signal ends in the middle of a step says what it has left, and which command goes on.
#[test]
fn a_roll_that_ends_at_once_says_what_is_left() {
    let service = Service::open();
    let endpoint = format!("http://127.0.0.1:{}", service.bakery.port());
    let gate = Gate::holding_back("CreateAutoScalingGroup", &endpoint);
    let environment = [
        ("AWS_ENDPOINT_URL", gate.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("PROMETHEUS_TOKEN", "t0ken-of-prometheus"),
    ];
    let kiln = env!("CARGO_BIN_EXE_kiln");
    let mut roll = service
        .bakery
        .command(kiln, &["roll", "web.json"], &environment);
    let child = roll.stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    for name in ["INT", "TERM", "HUP"] {
        signal(&child, name);
    }
    let (code, said) = ended(child);
    assert_eq!(code, Some(6), "{said}");
    for text in [
        "the same command goes on with the roll",
        "`kiln rollback web`",
        "`kiln doctor web`",
        "left behind by run",
        "  group web-v001",
        "  launch template web",
    ] {
        assert!(said.contains(text), "no {text:?} in {said}");
    }
}

/// Every text below a folder.
fn texts(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let text = |path: &Path| {
        if path.is_dir() {
            return texts(path);
        }
        String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
    };
    entries.map(|entry| text(&entry.unwrap().path())).collect()
}

/// One service's life, since each roll takes its time.
#[test]
fn a_service_is_rolled_checked_held_up_finished_and_led_back() {
    let service = Service::open();
    let first = service.run(&["roll", "web.json", "--events=e.jsonl"]);
    let log = said(&first);
    assert_eq!(first.status.code(), Some(0), "{log}");
    assert_eq!(String::from_utf8_lossy(&first.stdout), "web-v001\n");
    assert!(log.contains("said by the hook"), "{log}");
    let hooks = service.bakery.read("hooks");
    assert_eq!(hooks, format!("before web {FIRST}\nafter web-v001 1\n"));
    let checks = service.bakery.read("checks");
    assert!(checks.starts_with("before i-"), "{checks}");
    // The query knows the roll, and its token shows nowhere.
    let asked = service.prometheus.asked();
    assert!(
        asked[0]
            .path
            .starts_with("/api/v1/query?query=up%7Brun%3D%2201"),
        "{asked:?}"
    );
    for text in [log, texts(service.bakery.folder.path())] {
        assert!(!text.contains("t0ken-of-prometheus"), "{text}");
    }
    service.settle();
    // A command that says no keeps the next version out.
    service.bakery.write("broken", "");
    let rejected = service.run(&["roll", "web.json", "--image", SECOND]);
    let log = said(&rejected);
    assert_eq!(rejected.status.code(), Some(5), "{log}");
    assert!(log.contains("exit 1"), "{log}");
    std::fs::remove_file(service.bakery.folder.path().join("broken")).unwrap();
    let quarantined = service.run(&["roll", "web.json", "--image", SECOND]);
    assert_eq!(quarantined.status.code(), Some(1), "{}", said(&quarantined));
    let unsaid = service.run(&["roll", "web.json", "--image", SECOND, "--force"]);
    assert_eq!(unsaid.status.code(), Some(2), "{}", said(&unsaid));
    let why = ["--force", "--reason", "the fault was the database's"];
    let forced = service.document(&[&["roll", "web.json", "--image", SECOND], &why[..]].concat());
    assert_eq!(forced["verdict"], "done");
    let status = service.document(&["status", "web"]);
    assert_eq!(status["live"]["group"], "web-v002");
    assert_eq!(status["previous"]["group"], "web-v001");
    let doctor = service.document(&["doctor", "web"]);
    assert!(doctor["left"].as_array().unwrap().is_empty(), "{doctor}");
    // Where no lease can be written, what has time waits, and the way back does not.
    let leases = service.bakery.folder.path().join(".kiln/leases");
    std::fs::remove_dir_all(&leases).unwrap();
    service.bakery.write(".kiln/leases", "");
    let waits = service.run(&["doctor", "web"]);
    assert_eq!(waits.status.code(), Some(1), "{}", said(&waits));
    assert!(said(&waits).contains("the lease of web cannot be written"));
    let nowhere = service.run(&["--state", "s3://no-such-bucket/kiln", "doctor", "web"]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", said(&nowhere));
    let untouched = "nothing of web is touched without its lease";
    assert!(said(&nowhere).contains(untouched), "{}", said(&nowhere));
    is_lost(&service);
    // Back, while the group is there; then no roll until somebody says so.
    let back = service.document(&["rollback", "web"]);
    std::fs::remove_file(&leases).unwrap();
    assert_eq!(
        (&back["live"], &back["image"]),
        (&json!("web-v001"), &json!(SECOND))
    );
    let held = service.run(&["roll", "web.json"]);
    assert_eq!(held.status.code(), Some(4), "{}", said(&held));
    let unheld = service.run(&["unhold", "web"]);
    assert_eq!(unheld.status.code(), Some(0), "{}", said(&unheld));
    is_watched(&service);
    // What is due goes by the service's name alone.
    let finish = || service.document(&["roll", "--finish", "web"]);
    // It is kept for as long as the load balancer may still lead somebody there, which is seconds.
    let mut tries = (0..500).map(|_| finish());
    let finished = tries.find(|finished| finished["retired"] != 0).unwrap();
    assert_eq!(finished["retired"], 1, "{finished}");
    let status = service.document(&["status", "web"]);
    assert_eq!(status["live"]["group"], "web-v001");
    assert_eq!(status["previous"], Value::Null);
    let nothing = service.run(&["approve", "web"]);
    assert_eq!(nothing.status.code(), Some(1), "{}", said(&nothing));
    assert!(said(&nothing).contains("asks anything"));
    is_left(&service);
}

/// Each change is a line, and who stops reading ends it.
fn is_watched(service: &Service) {
    let mut watch = service.kiln(&["status", "web", "--watch", "1", "--json"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(first["status"]["live"]["group"], "web-v001", "{first}");
    assert_eq!(first["status"]["hold"], Value::Null, "{first}");
    assert_eq!(first["requests"], json!({}), "{first}");
    let held = service.run(&["hold", "web", "--reason", "audit"]);
    assert_eq!(held.status.code(), Some(0), "{}", said(&held));
    let told = next()["status"]["hold"].to_string();
    assert!(told.contains("audit"), "{told}");
    drop(lines);
    let unheld = service.run(&["unhold", "web"]);
    assert_eq!(unheld.status.code(), Some(0), "{}", said(&unheld));
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

/// Where the state is cannot be asked, and a run elsewhere may hold the lease.
fn is_lost(service: &Service) {
    let answer = "<DescribeTargetGroupsResult>";
    service
        .bakery
        .say_instead("<DescribeTargetGroupsResult", answer);
    for args in [
        &["doctor", "web"][..],
        &["roll", "--finish", "web"],
        &["release", "web", "--yes"],
    ] {
        let lost = service.run(args);
        assert_eq!(lost.status.code(), Some(1), "{args:?}: {}", said(&lost));
        let text = "; --state says where it is";
        assert!(said(&lost).contains(text), "{}", said(&lost));
    }
    service.bakery.say_as_it_is();
}

/// Released, but not without the lease.
fn is_left(service: &Service) {
    let exit = |args: &[&str]| {
        let done = service.run(args);
        (done.status.code(), said(&done))
    };
    let (code, log) = exit(&["release", "web"]);
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("give --yes"), "{log}");
    // It is destroyed only by who names it twice, and not under users' feet.
    for (args, code, part) in [
        (&["destroy", "web"][..], 2, "then give --confirm web"),
        (
            &["destroy", "web", "--confirm", "wed"],
            2,
            "names wed, and this is web",
        ),
        (
            &["destroy", "web", "--confirm", "web"],
            1,
            "`aws elbv2 modify-listener --listener-arn",
        ),
        (&["destroy", "web", "--plan"], 1, "kiln did not make it"),
    ] {
        let (found, log) = exit(args);
        assert_eq!(found, Some(code), "{log}");
        assert!(log.contains(part), "{log}");
    }
    let plan = service.document(&["release", "web", "--plan"]);
    assert!(plan["plan"].as_array().unwrap().len() > 3, "{plan}");
    let nowhere = ["--state", "/dev/null/state", "release", "web", "--yes"];
    let (code, log) = exit(&nowhere);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("the lease cannot be taken"), "{log}");
    let store = Store::at(service.bakery.folder.path().join(".kiln"));
    let holder = Holder {
        run: RunId::new(SystemClock.now(), 7),
        host: "agent".to_owned(),
        process: 7,
        since: SystemClock.now(),
    };
    let lease = store.take("web", &holder).unwrap();
    for args in [
        &["release", "web", "--yes"][..],
        &["destroy", "web", "--confirm", "web"],
    ] {
        let (code, log) = exit(args);
        assert_eq!(code, Some(4), "{log}");
        assert!(log.contains("on agent (process 7) holds it"), "{log}");
    }
    drop(lease);
    let done = service.document(&["release", "web", "--yes"]);
    assert_eq!(done["verdict"], "done", "{done}");
    assert_eq!(done["done"], plan["plan"], "{done}");
    let (code, log) = exit(&["status", "web"]);
    assert_eq!(code, Some(1), "{log}");
    let again = service.document(&["release", "web", "--yes"]);
    assert_eq!(again["verdict"], "nothing_to_do", "{again}");
    let again = service.document(&["destroy", "web", "--confirm", "web"]);
    assert_eq!(again["verdict"], "nothing_to_do", "{again}");
}
