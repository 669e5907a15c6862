use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use kiln::ssh::{Entry, Error, Output, Remote, Silent, Stdin, Stream, Tree};
use tokio::time::Instant;

use super::server::Server;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Every byte value in every neighbourhood, with what a shell or a terminal would trip over.
fn awkward() -> Vec<u8> {
    let pairs = (0..=255u8).flat_map(|a| (0..=255u8).flat_map(move |b| [a, b]));
    pairs.chain(*b"\r\n'$(reboot)\0\x04\x1a").collect()
}

#[derive(Default)]
struct Progress(Vec<(u64, Option<u64>)>);

impl Output for Progress {
    fn line(&mut self, _: Stream, _: &str) {}
    fn sent(&mut self, bytes: u64, total: Option<u64>) {
        self.0.push((bytes, total));
    }
}

#[tokio::test]
async fn files_go_there_and_back_unchanged() {
    let server = Server::start();
    let session = server.connect().await;
    let content = awkward();
    let path = server.folder.path().join("it's a $file");
    let remote = path.to_str().unwrap();
    let mut progress = Progress::default();
    session
        .upload(Stdin::Bytes(content.clone()), remote, 0o750, &mut progress)
        .await
        .unwrap();
    assert!(fs::read(&path).unwrap() == content);
    assert_eq!(mode(&path), 0o750);
    let total = content.len() as u64;
    assert_eq!(progress.0.last(), Some(&(total, Some(total))));
    assert!(progress.0.is_sorted());

    let mut back = Vec::new();
    session.download(remote, &mut back).await.unwrap();
    assert!(back == content);
}

#[tokio::test]
async fn a_local_file_is_streamed() {
    let server = Server::start();
    let session = server.connect().await;
    let (from, to) = (
        server.folder.path().join("from"),
        server.folder.path().join("to"),
    );
    fs::write(&from, vec![42; 3_000_000]).unwrap();
    let stdin = Stdin::file(&from).unwrap();
    assert_eq!(stdin.total(), Some(3_000_000));
    session
        .upload(stdin, to.to_str().unwrap(), 0o644, &mut Silent)
        .await
        .unwrap();
    assert_eq!(fs::read(to).unwrap(), fs::read(from).unwrap());
}

#[tokio::test]
async fn what_cannot_be_written_or_read_says_why() {
    let server = Server::start();
    let session = server.connect().await;
    let upload = session
        .upload(
            Stdin::Bytes(vec![1; 1_000_000]),
            "/nowhere/at/all",
            0o644,
            &mut Silent,
        )
        .await
        .unwrap_err();
    assert!(matches!(upload, Error::Failed { .. }), "{upload:?}");
    assert!(upload.to_string().contains("/nowhere/at/all"), "{upload}");
    let download = session
        .download("/nowhere", &mut Vec::new())
        .await
        .unwrap_err();
    assert!(download.to_string().contains("No such file"), "{download}");
    let missing = Stdin::file(Path::new("/nowhere")).map(|_| ()).unwrap_err();
    assert!(matches!(missing, Error::Local { .. }), "{missing:?}");
}

#[tokio::test]
async fn a_tree_keeps_its_shape() {
    let server = Server::start();
    let session = server.connect().await;
    let (from, to) = (
        server.folder.path().join("from"),
        server.folder.path().join("to/new"),
    );
    let long = "long name ".repeat(12).trim().to_owned();
    fs::create_dir_all(from.join("empty")).unwrap();
    fs::create_dir_all(from.join(&long)).unwrap();
    fs::write(from.join(&long).join(&long), "deep").unwrap();
    fs::write(from.join("run.sh"), awkward()).unwrap();
    fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(from.join("nothing"), "").unwrap();
    symlink("run.sh", from.join("link")).unwrap();

    let mut tree = Tree::read(&from).unwrap();
    let rendered = Entry::Bytes {
        content: b"rendered".to_vec(),
        mode: 0o600,
    };
    tree.add("made", rendered);
    let folder = to.to_str().unwrap();
    session
        .upload_tree(&tree, folder, false, &mut Silent)
        .await
        .unwrap();

    assert!(fs::read_dir(to.join("empty")).unwrap().next().is_none());
    assert_eq!(fs::read(to.join(&long).join(&long)).unwrap(), b"deep");
    assert!(fs::read(to.join("run.sh")).unwrap() == awkward());
    assert_eq!(mode(&to.join("run.sh")), 0o755);
    assert_eq!(fs::read(to.join("nothing")).unwrap(), b"");
    assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("run.sh"));
    assert_eq!(fs::read(to.join("made")).unwrap(), b"rendered");
    assert_eq!(mode(&to.join("made")), 0o600);
    let age = fs::metadata(to.join("made"))
        .unwrap()
        .modified()
        .unwrap()
        .elapsed();
    assert!(
        age.unwrap() < Duration::from_mins(1),
        "files have the time of their arrival"
    );

    let back = server.folder.path().join("back");
    fs::create_dir(&back).unwrap();
    session.download_tree(folder, &back).await.unwrap();
    assert_eq!(fs::read(back.join(&long).join(&long)).unwrap(), b"deep");
    assert_eq!(mode(&back.join("run.sh")), 0o755);
}

#[tokio::test]
async fn many_small_files_are_quick() {
    let server = Server::start();
    let session = server.connect().await;
    let mut tree = Tree::new();
    for number in 0..20_000 {
        let content = number.to_string().into_bytes();
        tree.add(
            format!("{number}"),
            Entry::Bytes {
                content,
                mode: 0o644,
            },
        );
    }
    let to = server.folder.path().join("many");
    let began = Instant::now();
    session
        .upload_tree(&tree, to.to_str().unwrap(), false, &mut Silent)
        .await
        .unwrap();
    let took = began.elapsed();
    assert_eq!(fs::read_dir(&to).unwrap().count(), 20_000);
    assert_eq!(fs::read(to.join("19999")).unwrap(), b"19999");
    // One file per acknowledgement takes minutes; this allows for a busy machine and an unoptimised build.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_file_that_shrinks_on_the_way_is_an_error() {
    let server = Server::start();
    let session = server.connect().await;
    let from = server.folder.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("gone"), "x").unwrap();
    let tree = Tree::read(&from).unwrap();
    fs::remove_file(from.join("gone")).unwrap();
    let to = server.folder.path().join("to");
    let error = session
        .upload_tree(&tree, to.to_str().unwrap(), false, &mut Silent)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Local { .. } | Error::Read(_)),
        "{error:?}"
    );
}
