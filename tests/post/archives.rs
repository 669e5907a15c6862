//! `compress`, opened by gzip, bzip2, xz, lz4, tar, unzip and Python.

use super::{Bench, bytes, run};
use kiln::post::Ending;
use serde_json::json;

#[tokio::test]
async fn one_file_comes_back_out_of_each_format() {
    let bench = Bench::new();
    let bytes = bytes();
    bench.write("a.img", &bytes);
    for (ending, program) in [
        ("gz", "gzip"),
        ("bz2", "bzip2"),
        ("xz", "xz"),
        ("lz4", "lz4"),
        ("bgzf", "gzip"),
    ] {
        for level in [1, 9] {
            let output = bench.text(&format!("out/{ending}-{level}"));
            let post = json!({
                "type": "compress", "output": output, "format": ending,
                "compression_level": level, "keep_input_artifact": true
            });
            let step = bench.after_artifice(&["a.img"], post).await;
            assert_eq!(step.files, [bench.path(&format!("out/{ending}-{level}"))]);
            let packed = std::fs::read(&output).unwrap();
            assert!(
                packed.len() < bytes.len() * 3 / 4,
                "{ending}: {}",
                packed.len()
            );
            let input = bench.text("packed");
            std::fs::copy(&output, &input).unwrap();
            let script = format!("{program} -dc < packed");
            assert!(
                run("sh", &["-c", &script], bench.folder.path()) == bytes,
                "{ending}"
            );
        }
    }
    let size = |name: &str| std::fs::metadata(bench.path(name)).unwrap().len();
    for ending in ["gz", "bz2", "xz", "bgzf"] {
        let (fast, small) = (format!("out/{ending}-1"), format!("out/{ending}-9"));
        assert_ne!(size(&fast), size(&small), "{ending}: the level counts");
    }
}

#[tokio::test]
async fn the_blocks_of_bgzf_can_be_read_alone() {
    let bench = Bench::new();
    let bytes = bytes();
    bench.write("a", &bytes);
    let post = json!({ "type": "compress", "output": bench.text("a.bgzf") });
    bench.after_artifice(&["a"], post).await;
    let packed = std::fs::read(bench.path("a.bgzf")).unwrap();
    let (mut rest, mut text) = (packed.as_slice(), Vec::new());
    while !rest.is_empty() {
        assert_eq!(rest[12..16], [b'B', b'C', 2, 0]);
        let length = usize::from(u16::from_le_bytes([rest[16], rest[17]])) + 1;
        bench.write("block.gz", &rest[..length]);
        text.extend(run("gzip", &["-dc", "block.gz"], bench.folder.path()));
        rest = &rest[length..];
    }
    assert!(text == bytes);
    // The empty block that says that nothing was cut off (SAM specification, 4.1.2).
    assert_eq!(packed[packed.len() - 28..][..4], [31, 139, 8, 4]);
}

#[tokio::test]
async fn archives_hold_files_and_folders() {
    let bench = Bench::new();
    bench.write("in/größe.txt", b"one");
    bench.write("in/deep/er/run.sh", b"two");
    let script = bench.path("in/deep/er/run.sh");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o750);
    std::fs::set_permissions(script, mode).unwrap();
    std::os::unix::fs::symlink("größe.txt", bench.path("in/link")).unwrap();
    bench.write("beside.bin", &bytes());
    for ending in [
        "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.lz4", "zip", "else",
    ] {
        let post = json!({
            "type": "compress", "output": bench.text(&format!("a.{ending}")), "keep_input_artifact": true
        });
        bench.after_artifice(&["in", "beside.bin"], post).await;
        let to = bench.path(&format!("to-{ending}"));
        std::fs::create_dir(&to).unwrap();
        let archive = format!("../a.{ending}");
        // As in Packer, a tar has the names of the files, and a zip their paths.
        let top = match ending {
            "zip" => {
                run("unzip", &["-q", &archive], &to);
                to.join(bench.folder.path().strip_prefix("/").unwrap())
            }
            "tar.lz4" => {
                run("sh", &["-c", "lz4 -dc ../a.tar.lz4 | tar x"], &to);
                to
            }
            "else" => {
                run("tar", &["xzf", &archive], &to);
                to
            }
            _ => {
                run("tar", &["xf", &archive], &to);
                to
            }
        };
        run(
            "diff",
            &["-r", top.join("in").to_str().unwrap(), &bench.text("in")],
            &top,
        );
        assert!(
            std::fs::symlink_metadata(top.join("in/link"))
                .unwrap()
                .is_symlink(),
            "{ending}"
        );
        let mode = std::fs::metadata(top.join("in/deep/er/run.sh"))
            .unwrap()
            .permissions();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
            0o750,
            "{ending}"
        );
        assert!(
            std::fs::read(top.join("beside.bin")).unwrap() == bytes(),
            "{ending}"
        );
    }
}

#[tokio::test]
async fn what_is_packed_goes_unless_it_is_kept_and_images_never_do() {
    let bench = Bench::new();
    bench.write("a", b"one");
    let output = bench.text("{{.BuildName}}-{{.BuilderType}}.tar");
    let step = bench
        .after_artifice(&["a"], json!({ "type": "compress", "output": output }))
        .await;
    assert_eq!(step.files, [bench.path("web-amazon-ebs.tar")]);
    assert_eq!(bench.names(""), ["web-amazon-ebs.tar"]);
    bench.write("b", b"two");
    let post =
        json!({ "type": "compress", "output": bench.text("b.zip"), "keep_input_artifact": true });
    bench.after_artifice(&["b"], post).await;
    assert_eq!(bench.names(""), ["b", "b.zip", "web-amazon-ebs.tar"]);
}

#[tokio::test]
async fn a_format_of_one_file_takes_one_and_names_in_an_archive_differ() {
    let bench = Bench::new();
    bench.write("one/a", b"");
    bench.write("two/a", b"");
    for (files, ending, reason) in [
        (vec!["one/a", "two/a"], "gz", "there is 2: "),
        (vec!["one"], "xz", "there is the folder"),
        (
            vec!["one/a", "two/a"],
            "tar",
            "has the name of another file",
        ),
    ] {
        let files: Vec<_> = files.into_iter().map(|name| bench.text(name)).collect();
        let artifice = json!({ "type": "artifice", "files": files });
        let output = bench.text(&format!("out/a.{ending}"));
        let compress = json!({ "type": "compress", "output": output });
        let steps = bench
            .process(&json!([[artifice, compress, "manifest"]]))
            .await;
        assert_eq!(steps[1].result, Ending::Failed);
        assert!(
            steps[1].reason.as_ref().unwrap().contains(reason),
            "{:?}",
            steps[1].reason
        );
        assert_eq!(steps[2].result, Ending::NotBegun);
        assert!(!std::path::Path::new(&output).exists());
    }
}
