//! `-machine-readable`, which scripts cut at commas, and the key that `-debug` shows.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use super::bakery::Bakery;

fn lines(done: &Output) -> Vec<Vec<String>> {
    let text = String::from_utf8(done.stdout.clone()).unwrap();
    let cut = |line: &str| line.splitn(4, ',').map(ToOwned::to_owned).collect();
    text.lines().map(cut).collect()
}

#[test]
fn artifacts_and_errors_are_told_in_packers_lines_alone_on_stdout() {
    let bakery = Bakery::open();
    let builders = [bakery.builder("good"), bakery.builder("bad")];
    bakery.template("web.json", &builders, "test {{build_name}} = good");
    let done = bakery.run(&["bake", "-machine-readable", "--result=r.json", "web.json"]);
    assert_eq!(done.status.code(), Some(1));
    let lines = lines(&done);
    let id = bakery.document("r.json")["artifacts"][0]["images"][0]["image"].clone();
    let id = format!("eu-central-1:{}", id.as_str().unwrap());
    let of = |target: &str| -> Vec<String> {
        let of = lines.iter().filter(|line| line[1] == target);
        of.map(|line| format!("{},{}", line[2], line[3])).collect()
    };
    let string = format!(
        "artifact,0,string,AMIs were created:\\n{}\\n",
        id.replace(':', ": ")
    );
    let wanted = [
        "artifact-count,1",
        "artifact,0,builder-id,mitchellh.amazonebs",
        &format!("artifact,0,id,{id}"),
        &string,
        "artifact,0,files-count,0",
        "artifact,0,end",
    ];
    assert_eq!(of("good"), wanted);
    assert!(of("bad")[0].starts_with("error,"), "{lines:?}");
    assert!(of("").contains(&"error-count,1".to_owned()), "{lines:?}");
    assert!(
        lines.iter().all(|line| line[0].parse::<i64>().is_ok()),
        "{lines:?}"
    );
}

#[test]
fn the_key_that_debug_shows_is_private_and_goes_with_the_machine() {
    let bakery = Bakery::open();
    let mut builder = bakery.builder("web");
    let options = builder.as_object_mut().unwrap();
    options.remove("ssh_private_key_file");
    options.insert("ssh_timeout".into(), "2s".into());
    bakery.template("web.json", &[builder], "true");
    let pems = || -> Vec<_> {
        let all = std::fs::read_dir(bakery.folder.path()).unwrap();
        let all = all.map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "pem"))
            .collect()
    };
    let gone = bakery.run(&["bake", "-debug", "web.json"]);
    let said = String::from_utf8_lossy(&gone.stderr);
    assert!(said.contains(".pem -p"), "{said}");
    assert_eq!(pems(), [""; 0].map(std::path::PathBuf::from), "{said}");
    bakery.run(&["bake", "--on-error=keep", "web.json"]);
    let mode = pems()[0].metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
