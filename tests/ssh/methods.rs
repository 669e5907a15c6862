//! The same files and folders by scp and by SFTP, which must arrive as they do by kiln's own stream.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kiln::ssh::{
    Entry, Error, Output, Remote, Session, Silent, Stdin, Stream, Transfer, Tree, connect,
};

use super::server::Server;

const SFTP: &str = "Subsystem sftp internal-sftp";
const METHODS: [Transfer; 3] = [Transfer::Stream, Transfer::Scp, Transfer::Sftp];

async fn session(server: &Server, transfer: Transfer) -> Session {
    let mut target = server.target();
    target.transfer = transfer;
    connect(target).await.unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[derive(Default)]
struct Last(u64);

impl Output for Last {
    fn line(&mut self, _: Stream, _: &str) {}
    fn sent(&mut self, bytes: u64, _: Option<u64>) {
        self.0 = bytes;
    }
}

#[tokio::test]
async fn files_arrive_whole_and_with_their_mode() {
    for transfer in METHODS {
        let server = Server::start_with(SFTP);
        let session = session(&server, transfer).await;
        for size in [0_usize, 1, 2_500_000] {
            let content: Vec<u8> = (0..size).map(|n| n.to_be_bytes()[6]).collect();
            let path = server.folder.path().join(format!("it's {size} of $them"));
            let remote = path.to_str().unwrap();
            let unknown = Stdin::Reader {
                reader: Box::new(std::io::Cursor::new(content.clone())),
                total: None,
            };
            let mut last = Last::default();
            session
                .upload(unknown, remote, 0o640, &mut last)
                .await
                .unwrap();
            assert!(fs::read(&path).unwrap() == content, "{transfer:?} {size}");
            assert_eq!(mode(&path), 0o640, "{transfer:?}");
            assert!(last.0 >= size as u64, "{transfer:?} {size}");
            let mut back = Vec::new();
            session.download(remote, &mut back).await.unwrap();
            assert!(back == content, "{transfer:?} {size}");
        }
        let nowhere = session
            .upload(
                Stdin::Bytes(vec![1; 100_000]),
                "/nowhere/at/all",
                0o644,
                &mut Silent,
            )
            .await;
        let error = nowhere.unwrap_err();
        assert!(
            error.to_string().contains("/nowhere/at/all"),
            "{transfer:?} {error}"
        );
        let error = session
            .download("/nowhere", &mut Vec::new())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("/nowhere"),
            "{transfer:?} {error}"
        );
    }
}

#[tokio::test]
async fn trees_arrive_with_their_shape_and_come_back() {
    for transfer in METHODS {
        let server = Server::start_with(SFTP);
        let session = session(&server, transfer).await;
        let (from, to) = (
            server.folder.path().join("from"),
            server.folder.path().join("to/new"),
        );
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir_all(from.join("empty")).unwrap();
        fs::create_dir_all(from.join("z z")).unwrap();
        fs::write(from.join("a/b/deep"), "deep").unwrap();
        fs::write(from.join("a/c"), vec![7; 100_000]).unwrap();
        fs::write(from.join("z z/nothing"), "").unwrap();
        fs::set_permissions(from.join("a/c"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink("a/c", from.join("link")).unwrap();
        let mut tree = Tree::read(&from).unwrap();
        let content = b"made".to_vec();
        tree.add(
            "made/up/name",
            Entry::Bytes {
                content,
                mode: 0o600,
            },
        );
        // Twice, since what stands there already is overwritten.
        for _ in 0..2 {
            session
                .upload_tree(&tree, to.to_str().unwrap(), false, &mut Silent)
                .await
                .unwrap();
        }
        let back = server.folder.path().join("back");
        fs::create_dir(&back).unwrap();
        session
            .download_tree(to.to_str().unwrap(), &back)
            .await
            .unwrap();
        for root in [&to, &back] {
            let about = format!("{transfer:?} {}", root.display());
            assert_eq!(fs::read(root.join("a/b/deep")).unwrap(), b"deep", "{about}");
            assert_eq!(
                fs::read(root.join("link")).unwrap(),
                vec![7; 100_000],
                "{about}"
            );
            assert_eq!(fs::read(root.join("z z/nothing")).unwrap(), b"", "{about}");
            assert!(
                fs::read_dir(root.join("empty")).unwrap().next().is_none(),
                "{about}"
            );
            assert_eq!(mode(&root.join("a/c")), 0o750, "{about}");
            assert_eq!(
                fs::read(root.join("made/up/name")).unwrap(),
                b"made",
                "{about}"
            );
            assert_eq!(mode(&root.join("made/up/name")), 0o600, "{about}");
        }
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a/c"));
    }
}

#[tokio::test]
async fn the_wanted_method_is_the_one_that_is_used() {
    let server = Server::start_with("Subsystem sftp internal-sftp\nForceCommand internal-sftp");
    let there = server.folder.path().join("there");
    let path = there.to_str().unwrap();
    let content = || Stdin::Bytes(b"x".to_vec());
    let sftp = session(&server, Transfer::Sftp).await;
    sftp.upload(content(), path, 0o644, &mut Silent)
        .await
        .unwrap();
    // Where nothing but SFTP is allowed, nothing else gets through.
    for other in [Transfer::Stream, Transfer::Scp] {
        let session = session(&server, other).await;
        assert!(
            session
                .upload(content(), path, 0o644, &mut Silent)
                .await
                .is_err(),
            "{other:?}"
        );
    }

    let server = Server::start_with("SetEnv PATH=/nowhere HOME=/nowhere");
    let scp = session(&server, Transfer::Scp).await;
    let error = scp
        .upload(content(), path, 0o644, &mut Silent)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Failed { command, .. } if command.starts_with("scp ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_machine_without_tar_gets_its_folders_by_sftp() {
    let server = Server::start();
    let tools = server.folder.path().join("bin");
    fs::create_dir(&tools).unwrap();
    for tool in ["mkdir", "cat", "sh"] {
        symlink(format!("/bin/{tool}"), tools.join(tool)).unwrap();
    }
    let poor = format!(
        "Subsystem sftp internal-sftp\nSetEnv PATH={} HOME=/nowhere",
        tools.display()
    );
    let server = Server::start_with(&poor);
    let session = session(&server, Transfer::Stream).await;
    let mut tree = Tree::new();
    tree.add(
        "a/b",
        Entry::Bytes {
            content: b"x".to_vec(),
            mode: 0o600,
        },
    );
    let to = server.folder.path().join("to");
    session
        .upload_tree(&tree, to.to_str().unwrap(), false, &mut Silent)
        .await
        .unwrap();
    assert_eq!(fs::read(to.join("a/b")).unwrap(), b"x");
}
