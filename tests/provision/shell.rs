use kiln::template::provisioner::Kind;
use serde_json::json;

use super::Bench;

#[tokio::test]
async fn inline_lines_are_one_script_that_stops_at_the_first_failure() {
    let bench = Bench::new();
    let provisioners =
        json!([{"type": "shell", "inline": ["word=hello", "echo $word", "echo \"$0\""]}]);
    let Kind::Shell(shell) = &bench.read(provisioners.clone())[0].kind else {
        panic!("not a shell");
    };
    assert_eq!(shell.remote_folder, "/tmp");
    let lines = bench.lines(provisioners).await;
    assert_eq!(lines[0], "hello");
    let run = &bench.context.run;
    let name = bench.path(&format!("kiln-{run}-1-0-script.sh"));
    assert_eq!(lines[1], name);
    assert!(
        !std::path::Path::new(&lines[1]).exists(),
        "it is cleaned away"
    );

    let error = bench
        .error(json!([{"type": "shell", "inline": ["false", "echo not reached"]}]))
        .await;
    assert_eq!(
        error,
        "provisioner 1 (shell): the inline script ended with exit code 1"
    );
}

#[tokio::test]
async fn the_shebang() {
    let bench = Bench::new();
    let show = "head -1 \"$0\"";
    let lines = bench
        .lines(json!([
            {"type": "shell", "inline": [show]},
            {"type": "shell", "inline": ["#!/bin/bash", show]},
            {"type": "shell", "inline_shebang": "/bin/bash -u", "inline": ["#!/bin/sh", show]}
        ]))
        .await;
    assert_eq!(lines, ["#!/bin/sh -e", "#!/bin/bash", "#!/bin/bash -u"]);
}

#[tokio::test]
async fn the_environment_is_quoted() {
    let bench = Bench::new();
    let awkward = "it's \"$HOME\" `id` \\ ; *";
    let print =
        "printf '%s|%s|%s|%s\\n' \"$PACKER_BUILD_NAME\" \"$PACKER_BUILDER_TYPE\" \"$A\" \"$B\"";
    let provisioner = json!({
        "type": "shell", "inline": [print],
        "environment_vars": [format!("A={awkward}"), "B=from the list"],
        "env": {"B": "from env"},
    });
    let expected = format!("web's build|amazon-ebs|{awkward}|from env");
    let lines = bench.lines(json!([provisioner])).await;
    assert_eq!(lines, std::slice::from_ref(&expected));

    let mut with_file = provisioner;
    with_file["use_env_var_file"] = json!(true);
    assert_eq!(bench.lines(json!([with_file])).await, [expected]);
}

#[tokio::test]
async fn the_command_is_the_template_s() {
    let bench = Bench::new();
    let lines = bench
        .lines(json!([{
            "type": "shell",
            "inline": ["echo $A; echo \"$1\""],
            "environment_vars": ["A=a"],
            "remote_path": bench.path("own.sh"),
            "skip_clean": true,
            "execute_command": "chmod 0700 {{.Path}}; env {{ .Vars }} sh '{{ .Path }}' {{build `ID`}}"
        }]))
        .await;
    assert_eq!(lines, ["a", "i-123"]);
    assert!(bench.folder.path().join("own.sh").exists());
}

#[tokio::test]
async fn scripts_and_their_variables_are_where_and_as_the_template_says() {
    let bench = Bench::new();
    let folder = bench.path("own");
    std::fs::create_dir(&folder).unwrap();
    let lines = bench
        .lines(json!([
            {"type": "shell", "inline": ["echo \"${0%/*}\""], "remote_folder": folder},
            {"type": "shell", "inline": ["echo \"$0\""], "remote_folder": folder, "remote_file": "own.sh"},
            {"type": "shell", "inline": ["true"], "use_env_var_file": true,
             "execute_command": "stat -c %a {{.EnvVarFile}}; sh {{.Path}}"}
        ]))
        .await;
    assert_eq!(
        lines,
        [folder.clone(), format!("{folder}/own.sh"), "600".to_owned()]
    );
}

#[tokio::test]
async fn scripts_run_in_order_with_unix_line_ends() {
    let bench = Bench::new();
    let one = bench.write("one.sh", "#!/bin/sh\r\necho one\r\n");
    let two = bench.write("two.sh", "#!/bin/sh\necho two\nexit 3\n");
    let scripts = json!([one, two]);
    let lines = bench
        .lines(json!([{"type": "shell", "scripts": scripts, "valid_exit_codes": [0, 3]}]))
        .await;
    assert_eq!(lines, ["one", "two"]);

    let error = bench
        .error(json!([{"type": "shell", "scripts": scripts}]))
        .await;
    assert!(error.ends_with("two.sh ended with exit code 3"), "{error}");
    let binary = json!([{"type": "shell", "script": one, "binary": true}]);
    assert!(
        bench.error(binary).await.contains("exit code 12"),
        "the carriage return stays"
    );
}

#[tokio::test]
async fn a_disconnect_is_a_failure_unless_it_is_expected() {
    let bench = Bench::new();
    // The nearest sshd above the script is the server's own process for this connection.
    let cut = "p=$$; while test \"$(cat /proc/$p/comm)\" != sshd; do p=$(ps -o ppid= -p $p | tr -d ' '); done; \
               kill -9 $p; sleep 60";
    let error = bench
        .error(json!([{"type": "shell", "inline": [cut]}]))
        .await;
    assert!(error.contains("expect_disconnect"), "{error}");

    let lines = bench
        .lines(json!([
            {"type": "shell", "inline": [cut], "expect_disconnect": true, "skip_clean": true},
            {"type": "shell", "inline": ["echo back"]}
        ]))
        .await;
    assert_eq!(lines, ["back"]);
}
