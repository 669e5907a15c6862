//! Stops, and disks and folders that take nothing: no half file is left, and the reason is said.

use std::time::Duration;

use super::{Bench, run};
use kiln::post::Ending;
use kiln::run::{Event, Urgency};
use serde_json::json;

#[tokio::test]
async fn a_stop_ends_endless_work_and_leaves_nothing() {
    for post in ["compress", "checksum"] {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("out")).unwrap();
        let artifice = json!({ "type": "artifice", "files": ["/dev/zero"] });
        let output = bench.text("out/a.gz");
        let chain = json!([artifice, { "type": post, "output": output }, { "type": "manifest", "output": bench.text("out/m") }]);
        let posts = json!([chain, { "type": "manifest", "output": bench.text("first") }, { "type": "shell-local", "inline": ["exit 1"] }]);
        let stop = bench.stop.clone();
        let asks = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            stop.request(Urgency::Ask);
        };
        let (steps, ()) = tokio::join!(bench.process(&posts), asks);
        let ends: Vec<_> = steps.iter().map(|step| step.result).collect();
        let not = Ending::NotBegun;
        assert_eq!(
            ends,
            [Ending::Done, Ending::Stopped, not, Ending::Done, not],
            "{post}"
        );
        assert_eq!(bench.names("out"), [""; 0], "{post}");
        let said = bench.said.borrow();
        let moved = |event: &Event| matches!(event, Event::Progress { bytes, .. } if *bytes > 0);
        assert!(said.iter().any(moved), "{post}");
    }
}

#[tokio::test]
async fn a_program_ends_with_its_post_processor() {
    let bench = Bench::new();
    let line = format!("echo $$ > {}; exec sleep 600", bench.text("id"));
    let posts = json!([{ "type": "shell-local", "inline": [line] }]);
    let stop = bench.stop.clone();
    let asks = async {
        while !bench.path("id").exists() || bench.read("id").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.request(Urgency::Ask);
    };
    let (steps, ()) = tokio::join!(bench.process(&posts), asks);
    assert_eq!(steps[0].result, Ending::Stopped);
    let process = std::path::PathBuf::from(format!("/proc/{}", bench.read("id").trim()));
    let gone = async {
        while process.join("exe").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_cannot_be_written_or_read_is_said_with_its_reason() {
    let bench = Bench::new();
    bench.write("a", b"one");
    let output = bench.text("a/b.tar");
    for (file, post, reason) in [
        (
            "a",
            json!({ "type": "compress", "output": output }),
            "a/b.tar: ",
        ),
        (
            "a",
            json!({ "type": "checksum", "output": output }),
            "a/b.tar: ",
        ),
        (
            "a",
            json!({ "type": "manifest", "output": output }),
            "a/b.tar: ",
        ),
        (
            "a",
            json!({ "type": "checksum", "output": bench.text("") }),
            "it is no file",
        ),
        ("b*", json!({ "type": "checksum" }), "matches nothing in"),
        (
            "/proc/self/mem",
            json!({ "type": "compress", "output": bench.text("m.gz") }),
            "cannot read /proc/self/mem: ",
        ),
    ] {
        let pattern = if file.starts_with('/') {
            file.to_owned()
        } else {
            bench.text(file)
        };
        let artifice = json!({ "type": "artifice", "files": [pattern] });
        let steps = bench.process(&json!([[artifice, post]])).await;
        let failed = steps
            .iter()
            .find(|step| step.result == Ending::Failed)
            .unwrap();
        let said = failed.reason.as_deref().unwrap();
        assert!(said.contains(reason), "{said}");
        assert_eq!(bench.names(""), ["a"], "{said}");
    }
}

/// A file system of 64 kB, in a mount namespace of its own, and this test once more within.
#[test]
fn a_full_disk_is_said_and_leaves_no_half_file() {
    const INSIDE: &str = "KILN_TEST_SMALL_DISK";
    if let Some(folder) = std::env::var_os(INSIDE) {
        return fill(std::path::Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let own = std::env::current_exe().unwrap();
    let name = "post::ends::a_full_disk_is_said_and_leaves_no_half_file";
    let script = format!(
        "mount -t tmpfs -o size=64k none {path} && {INSIDE}={path} exec {} --exact {name}",
        own.display()
    );
    let done = run("unshare", &["-rm", "sh", "-c", &script], folder.path());
    let said = String::from_utf8(done).unwrap();
    assert!(said.contains("1 passed"), "{said}");
}

fn fill(folder: &std::path::Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for ending in ["tar", "zip", "gz", "bz2", "xz", "lz4"] {
        let bench = Bench::new();
        bench.write("a", &super::bytes());
        let output = folder.join(format!("a.{ending}"));
        let compress = json!({ "type": "compress", "output": output });
        let artifice = json!({ "type": "artifice", "files": [bench.text("a")] });
        let steps = runtime.block_on(bench.process(&json!([[artifice, compress]])));
        let reason = steps[1].reason.as_deref().unwrap();
        assert!(
            reason.contains(&format!("cannot write {}: No space left", output.display())),
            "{reason}"
        );
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "{ending}");
        assert_eq!(bench.names(""), ["a"]);
    }
}
