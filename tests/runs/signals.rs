//! Signals to the process of a bake: the first takes everything back in order, the second skips the rest of that, the third
//! ends at once; what is left each time is known to the journal.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::bakery::Bakery;
use super::gate::Gate;

/// Jenkins waits five seconds between SIGTERM and SIGKILL; an end at once needs none of them.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A bake against this endpoint whose machine is busy once there is a file `begun`.
fn bake(bakery: &Bakery, endpoint: &str) -> Child {
    let here = bakery.folder.path().display();
    // It ends with the folder, since nobody ends what runs on a real machine that goes.
    let busy = format!("touch {here}/begun; while test -e {here}; do sleep 0.2; done");
    bakery.template("web.json", &[bakery.builder("web")], &busy);
    let mut command = bakery.kiln(&["bake", "--result=r.json", "web.json"]);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until_busy(bakery: &Bakery) {
    let began = Instant::now();
    while !bakery.folder.path().join("begun").exists() {
        assert!(began.elapsed() < Duration::from_mins(2), "it never begins");
        std::thread::yield_now();
    }
}

pub fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let sent = kill.args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

pub fn ended(mut child: Child) -> (Option<i32>, String) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_mins(1) {
            child.kill().unwrap();
        }
        std::thread::yield_now();
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The next sweep finds all that a run left there.
#[track_caller]
fn swept(bakery: &Bakery, endpoint: &str) {
    let mut sweep = bakery.kiln(&["sweep"]);
    let done = sweep.env("AWS_ENDPOINT_URL", endpoint).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert_eq!(bakery.scratch(), [""; 0], "{said}");
}

#[test]
fn the_first_signal_takes_everything_back_whichever_it_is() {
    for name in ["INT", "TERM", "HUP"] {
        let bakery = Bakery::open();
        let child = bake(&bakery, &bakery.moto.endpoint);
        until_busy(&bakery);
        assert_eq!(bakery.scratch().len(), 2);
        signal(&child, name);
        let (code, said) = ended(child);
        assert_eq!(code, Some(6), "{name}: {said}");
        assert!(
            said.contains("web: stopped on request at `provision`"),
            "{said}"
        );
        assert!(!said.contains("left behind"), "{said}");
        assert_eq!(said.matches("stopping in order").count(), 1, "{said}");
        assert_eq!(bakery.scratch(), [""; 0], "{name}");
        let build = &bakery.document("r.json")["builds"][0];
        let told = (&build["result"], &build["exit"], &build["left"]);
        assert_eq!(told, (&json!("stopped"), &json!(6), &json!([])));
    }
}

#[test]
fn a_signal_before_anything_is_made_ends_the_look_up() {
    let bakery = Bakery::open();
    let gate = Gate::holding_back("DescribeImages", &bakery.moto.endpoint);
    let child = bake(&bakery, &gate.endpoint);
    gate.wait();
    signal(&child, "TERM");
    let (code, said) = ended(child);
    assert_eq!(code, Some(6), "{said}");
    let document = bakery.document("r.json");
    assert_eq!(document["builds"][0]["result"], "not_begun");
    assert_eq!(document["exit"], 6);
}

#[test]
fn the_second_signal_skips_the_rest_of_the_way_back_and_lists_what_is_left() {
    let bakery = Bakery::open();
    let gate = Gate::swallowing("TerminateInstances", &bakery.moto.endpoint);
    let child = bake(&bakery, &gate.endpoint);
    until_busy(&bakery);
    signal(&child, "INT");
    gate.wait();
    let began = Instant::now();
    signal(&child, "INT");
    let (code, said) = ended(child);
    assert!(began.elapsed() < AT_ONCE, "{said}");
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("left behind by run"), "{said}");
    let at = |text: &str| {
        said.find(text)
            .unwrap_or_else(|| panic!("no {text:?} in {said}"))
    };
    assert!(at("stopping in order") < at("skipping what is left"));
    assert!(said.contains("`kiln sweep` removes what it can"), "{said}");
    let left = bakery.document("r.json")["builds"][0]["left"].to_string();
    for what in ["instance i-", "security group sg-"] {
        assert!(left.contains(what), "no {what} in {left}");
        assert!(said.contains(&format!("  {what}")), "no {what} in:\n{said}");
    }
    assert_eq!(left.matches("skipped on request").count(), 3, "{left}");
    swept(&bakery, &gate.endpoint);
}

#[test]
fn the_third_signal_ends_a_step_that_would_be_awaited() {
    let bakery = Bakery::open();
    let gate = Gate::holding_back("RunInstances", &bakery.moto.endpoint);
    let child = bake(&bakery, &gate.endpoint);
    // There is a machine now, of which kiln knows nothing.
    gate.wait();
    let began = Instant::now();
    for name in ["INT", "TERM", "HUP"] {
        signal(&child, name);
    }
    let (code, said) = ended(child);
    assert!(began.elapsed() < AT_ONCE, "{said}");
    assert_eq!(code, Some(6), "{said}");
    let document = bakery.document("r.json");
    assert_eq!(document["builds"][0]["result"], "running");
    assert_eq!(document["exit"], 6);
    let last = "ended at once: `kiln sweep` removes what is left";
    assert!(said.contains(last), "{said}");
    assert_eq!(bakery.scratch().len(), 2, "{said}");
    swept(&bakery, &gate.endpoint);
}
