//! Archives that are put among the files that they are made of, and files that are no longer what they were.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{Bench, run};
use kiln::post::{Ending, Step};
use kiln::run::Event;
use serde_json::json;

/// Packs files of a bench, which are not kept.
async fn pack(bench: &Bench, files: &[&str], output: &str) -> Vec<Step> {
    let files: Vec<_> = files.iter().map(|name| bench.text(name)).collect();
    let artifice = json!({ "type": "artifice", "files": files });
    let compress = json!({ "type": "compress", "output": bench.text(output) });
    bench.process(&json!([[artifice, compress]])).await
}

/// The names of the files that an archive has in folders.
fn held(bench: &Bench, archive: &str) -> Vec<String> {
    let (program, option) = if archive.ends_with("zip") {
        ("unzip", "-Z1")
    } else {
        ("tar", "-tf")
    };
    let listed = run(program, &[option, archive], bench.folder.path());
    let listed = String::from_utf8(listed).unwrap();
    let names = listed.lines().filter_map(|name| name.rsplit_once('/'));
    let names = names.map(|(_, name)| name.to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[tokio::test]
async fn an_archive_in_the_folder_that_it_is_made_of_stays_and_does_not_hold_itself() {
    for output in [
        "dist/all.tar.gz",
        "dist/deep/all.zip",
        "way/all.zip",
        "dist/../dist/all.tar",
        "dist/out/all.tar",
    ] {
        let bench = Bench::new();
        bench.write("dist/a", b"one");
        std::fs::create_dir(bench.path("else")).unwrap();
        std::os::unix::fs::symlink("dist", bench.path("way")).unwrap();
        std::os::unix::fs::symlink("../else", bench.path("dist/out")).unwrap();
        // The second time the first one's is there.
        for _ in 0..2 {
            let steps = pack(&bench, &["dist"], output).await;
            assert_eq!(steps[1].result, Ending::Done, "{:?}", steps[1].reason);
            assert_eq!(steps[1].files, [PathBuf::from(bench.text(output))]);
            assert_eq!(held(&bench, output), ["a", "out"], "{output}");
            assert_eq!(bench.read("dist/a"), "one", "{output}");
            assert_eq!(steps[0].files, [bench.path("dist")], "{output}");
        }
        let left = format!("left {}, which holds", bench.text("dist"));
        let said = bench.said.borrow();
        let tells = |event: &Event| matches!(event, Event::Note { text } if text.contains(&left));
        assert!(said.iter().any(tells), "{output}");
    }
}

#[tokio::test]
async fn a_pattern_that_matches_the_archive_does_not_pack_or_remove_it() {
    for output in ["dist/all.zip", "dist/../dist/all.zip", "way/all.zip"] {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("dist")).unwrap();
        std::os::unix::fs::symlink("dist", bench.path("way")).unwrap();
        for name in ["a", "b"] {
            bench.write(&format!("dist/{name}"), b"one");
            let steps = pack(&bench, &["dist/*"], output).await;
            assert_eq!(steps[1].result, Ending::Done, "{:?}", steps[1].reason);
            assert_eq!(held(&bench, output), [name], "{output}");
            assert_eq!(bench.names("dist"), ["all.zip"], "{output}");
        }
        let steps = pack(&bench, &["dist/*"], output).await;
        let reason = steps[1].reason.as_deref().unwrap();
        assert!(reason.contains("nothing to pack into"), "{reason}");
        assert_eq!(held(&bench, output), ["b"], "{output}");
    }
}

#[tokio::test]
async fn what_the_next_artifact_is_or_is_in_stays() {
    let bench = Bench::new();
    bench.write("dist/a", b"one");
    bench.write("dist/b", b"two");
    for (first, second) in [("dist", "dist/../dist/a"), ("dist/a", "dist")] {
        let first = json!({ "type": "artifice", "files": [bench.text(first)] });
        let second = json!({
            "type": "artifice", "files": [bench.text(second)], "keep_input_artifact": false
        });
        let steps = bench.process(&json!([[first, second]])).await;
        assert_eq!(steps[1].result, Ending::Done, "{:?}", steps[1].reason);
        assert_eq!(bench.names("dist"), ["a", "b"]);
    }
}

#[tokio::test]
async fn links_are_packed_as_they_are_wherever_they_lead() {
    let bench = Bench::new();
    let old = bench.write("in/old", b"one");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 20);
    let file = std::fs::File::options().write(true).open(old).unwrap();
    file.set_modified(long_ago).unwrap();
    for (to, link) in [("nowhere", "in/gone"), ("old", "in/link")] {
        std::os::unix::fs::symlink(to, bench.path(link)).unwrap();
    }
    for ending in ["zip", "tar"] {
        let output = format!("a.{ending}");
        let post = json!({ "type": "compress", "output": bench.text(&output), "keep_input_artifact": true });
        bench.after_artifice(&["in"], post).await;
        assert_eq!(held(&bench, &output), ["gone", "link", "old"]);
    }
    let script = "import zipfile; print([e.date_time[0] < 2000 for e in zipfile.ZipFile('a.zip').infolist()])";
    let told = run("python3", &["-c", script], bench.folder.path());
    let told = String::from_utf8(told).unwrap();
    assert_eq!(told.trim(), "[False, False, False, True]");
}

/// The kernel's own files: one has more bytes than it says, the other fewer.
#[tokio::test]
async fn a_file_that_is_not_as_long_as_it_was_does_not_go_into_a_tar() {
    for (file, reason) in [
        ("/proc/version", "/proc/version grew while"),
        (
            "/sys/kernel/uevent_seqnum",
            "shrank while it was packed: it had 4096 bytes",
        ),
    ] {
        let bench = Bench::new();
        let artifice = json!({ "type": "artifice", "files": [file] });
        let compress = json!({ "type": "compress", "output": bench.text("a.tar.gz"), "keep_input_artifact": true });
        let steps = bench.process(&json!([[artifice, compress]])).await;
        assert_eq!(steps[1].result, Ending::Failed, "{file}");
        let said = steps[1].reason.as_deref().unwrap();
        assert!(said.contains(reason), "{said}");
        assert_eq!(bench.names(""), [""; 0]);
    }
}
