//! What runs on this side: `shell-local`, `sleep`, `breakpoint`; and what the connection does meanwhile.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout};

use super::Bench;

#[tokio::test]
async fn local_scripts_run_with_their_environment_and_line_by_line() {
    let bench = Bench::new();
    let script = bench.write("own.sh", "#!/bin/sh\necho file $A $PACKER_BUILDER_TYPE\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let lines = bench
        .lines(json!([
            {"type": "shell-local", "inline": ["word=hello", "echo $word {{build `ID`}}", "printf 'no end'"]},
            {"type": "shell-local", "script": script, "environment_vars": ["A=it's"]},
            {"type": "shell-local", "command": "echo old"},
            {"type": "shell-local", "inline": ["exit 3"], "valid_exit_codes": [3]},
            {"type": "shell-local", "inline": ["echo never"], "only_on": ["windows"]},
            {"type": "shell-local", "inline": ["echo $A"], "env": {"A": "a"}, "inline_shebang": "/bin/bash",
             "execute_command": ["env", "{{.Vars}}", "/bin/sh", "-c", "echo $1; cat {{.Script}}", "x", "{{.Command}}"],
             "env_var_format": "%s=%s", "tempfile_extension": ".sh"}
        ]))
        .await;
    assert_eq!(
        lines[..4],
        ["hello i-123", "no end", "file it's amazon-ebs", "old"]
    );
    assert!(
        lines.last().unwrap() == "echo $A" && lines.contains(&"#!/bin/bash".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_local_failure_is_told_and_tried_again() {
    let bench = Bench::new();
    let counter = bench.path("tries");
    let script = format!("echo x >> {counter}; test $(wc -l < {counter}) -ge 2");
    let provisioner = json!([{"type": "shell-local", "inline": [script], "max_retries": 1}]);
    let (result, heard) = bench.apply(provisioner).await;
    result.unwrap();
    assert_eq!(heard.warnings().len(), 1);
    let error = bench
        .error(json!([{"type": "shell-local", "inline": ["exit 7"]}]))
        .await;
    assert_eq!(
        error,
        "provisioner 1 (shell-local): the inline script ended with exit code 7"
    );
}

#[tokio::test]
async fn a_local_program_ends_with_its_limit_and_all_that_it_began() {
    let bench = Bench::new();
    let pid = bench.path("pid");
    let script = format!("sleep 600 & echo $! > {pid}; wait");
    let error = bench
        .error(json!([{"type": "shell-local", "inline": [script], "timeout": "1s"}]))
        .await;
    assert!(error.contains("has not ended after 1 s"), "{error}");
    let pid = std::fs::read_to_string(pid).unwrap();
    let gone = async {
        let path = format!("/proc/{}/stat", pid.trim());
        while std::fs::read_to_string(&path).is_ok_and(|state| !state.contains(" Z ")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn what_a_local_program_leaves_behind_does_not_hold_the_bake() {
    let bench = Bench::new();
    let began = Instant::now();
    let lines = bench
        .lines(json!([{"type": "shell-local", "inline": ["sleep 20 & echo on"]}]))
        .await;
    assert_eq!(lines, ["on"]);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_secret_is_on_no_command_line() {
    let bench = Bench::new();
    // Every process between this one and init. A shell that has nothing more to do is replaced by its last command.
    let show = "p=$$; while test $p -gt 1; do tr '\\0' ' ' < /proc/$p/cmdline; echo; p=$(ps -o ppid= -p $p | tr -d ' '); \
                done; echo got $KEY";
    let python = bench.write("see.py", "#!/usr/bin/python3\nprint('x')\n");
    let provisioners = json!([
        {"type": "shell", "inline": [show], "environment_vars": ["KEY={{user `key`}}", "OPEN=plain"],
         "execute_command": "{{.Vars}} sh -c 'sh {{.Path}}; ls -l {{.Path}}'; true", "skip_clean": true,
         "remote_path": bench.path("own.sh")},
        {"type": "shell", "inline": [show], "execute_command": "KEY={{user `key`}} sh {{.Path}}; true"},
        {"type": "shell-local", "inline": [show], "env": {"KEY": "{{user `key`}}", "OPEN": "plain"}},
        {"type": "shell-local", "inline": [show],
         "execute_command": "export KEY={{user `key`}}; {{.Vars}} {{.Script}}; true"},
        {"type": "shell-local", "inline": [show],
         "execute_command": ["env", "{{.Vars}}", "/bin/bash", "-ec", "KEY={{user `key`}} {{.Script}}; true"],
         "env_var_format": "%s=%s"},
        {"type": "shell-local", "inline": [format!("KEY={{{{user `key`}}}}; {show}")],
         "execute_command": ["/bin/sh", "-c", "{{.Command}}"]}
    ]);
    let (result, heard) = bench.apply_secret(&provisioners).await;
    result.unwrap();
    let lines = heard.lines();
    let got: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("got"))
        .collect();
    assert_eq!(got, ["got hunter2"; 6]);
    let others = lines.iter().filter(|line| !line.starts_with("got"));
    assert!(
        others.clone().all(|line| !line.contains("hunter2")),
        "{lines:?}"
    );
    assert!(
        others.clone().any(|line| line.starts_with("-rwx------")),
        "{lines:?}"
    );
    assert!(
        !bench.folder.path().join("own.sh").exists(),
        "it would come into the image"
    );

    let exposed = json!([{"type": "shell", "script": python, "env": {"KEY": "{{user `key`}}"}}]);
    let found = kiln::provision::check(&bench.read_secret(&exposed), false);
    let text = super::chain(&found[0]);
    assert!(
        text.contains("`KEY` is secret and would be on the command line"),
        "{text}"
    );
}

#[tokio::test]
async fn a_breakpoint_needs_a_terminal_or_to_be_off() {
    let bench = Bench::new();
    let provisioners = bench.read(json!([
        {"type": "breakpoint"},
        {"type": "breakpoint", "disable": true, "note": "look"}
    ]));
    let found = kiln::provision::check(&provisioners, false);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].number, 1);
    assert!(kiln::provision::check(&provisioners, true).is_empty());
    let off = json!([{"type": "breakpoint", "disable": true, "note": "look"}]);
    let (result, heard) = bench.apply(off).await;
    result.unwrap();
    assert!(
        heard
            .notes()
            .contains(&"breakpoint, disabled: look".to_owned())
    );
}

#[tokio::test]
async fn a_sleep_sleeps() {
    let bench = Bench::new();
    let began = Instant::now();
    bench
        .lines(json!([{"type": "sleep", "duration": "300ms"}]))
        .await;
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn any_provisioner_may_end_the_connection_when_it_says_so() {
    let bench = Bench::new();
    bench.write(
        "roles/cut/scripts/10-cut.sh",
        "p=$$; while test \"$(cat /proc/$p/comm)\" != sshd; do p=$(ps -o ppid= -p $p | tr -d ' '); done; kill -9 $p; sleep 60",
    );
    let to = bench.path("after");
    let role = |expected: bool| {
        json!([
            {"type": "role", "roles": ["cut"], "expect_disconnect": expected},
            {"type": "file", "content": "back", "destination": to}
        ])
    };
    bench.lines(role(true)).await;
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "back");
    assert!(bench.error(role(false)).await.contains("was lost"));
}

#[tokio::test]
async fn the_limit_and_the_pause_hold_together_and_each_attempt_has_its_own() {
    let bench = Bench::new();
    let counter = bench.path("tries");
    let script = format!("echo x >> {counter}; test $(wc -l < {counter}) -ge 3 || sleep 60");
    let began = Instant::now();
    let (result, heard) = bench
        .apply(json!([{
            "type": "shell", "inline": [script], "timeout": "1500ms", "pause_before": "1s", "max_retries": 3
        }]))
        .await;
    result.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(4));
    assert_eq!(heard.warnings().len(), 2, "{:?}", heard.warnings());
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "x\nx\nx\n");
}
