//! `--on-error` as a user sees it.

use super::bakery::Bakery;

#[test]
fn a_machine_that_is_kept_can_be_reached_and_removed_with_the_commands_that_are_printed() {
    let bakery = Bakery::open();
    bakery.template("web.json", &[bakery.builder("web")], "exit 7");
    let done = bakery.run(&["bake", "--on-error=keep", "--result=r.json", "web.json"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{said}");
    let port = format!("ssh -p {} ", bakery.sshd.port);
    assert!(
        said.contains(&port) && said.contains("@127.0.0.1"),
        "{said}"
    );
    let document = bakery.document("r.json");
    let left = document["builds"][0]["left"].to_string();
    assert!(
        left.contains("instance i-") && left.contains("on purpose"),
        "{left}"
    );
    let run = document["builds"][0]["run"].as_str().unwrap();
    assert!(
        said.contains(&format!("`kiln sweep --run {run}` removes it")),
        "{said}"
    );
    let again = bakery.run(&["bake", "--on-error=keep", "web.json"]);
    let text = String::from_utf8(again.stderr).unwrap();
    assert!(
        text.contains(&format!("run {run} was left on purpose until")),
        "{text}"
    );
    let swept = bakery.run(&["sweep", "--run", run]);
    let text = String::from_utf8_lossy(&swept.stderr);
    assert_eq!(swept.status.code(), Some(0), "{text}");
    assert!(String::from_utf8_lossy(&swept.stdout).contains("instance i-"));
}

#[test]
fn a_question_needs_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["bake", "-on-error=ask", "web.json"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("needs a terminal"), "{said}");
}
