//! Four machines under a thousand requests a second, through ten rolls by strategies that move traffic and that replace
//! machines: connections that are kept, answers that take ten seconds, a broken image, a run that is killed.

use std::io::Write as _;

use serde_json::{Value, json};

use super::cloud::{LocalCloud, kill};
use super::service::{HOST, Web, said};
use super::traffic::Traffic;
use super::wrk::Wrk;

const SWAP: &str = "services/swap.json";
const STEPS: &str = "services/steps.json";
const IN_PLACE: &str = "services/in-place.json";

/// Requests that the new version alone must have answered, once a roll says that it is done.
const LOOKED_AT: u64 = 200;

#[tokio::test]
async fn ten_rolls_lose_no_request_and_mix_no_versions() {
    let web = Web::new(LocalCloud::up("kilnten", 224, 4987)).await;
    for (file, strategy) in strategies() {
        web.service(file, |service| shape(service, strategy));
    }
    web.template("templates/slow.json", "slow-web");
    let first = web.bake_first("templates/slow.json", "1.0.0");
    let mut ten = Ten { web, now: "1.0.0" };
    ten.succeeds(SWAP, &first);
    let second = ten.web.bake_from("1.0.0", "templates/slow.json", "2.0.0");
    let broken = ten.web.bake_from("1.0.0", "templates/broken.json", "3.0.0");
    let images = [("1.0.0", first.as_str()), ("2.0.0", second.as_str())];

    let wrk = Wrk::start(&ten.web.url, HOST, ten.web.cloud.folder.path());
    let traffic = Traffic::start(&ten.web.url, HOST);
    let slow = Traffic::slow(&ten.web.url.replace("/version", "/slow"), HOST);
    ten.serves(&traffic);
    let files = [SWAP, STEPS, IN_PLACE, SWAP, STEPS, IN_PLACE];
    for (number, file) in files.into_iter().enumerate() {
        ten.rolls(file, images[(number + 1) % 2], &traffic);
    }
    ten.is_refused(SWAP, &broken, &traffic);
    ten.is_killed(STEPS, images[1], &traffic);
    ten.rolls(SWAP, images[0], &traffic);
    ten.rolls(STEPS, images[1], &traffic);

    let (tally, slow, counted) = (traffic.stop(), slow.stop(), wrk.stop());
    // Past the tests' own capture, so that whoever runs them sees it.
    writeln!(
        std::io::stderr(),
        "ten rolls: {} requests of wrk ({} a second), {} of others, {} long ones",
        counted.requests,
        counted.per_second,
        tally.answered,
        slow.answered
    )
    .unwrap();
    assert_eq!(counted.failures, [""; 0]);
    assert_eq!(tally.failures, [""; 0]);
    assert_eq!(slow.failures, [""; 0]);
    assert!(slow.answered > 20, "{} long answers", slow.answered);
    ten.web.assert_whole(&second, "2.0.0").await;
}

/// The service files, by their names.
fn strategies() -> [(&'static str, Value); 3] {
    let steps = json!([{ "weight": 25, "hold": "3s" }, { "weight": 100, "hold": "2s" }]);
    [
        (SWAP, json!({ "type": "blue_green" })),
        (STEPS, json!({ "type": "canary", "steps": steps })),
        (
            IN_PLACE,
            json!({ "type": "rolling", "max_healthy_percentage": 200 }),
        ),
    ]
}

/// Four machines, which end answers of ten seconds before they go.
fn shape(service: &mut Value, strategy: Value) {
    let initial = &mut service["groups"]["initial"];
    for (key, count) in [("min", 4), ("max", 8), ("desired", 4)] {
        initial[key] = json!(count);
    }
    service["traffic"]["target"]["deregistration_delay"] = json!("15s");
    if strategy["type"] == "rolling" {
        service["checks"]["before"] = json!([]);
    }
    service["strategy"] = strategy;
}

struct Ten {
    web: Web,
    /// The version that serves.
    now: &'static str,
}

impl Ten {
    fn command<'a>(file: &'a str, image: &'a str) -> [&'a str; 6] {
        let state = "--local-state";
        ["roll", file, "vars/common.json", state, "--image", image]
    }

    /// All requests that are sent from now on are answered by one version.
    fn serves(&self, traffic: &Traffic) {
        let versions = traffic.next_versions(LOOKED_AT);
        assert_eq!(versions, [self.now.to_owned()].into());
        traffic.assert_whole();
    }

    fn succeeds(&self, file: &str, image: &str) {
        let rolled = self.web.cloud.run(&Self::command(file, image));
        assert!(rolled.status.success(), "{}", said(&rolled));
    }

    fn rolls(&mut self, file: &str, (version, image): (&'static str, &str), traffic: &Traffic) {
        self.succeeds(file, image);
        self.now = version;
        self.serves(traffic);
    }

    fn is_refused(&self, file: &str, broken: &str, traffic: &Traffic) {
        let rolled = self.web.cloud.run(&Self::command(file, broken));
        assert_eq!(rolled.status.code(), Some(5), "{}", said(&rolled));
        self.serves(traffic);
    }

    /// Between two of its steps; the same command goes on.
    fn is_killed(&mut self, file: &str, to: (&'static str, &str), traffic: &Traffic) {
        let roll = Self::command(file, to.1);
        kill(self.web.cloud.until(&roll, "shift traffic: done"));
        self.rolls(file, to, traffic);
    }
}
