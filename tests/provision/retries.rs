use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Bench;

#[tokio::test]
async fn a_failure_is_tried_again_as_often_as_allowed() {
    let bench = Bench::new();
    let counter = bench.path("tries");
    let script = format!("echo x >> {counter}; test $(wc -l < {counter}) -ge 2");
    let provisioners = json!([{"type": "shell", "inline": [script], "max_retries": 1}]);
    let (result, heard) = bench.apply(provisioners).await;
    result.unwrap();
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "x\nx\n");
    let warnings = heard.warnings();
    assert_eq!(
        warnings,
        ["provisioner 1 (shell) failed: the inline script ended with exit code 1; 1 more to try"]
    );
}

#[tokio::test]
async fn what_is_wrong_on_this_side_is_not_tried_again() {
    let bench = Bench::new();
    let script = bench.write("gone.sh", "echo");
    let provisioners = bench.read(json!([{"type": "shell", "script": script, "max_retries": 5}]));
    std::fs::remove_file(script).unwrap();
    let began = Instant::now();
    let machine = bench.server.connect().await;
    let silent = kiln::run::Silent;
    let result = kiln::provision::apply(&provisioners, &machine, &bench.context, &silent).await;
    assert!(super::chain(&result.unwrap_err()).contains("gone.sh"));
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(kiln::provision::check(&provisioners, false).len(), 1);
}

#[tokio::test]
async fn an_attempt_beyond_its_limit_is_ended_on_the_machine_too() {
    let bench = Bench::new();
    let pid = bench.path("pid");
    let script = format!("sleep 600 & echo $! > {pid}; wait");
    // On a busy host the script may not even have begun when the limit comes; only one that has tells anything.
    for limit in [2, 8, 32, 128] {
        let timeout = format!("{limit}s");
        let provisioners = json!([{"type": "shell", "inline": [script], "timeout": timeout}]);
        let error = bench.error(provisioners).await;
        let late = format!("provisioner 1 (shell): it has not ended after {limit} s");
        assert_eq!(error, late);
        let Ok(pid) = std::fs::read_to_string(&pid) else {
            continue;
        };
        // The signal was sent; a busy host takes its time to bury what it has killed.
        let gone = async {
            let mut turns = tokio::time::interval(Duration::from_millis(20));
            while is_running(pid.trim()) {
                turns.tick().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(gone.is_ok(), "{} still runs", pid.trim());
        return;
    }
    panic!("the script never began");
}

fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(" Z ")
}

#[tokio::test]
async fn later_provisioners_wait_for_earlier_ones_and_for_their_pause() {
    let bench = Bench::new();
    let began = Instant::now();
    let lines = bench
        .lines(json!([
            {"type": "shell", "inline": ["echo one"], "pause_after": "300ms"},
            {"type": "shell", "inline": ["echo two"], "pause_before": "300ms"}
        ]))
        .await;
    assert_eq!(lines, ["one", "two"]);
    assert!(began.elapsed() >= Duration::from_millis(600));
}
