//! `checksum`, checked by coreutils.

use super::{Bench, bytes, run};
use kiln::post::Ending;
use serde_json::json;

const TYPES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

#[tokio::test]
async fn each_type_is_what_coreutils_makes_of_it() {
    let bench = Bench::new();
    bench.write("a.img", &bytes());
    bench.write("größe.txt", b"");
    let output = bench.text("{{.BuildName}}_{{.BuilderType}}_{{.ChecksumType}}.sum");
    let post = json!({ "type": "checksum", "checksum_types": TYPES, "output": output });
    let step = bench.after_artifice(&["a.img", "größe.txt"], post).await;
    for (at, kind) in TYPES.iter().enumerate() {
        let name = format!("web_amazon-ebs_{kind}.sum");
        let program = format!("{kind}sum");
        run(&program, &["--strict", "-c", &name], bench.folder.path());
        assert_eq!(bench.read(&name).lines().count(), 2);
        assert_eq!(step.files[2 + at], bench.path(&name));
    }
}

#[tokio::test]
async fn a_file_of_sums_holds_after_the_file_has_changed_and_md5_is_the_default() {
    let bench = Bench::new();
    bench.write("sums", b"mine\n");
    for text in [b"one", b"two"] {
        bench.write("a", text);
        let post = json!({ "type": "checksum", "output": bench.text("sums") });
        bench.after_artifice(&["a"], post).await;
    }
    assert_eq!(
        bench.read("sums"),
        "mine\nb8a9f715dbb64fd5c56e7783c6820a61\ta\n"
    );
}

#[tokio::test]
async fn the_sums_go_on_with_the_files_and_without_files_there_is_nothing_to_do() {
    let bench = Bench::new();
    bench.write("a", b"one");
    let sums =
        json!({ "type": "checksum", "output": bench.text("sums"), "keep_input_artifact": false });
    let pack = json!({ "type": "compress", "output": bench.text("a.tar") });
    let artifice = json!({ "type": "artifice", "files": [bench.text("a")] });
    let steps = bench
        .process(&json!([[artifice, sums, pack], "checksum"]))
        .await;
    assert!(
        steps.iter().all(|step| step.result == Ending::Done),
        "{steps:?}"
    );
    let listed = run("tar", &["tf", "a.tar"], bench.folder.path());
    assert_eq!(String::from_utf8(listed).unwrap(), "a\nsums\n");
    // `checksum` keeps what it is given in any case, `compress` does not; what the document says is still there, is.
    assert_eq!(bench.names(""), ["a.tar"]);
    assert_eq!(steps[1].files, [""; 0].map(std::path::PathBuf::from));
    assert_eq!(steps[3].files, [""; 0].map(std::path::PathBuf::from));
}
