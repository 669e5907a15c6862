//! The supervisor dies without a word: the kernel ends what it ran, and `sweep` removes the names.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use localcloud::{machines, network};

use super::cloud::{Cloud, config, left, network_config};
use super::{alone, as_init, block_on, check_host, is_init};

const TEST: &str = "machines::kill::a_killed_supervisor_leaves_nothing_running";
const READY: &str = "the machine is up";

#[test]
fn a_killed_supervisor_leaves_nothing_running() {
    if is_init() {
        return block_on(hold_a_machine());
    }
    check_host();
    let _alone = alone();
    let mut parent = as_init(&[], TEST).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(
        lines.into_iter().any(|line| line.contains(READY)),
        "it never came up"
    );
    assert!(
        left().iter().any(|line| line.starts_with("process: ")),
        "the machine's process is seen from here"
    );

    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    let supervisor = std::fs::read_to_string(children).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", supervisor.trim()])
        .status()
        .unwrap();
    assert!(killed.success());
    // unshare ends when its child is gone, and the init of a pid namespace is gone only after everything in it.
    parent.wait().unwrap();
    let running: Vec<String> = left()
        .into_iter()
        .filter(|line| line.starts_with("process: ") || line.starts_with("mount: "))
        .collect();
    assert_eq!(running, Vec::<String>::new());

    block_on(async {
        assert!(!network::sweep(&network_config()).await.unwrap().is_empty());
    });
    assert!(!machines::sweep(&config()).unwrap().is_empty());
    assert_eq!(left(), Vec::<String>::new());
}

async fn hold_a_machine() {
    let mut cloud = Cloud::up().await;
    let boot = cloud.launch("ami-base", 50);
    cloud.booted(&boot).await;
    println!("{READY}");
    std::future::pending::<()>().await;
}
