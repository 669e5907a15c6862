//! The command line from outside: exit codes, what goes to stdout and what to stderr, and that bad input touches nothing.

mod approving;
pub mod bounds;
mod check;
mod console;
mod fmt;
mod inspect;
mod state;
mod vars;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder of a user's own, with nothing of the host's environment but the path.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn kiln(&self, args: &[&str]) -> Output {
        self.kiln_reading("", args)
    }

    /// Runs kiln with a text on its stdin.
    fn kiln_reading(&self, text: &str, args: &[&str]) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        // A command that reads nothing of it may be gone already.
        drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
        child.wait_with_output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        // Nothing listens on port 9: a command that called out would fail with another code.
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(name).collect();
        names.sort();
        names
    }
}

/// A template with a builder's further options and more at the root.
fn template(options: &str, root: &str) -> String {
    format!(
        r#"{{
  "builders": [
    {{
      "type": "amazon-ebs",
      "region": "eu-central-1",
      "source_ami": "ami-12345678",
      "instance_type": "t3.micro",
      "ssh_username": "admin",
      "ami_name": "web"{options}
    }}
  ]{root}
}}"#
    )
}

fn service(groups: &str) -> String {
    format!(
        r#"{{
  "format": 1,
  "service": "web",
  "region": "eu-central-1",
  "image": {{ "family": "web" }},{groups}
  "traffic": {{
    "load_balancer": "kiln",
    "target_groups": ["web-a", "web-b"],
    "target": {{ "port": 80, "protocol": "HTTP" }},
    "rules": [ {{ "port": 80, "match": {{ "host": ["web.example"] }} }} ]
  }},
  "strategy": {{ "type": "blue_green" }}
}}"#
    )
}

