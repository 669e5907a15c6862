use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::Bench;

/// `from/` with a file, a script and a folder; `to/` empty.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("from/a.txt", "a");
    bench.write("from/sub/b.txt", "b");
    let run = bench.write("from/run.sh", "#!/bin/sh");
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(bench.folder.path().join("to")).unwrap();
    bench
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.folder.path().join(name)).unwrap_or_else(|_| format!("no {name}"))
}

async fn moved(bench: &Bench, source: &str, destination: &str, direction: &str) {
    bench
        .lines(json!([{
            "type": "file", "source": bench.path(source), "destination": bench.path(destination),
            "direction": direction
        }]))
        .await;
}

#[tokio::test]
async fn a_file_goes_to_a_path_or_into_a_folder() {
    let bench = bench();
    moved(&bench, "from/a.txt", "to/new.txt", "upload").await;
    assert_eq!(read(&bench, "to/new.txt"), "a");
    moved(&bench, "from/run.sh", "to/", "upload").await;
    moved(&bench, "from/a.txt", "to", "upload").await;
    assert_eq!(read(&bench, "to/a.txt"), "a");
    let mode = fs::metadata(bench.path("to/run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[tokio::test]
async fn the_slash_of_a_folder_decides_what_goes_there() {
    let bench = bench();
    moved(&bench, "from", "to", "upload").await;
    assert_eq!(read(&bench, "to/from/sub/b.txt"), "b");
    moved(&bench, "from/", "to/new", "upload").await;
    assert_eq!(read(&bench, "to/new/sub/b.txt"), "b");
    assert_eq!(read(&bench, "to/new/a.txt"), "a");
}

#[tokio::test]
async fn content_is_written_as_it_is() {
    let bench = bench();
    let to = bench.path("to/content");
    bench
        .lines(json!([{"type": "file", "content": "{{build `ID`}} it's\n", "destination": to}]))
        .await;
    assert_eq!(read(&bench, "to/content"), "i-123 it's\n");
}

#[tokio::test]
async fn downloads() {
    let bench = bench();
    moved(&bench, "from/a.txt", "to/deep/new.txt", "download").await;
    assert_eq!(read(&bench, "to/deep/new.txt"), "a");
    moved(&bench, "from/a.txt", "to/other/", "download").await;
    assert_eq!(read(&bench, "to/other/a.txt"), "a");
    moved(&bench, "from/", "to/all", "download").await;
    assert_eq!(read(&bench, "to/all/sub/b.txt"), "b");
    moved(&bench, "from/*.txt", "to/some", "download").await;
    assert_eq!(read(&bench, "to/some/a.txt"), "a");
    assert_eq!(read(&bench, "to/some/run.sh"), "no to/some/run.sh");
    bench.write("from/my own.log", "own");
    moved(&bench, "from/my o*.log", "to/logs", "download").await;
    assert_eq!(read(&bench, "to/logs/my own.log"), "own");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let bench = bench();
    let upload = json!([{
        "type": "file", "source": bench.path("never"), "destination": "/tmp/", "generated": true
    }]);
    let error = bench.error(upload).await;
    assert!(error.contains("never: No such file"), "{error}");

    let to = bench.path("to/half");
    let download = json!([{
        "type": "file", "source": "/nowhere/x", "destination": to, "direction": "download"
    }]);
    let error = bench.error(download).await;
    assert!(error.contains("/nowhere/x"), "{error}");
    assert_eq!(
        read(&bench, "to/half"),
        "no to/half",
        "half a file is removed"
    );

    let into = json!([{
        "type": "file", "source": bench.path("from/a.txt"), "destination": "/nowhere/x"
    }]);
    let error = bench.error(into).await;
    assert!(error.contains("/nowhere/x"), "{error}");
}

#[tokio::test]
async fn owner_and_mode_are_of_what_was_sent_and_of_nothing_else() {
    let bench = bench();
    bench.write("to/there.txt", "x");
    let to = bench.path("to");
    bench
        .lines(json!([
            {"type": "file", "source": format!("{}/", bench.path("from")), "destination": to,
             "owner": "nobody:daemon", "mode": "0640"},
            {"type": "file", "content": "x", "destination": bench.path("one"), "owner": "nobody", "mode": 4711},
            {"type": "file", "source": bench.path("from/run.sh"), "destination": bench.path("as-root"), "become": true}
        ]))
        .await;
    let look = |name: &str| {
        let out = std::process::Command::new("stat")
            .args(["-c", "%U:%G %a", &bench.path(name)])
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(look("to/a.txt"), "nobody:daemon 640");
    assert_eq!(look("to/sub"), "nobody:daemon 755");
    assert_eq!(look("to/sub/b.txt"), "nobody:daemon 640");
    let ours = look("from/a.txt");
    assert_eq!(look("to/there.txt"), ours);
    assert!(
        look("one").starts_with("nobody:") && look("one").ends_with(" 4711"),
        "{}",
        look("one")
    );
    assert_eq!(look("as-root"), "root:root 755");
}

#[tokio::test]
async fn root_reads_what_comes_down() {
    let bench = bench();
    let down = |source: &str, to: &str| {
        json!([{"type": "file", "source": bench.path(source), "destination": bench.path(to),
                "direction": "download", "become": true}])
    };
    bench.lines(down("from/a.txt", "to/")).await;
    bench.lines(down("from/", "to/all")).await;
    bench.lines(down("from/*.txt", "to/some")).await;
    assert_eq!(read(&bench, "to/a.txt"), "a");
    assert_eq!(read(&bench, "to/all/sub/b.txt"), "b");
    assert_eq!(read(&bench, "to/some/a.txt"), "a");
}