/// Runs `command` on bad input: exit 2, nothing on stdout, `place` and `hint` on stderr, and no file more than before.
#[track_caller]
fn refused(desk: &Desk, command: &[&str], place: &str, hint: &str) {
    let before = desk.names();
    let output = desk.kiln(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(place), "no `{place}` in:\n{said}");
    assert!(said.contains(hint), "no `{hint}` in:\n{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(desk.names(), before);
}

/// What a command printed, once it has ended with `code`.
#[track_caller]
fn printed(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one document that a command printed, once it has ended with `code`.
#[track_caller]
fn document(output: &Output, code: i32) -> serde_json::Value {
    serde_json::from_str(&printed(output, code)).unwrap()
}

#[test]
fn an_unknown_key_is_refused_at_its_place_with_the_nearest_name() {
    let desk = Desk::new().with(
        "web.json",
        &template(",\n      \"instance_typ\": \"t3.small\"", ""),
    );
    refused(
        &desk,
        &["bake", "web.json"],
        "web.json:10:7",
        "instance_type",
    );
}

#[test]
fn a_missing_required_variable_is_refused() {
    let desk = Desk::new().with(
        "web.json",
        &template("", ",\n  \"variables\": { \"version\": null }"),
    );
    refused(
        &desk,
        &["bake", "web.json"],
        "web.json:12:18",
        "-var version=",
    );
}

#[test]
fn an_unreadable_var_file_is_refused() {
    let desk = Desk::new()
        .with("web.json", &template("", ""))
        .with("prod.json", "{ \"a\": }");
    refused(
        &desk,
        &["bake", "web.json", "prod.json"],
        "prod.json:1:8",
        "prod.json",
    );
    refused(
        &desk,
        &["bake", "web.json", "-var-file=lost.json"],
        "lost.json",
        "lost.json",
    );
}

#[test]
fn a_wrong_type_is_refused_at_the_var_file_that_set_it() {
    let mapping = r#",
      "launch_block_device_mappings": [ { "device_name": "/dev/xvda", "volume_size": "{{user `size`}}" } ]"#;
    let desk = Desk::new()
        .with("web.json", &template(mapping, ""))
        .with("vars.json", "{ \"size\": \"ten\" }");
    refused(
        &desk,
        &["bake", "web.json", "vars.json"],
        "vars.json:1:11",
        "number",
    );
}

#[test]
fn two_builders_of_one_name_are_refused() {
    let twice = template("", "").replace(
        "\n    }\n  ]",
        "\n    },\n    { \"type\": \"amazon-ebs\" }\n  ]",
    );
    let desk = Desk::new().with("web.json", &twice);
    refused(&desk, &["bake", "web.json"], "web.json:11:5", "name");
}

#[test]
fn a_role_that_is_not_there_is_refused() {
    let root = ",\n  \"provisioners\": [ { \"type\": \"role\", \"roles\": [\"ngnix\"] } ]";
    let desk = Desk::new().with("web.json", &template("", root)).with(
        "roles/nginx/role.json",
        "{ \"description\": \"a web server\" }",
    );
    refused(&desk, &["bake", "web.json"], "web.json:12:49", "nginx");
}

#[test]
fn a_service_without_a_group_is_refused() {
    let desk = Desk::new().with("services/web.json", &service(""));
    refused(
        &desk,
        &["roll", "services/web.json"],
        "services/web.json:1:1",
        "groups",
    );
}

#[test]
fn a_misspelt_only_is_refused() {
    let desk = Desk::new().with("web.json", &template("", ""));
    refused(
        &desk,
        &["bake", "-only=amazon-esb", "web.json"],
        "amazon-esb",
        "amazon-ebs",
    );
}

#[test]
fn wrong_usage_exits_2() {
    let desk = Desk::new();
    for args in [
        &["bake"][..],
        &["bake", "--no-such-flag", "x.json"],
        &["fly"],
        &["bake", "lost.json"],
    ] {
        let output = desk.kiln(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(output.stdout, b"", "{args:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let desk = Desk::new();
    let help = desk.kiln(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(
        text.contains("Exit codes:") && text.contains("7  traffic is not as found"),
        "{text}"
    );
    assert_eq!(
        desk.kiln(&["--version"]).stdout,
        format!("kiln {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
}

#[test]
fn a_good_template_checks_without_an_account_and_without_a_trace() {
    let desk = Desk::new().with("web.json", &template("", ""));
    let output = desk.kiln(&["check", "--json", "web.json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["findings"], serde_json::json!([]));
    assert_eq!(desk.names(), ["web.json"]);
}

#[test]
fn the_articles_template_checks_with_its_findings_and_exit_0() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/xwiki");
    let mut desk = Desk::new();
    let files = [
        "packer_template.json",
        "common.json",
        "os/ubuntu-18.04.json",
        "host/xwiki.json",
        "mode/build.json",
    ];
    for name in files {
        desk = desk.with(name, &fs::read_to_string(fixtures.join(name)).unwrap());
    }
    let output = desk.kiln(&[&["check"], &files[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("git_branch") && said.contains("5 warnings"),
        "{said}"
    );
    assert!(!said.contains(" error"), "{said}");
}

#[test]
fn a_cloud_that_does_not_answer_is_a_failure_that_touched_nothing() {
    let desk = Desk::new().with("web.json", &template(",\n      \"max_retries\": 1", ""));
    let output = desk.kiln(&["bake", "web.json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("refused"), "{said}");
    assert_eq!(desk.names(), ["web.json"]);
}

#[test]
fn the_result_file_is_written_however_a_command_ends() {
    let desk = Desk::new()
        .with("bad.json", "{")
        .with("web.json", &template(",\n      \"max_retries\": 1", ""));
    for (args, code) in [
        (&["bake", "bad.json"][..], 2),
        (&["bake", "web.json"], 1),
        (&["check", "web.json"], 0),
        (&["status", "web"], 2),
    ] {
        fs::write(desk.0.path().join("result"), "an earlier run's").unwrap();
        let output = desk.kiln(&[args, &["--result", "result"]].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let text = fs::read_to_string(desk.0.path().join("result")).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        if code != 0 {
            assert_eq!(document["exit"], code, "{args:?}");
            assert_ne!(document["errors"], serde_json::json!([]), "{args:?}");
        }
        assert_eq!(output.stdout, b"", "{args:?}");
    }
}

#[test]
fn a_file_is_no_service_and_stays_what_it_is() {
    let desk = Desk::new().with("web.json", "{}");
    let path = desk.0.path().join("web.json");
    let output = desk.kiln(&[
        "rollback",
        "--region",
        "eu-central-1",
        path.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(path).unwrap(), "{}");
    assert_eq!(desk.names(), ["web.json"]);
}

#[test]
fn a_secret_shows_in_no_document_and_on_no_stream() {
    let options =
        ",\n      \"max_retries\": 1,\n      \"iam_instance_profile\": \"{{user `token`}}\"";
    let root = ",\n  \"variables\": { \"token\": null },\n  \"sensitive-variables\": [\"token\"]";
    let desk = Desk::new().with("web.json", &template(options, root));
    let output = desk.kiln(&[
        "bake",
        "--result=r.json",
        "-var",
        "token=hunter2-hunter2",
        "web.json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let result = fs::read(desk.0.path().join("r.json")).unwrap();
    for text in [output.stdout, output.stderr, result] {
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
